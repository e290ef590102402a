/* SPDX-License-Identifier: MIT */
/*
 * environ - what a command is told about its message
 *
 *	AMQP_ROUTING_KEY AMQP_EXCHANGE AMQP_QUEUE AMQP_REDELIVERED AMQP_ATTEMPT AMQP_HEADERS
 *	AMQP_MESSAGE_ID AMQP_CORRELATION_ID AMQP_REPLY_TO AMQP_CONTENT_TYPE AMQP_TIMESTAMP
 *	TRACEPARENT
 *
 * Those of the first line are always there, the others if the message has
 * them.  A value that is too long or has a NUL is left out and its name goes
 * to AMQP_OMITTED.  No name is ever made from what a message says.
 *
 * Of our own environment a command gets all but AMQP_* and the other names
 * of URLs: they may hold the broker's password.
 */
#ifndef ENVIRON_H
#define ENVIRON_H

#include <rmq.h>

enum { ENVIRON_LONGEST = 64 * 1024 };	/* bytes of a value */

/* All zero is an empty one; it may be made again and again, and our own environment is looked at for the first. */
struct environ {
	char			**vars;		/* for exec: ends with NULL */
	struct rmq_buffer	  text;		/* the variables that are ours */
	struct rmq_buffer	  omitted;	/* names with blanks between */
	char			**inherited;	/* what is passed on of our own environment, NULL: not looked at yet */
	size_t			  ninherited, ntraced;	/* for messages with a trace, and without: ours is last */
	bool			  traced;		/* the message has one that can be passed */
};

struct environ_source {
	const struct rmq_delivery	*delivery;
	const struct rmq_properties	*properties;
	const char			*queue;
	const char			*url;	/* becomes AMQP_URL, or NULL */
	unsigned			 attempt;	/* which one it is; 0: as the message says */
	bool				 came_back;	/* it is a copy, whose headers say where it came from */
};

bool	environ_make(struct environ *, const struct environ_source *);	/* false: no memory */
const char *environ_value(const struct environ *, const char *name);	/* NULL: there is no such variable */
void	environ_free(struct environ *);

#endif
