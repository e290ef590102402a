/* SPDX-License-Identifier: MIT */
/*
 * What settles a message, and what stops a worker: all other parts of it call these.
 *
 * "Not the message's fault" is basic.nack, "the attempt failed" is
 * basic.reject where failed messages have queues of their own: quorum queues
 * of RabbitMQ 4.3 and later count only the second.
 */
#include <stdio.h>

#include "tool/tool.h"
#include "worker/log.h"
#include "worker/notify.h"
#include "worker/worker.h"

/* The broker may not have heard yet that it was to stop: then this is called again. */
void
worker_resume(struct worker *w)
{
	if (w->paused || w->busy || w->enough || w->stage != WORKING || !w->subscribed || w->consuming)
		return;
	rmq_resume_consuming(w->mq);
	w->consuming = w->connected;
	w->active = rmq_now();
}

/* A count is not reached by what was taken and will be delivered again. */
void
worker_take_again(struct worker *w, int64_t n)
{
	w->taken -= n;
	if (!w->enough || w->taken == w->count)
		return;
	w->enough = false;
	worker_resume(w);
}

void
work_turn_down(struct worker *w, struct task *t, enum exit_action action)
{
	bool requeue = action == ACTION_REJECT_REQUEUE || action == ACTION_NACK_REQUEUE;

	bool counts = action == ACTION_REJECT_REQUEUE && t->queue->copies.state == COPIES_ON, known = false;

	if (t->owned && requeue)
		known = giveback_return(&w->back, t->tag, counts);
	else if (t->owned)
		known = giveback_drop(&w->back, t->tag, action == ACTION_REJECT);
	work_log(w, t, !known ? "lost" : requeue ? "requeued" : "rejected");
	empty_gave_back(&w->empty);
	tasks_remove(&w->tasks, t);
}

void
work_nack(struct worker *w, struct task *t)
{
	work_turn_down(w, t, ACTION_NACK_REQUEUE);
}

void
work_reject(struct worker *w, struct task *t)
{
	work_turn_down(w, t, ACTION_REJECT_REQUEUE);
}

void
work_done(struct worker *w, struct task *t, bool succeeded)
{
	bool acked = t->owned && giveback_ack(&w->back, t->tag, false);

	work_log(w, t, acked ? "acked" : "lost");
	if (!acked && succeeded)
		finished_add(&w->finished, t);
	if (acked) {
		w->succeeded += succeeded;
		policy_succeeded(&w->policy, t->message);
	} else
		worker_take_again(w, t->owned);
	if (succeeded && breaker_succeeded(&w->breaker))
		tool_warn("a command succeeded: going on");
	tasks_remove(&w->tasks, t);
}

void
work_nack_waiting(struct worker *w)
{
	struct task *t;

	while ((t = tasks_first(&w->tasks, TASK_WAITING)) != NULL)
		work_nack(w, t);
}

static bool
may_be_given_back(const struct task *t)
{
	return t->state == TASK_RESTING || (t->state == TASK_COPYING && t->letter.cookie == 0);
}

void
work_give_back(struct worker *w)
{
	struct task *t, *following;

	work_nack_waiting(w);
	TAILQ_FOREACH_SAFE(t, &w->tasks, next, following)
		if (may_be_given_back(t))
			work_reject(w, t);
}

void
worker_enter(struct worker *w, enum stage stage, int64_t ms)
{
	w->stage = stage;
	w->stage_end = rmq_now() + ms;
	notify_stopping(ms);
}

static void
note_trouble(struct worker *w)
{
	const char *other = queues_trouble(w);

	if (!w->connected)
		snprintf(w->trouble, sizeof w->trouble, "%s", rmq_trouble(w->mq));
	else if (!w->subscribed && *other != '\0')
		snprintf(w->trouble, sizeof w->trouble, "a second connection, for failed messages: %s", other);
}

/* The first reason decides the exit status. */
void
worker_stop(struct worker *w, int status)
{
	if (w->status == EX_OK)
		w->status = status;
	if (w->stage != WORKING)
		return;
	note_trouble(w);
	worker_enter(w, DRAINING, w->grace);
	rmq_stop_consuming(w->mq);
	work_give_back(w);
	giveback_leave(&w->back);
	queues_stop(w, rmq_now());
}
