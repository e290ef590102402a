/* SPDX-License-Identifier: MIT */
/*
 * Records on their way to the broker.
 *
 * A record is encoded once, into the log, and stays there until the broker has
 * confirmed it.  The log is also what the socket is written from: `unsent` is
 * the record that is being written, everything before it waits for a confirm.
 * Bodies that are not small stay apart, and are cut into frames as they are
 * written.
 *
 * Delivery tags of a channel count from 1 in the order of publishing, so a tag
 * is a position in the ring.  https://www.rabbitmq.com/docs/confirms#publisher-confirms
 */
#ifndef RMQ_PUBLISHER_H
#define RMQ_PUBLISHER_H

#include <sys/queue.h>
#include <sys/uio.h>

#include "wire/codec.h"

struct record {
	uint64_t	 head;		/* position in the log */
	uint32_t	 head_len;	/* method, header, and the body if it is small */
	uint8_t		 flags;
	uint8_t		 nacks;
	char		*body;		/* a large body, or NULL */
	size_t		 body_len;
	uint64_t	 cookie;
	uint64_t	 before;	/* cookie of the record that was accepted before it */
	int64_t		 give_up_at;	/* once it was nacked: then no more */
};

struct publisher {
	struct record	*ring;		/* [first, next), at i modulo ring_size */
	size_t		 ring_size;
	uint64_t	 first, next;
	uint64_t	 unsent;	/* the first record that is not wholly written */
	size_t		 sent;		/* bytes of it that are */
	bool		 ending, ending_ignored;	/* it is ended, then all begins again on a new channel */
	bool		 holds_large;	/* no body of its own is written yet */
	uint64_t	 tag_base;	/* the record with tag 1 */
	uint64_t	 return_hint;	/* returns come in the order of publishing */
	char		*log;
	size_t		 log_size;
	uint64_t	 log_first, log_end, log_origin;	/* positions: first record, end, log[0] */
	size_t		 bytes, peak_bytes;	/* that unsettled records hold, and have held at most */
	size_t		 window_messages, window_most, window_bytes, window_most_bytes;
	uint64_t	 widen_at;	/* so many were confirmed: the window grows */
	uint64_t	 moved;		/* unsettled records that were nacked: they wait, or stand last */
	TAILQ_HEAD(, nacked) nacked;	/* those that wait */
	int64_t		 nack_limit;	/* ms; negative: for ever */
	int64_t		 wake_at;	/* the first one's pause is over; -1: none waits */
	uint64_t	 careful_until;	/* records before it are sent one by one: one of them is refused */
	size_t		 frame_max;
	uint64_t	 last_cookie;
	struct rmq_counts counts;
};

void	publisher_init(struct publisher *, const struct rmq_config *);
void	publisher_free(struct publisher *);
bool	publisher_has_room(const struct publisher *);
bool	publisher_add(struct publisher *, const struct rmq_message *, struct rmq_error *);
/* A new channel: all that is unsettled is to be written again.  ignored: the broker looked at nothing of it. */
void	publisher_restart(struct publisher *, bool ignored);
/* The same on the old connection: a record that is half written is ended first. */
void	publisher_reopen(struct publisher *, bool ignored);
/* Something is wholly or partly written, and not settled. */
bool	publisher_awaits_confirm(const struct publisher *);
bool	publisher_in_record(const struct publisher *);	/* a record is partly written: no other frame may come now */
bool	publisher_has_output(const struct publisher *);

enum { PUBLISHER_PIECES = 48 };
struct pieces {
	struct iovec	 iov[PUBLISHER_PIECES];
	int		 n;
	uint8_t		 starts[PUBLISHER_PIECES][FRAME_OVERHEAD];
};

/* Adds what is to be written next, only to the end of the present record if so asked. */
void	publisher_gather(const struct publisher *, struct pieces *, bool one_record);
void	publisher_sent(struct publisher *, size_t);

/* Calls on_nack for each record that the broker refused. */
bool	publisher_confirm(struct publisher *, uint64_t tag, bool multiple, bool ack,
	    void (*on_nack)(void *, uint64_t cookie, bool given_up), void *, struct rmq_error *);
/* The record that came back; false: none is like this. */
bool	publisher_returned(struct publisher *, struct rmq_bytes exchange, struct rmq_bytes routing_key,
	    struct rmq_bytes body, uint64_t *cookie);
/*
 * The broker has closed the channel over one record.  1: this one (it is given up), 0: it can be any of
 * several, which will be sent one by one on the next channel, -1: there is none that it can be.
 */
int	publisher_refused(struct publisher *, uint64_t *cookie);
struct rmq_counts publisher_counts(const struct publisher *);

#endif
