/* SPDX-License-Identifier: MIT */
/*
 * outbox - a second connection of a worker, on which messages leave
 *
 * It is apart from the first one because a broker that takes no messages
 * (https://www.rabbitmq.com/docs/alarms) must go on hearing acknowledgements.
 * It is opened when there is something to send, and then stays.  What it
 * carries belongs to tasks in one state; the cookie of the message is the
 * task's, 0 while it is not sent.
 */
#ifndef OUTBOX_H
#define OUTBOX_H

#include <rmq.h>

#include "tasks.h"

enum outbox_outcome { OUTBOX_UNDER_WAY, OUTBOX_ARRIVED, OUTBOX_NOT_TAKEN, OUTBOX_NO_QUEUE, OUTBOX_REFUSED };

struct outbox {
	struct rmq_config	 config;
	struct rmq		*mq;		/* NULL: not open */
	enum task_state		 carries;
	const char		*one, *many;	/* for messages: "a reply", "replies" */
	bool			 ready, closing;
	bool			 lost;		/* the connection, since outbox_run() */
	uint64_t		 cookie;	/* of the last message */
	char			 refused[256];	/* what the broker said of the last one that it refused */
};

/* The configuration is that of the worker's first session. */
void	outbox_prepare(struct outbox *, const struct rmq_config *, enum task_state carries,
	    const char *one, const char *many);
void	outbox_open(struct outbox *);
void	outbox_run(struct outbox *, const struct tasks *);	/* takes what the session has to tell */
const struct rmq_error *outbox_error(const struct outbox *);	/* NULL: nothing is impossible for good */
bool	outbox_has_room(struct outbox *);
void	outbox_address(struct outbox *, struct task *);	/* a new cookie: it is sent now */
enum outbox_outcome outbox_outcome(const struct outbox *, const struct task *);
void	outbox_leave(struct outbox *);		/* mq is NULL when it has gone */
void	outbox_free(struct outbox *);

#endif
