/* SPDX-License-Identifier: MIT */
/*
 * copies - the second connection of a worker, on which failed messages leave
 *
 * It is apart from the first one because a broker that takes no messages
 * (https://www.rabbitmq.com/docs/alarms) must go on hearing acknowledgements.
 * At the start it only looks whether the queues for failed messages exist;
 * it is opened again when the first copy is to be sent, and then stays.
 */
#ifndef COPIES_H
#define COPIES_H

#include <rmq.h>

#include "tasks.h"

enum copies_state {
	COPIES_UNKNOWN,
	COPIES_LOOKING,
	COPIES_OFF,		/* the queues are not there, or may not be used */
	COPIES_ON
};

enum copies_outcome { COPIES_UNDER_WAY, COPIES_ARRIVED, COPIES_NOT_TAKEN, COPIES_NO_QUEUE, COPIES_REFUSED };

struct copies {
	enum copies_state	 state;
	struct rmq_config	 config;
	struct rmq		*mq;		/* NULL: not open */
	const char		*queue;
	char			 missing[512];	/* COPIES_OFF: why */
	bool			 ready, closing;
	uint64_t		 cookie;	/* of the last copy */
};

/* Looks for the queues.  The configuration is that of the worker's first session. */
void	copies_look(struct copies *, const struct rmq_config *, const char *queue);
void	copies_run(struct copies *, struct tasks *);	/* takes what the session has to tell */
const struct rmq_error *copies_error(const struct copies *);	/* NULL: no copy is impossible for good */
/* False: it can never be sent as it is; else t->cookie is 0 as long as there is no room for it. */
bool	copies_send(struct copies *, struct rmq *from, struct task *, struct rmq_error *);
enum copies_outcome copies_outcome(const struct copies *, const struct task *);
void	copies_leave(struct copies *);		/* copies->mq is NULL when it has gone */
void	copies_free(struct copies *);

#endif
