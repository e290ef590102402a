/* SPDX-License-Identifier: MIT */
/* What a sender looks at in each turn of its loop: events, signals, time. */

#include <string.h>

#include "loop.h"
#include "run.h"
#include "tool.h"

/* Events: what the session tells. */

static void
keep(char *to, size_t size, struct rmq_bytes text)
{
	size_t len = text.len < size ? text.len : size - 1;

	if (len > 0)
		memcpy(to, text.data, len);
	to[len] = '\0';
}

/* The input can be resumed at the first record that was not delivered. */
static void
note_failure(struct run *r, uint64_t number)
{
	if (r->first_failed != 0 && r->first_failed <= number)
		return;
	r->first_failed = number;
	r->resume_at = offsets_end(&r->offsets, number - 1);
}

static void
on_returned(struct run *r, const struct rmq_event *e)
{
	if (r->target->must_route) {
		note_failure(r, e->cookie);
		r->fed = true;
	} else if (r->returned[0] == '\0')
		run_tell(r, "warning: nobody receives what goes to %s: no queue is bound (%.*s)",
		    r->target->name, (int)e->text.len, (const char *)e->text.data);
	keep(r->returned, sizeof(r->returned), e->text);
}

static void
on_refused(struct run *r, const struct rmq_event *e)
{
	note_failure(r, e->cookie);
	run_fail(r, EX_DATAERR, "cannot send %s: %.*s", source_place(&r->in, e->cookie),
	    (int)e->text.len, (const char *)e->text.data);
}

static void
on_ready(struct run *r)
{
	if (r->ready && r->talk)
		run_tell(r, "connected again");
	r->ready = r->connected = true;
}

static void
on_lost(struct run *r, const struct rmq_event *e)
{
	r->connected = false;
	keep(r->lost, sizeof(r->lost), e->text);
	if (r->talk)
		run_tell(r, "connection lost, connecting again: %s", r->lost);
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
		note_failure(r, e->cookie);
		break;
	case RMQ_REFUSED:
		on_refused(r, e);
		break;
	case RMQ_BLOCKED:
		run_tell(r, "the broker takes no messages for now: %.*s", (int)e->text.len,
		    (const char *)e->text.data);
		break;
	case RMQ_UNBLOCKED:
		if (r->talk)
			run_tell(r, "the broker takes messages again");
		break;
	case RMQ_LOST:
		on_lost(r, e);
		break;
	case RMQ_CLOSED:
		r->closed = true;
		break;
	default:
		break;		/* the others are for consumers */
	}
}

void
run_take_events(struct run *r)
{
	struct rmq_event e;

	while (rmq_next(r->mq, &e))
		on_event(r, &e);
	r->counts = rmq_counts(r->mq);
	if (r->counts.nacked > 0)
		r->fed = true;
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
	bool cut = !r->connected && r->lost[0] != '\0';

	run_fail(r, doubt ? EX_TEMPFAIL : EX_UNAVAILABLE, "cannot %s to %s: %s %g s%s%s",
	    doubt ? "confirm delivery" : "deliver", r->target->name, why, (double)ms / 1000,
	    cut ? ", connection lost: " : "", cut ? r->lost : "");
	r->hopeless = true;
}

/* Until it was connected once, the session's own limit has a better story to tell. */
static int64_t
deadline(const struct run *r)
{
	return r->deadline < 0 || r->ready ? r->deadline : r->deadline + LATE;
}

void
run_check_times(struct run *r)
{
	int64_t now = rmq_now();

	if (r->grace_until >= 0 && now >= r->grace_until)
		give_up(r, "not confirmed after the signal within", GRACE);
	else if (r->deadline >= 0 && now >= deadline(r))
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
	return earlier(earlier(deadline(r), r->grace_until), progress_time(&r->progress));
}
