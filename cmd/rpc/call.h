/* SPDX-License-Identifier: MIT */
/*
 * call - one request and the reply to it
 *
 * The reply comes by https://www.rabbitmq.com/docs/direct-reply-to: there is no
 * queue for it, and it can come on the channel of the request alone.  So a
 * connection that is lost once the request was on its way takes the reply
 * with it, and nothing is sent a second time.
 *
 * What became of the request is in the reply's headers: see outcome.h.
 */
#ifndef CALL_H
#define CALL_H

#include <rmq.h>

struct call {
	const char	*exchange, *routing_key;
	const char	*queue;		/* whose consumers are counted before; NULL: it is not known */
	const char	*name;		/* for messages: "queue 'rpc_queue'" */
	int64_t		 limit;		/* ms for all of it; -1: CALL_MS from the connection on */
	bool		 keeps;		/* the request stays in its queue when the time is over */
	bool		 needs_server;	/* nobody serves the queue: a failure, and nothing is sent */
	bool		 passes_status;	/* of the command that made the reply */
};

enum { CALL_MS = 30 * 1000 };

/* Sends this body, prints the reply as opt_output says: the exit status, or an end by a signal. */
int	call(const struct rmq_config *, const struct call *, struct rmq_bytes body);

#endif
