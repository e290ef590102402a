/* SPDX-License-Identifier: MIT */
/*
 * consume - what the receivers share: from a subscription to standard output
 *
 * A message is acknowledged after it was written (and synced, in a regular
 * file).  What was delivered and is not to be printed goes back to its queue,
 * and with --peek all of it.
 * While the reader of standard output is slow no more is taken, and the
 * connection stays alive.
 *
 *	mq = consume_open("receive", &what);
 *	rmq_declare_queue(mq, ...);
 *	return tool_end(consume(mq, &what));
 */
#ifndef CONSUME_H
#define CONSUME_H

#include <stdbool.h>
#include <stddef.h>

#include <rmq.h>

#include "tool/opt.h"

/* -p, -A, --no-sync; opt_output and opt_limit are heeded too. */
extern const struct opt opt_consume[];
extern const struct opt opt_stream[];	/* --offset */
extern const struct opt opt_peek[];	/* --peek, --force */

struct consume {
	const char *const *queues;	/* a NULL among them is the one that the broker named */
	size_t		 nqueues;
	const char	*line;		/* the format of a message for programs */
	const char	*chat;		/* and for people */
	const char	*waiting;	/* tells people that the subscription stands */
	bool		 misses;	/* what is published while the connection is away never comes */
};

/* Checks the options; a session that connects again for ever, unless the user says otherwise. */
struct rmq	*consume_open(const char *program, const struct consume *);
/* Subscribes, receives until a limit, a signal or an error, frees the session: the exit status. */
int		 consume(struct rmq *, const struct consume *);

#endif
