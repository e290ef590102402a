/* SPDX-License-Identifier: MIT */
/*
 * Copies on their way: the original is acknowledged when its copy was
 * confirmed and did not come back, and kept until then.
 */
#include <stdio.h>

#include "groups.h"
#include "tool.h"
#include "worker.h"

enum { RETRY_PAUSE = 1000, NO_QUEUE_LIMIT = 60 * 1000 };

static void
try_later(struct worker *w, struct task *t, int64_t now)
{
	if (w->stage != WORKING) {
		work_reject(w, t);
		return;
	}
	t->cookie = 0;
	t->until = now + RETRY_PAUSE;
}

/* Its queue was there at the start: somebody may be making it anew. */
static void
no_queue(struct worker *w, struct task *t, int64_t now)
{
	char target[POLICY_NAME];

	policy_queue(w->queue, t->failure.delay, target);
	if (w->no_queue_since == 0) {
		tool_warn("cannot move a message to '%s': there is no such queue; it is held", target);
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
	char what[600];

	snprintf(what, sizeof what, "cannot copy a message: %s", why);
	work_go_back(w, t, what);
}

static void
arrived(struct worker *w, struct task *t)
{
	w->no_queue_since = 0;
	w->not_taken = false;
	w->active = rmq_now();
	if (t->owned)
		rmq_ack(w->mq, t->tag, false);
	tasks_remove(&w->tasks, t);
}

static void
heed_outcome(struct worker *w, struct task *t, int64_t now)
{
	switch (outbox_outcome(&w->copies.outbox, t)) {
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
		cannot_copy(w, t, "the broker refuses it");
		break;
	}
}

static void
send_or_wait(struct worker *w, struct task *t, int64_t now)
{
	struct rmq_error error = { 0 };

	if (t->until <= now && !copies_send(&w->copies, w->mq, t, &error))
		cannot_copy(w, t, error.text);
}

static void
check_session(struct worker *w)
{
	const struct rmq_error *error = outbox_error(&w->copies.outbox);
	struct task *t, *following;

	if (error == NULL)
		return;
	tool_warn("cannot move failed messages: %s", error->text);
	w->obstacle = groups_exit_status(error->status);
	outbox_free(&w->copies.outbox);
	w->copies.state = COPIES_OFF;
	TAILQ_FOREACH_SAFE(t, &w->tasks, next, following)
		if (t->state == TASK_COPYING)
			work_reject(w, t);
}

void
work_copies(struct worker *w, int64_t now)
{
	struct task *t, *following;

	copies_run(&w->copies, &w->tasks);
	check_session(w);
	TAILQ_FOREACH_SAFE(t, &w->tasks, next, following) {
		if (t->state != TASK_COPYING)
			continue;
		if (t->cookie != 0)
			heed_outcome(w, t, now);
		else
			send_or_wait(w, t, now);
	}
}
