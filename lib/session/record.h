/* SPDX-License-Identifier: MIT */
/*
 * One record of a publisher: how it is encoded, kept and cut into frames.
 */
#ifndef RMQ_RECORD_H
#define RMQ_RECORD_H

#include "session/publisher.h"

enum {
	RECORD_SENT = 1,		/* wholly written on this channel */
	RECORD_SENT_BEFORE = 2,		/* on an earlier one */
	RECORD_RETURNED = 4,
	RECORD_DONE = 8,		/* settled, or moved behind the others */
	RECORD_REFUSED = 16		/* to be given up */
};

/* A body up to this size travels with its method and header: it fits one frame of the smallest frame_max. */
enum { BODY_INLINE = FRAME_MAX_LEAST - FRAME_OVERHEAD };

static inline struct record *
record_at(const struct publisher *p, uint64_t i)
{
	return &p->ring[i & (p->ring_size - 1)];
}

static inline char *
record_bytes(const struct publisher *p, const struct record *r)
{
	return p->log + (r->head - p->log_origin);
}

static inline size_t
record_size(const struct record *r)
{
	return r->head_len + r->body_len;
}

bool	record_room(struct publisher *);	/* for one more in the ring */
bool	record_encode(struct publisher *, struct record *, const struct rmq_message *, struct rmq_error *);
bool	record_add(struct publisher *, const struct record *, const char *head);	/* last; takes the body over */
bool	record_same_target(const char *head, const char *other);	/* exchange and routing key */
size_t	record_wire_size(const struct publisher *, const struct record *);
void	record_gather_body(const struct publisher *, const struct record *, size_t sent, struct pieces *);
bool	record_matches(const struct publisher *, const struct record *, struct rmq_bytes exchange,
	    struct rmq_bytes routing_key, struct rmq_bytes body);

#endif
