/* SPDX-License-Identifier: MIT */
/*
 * origin - where a dead letter came from, as its headers say
 *
 * A worker writes it into what goes to QUEUE.dead, and there it is believed.
 * Else the broker's history counts, from the first death on; where it may have
 * begun with a publisher's lines, only as far as the last death agrees.
 */
#ifndef MOVE_ORIGIN_H
#define MOVE_ORIGIN_H

#include <rmq.h>

enum origin_kind {
	ORIGIN_UNKNOWN,
	ORIGIN_BROKER,
	ORIGIN_WORKER,		/* its copy of the message, with its count of attempts */
	ORIGIN_DOUBTED		/* by the broker's last words, which are in `last' */
};

struct origin {
	struct rmq_bytes exchange, routing_key, queue;	/* borrowed from the headers */
	struct rmq_bytes last;
};

/* What is asked: where a message goes that lies in `source'. */
struct origin_question {
	const char	*source;
	bool		 to_queue;	/* only its queue matters */
	bool		 forgeable;	/* the broker keeps what publishers wrote into its history */
};
enum origin_kind origin_find(struct origin *, const struct origin_question *, const struct rmq_table *headers);
/*
 * The headers of a worker's copy become those of a message that has not been tried.  It is then either what it was
 * before, or goes past all exchanges to its queue, whose worker tells its command the old exchange and key.
 */
bool	origin_restore(struct rmq_table *, bool to_queue, struct rmq_error *);

#endif
