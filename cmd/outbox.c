/* SPDX-License-Identifier: MIT */
/*
 * Publishing for tasks, and what became of that.
 */
#include <stdio.h>

#include "groups.h"
#include "outbox.h"
#include "tool.h"

void
outbox_prepare(struct outbox *o, const struct rmq_config *config, enum task_state carries,
    const char *one, const char *many)
{
	o->config = *config;
	o->config.first_limit = o->config.retry_limit = -1;
	o->config.confirm = true;
	o->carries = carries;
	o->one = one;
	o->many = many;
}

void
outbox_open(struct outbox *o)
{
	o->ready = o->closing = false;
	o->mq = groups_open(&o->config);
}

static struct task *
task_of(const struct outbox *o, const struct tasks *tasks, uint64_t cookie)
{
	struct task *t;

	TAILQ_FOREACH(t, tasks, next)
		if (t->state == o->carries && t->cookie == cookie)
			return t;
	return NULL;
}

static void
mark(struct outbox *o, const struct tasks *tasks, const struct rmq_event *e)
{
	struct task *t = task_of(o, tasks, e->cookie);

	if (t == NULL)
		return;
	t->returned = t->returned || e->type == RMQ_RETURNED;
	t->refused = t->refused || e->type == RMQ_REFUSED;
	t->not_taken = t->not_taken || e->given_up;
	if (e->type != RMQ_REFUSED)
		return;
	snprintf(o->refused, sizeof o->refused, "%.*s", (int)e->text.len, (const char *)e->text.data);
	tool_warn("the broker refused %s: %s", o->one, o->refused);
}

/* True: the session has ended. */
static bool
handle(struct outbox *o, const struct tasks *tasks, const struct rmq_event *e)
{
	switch (e->type) {
	case RMQ_READY:
		o->ready = true;
		break;
	case RMQ_LOST:
		o->ready = false;
		o->lost = true;
		break;
	case RMQ_RETURNED:
	case RMQ_NACKED:
	case RMQ_REFUSED:
		mark(o, tasks, e);
		break;
	case RMQ_BLOCKED:
		tool_warn("the broker takes no messages for now: %.*s; %s are held",
		    (int)e->text.len, (const char *)e->text.data, o->many);
		break;
	case RMQ_CLOSED:
		return true;
	default:
		break;
	}
	return false;
}

void
outbox_run(struct outbox *o, const struct tasks *tasks)
{
	struct rmq_event e;
	bool ended = false;

	o->lost = false;
	while (o->mq != NULL && rmq_next(o->mq, &e))
		ended = handle(o, tasks, &e) || ended;
	if (o->mq != NULL && (ended || (o->closing && rmq_failed(o->mq))))
		outbox_free(o);
}

const struct rmq_error *
outbox_error(const struct outbox *o)
{
	return o->mq != NULL && !o->closing && rmq_failed(o->mq) ? rmq_error(o->mq) : NULL;
}

bool
outbox_has_room(struct outbox *o)
{
	if (o->mq == NULL)
		outbox_open(o);
	return o->ready && !o->closing && rmq_can_publish(o->mq);
}

void
outbox_address(struct outbox *o, struct task *t)
{
	t->returned = t->refused = t->not_taken = false;
	t->cookie = ++o->cookie;
}

enum outbox_outcome
outbox_outcome(const struct outbox *o, const struct task *t)
{
	if (t->refused)
		return OUTBOX_REFUSED;
	if (o->mq == NULL || t->cookie > rmq_counts(o->mq).settled_through)
		return OUTBOX_UNDER_WAY;
	if (t->returned)
		return OUTBOX_NO_QUEUE;
	return t->not_taken ? OUTBOX_NOT_TAKEN : OUTBOX_ARRIVED;
}

void
outbox_leave(struct outbox *o)
{
	if (o->mq == NULL)
		return;
	o->closing = true;
	if (rmq_counts(o->mq).unsettled > 0)
		outbox_free(o);
	else
		rmq_close(o->mq);
}

void
outbox_free(struct outbox *o)
{
	rmq_free(o->mq);
	o->mq = NULL;
	o->ready = o->closing = false;
}
