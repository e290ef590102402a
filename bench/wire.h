/* SPDX-License-Identifier: MIT */
/*
 * AMQP 0-9-1 by hand, in as few bytes and system calls as it can be spoken:
 * what a program that does more is measured against.  The broker is the one of
 * AMQP_URL.  Nothing is checked that need not be, and any trouble is the end of
 * the program.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum { FRAME_METHOD = 1, FRAME_HEADER, FRAME_BODY, FRAME_END = 206 };
enum { FRAME_MAX = 131072, CHANNEL = 1 };

#define METHOD(class, method) ((uint32_t)(class) << 16 | (method))
enum {
	CONNECTION_START = METHOD(10, 10), CONNECTION_START_OK = METHOD(10, 11),
	CONNECTION_TUNE = METHOD(10, 30), CONNECTION_TUNE_OK = METHOD(10, 31),
	CONNECTION_OPEN = METHOD(10, 40), CONNECTION_OPEN_OK = METHOD(10, 41),
	CONNECTION_CLOSE = METHOD(10, 50), CONNECTION_CLOSE_OK = METHOD(10, 51),
	CHANNEL_OPEN = METHOD(20, 10), CHANNEL_OPEN_OK = METHOD(20, 11), CHANNEL_CLOSE = METHOD(20, 40),
	EXCHANGE_DECLARE = METHOD(40, 10),
	BASIC_QOS = METHOD(60, 10), BASIC_CONSUME = METHOD(60, 20), BASIC_CONSUME_OK = METHOD(60, 21),
	BASIC_PUBLISH = METHOD(60, 40), BASIC_DELIVER = METHOD(60, 60), BASIC_ACK = METHOD(60, 80),
	BASIC_NACK = METHOD(60, 120), CONFIRM_SELECT = METHOD(85, 10), CONFIRM_SELECT_OK = METHOD(85, 11)
};

struct bytes {
	unsigned char	*data;
	size_t		 len, size;
};

struct wire {
	struct bytes	 in, out;
	size_t		 taken;		/* of in */
	int		 fd;
};

struct frame {
	int			 type;
	uint32_t		 method, size;
	const unsigned char	*payload;	/* until the next wire_fill(); of a method, what follows its number */
};

void		 die(const char *what);		/* with the reason in errno, if there is one */
void		*reserve(struct bytes *, size_t);
void		 put(struct bytes *, const void *, size_t);
void		 put_number(struct bytes *, uint64_t, int width);
void		 put_short(struct bytes *, const char *);
size_t		 put_method(struct bytes *, int channel, uint32_t method);	/* for put_end() */
void		 put_end(struct bytes *, size_t);
/* mode: 1 transient, 2 persistent; with FULL it is mandatory, and has a message-id and a timestamp. */
enum { FULL = 4 };
void		 put_message(struct bytes *, const char *exchange, const char *key, int mode, const void *, size_t);
uint64_t	 get_number(const unsigned char *, int width);

void		 wire_connect(struct wire *);			/* as far as channel.open, not its answer */
void		 wire_select(struct wire *);			/* confirms: put into out */
void		 wire_flush(struct wire *);
int		 wire_take(struct wire *, struct frame *);	/* 0: the next frame is not there as a whole */
void		 wire_fill(struct wire *);			/* waits for bytes, and takes what is there */
void		 wire_next(struct wire *, struct frame *);
void		 wire_expect(struct wire *, uint32_t method);
void		 wire_close(struct wire *);

#endif
