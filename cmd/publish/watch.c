/* SPDX-License-Identifier: MIT */
/* What a sender looks at in each turn of its loop: events, signals, time. */

#include <stdio.h>
#include <string.h>

#include "broker/loop.h"
#include "broker/status.h"
#include "message/declare.h"
#include "publish/sender.h"
#include "tool/tool.h"

enum { CALM = 60000 };		/* ms without a nack: the next one is news */

/* Events: what the session tells. */

static void
keep(char *to, size_t size, struct rmq_bytes text)
{
	size_t len = text.len < size ? text.len : size - 1;

	if (len > 0)
		memcpy(to, text.data, len);
	to[len] = '\0';
}

static void
no_memory(struct run *r)
{
	run_fail(r, EX_OSERR, "cannot keep track of the messages: out of memory");
}

/* The name that the target has, unless each record has one of its own. */
static void
keep_returned_to(struct run *r, const struct rmq_event *e)
{
	if (r->target->exchange != NULL && r->target->routing_key != NULL)
		strlcpy(r->returned_to, r->target->name, sizeof(r->returned_to));
	else if (e->exchange.len == 0)
		snprintf(r->returned_to, sizeof(r->returned_to), "queue '%.*s'", (int)e->routing_key.len,
		    (const char *)e->routing_key.data);
	else
		snprintf(r->returned_to, sizeof(r->returned_to), "exchange '%.*s' with routing key '%.*s'",
		    (int)e->exchange.len, (const char *)e->exchange.data, (int)e->routing_key.len,
		    (const char *)e->routing_key.data);
}

/* By the default exchange a queue is missing, by others a binding may be. */
static void
keep_reason(struct run *r, const struct rmq_event *e)
{
	snprintf(r->returned, sizeof(r->returned), "%s (%.*s)",
	    e->exchange.len == 0 ? "there is no such queue" : "no queue is bound", (int)e->text.len,
	    (const char *)e->text.data);
}

static void
note_first(uint64_t *first, uint64_t number)
{
	if (*first == 0 || number < *first)
		*first = number;
}

static void
on_returned(struct run *r, const struct rmq_event *e)
{
	bool first = r->returned[0] == '\0';

	if (first) {
		keep_reason(r, e);
		keep_returned_to(r, e);
	}
	if (r->target->route != ROUTE_YES) {
		if (first)
			run_tell(r, "warning: nobody receives what goes to %s: %s",
			    r->returned_to, r->returned);
		return;
	}
	note_first(&r->first_returned, e->cookie);
	if (!suspects_returned(&r->suspects, e->cookie))
		no_memory(r);
	r->fed = r->fed || !r->skip;
}

/* Told once for each time of trouble, whoever caused it. */
static void
on_nacked(struct run *r, const struct rmq_event *e)
{
	int64_t now = rmq_now();

	if (!e->given_up && r->talk && (r->nacked_at == 0 || now - r->nacked_at > CALM))
		run_tell(r, "the broker does not take what goes to %s for now: a queue is full, or its node is down; "
		    "it is sent again", r->target->name);
	r->nacked_at = now;
	if (e->given_up)
		note_first(&r->first_nacked, e->cookie);
	if (e->given_up && !suspects_given_up(&r->suspects, e->cookie))
		no_memory(r);
}

static void
on_refused(struct run *r, const struct rmq_event *e)
{
	run_reject(r, e->cookie, status_of_refusal(e->code, EX_DATAERR), e->text.data, e->text.len);
}

static void
on_ready(struct run *r)
{
	if (r->lost_at != 0 && r->talk)
		run_tell(r, "reconnected after %.1f s", (double)(rmq_now() - r->lost_at) / 1000);
	r->lost_at = 0;
	r->ready = r->connected = true;
}

static void
on_lost(struct run *r, const struct rmq_event *e)
{
	r->connected = false;
	r->lost_at = e->heard_at;
	r->blocked[0] = '\0';
	suspects_lost(&r->suspects);
	keep(r->lost, sizeof(r->lost), e->text);
	if (r->talk)
		run_tell(r, "%s; connecting again", r->lost);
}

static void
on_event(struct run *r, const struct rmq_event *e)
{
	switch (e->type) {
	case RMQ_READY:
		on_ready(r);
		break;
	case RMQ_RETURNED:
		on_returned(r, e);
		break;
	case RMQ_NACKED:
		on_nacked(r, e);
		break;
	case RMQ_REFUSED:
		on_refused(r, e);
		break;
	case RMQ_BLOCKED:
		keep(r->blocked, sizeof(r->blocked), e->text);
		run_tell(r, "the broker takes no messages for now: %s", r->blocked);
		break;
	case RMQ_UNBLOCKED:
		r->blocked[0] = '\0';
		if (r->talk)
			run_tell(r, "the broker takes messages again");
		break;
	case RMQ_LOST:
		on_lost(r, e);
		break;
	case RMQ_DIFFERS:
		declare_warn_differs(e);
		break;
	case RMQ_CLOSED:
		r->closed = true;
		break;
	default:
		break;		/* the others are for consumers */
	}
}

static void
failed(void *arg, uint64_t number)
{
	run_set_aside(arg, number);
}

/* What is settled by now will not change; where it lies in the input is known until the next record is read. */
void
run_settle(struct run *r)
{
	if (r->counts.unsettled == 0)
		r->settled = r->in.records;
	else if (r->counts.settled_through > r->settled)
		r->settled = r->counts.settled_through;
	suspects_settle(&r->suspects, r->settled, failed, r);
	rejects_forget(&r->rejects, offsets_end(&r->offsets, r->settled));
}

void
run_take_events(struct run *r)
{
	struct rmq_event e;

	while (rmq_next(r->mq, &e))
		on_event(r, &e);
	r->counts = rmq_counts(r->mq);
	if (r->counts.nacked > 0 && !r->skip)
		r->fed = true;
	run_settle(r);
}

/* Signals: the first ends the input, the second the waiting. */
void
run_take_signals(struct run *r)
{
	int sig;

	while ((sig = loop_signal()) != 0) {
		if (r->sig != 0) {
			run_fail(r, EX_TEMPFAIL, "interrupted before everything was confirmed");
			r->hopeless = true;
			return;
		}
		r->sig = sig;
		r->fed = true;
		r->grace_until = rmq_now() + GRACE;
	}
	if (r->sig != 0 && !r->connected && r->counts.in_doubt == 0)
		r->hopeless = true;
}

/* Time: nothing is waited for without end. */

static void
give_up(struct run *r, const char *why, int64_t ms)
{
	bool doubt = r->counts.in_doubt > 0;
	bool cut = !r->connected && r->lost[0] != '\0', blocked = r->blocked[0] != '\0';
	bool nacked = doubt && !cut && !blocked && r->nacked_at != 0 && rmq_now() - r->nacked_at <= CALM;

	run_fail(r, doubt ? EX_TEMPFAIL : EX_UNAVAILABLE, "cannot %s to %s: %s %g s%s%s%s",
	    doubt ? "confirm delivery" : "deliver", r->target->name, why, (double)ms / 1000,
	    blocked ? ", the broker takes no messages: " : cut ? ", " : "",
	    blocked ? r->blocked : cut ? r->lost : "",
	    nacked ? ", the broker does not take it: a queue is full, or its node is down" : "");
	r->hopeless = true;
}

/* Until it was connected once, the session's own limit has a better story to tell. */
static int64_t
deadline(const struct run *r)
{
	return r->deadline < 0 || r->ready ? r->deadline : r->deadline + LATE;
}

bool
run_has_work(const struct run *r)
{
	return !r->ready || r->counts.unsettled > 0 || r->next == INPUT_RECORD;
}

void
run_check_times(struct run *r)
{
	int64_t now = rmq_now(), save_at = checkpoint_time(&r->checkpoint, run_next_offset(r));

	if (save_at >= 0 && now >= save_at)
		run_save_checkpoint(r);
	if (r->grace_until >= 0 && now >= r->grace_until)
		give_up(r, "not confirmed after the signal within", GRACE);
	else if (r->deadline >= 0 && now >= deadline(r) && run_has_work(r))
		give_up(r, !r->ready ? "no connection within" : r->single ? "not confirmed within" :
		    "not finished within", r->limit);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int64_t
run_next_time(const struct run *r)
{
	int64_t next = earlier(earlier(deadline(r), r->grace_until), progress_time(&r->progress));

	if (!r->fed && run_has_room(r))
		next = earlier(next, rate_time(&r->rate));
	return earlier(next, checkpoint_time(&r->checkpoint, run_next_offset(r)));
}
