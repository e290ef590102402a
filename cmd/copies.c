/* SPDX-License-Identifier: MIT */
/*
 * Looking for queues, and publishing copies into them.
 */
#include <stdio.h>
#include <string.h>

#include "copies.h"
#include "copy.h"
#include "policy.h"
#include "tool.h"

static void
off(struct copies *c, const char *why)
{
	c->state = COPIES_OFF;
	snprintf(c->missing, sizeof c->missing, "%s", why);
}

static bool
open_session(struct copies *c)
{
	c->ready = c->closing = false;
	if ((c->mq = rmq_open(&c->config)) == NULL)
		tool_fail(EX_OSERR, "cannot open a session: out of memory");
	return c->mq != NULL;
}

static bool
look_for(struct copies *c, int64_t delay)
{
	char name[POLICY_NAME];

	if (!policy_queue(c->queue, delay, name))
		return false;
	rmq_declare_queue(c->mq, &(struct rmq_queue){ .name = name, .declare = RMQ_FIND });
	return true;
}

void
copies_look(struct copies *c, const struct rmq_config *config, const char *queue)
{
	bool named;
	int64_t delay;

	c->config = *config;
	c->config.first_limit = c->config.retry_limit = -1;
	c->config.confirm = true;
	c->queue = queue;
	c->state = COPIES_LOOKING;
	open_session(c);
	named = look_for(c, POLICY_DEAD);
	for (size_t i = 0; named && (delay = policy_queued_delay(i)) != POLICY_DEAD; i++)
		named = look_for(c, delay);
	if (!named) {
		off(c, "its name is too long");
		copies_free(c);
	}
}

static struct task *
task_of(const struct tasks *tasks, uint64_t cookie)
{
	struct task *t;

	TAILQ_FOREACH(t, tasks, next)
		if (t->state == TASK_COPYING && t->cookie == cookie)
			return t;
	return NULL;
}

static void
ready(struct copies *c)
{
	c->ready = true;
	if (c->state == COPIES_LOOKING) {
		c->state = COPIES_ON;
		copies_leave(c);
	}
}

static void
mark(const struct tasks *tasks, const struct rmq_event *e)
{
	struct task *t = task_of(tasks, e->cookie);

	if (t == NULL)
		return;
	t->returned = t->returned || e->type == RMQ_RETURNED;
	t->refused = t->refused || e->type == RMQ_REFUSED;
	t->not_taken = t->not_taken || e->given_up;
	if (e->type == RMQ_REFUSED)
		tool_warn("the broker refused a copy of a message: %.*s", (int)e->text.len, (const char *)e->text.data);
}

/* True: the session has ended. */
static bool
handle(struct copies *c, const struct tasks *tasks, const struct rmq_event *e)
{
	switch (e->type) {
	case RMQ_READY:
		ready(c);
		break;
	case RMQ_LOST:
		c->ready = false;
		break;
	case RMQ_RETURNED:
	case RMQ_NACKED:
	case RMQ_REFUSED:
		mark(tasks, e);
		break;
	case RMQ_BLOCKED:
		tool_warn("the broker takes no messages for now: %.*s; failed ones are held",
		    (int)e->text.len, (const char *)e->text.data);
		break;
	case RMQ_CLOSED:
		return true;
	default:
		break;
	}
	return false;
}

/* Queues that are not there, or that this user may not see, are no failure. */
static void
look_failed(struct copies *c)
{
	off(c, rmq_error(c->mq)->text);
	copies_free(c);
}

void
copies_run(struct copies *c, struct tasks *tasks)
{
	struct rmq_event e;
	bool ended = false;

	while (c->mq != NULL && rmq_next(c->mq, &e))
		ended = handle(c, tasks, &e) || ended;
	if (c->mq == NULL)
		return;
	if (ended || (c->closing && rmq_failed(c->mq)))
		copies_free(c);
	else if (rmq_failed(c->mq) && c->state == COPIES_LOOKING)
		look_failed(c);
}

const struct rmq_error *
copies_error(const struct copies *c)
{
	return c->mq != NULL && !c->closing && rmq_failed(c->mq) ? rmq_error(c->mq) : NULL;
}

static bool
room(struct copies *c)
{
	if (c->mq == NULL)
		open_session(c);
	return c->ready && !c->closing && rmq_can_publish(c->mq);
}

bool
copies_send(struct copies *c, struct rmq *from, struct task *t, struct rmq_error *e)
{
	char target[POLICY_NAME];

	t->returned = t->refused = t->not_taken = false;
	if (!room(c))
		return true;
	policy_queue(c->queue, t->failure.delay, target);
	t->cookie = ++c->cookie;
	return copy_publish(from, c->mq, t, c->queue, target, e);
}

enum copies_outcome
copies_outcome(const struct copies *c, const struct task *t)
{
	if (t->refused)
		return COPIES_REFUSED;
	if (c->mq == NULL || t->cookie > rmq_counts(c->mq).settled_through)
		return COPIES_UNDER_WAY;
	if (t->returned)
		return COPIES_NO_QUEUE;
	return t->not_taken ? COPIES_NOT_TAKEN : COPIES_ARRIVED;
}

void
copies_leave(struct copies *c)
{
	if (c->mq == NULL)
		return;
	c->closing = true;
	if (rmq_counts(c->mq).unsettled > 0)
		copies_free(c);
	else
		rmq_close(c->mq);
}

void
copies_free(struct copies *c)
{
	rmq_free(c->mq);
	c->mq = NULL;
	c->ready = c->closing = false;
}
