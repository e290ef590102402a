/* SPDX-License-Identifier: MIT */
/*
 * Publishing beside a consumer, and what became of that.
 */
#include <stdio.h>

#include "broker/connect.h"
#include "broker/outbox.h"
#include "tool/tool.h"

enum { NACK_LIMIT = 10000 };	/* ms: the task has other plans then */

void
outbox_prepare(struct outbox *o, const struct rmq_config *config, const char *many)
{
	o->config = *config;
	o->config.first_limit = o->config.retry_limit = -1;
	o->config.nack_limit = NACK_LIMIT;
	o->config.confirm = true;
	o->many = many;
}

void
outbox_open(struct outbox *o)
{
	o->ready = o->closing = false;
	o->mq = connect_open(&o->config);
}

static struct outbox_letter *
letter_of(const struct outbox *o, uint64_t cookie)
{
	struct outbox_letter *l;

	LIST_FOREACH(l, &o->letters, next)
		if (l->cookie == cookie)
			return l;
	return NULL;
}

static void
mark(struct outbox *o, const struct rmq_event *e)
{
	struct outbox_letter *l = letter_of(o, e->cookie);

	if (l == NULL)
		return;
	l->returned = l->returned || e->type == RMQ_RETURNED;
	l->refused = l->refused || e->type == RMQ_REFUSED;
	l->not_taken = l->not_taken || e->given_up;
	if (e->type == RMQ_REFUSED)
		snprintf(o->refused, sizeof o->refused, "%.*s", (int)e->text.len, (const char *)e->text.data);
}

/* True: the session has ended. */
static bool
handle(struct outbox *o, const struct rmq_event *e)
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
		mark(o, e);
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
outbox_run(struct outbox *o)
{
	struct rmq_event e;
	bool ended = false;

	o->lost = false;
	while (o->mq != NULL && rmq_next(o->mq, &e))
		ended = handle(o, &e) || ended;
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
outbox_address(struct outbox *o, struct outbox_letter *l)
{
	outbox_forget(l);
	l->cookie = ++o->cookie;
	LIST_INSERT_HEAD(&o->letters, l, next);
}

enum outbox_outcome
outbox_outcome(const struct outbox *o, const struct outbox_letter *l)
{
	if (l->refused)
		return OUTBOX_REFUSED;
	if (o->mq == NULL || l->cookie > rmq_counts(o->mq).settled_through)
		return OUTBOX_UNDER_WAY;
	if (l->returned)
		return OUTBOX_NO_QUEUE;
	return l->not_taken ? OUTBOX_NOT_TAKEN : OUTBOX_ARRIVED;
}

void
outbox_forget(struct outbox_letter *l)
{
	if (l->cookie != 0)
		LIST_REMOVE(l, next);
	*l = (struct outbox_letter){ .cookie = 0 };
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
