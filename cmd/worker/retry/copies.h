/* SPDX-License-Identifier: MIT */
/*
 * copies - failed messages leave for the queues that `worker --setup' made
 *
 * At the start the outbox only looks whether these queues exist; it is opened
 * again when the first copy is to be sent.
 */
#ifndef COPIES_H
#define COPIES_H

#include <rmq.h>

#include "broker/outbox.h"
#include "worker/job/tasks.h"

enum copies_state {
	COPIES_UNKNOWN,
	COPIES_LOOKING,
	COPIES_OFF,		/* the queues are not there, or may not be used */
	COPIES_ON
};

struct copies {
	enum copies_state	 state;
	struct outbox		 outbox;
	const char		*queue;
	char			 missing[512];	/* COPIES_OFF: why */
	int64_t			 told_at;	/* that looking takes long; 0: it was */
};

/* Looks for the queues.  The configuration is that of the worker's first session. */
void	copies_look(struct copies *, const struct rmq_config *, const char *queue);
void	copies_run(struct copies *);		/* takes what the session has to tell */
/* False: it can never be sent as it is; else t->cookie is 0 as long as there is no room for it. */
bool	copies_send(struct copies *, struct rmq *from, struct task *, struct rmq_error *);

#endif
