/* SPDX-License-Identifier: MIT */
/*
 * A scripted broker at the other end of a session's socket, in the same
 * process and thread.  A test says step by step what the broker sees and
 * says; between two steps the session has its turns, as a caller's loop would
 * give them: wait_ms, poll, io, next.  Every turn checks that the session can
 * be woken: it has an event, a timer, or has come to its end.
 *
 * The clock is the test's: it runs, and peer_wait() moves it on.
 */
#ifndef PEER_H
#define PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "session/session.h"

/* An event, with copies of what it borrowed. */
struct peer_event {
	enum rmq_event_type type;
	uint64_t	 tag, cookie;
	unsigned	 consumer;
	bool		 redelivered, given_up, taken_back;
	int		 code;
	int64_t		 heard_at;
	char		 text[512], exchange[256], routing_key[256];
	struct rmq_buffer body, properties;
};

struct peer {
	struct rmq	*mq;
	struct rmq_uri	 uri;
	struct rmq_host	 host;
	struct rmq_config config;
	struct rmq_hint	 hint;			/* the config's first, about this peer */
	int		 listener, fd, spare;	/* spare: what the session adopted */
	struct rmq_buffer in, out;
	size_t		 used;			/* of in */
	size_t		 chunk;			/* at most so much is written before a turn; 0: all */
	bool		 deaf;			/* does not read */
	bool		 takes;			/* takes over what it can of the bodies: */
	struct rmq_buffer taken;		/* the last one */
	ssize_t		 (*read)(struct peer *, void *, size_t);	/* NULL: from the socket as it is */
	ssize_t		 (*write)(struct peer *, const void *, size_t);
	void		*secure;		/* of read and write */
	unsigned	 seed;			/* of a random test: said when it fails */
	amqp_pool_t	 pool;
	struct peer_event *events;
	size_t		 nevents, first_event;
	size_t		*marks;			/* where in `sent` a step began */
	size_t		 nmarks;
	struct rmq_buffer sent;			/* all that was said */
};

/* A record as the session sent it; rmq_buffer_free() the buffers at the end. */
struct peer_content {
	char		 exchange[256], routing_key[256];
	bool		 mandatory;
	struct rmq_buffer body, properties;
	unsigned	 frames;		/* of the body */
	size_t		 largest;		/* frame */
};

void	peer_open(struct peer *, const struct rmq_config *);	/* on a socketpair */
void	peer_listen(struct peer *, const struct rmq_config *);	/* on a loopback port; then accept */
void	peer_accept(struct peer *);
void	peer_close(struct peer *);				/* frees both sides */
void	peer_hang_up(struct peer *);
void	peer_refuse(struct peer *);				/* nobody listens any more */
void	peer_wait(struct peer *, int64_t ms);			/* time goes by */

bool	peer_turn(struct peer *);		/* one turn of the session; true: something happened */
void	peer_turns(struct peer *);		/* until nothing happens any more */

void	peer_raw(struct peer *, const void *, size_t);
void	peer_frame(struct peer *, uint8_t type, uint16_t channel, const void *, size_t);
void	peer_send(struct peer *, amqp_method_number_t, void *method);	/* on the channel of its class */
void	peer_ok(struct peer *, amqp_method_number_t);			/* a method that says nothing more */
void	peer_expect_header(struct peer *);
void	*peer_expect(struct peer *, amqp_method_number_t);	/* the next frame is this method */
void	peer_expect_heartbeat(struct peer *);
void	peer_expect_publish(struct peer *, struct peer_content *);
void	peer_content_free(struct peer_content *);
void	peer_expect_nothing(struct peer *);
/* A turn; the method of the next frame, 0 for a heartbeat, and false if nothing was said. */
bool	peer_heard(struct peer *, amqp_method_number_t *);
struct peer_event *peer_event(struct peer *, enum rmq_event_type);	/* the next event is of this type */
void	peer_no_event(struct peer *);
void	peer_failed(struct peer *, enum rmq_status, const char *words);

/* peer_script.c: what brokers usually say. */
void	peer_start(struct peer *, const char *mechanisms);
void	peer_tune(struct peer *, uint16_t channel_max, uint32_t frame_max, uint16_t heartbeat);
void	peer_handshake(struct peer *);			/* as far as open-ok */
void	peer_channel(struct peer *);			/* channel.open, confirm.select, and their answers */
void	peer_ready(struct peer *);			/* all of this, and RMQ_READY */
void	peer_declared(struct peer *, const char *queue);
void	peer_consumed(struct peer *, const char *tag);	/* expects qos and consume, answers both */
void	peer_deliver(struct peer *, uint64_t tag, const char *consumer, struct rmq_bytes body, size_t frame);
void	peer_return(struct peer *, int code, const char *exchange, const char *key, struct rmq_bytes body);
void	peer_header(struct peer *, uint16_t class_id, uint64_t body_size);
void	peer_ack(struct peer *, uint64_t tag, bool multiple);
void	peer_nack(struct peer *, uint64_t tag, bool multiple);
void	peer_refuse_step(struct peer *, int code, const char *text, amqp_method_number_t);
void	peer_close_connection(struct peer *, int code, const char *text);
void	peer_goodbye(struct peer *);			/* answers rmq_close() to the end */
void	peer_publish(struct peer *, const char *key, struct rmq_bytes body, uint64_t cookie);
/* Small records on the wire: keys k1, k2 ..., cookies 10, 20 ... */
void	peer_records(struct peer *, unsigned n);
void	peer_with_records(struct peer *, unsigned n);	/* opened and ready, then these */
void	peer_counts(struct peer *, uint64_t confirmed, uint64_t returned, uint64_t nacked, uint64_t unsettled);
amqp_bytes_t peer_string(const char *);

#endif
