/* SPDX-License-Identifier: MIT */
/*
 * Copies on their way: the original is acknowledged when its copy was
 * confirmed and did not come back, and kept until then.
 */
#include <stdio.h>

#include "broker/status.h"
#include "tool/tool.h"
#include "worker/log.h"
#include "worker/worker.h"

enum { RETRY_PAUSE = 1000, NO_QUEUE_LIMIT = 60 * 1000 };

static void
try_later(struct worker *w, struct task *t, int64_t now)
{
	if (w->stage != WORKING) {
		work_reject(w, t);
		return;
	}
	outbox_forget(&t->letter);
	t->until = now + RETRY_PAUSE;
}

/* Its queue was there at the start: somebody may be making it anew. */
static void
no_queue(struct worker *w, struct task *t, int64_t now)
{
	char target[POLICY_NAME], label[LABEL_SIZE];

	policy_queue(t->queue->name, t->failure.delay, target);
	if (w->no_queue_since == 0) {
		tool_warn("cannot move %s to '%s': there is no such queue; it is held", task_called(t, label), target);
		w->no_queue_since = now;
	}
	if (now - w->no_queue_since >= NO_QUEUE_LIMIT && w->stage == WORKING) {
		if (w->obstacle == 0)
			tool_warn("cannot move messages to '%s': there is still no such queue", target);
		w->obstacle = EX_NOUSER;
	}
	try_later(w, t, now);
}

static void
not_taken(struct worker *w, struct task *t, int64_t now)
{
	if (!w->not_taken)
		tool_warn("the broker does not take failed messages for now: is a queue full? They are held");
	w->not_taken = true;
	try_later(w, t, now);
}

/* This message cannot be moved: as if there were no queue for it. */
static void
cannot_copy(struct worker *w, struct task *t, const char *why)
{
	char what[900], label[LABEL_SIZE];

	snprintf(what, sizeof what, "cannot copy %s: %s", task_called(t, label), why);
	work_go_back(w, t, what);
}

static void
arrived(struct worker *w, struct task *t)
{
	w->no_queue_since = 0;
	w->not_taken = false;
	w->active = rmq_now();
	if (!t->owned || !giveback_ack(&w->back, t->tag, false)) {
		finished_add(&w->finished, t);
		worker_take_again(w, t->owned);
	}
	work_log(w, t, t->failure.delay == POLICY_DEAD ? "dead" : "retry");
	tasks_remove(&w->tasks, t);
}

static void
heed_outcome(struct worker *w, struct task *t, int64_t now)
{
	enum outbox_outcome outcome = outbox_outcome(&t->queue->copies.outbox, &t->letter);

	if (!t->owned && outcome != OUTBOX_UNDER_WAY && outcome != OUTBOX_ARRIVED) {
		work_log(w, t, "lost");
		tasks_remove(&w->tasks, t);
		return;
	}
	switch (outcome) {
	case OUTBOX_UNDER_WAY:
		break;
	case OUTBOX_ARRIVED:
		arrived(w, t);
		break;
	case OUTBOX_NOT_TAKEN:
		not_taken(w, t, now);
		break;
	case OUTBOX_NO_QUEUE:
		no_queue(w, t, now);
		break;
	case OUTBOX_REFUSED:
		cannot_copy(w, t, t->queue->copies.outbox.refused);
		break;
	}
}

static void
send_or_wait(struct worker *w, struct task *t, int64_t now)
{
	struct rmq_error error = { 0 };

	if (t->until <= now && !copies_send(&t->queue->copies, w->mq, t, &error))
		cannot_copy(w, t, error.text);
}

static void
check_session(struct worker *w, struct work_queue *q)
{
	const struct rmq_error *error = outbox_error(&q->copies.outbox);
	struct task *t, *following;

	if (error == NULL)
		return;
	tool_warn("cannot move failed messages: %s", error->text);
	w->obstacle = status_of(error->status);
	outbox_free(&q->copies.outbox);
	q->copies.state = COPIES_OFF;
	TAILQ_FOREACH_SAFE(t, &w->tasks, next, following)
		if (t->queue == q && t->state == TASK_COPYING)
			work_reject(w, t);
}

void
work_copies(struct worker *w, int64_t now)
{
	struct task *t, *following;
	struct work_queue *q;

	QUEUES_FOREACH(q, w) {
		copies_run(&q->copies);
		check_session(w, q);
	}
	TAILQ_FOREACH_SAFE(t, &w->tasks, next, following) {
		if (t->state != TASK_COPYING)
			continue;
		if (t->letter.cookie != 0)
			heed_outcome(w, t, now);
		else
			send_or_wait(w, t, now);
	}
}
