/* SPDX-License-Identifier: MIT */
/*
 * See returns.h.  A message that is held is a task: resting until it is due, or
 * until it goes back; then copying, with a cookie once it is published.
 */
#include <time.h>

#include "broker/connect.h"
#include "tool/tool.h"
#include "worker/retry/copy.h"
#include "worker/retry/delays.h"
#include "worker/retry/policy.h"

enum {
	SECOND = 1000,
	PREFETCH = 10,			/* of each queue */
	PATIENCE = 5 * 60 * SECOND,
	LEAST_PATIENCE = SECOND,
	RETRY_PAUSE = SECOND,
	FIRST_PAUSE = SECOND, LONGEST_PAUSE = 60 * SECOND,
	LEAVE_MS = 5 * SECOND
};

/* Said once until a message has come back. */
static void
complain(struct returns *r, const char *why)
{
	if (!r->told)
		tool_warn("cannot bring messages back to '%s': %s; they are kept", r->queue, why);
	r->told = true;
}

static void
open_session(struct returns *r)
{
	char name[POLICY_NAME];
	int64_t delay;

	r->mq = connect_open(&r->config);
	for (size_t i = 0; (delay = policy_queued_delay(i)) != POLICY_DEAD; i++) {
		policy_queue(r->queue, delay, name);
		rmq_consume(r->mq, &(struct rmq_consumer){ .queue = name, .prefetch = PREFETCH });
	}
}

void
returns_begin(struct returns *r, const struct rmq_config *config, const char *queue)
{
	if (r->queue != NULL || policy_queued_delay(0) == POLICY_DEAD)
		return;
	*r = (struct returns){ .config = *config, .queue = queue, .patience = PATIENCE, .pause = FIRST_PAUSE };
	r->config.first_limit = r->config.retry_limit = -1;
	TAILQ_INIT(&r->held);
	outbox_prepare(&r->outbox, config, "messages on their way back");
	open_session(r);
}

/* The tags are void: the broker delivers what is held once more, so what is being published need not be sent again. */
static void
forget(struct returns *r)
{
	tasks_disown(&r->held, false);
	if (r->outbox.mq != NULL && rmq_counts(r->outbox.mq).unsettled > 0)
		outbox_free(&r->outbox);
}

static void
close_sessions(struct returns *r)
{
	tasks_disown(&r->held, false);
	outbox_free(&r->outbox);
	rmq_free(r->mq);
	r->mq = NULL;
}

static void
failed(struct returns *r, const struct rmq_error *why, int64_t now)
{
	if (r->leave_by == 0)
		complain(r, why->text);
	close_sessions(r);
	r->open_at = now + r->pause;
	r->pause = r->pause * 2 < LONGEST_PAUSE ? r->pause * 2 : LONGEST_PAUSE;
}

static void
go_back(struct returns *r, struct task *t)
{
	rmq_nack(r->mq, t->tag, false, true);
	tasks_remove(&r->held, t);
}

static void
rest(struct task *t, int64_t until, bool due)
{
	t->state = TASK_RESTING;
	t->until = until;
	t->again = due;
}

/* A message that does not say when it failed is due after its delay, or as soon as it would have to go back. */
static int64_t
rest_of(struct returns *r, const struct rmq_delivery *d)
{
	int64_t delay = policy_queued_delay(d->consumer), ms = POLICY_UNTOLD;
	struct rmq_properties p;
	struct rmq_error e;

	if (rmq_decode_properties(r->mq, d, &p, &e))
		ms = policy_rest(delay, copy_failed_at(p.headers), time(NULL));
	if (ms == POLICY_UNTOLD)
		return delay < r->patience ? delay : r->patience;
	return ms;
}

static void
take(struct returns *r, const struct rmq_delivery *d, int64_t now)
{
	struct task *t;
	int64_t ms;

	if (r->leave_by != 0) {
		rmq_nack(r->mq, d->tag, false, true);
		return;
	}
	if ((t = tasks_add(&r->held, d)) == NULL || !task_keep(t, d))
		tool_fail(EX_OSERR, "cannot keep a message: out of memory");
	ms = rest_of(r, d);
	t->started = now;
	rest(t, now + (ms < r->patience ? ms : r->patience), ms <= r->patience);
}

/* A broker that takes messages back waits for less time than we thought. */
static void
lost(struct returns *r, bool taken_back)
{
	if (taken_back && r->patience / 2 >= LEAST_PATIENCE)
		r->patience /= 2;
	forget(r);
}

/* The broker is there again: the outbox need not wait for the time of its next attempt. */
static void
make_haste(struct returns *r)
{
	if (!r->outbox.ready && r->leave_by == 0)
		outbox_free(&r->outbox);
}

static void
take_events(struct returns *r, int64_t now)
{
	struct rmq_event e;

	while (rmq_next(r->mq, &e))
		switch (e.type) {
		case RMQ_READY:
			make_haste(r);
			break;
		case RMQ_DELIVERED:
			take(r, &e.delivery, now);
			break;
		case RMQ_LOST:
			lost(r, e.taken_back);
			break;
		case RMQ_STOPPED:
			r->stopped = true;
			break;
		case RMQ_CLOSED:
			rmq_free(r->mq);
			r->mq = NULL;
			return;
		default:
			break;
		}
}

static bool
publish(struct returns *r, const struct task *t, struct rmq_error *e)
{
	struct rmq_properties p;
	struct rmq_message m = {
		.exchange = rmq_bytes(""),
		.routing_key = rmq_bytes(r->queue),
		.properties = &p,
		.body = t->delivery.body,
		.mandatory = true,
		.cookie = t->letter.cookie,
	};

	if (!rmq_decode_properties(r->mq, &t->delivery, &p, e))
		return false;
	p.delivery_mode = 2;
	p.has |= RMQ_HAS_DELIVERY_MODE;
	return rmq_publish(r->outbox.mq, &m, e);
}

/* Soon, unless it has been here for so long that it goes back first. */
static void
try_later(struct returns *r, struct task *t, const char *why, int64_t now)
{
	complain(r, why);
	if (r->leave_by != 0)
		go_back(r, t);
	else
		rest(t, now + RETRY_PAUSE, now - t->started < r->patience);
}

/* The broker would say no again. */
static void
try_much_later(struct returns *r, struct task *t, int64_t now)
{
	struct rmq_properties p = { 0 };
	struct rmq_error e = { 0 };
	char label[LABEL_SIZE];

	rmq_decode_properties(r->mq, &t->delivery, &p, &e);
	label_message(label, p.message_id, t->delivery.routing_key);
	tool_warn("cannot bring %s back to '%s': the broker refused it: %s", label, r->queue, r->outbox.refused);
	if (r->leave_by != 0)
		go_back(r, t);
	else
		rest(t, now + r->patience, false);
}

static void
send_or_wait(struct returns *r, struct task *t, int64_t now)
{
	struct rmq_error e = { 0 };

	if (!outbox_has_room(&r->outbox))
		return;
	outbox_address(&r->outbox, &t->letter);
	t->until = 0;
	if (publish(r, t, &e))
		return;
	complain(r, e.text);
	try_much_later(r, t, now);
}

static void
arrived(struct returns *r, struct task *t)
{
	r->told = false;
	r->pause = FIRST_PAUSE;
	rmq_ack(r->mq, t->tag, false);
	tasks_remove(&r->held, t);
}

static void
heed_outcome(struct returns *r, struct task *t, int64_t now)
{
	switch (outbox_outcome(&r->outbox, &t->letter)) {
	case OUTBOX_UNDER_WAY:
		break;
	case OUTBOX_ARRIVED:
		arrived(r, t);
		break;
	case OUTBOX_NOT_TAKEN:
		try_later(r, t, "the broker does not take them for now: is the queue full?", now);
		break;
	case OUTBOX_NO_QUEUE:
		try_later(r, t, "there is no such queue", now);
		break;
	case OUTBOX_REFUSED:
		try_much_later(r, t, now);
		break;
	}
}

static void
heed_time(struct returns *r, int64_t now)
{
	struct task *t;

	while ((t = tasks_due(&r->held, now)) != NULL) {
		if (t->state == TASK_RESTING && t->again) {
			t->state = TASK_COPYING;
			outbox_forget(&t->letter);
			t->until = now + r->patience;
		} else
			go_back(r, t);
	}
}

static void
send_and_settle(struct returns *r, int64_t now)
{
	struct task *t, *following;

	TAILQ_FOREACH_SAFE(t, &r->held, next, following) {
		if (t->state != TASK_COPYING)
			continue;
		if (t->letter.cookie != 0)
			heed_outcome(r, t, now);
		else
			send_or_wait(r, t, now);
	}
}

static bool
usable(struct returns *r, int64_t now)
{
	const struct rmq_error *error = r->mq != NULL && rmq_failed(r->mq) ? rmq_error(r->mq) : NULL;

	if (error == NULL)
		error = outbox_error(&r->outbox);
	if (error != NULL)
		failed(r, error, now);
	return r->mq != NULL;
}

/* Once nothing is under way, or when that has taken too long: what the broker has not heard it delivers again. */
static void
leave(struct returns *r, int64_t now)
{
	if (now >= r->leave_by)
		close_sessions(r);
	if (r->mq != NULL && r->stopped && TAILQ_EMPTY(&r->held) && !r->closing) {
		r->closing = true;
		rmq_close(r->mq);
		outbox_leave(&r->outbox);
	}
}

void
returns_run(struct returns *r, int64_t now)
{
	if (r->queue == NULL)
		return;
	if (r->mq == NULL && r->leave_by == 0 && now >= r->open_at)
		open_session(r);
	if (r->mq != NULL)
		take_events(r, now);
	outbox_run(&r->outbox);
	if (usable(r, now)) {
		heed_time(r, now);
		send_and_settle(r, now);
	}
	if (r->leave_by != 0)
		leave(r, now);
}

size_t
returns_sessions(const struct returns *r, struct rmq **sessions)
{
	size_t n = 0;

	if (r->mq != NULL)
		sessions[n++] = r->mq;
	if (r->outbox.mq != NULL)
		sessions[n++] = r->outbox.mq;
	return n;
}

int64_t
returns_deadline(const struct returns *r)
{
	if (r->queue == NULL)
		return -1;
	if (r->leave_by != 0)
		return returns_gone(r) ? -1 : r->leave_by;
	return r->mq == NULL ? r->open_at : tasks_deadline(&r->held);
}

void
returns_leave(struct returns *r, int64_t now)
{
	struct task *t, *following;

	if (r->queue == NULL || r->leave_by != 0)
		return;
	r->leave_by = now + LEAVE_MS;
	if (r->mq == NULL)
		return;
	rmq_stop_consuming(r->mq);
	TAILQ_FOREACH_SAFE(t, &r->held, next, following)
		if (t->state != TASK_COPYING || t->letter.cookie == 0)
			go_back(r, t);
}

bool
returns_gone(const struct returns *r)
{
	return r->mq == NULL && r->outbox.mq == NULL;
}

void
returns_free(struct returns *r)
{
	if (r->queue != NULL)
		close_sessions(r);
}
