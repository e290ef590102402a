/* SPDX-License-Identifier: MIT */
/*
 * Looking for queues, and publishing copies into them.
 */
#include <stdio.h>
#include <string.h>

#include "tool/tool.h"
#include "worker/retry/copies.h"
#include "worker/retry/copy.h"
#include "worker/retry/policy.h"

enum { LONG = 10 * 1000 };	/* ms, unless --connect-timeout says otherwise */

static void
off(struct copies *c, const char *why)
{
	c->state = COPIES_OFF;
	snprintf(c->missing, sizeof c->missing, "%s", why);
	outbox_free(&c->outbox);
}

static bool
look_for(struct copies *c, int64_t delay)
{
	char name[POLICY_NAME];

	if (!policy_queue(c->queue, delay, name))
		return false;
	rmq_declare_queue(c->outbox.mq, &(struct rmq_queue){ .name = name, .declare = RMQ_FIND });
	return true;
}

void
copies_look(struct copies *c, const struct rmq_config *config, const char *queue)
{
	bool named;
	int64_t delay;

	c->queue = queue;
	c->state = COPIES_LOOKING;
	c->told_at = rmq_now() + (config->first_limit > 0 ? config->first_limit : LONG);
	outbox_prepare(&c->outbox, config, "failed ones");
	outbox_open(&c->outbox);
	named = look_for(c, POLICY_DEAD);
	for (size_t i = 0; named && (delay = policy_queued_delay(i)) != POLICY_DEAD; i++)
		named = look_for(c, delay);
	if (!named)
		off(c, "its name is too long");
}

static void
tell_of_looking(struct copies *c)
{
	if (c->told_at == 0 || rmq_now() < c->told_at)
		return;
	tool_warn("cannot look for the queues of failed messages: no second connection so far; "
	    "nothing is taken before");
	c->told_at = 0;
}

/* Queues that are not there, or that this user may not see, are no failure. */
void
copies_run(struct copies *c)
{
	outbox_run(&c->outbox);
	if (c->state != COPIES_LOOKING)
		return;
	if (c->outbox.ready) {
		c->state = COPIES_ON;
		outbox_leave(&c->outbox);
	} else if (outbox_error(&c->outbox) != NULL)
		off(c, outbox_error(&c->outbox)->text);
	else
		tell_of_looking(c);
}

bool
copies_send(struct copies *c, struct rmq *from, struct task *t, struct rmq_error *e)
{
	char target[POLICY_NAME];

	if (!outbox_has_room(&c->outbox))
		return true;
	policy_queue(c->queue, t->failure.delay, target);
	outbox_address(&c->outbox, &t->letter);
	return copy_publish(from, c->outbox.mq, t, c->queue, target, e);
}
