/* SPDX-License-Identifier: MIT */
/*
 * returns - messages of classic queues for delays on their way back
 *
 * A classic queue that hands messages on by itself, by x-message-ttl and a
 * dead-letter exchange, does not wait for the answer: a broker that stops just
 * then loses them.  https://www.rabbitmq.com/docs/dlx#safety
 * So these queues only keep, and a worker takes a few messages of each at a
 * time, holds them until they are due, publishes them to the main queue as
 * they are, and acknowledges those that were confirmed and did not come back.
 * All others stay where they are, however often that is tried.
 *
 * One session takes and acknowledges, the outbox publishes.  As a broker waits
 * for an acknowledgement for half an hour, unless it is configured otherwise,
 * nothing is held for more than some minutes: then it goes back, to the head of
 * its queue, and comes again.
 */
#ifndef RETURNS_H
#define RETURNS_H

#include <rmq.h>

#include "broker/outbox.h"
#include "worker/job/tasks.h"

struct returns {
	struct rmq_config config;
	const char	*queue;		/* the main one; NULL: it has not begun */
	struct rmq	*mq;		/* NULL: not open */
	struct outbox	 outbox;
	struct tasks	 held;		/* resting until they are due or go back; or being published */
	int64_t		 patience;	/* how long one rests, at most */
	int64_t		 open_at;	/* mq, if it is not */
	int64_t		 pause;		/* before it is opened again */
	bool		 told;		/* what is wrong, since a message last came back */
	int64_t		 leave_by;	/* 0: it stays */
	bool		 stopped, closing;
};

/* The configuration is that of the worker's first session. */
void	returns_begin(struct returns *, const struct rmq_config *, const char *queue);
void	returns_run(struct returns *, int64_t now);
size_t	returns_sessions(const struct returns *, struct rmq **);	/* two at most, to be waited for */
int64_t	returns_deadline(const struct returns *);	/* of the next thing that is due, -1: none */
/* What is held goes back, what is being published is awaited for some seconds. */
void	returns_leave(struct returns *, int64_t now);
bool	returns_gone(const struct returns *);
void	returns_free(struct returns *);

#endif
