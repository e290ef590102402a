/* SPDX-License-Identifier: MIT */
/*
 * --until-empty of a worker: see empty.h.  What is in hand is not in the
 * queue, but may go back to it: the broker is asked when nothing is.
 */
#include "groups.h"
#include "tool.h"
#include "worker.h"

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

	if (when == -1 || now < when)
		return;
	rmq_look_at_queue(w->mq, w->queue);
	empty_asked(&w->empty, 1);
}

/* What came in the meantime may have gone back since. */
void
worker_answered(struct worker *w, const struct rmq_event *e)
{
	bool nothing = TAILQ_EMPTY(&w->tasks) && empty_says(e, &w->silent, w->active);

	if (empty_answered(&w->empty, nothing) && w->consuming && !w->paused)
		worker_stop(w, EX_OK);
}
