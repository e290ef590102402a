/* SPDX-License-Identifier: MIT */
/*
 * --until-empty of a worker: see empty.h.  What is in hand is not in its
 * queue, but may go back to it: the broker is asked when nothing is.
 */
#include <inttypes.h>

#include "broker/limits.h"
#include "tool/tool.h"
#include "worker/worker.h"

int64_t
worker_ask_time(const struct worker *w)
{
	bool may_take = w->consuming && w->stage == WORKING && !w->enough && !w->paused;

	if (!limit_options.until_empty || !may_take || !TAILQ_EMPTY(&w->tasks))
		return -1;
	return empty_time(&w->empty, w->active);
}

void
worker_ask(struct worker *w, int64_t now)
{
	int64_t when = worker_ask_time(w);
	const struct work_queue *q;

	if (when == -1 || now < when)
		return;
	QUEUES_FOREACH(q, w)
		rmq_look_at_queue(w->mq, q->name);
	empty_asked(&w->empty, w->nqueues);
}

static struct work_queue *
that_gives_none(const struct worker *w)
{
	struct work_queue *q;

	QUEUES_FOREACH(q, w)
		if (q->keeps > 0)
			return q;
	return NULL;
}

/* Answers come in the order of the questions.  What came in the meantime may have gone back since. */
void
worker_answered(struct worker *w, const struct rmq_event *e)
{
	struct work_queue *q;
	bool nothing;

	if (w->empty.waiting == 0)
		return;
	q = &w->queues[w->nqueues - w->empty.waiting];
	q->keeps = e->code == 0 && e->consumers == 0 && w->consuming ? e->messages : 0;
	nothing = TAILQ_EMPTY(&w->tasks) && empty_says(e, &q->silent, w->active);
	if (!empty_answered(&w->empty, nothing) || !w->consuming || w->paused)
		return;
	if ((q = that_gives_none(w)) != NULL)
		tool_warn("queue '%s' has %" PRIu32 " messages and gives none: is it a stream? receive --offset=first "
		    "reads one", q->name, q->keeps);
	worker_stop(w, q != NULL ? EX_CONFIG : EX_OK);
}
