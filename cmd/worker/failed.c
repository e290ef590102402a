/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a message whose command failed.
 *
 * With the queues of `worker --setup' it is tried again here after a short
 * pause, or a copy of it goes to a queue for longer ones or to the dead.
 * Without them it rests here and goes back to where it came from.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "tool/tool.h"
#include "worker/log.h"
#include "worker/worker.h"

enum {
	BREAKER_LIMIT = 10,
	PATIENCE = 5 * 60 * 1000	/* ms: brokers wait for half an hour, unless they are configured otherwise */
};

static void
rest(struct worker *w, struct task *t, int64_t pause, bool again)
{
	work_log(w, t, again ? "retry" : "requeued");
	t->state = TASK_RESTING;
	t->again = again;
	t->until = rmq_now() + pause;
}

/* Who counts messages wants an answer and no second try. */
static bool
has_time(const struct worker *w)
{
	return w->stage == WORKING && w->count < 0;
}

static void
tell_no_policy(struct work_queue *q)
{
	if (q->policy_told || q->copies.state != COPIES_OFF)
		return;
	q->policy_told = true;
	tool_warn("warning: failed messages have no queues of their own (worker --setup makes them): %s",
	    q->copies.missing);
}

/* Not for longer than the broker waits for it, unless it can go nowhere. */
static bool
stays_here(const struct worker *w, const struct task *t)
{
	return t->worn && (w->back.unable || rmq_now() - t->since < PATIENCE);
}

void
work_go_back(struct worker *w, struct task *t, const char *what)
{
	int64_t pause = policy_failed(&w->policy, t->message);
	bool stays = stays_here(w, t);

	if (!has_time(w)) {
		tool_warn("%s; it goes back to its queue", what);
		work_reject(w, t);
		return;
	}
	if (w->breaker.open && w->breaker.pause > pause)
		pause = w->breaker.pause;
	tool_warn("%s; %s in %" PRId64 " s", what, stays ? "trying again" : "it goes back to its queue",
	    pause / 1000);
	tell_no_policy(t->queue);
	rest(w, t, pause, stays);
}

static void
send_copy(struct task *t, const char *what, int64_t delay)
{
	char target[POLICY_NAME];

	policy_queue(t->queue->name, delay, target);
	tool_warn("%s; it goes to '%s'", what, target);
	if (t->errors != NULL && t->failure.said == NULL)
		t->failure.said = tail_text(&t->errors->tail);
	t->failure.delay = delay;
	t->state = TASK_COPYING;
	t->until = 0;
	outbox_forget(&t->letter);
}

/* Tried again without counting: it is not the message that is bad. */
static void
hold_for_breaker(struct worker *w, struct task *t, const char *what)
{
	int64_t now = rmq_now();
	int64_t pause = w->breaker.until > now ? w->breaker.until - now : 0;

	if (t->held_since == 0)
		t->held_since = now;
	tool_warn("%s; trying again in %" PRId64 " s", what, (pause + 999) / 1000);
	rest(w, t, pause, true);
}

static void
hold(struct worker *w, struct task *t, const char *what, int64_t delay)
{
	if (w->stage != WORKING) {
		tool_warn("%s; it goes back to its queue", what);
		work_reject(w, t);
		return;
	}
	tool_warn("%s; trying again in %.3g s", what, (double)delay / 1000);
	t->attempt++;
	rest(w, t, delay, true);
}

/* Pauses that would be spent here are not for who counts: then the message waits in a queue. */
static int64_t
pause_of(const struct worker *w, struct task *t)
{
	int64_t delay = t->failure.reason != NULL ? POLICY_DEAD : policy_delay(t->attempt);

	if (delay == POLICY_DEAD && t->failure.reason == NULL)
		t->failure.reason = "attempts";
	if (w->count >= 0 && policy_held(delay) && policy_queued_delay(0) != POLICY_DEAD)
		delay = policy_queued_delay(0);
	return delay;
}

static void
follow_policy(struct worker *w, struct task *t, const char *what)
{
	int64_t now = rmq_now(), delay;

	if (t->failure.reason == NULL && has_time(w) &&
	    breaker_holds(&w->breaker, t->held_since != 0 ? t->held_since : now, now)) {
		hold_for_breaker(w, t, what);
		return;
	}
	t->held_since = 0;
	delay = pause_of(w, t);
	if (!policy_held(delay))
		send_copy(t, what, delay);
	else if (w->count >= 0)
		work_go_back(w, t, what);
	else
		hold(w, t, what, delay);
}

/* A message that is bad for good, or fails again, says nothing about the others. */
static void
heed_breaker(struct worker *w, const struct task *t)
{
	bool halts = policy_options.halt_after > 0;
	unsigned limit = halts ? (unsigned)policy_options.halt_after : BREAKER_LIMIT;

	if (t->failure.reason != NULL || (!halts && w->count >= 0) || w->stage != WORKING)
		return;
	if (t->attempt > 1 && !w->breaker.open)
		return;
	if (!breaker_failed(&w->breaker, t->message, limit, rmq_now()))
		return;
	if (halts) {
		tool_warn("%u different messages failed in a row: stopping", limit);
		worker_stop(w, EX_TEMPFAIL);
	} else
		tool_warn("%u different messages failed in a row: pausing, then one at a time until a command succeeds",
		    limit);
}

void
work_failed(struct worker *w, struct task *t, const char *fmt, ...)
{
	char why[600], what[900], label[LABEL_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	snprintf(what, sizeof what, "%s: %s", task_called(t, label), why);
	t->failure.last = time(NULL);
	if (t->failure.first == 0)
		t->failure.first = t->failure.last;
	if (t->owned)
		heed_breaker(w, t);
	if (!t->owned) {
		tool_warn("%s", what);
		work_log(w, t, "lost");
		tasks_remove(&w->tasks, t);
	} else if (t->queue->copies.state == COPIES_ON && t->attempt > 0)
		follow_policy(w, t, what);
	else
		work_go_back(w, t, what);
}
