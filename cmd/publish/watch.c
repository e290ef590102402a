/* SPDX-License-Identifier: MIT */
/* What a sender looks at in each turn of its loop: events, signals, time. */

#include <stdio.h>
#include <string.h>

#include "broker/loop.h"
#include "broker/status.h"
#include "message/declare.h"
#include "publish/ledger.h"
#include "publish/sender.h"
#include "publish/watch.h"
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
no_memory(struct sender *s)
{
	sender_fail(s, EX_OSERR, "cannot keep track of the messages: out of memory");
}

/* The name that the target has, unless each record has one of its own. */
static void
keep_returned_to(struct sender *s, const struct rmq_event *e)
{
	if (s->target->exchange != NULL && s->target->routing_key != NULL)
		strlcpy(s->returned_to, s->target->name, sizeof(s->returned_to));
	else if (e->exchange.len == 0)
		snprintf(s->returned_to, sizeof(s->returned_to), "queue '%.*s'", (int)e->routing_key.len,
		    (const char *)e->routing_key.data);
	else
		snprintf(s->returned_to, sizeof(s->returned_to), "exchange '%.*s' with routing key '%.*s'",
		    (int)e->exchange.len, (const char *)e->exchange.data, (int)e->routing_key.len,
		    (const char *)e->routing_key.data);
}

/* By the default exchange a queue is missing, by others a binding may be. */
static void
keep_reason(struct sender *s, const struct rmq_event *e)
{
	snprintf(s->returned, sizeof(s->returned), "%s (%.*s)",
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
on_returned(struct sender *s, const struct rmq_event *e)
{
	bool first = s->returned[0] == '\0';

	if (first) {
		keep_reason(s, e);
		keep_returned_to(s, e);
	}
	if (s->target->route != ROUTE_YES) {
		if (first)
			sender_tell(s, "warning: nobody receives what goes to %s: %s",
			    s->returned_to, s->returned);
		return;
	}
	note_first(&s->first_returned, e->cookie);
	if (!suspects_returned(&s->suspects, e->cookie))
		no_memory(s);
	s->fed = s->fed || !s->skip;
}

/* Told once for each time of trouble, whoever caused it. */
static void
on_nacked(struct sender *s, const struct rmq_event *e)
{
	int64_t now = rmq_now();

	if (!e->given_up && s->talk && (s->nacked_at == 0 || now - s->nacked_at > CALM))
		sender_tell(s, "the broker does not take what goes to %s for now: a queue is full, or its node is "
		    "down; it is sent again", s->target->name);
	s->nacked_at = now;
	if (e->given_up)
		note_first(&s->first_nacked, e->cookie);
	if (e->given_up && !suspects_given_up(&s->suspects, e->cookie))
		no_memory(s);
}

static void
on_refused(struct sender *s, const struct rmq_event *e)
{
	ledger_reject(s, e->cookie, status_of_refusal(e->code, EX_DATAERR), e->text.data, e->text.len);
}

static void
on_ready(struct sender *s)
{
	if (s->lost_at != 0 && s->talk)
		sender_tell(s, "reconnected after %.1f s", (double)(rmq_now() - s->lost_at) / 1000);
	s->lost_at = 0;
	s->ready = s->connected = true;
}

static void
on_lost(struct sender *s, const struct rmq_event *e)
{
	s->connected = false;
	s->lost_at = e->heard_at;
	s->blocked[0] = '\0';
	suspects_lost(&s->suspects);
	keep(s->lost, sizeof(s->lost), e->text);
	if (s->talk)
		sender_tell(s, "%s; connecting again", s->lost);
}

static void
on_event(struct sender *s, const struct rmq_event *e)
{
	switch (e->type) {
	case RMQ_READY:
		on_ready(s);
		break;
	case RMQ_RETURNED:
		on_returned(s, e);
		break;
	case RMQ_NACKED:
		on_nacked(s, e);
		break;
	case RMQ_REFUSED:
		on_refused(s, e);
		break;
	case RMQ_BLOCKED:
		keep(s->blocked, sizeof(s->blocked), e->text);
		sender_tell(s, "the broker takes no messages for now: %s", s->blocked);
		break;
	case RMQ_UNBLOCKED:
		s->blocked[0] = '\0';
		if (s->talk)
			sender_tell(s, "the broker takes messages again");
		break;
	case RMQ_LOST:
		on_lost(s, e);
		break;
	case RMQ_DIFFERS:
		declare_warn_differs(e);
		break;
	case RMQ_CLOSED:
		s->closed = true;
		break;
	default:
		break;		/* the others are for consumers */
	}
}

void
watch_events(struct sender *s)
{
	struct rmq_event e;

	while (rmq_next(s->mq, &e))
		on_event(s, &e);
	s->counts = rmq_counts(s->mq);
	if (s->counts.nacked > 0 && !s->skip)
		s->fed = true;
	ledger_settle(s);
}

/* Signals: the first ends the input, the second the waiting. */
void
watch_signals(struct sender *s)
{
	int sig;

	while ((sig = loop_signal()) != 0) {
		if (s->sig != 0) {
			sender_fail(s, EX_TEMPFAIL, "interrupted before everything was confirmed");
			s->hopeless = true;
			return;
		}
		s->sig = sig;
		s->fed = true;
		s->grace_until = rmq_now() + GRACE;
	}
	if (s->sig != 0 && !s->connected && s->counts.in_doubt == 0)
		s->hopeless = true;
}

/* Time: nothing is waited for without end. */

static void
give_up(struct sender *s, const char *why, int64_t ms)
{
	bool doubt = s->counts.in_doubt > 0;
	bool cut = !s->connected && s->lost[0] != '\0', blocked = s->blocked[0] != '\0';
	bool nacked = doubt && !cut && !blocked && s->nacked_at != 0 && rmq_now() - s->nacked_at <= CALM;

	sender_fail(s, doubt ? EX_TEMPFAIL : EX_UNAVAILABLE, "cannot %s to %s: %s %g s%s%s%s",
	    doubt ? "confirm delivery" : "deliver", s->target->name, why, (double)ms / 1000,
	    blocked ? ", the broker takes no messages: " : cut ? ", " : "",
	    blocked ? s->blocked : cut ? s->lost : "",
	    nacked ? ", the broker does not take it: a queue is full, or its node is down" : "");
	s->hopeless = true;
}

/* Until it was connected once, the session's own limit has a better story to tell. */
static int64_t
deadline(const struct sender *s)
{
	return s->deadline < 0 || s->ready ? s->deadline : s->deadline + LATE;
}

bool
watch_has_work(const struct sender *s)
{
	return !s->ready || s->counts.unsettled > 0 || s->next == INPUT_RECORD;
}

void
watch_times(struct sender *s)
{
	int64_t now = rmq_now(), save_at = checkpoint_time(&s->checkpoint, ledger_next_offset(s));

	if (save_at >= 0 && now >= save_at)
		ledger_save_checkpoint(s);
	if (s->grace_until >= 0 && now >= s->grace_until)
		give_up(s, "not confirmed after the signal within", GRACE);
	else if (s->deadline >= 0 && now >= deadline(s) && watch_has_work(s))
		give_up(s, !s->ready ? "no connection within" : s->single ? "not confirmed within" :
		    "not finished within", s->limit);
}

int64_t
watch_next_time(const struct sender *s)
{
	int64_t next = loop_earlier(loop_earlier(deadline(s), s->grace_until), progress_time(&s->progress));

	if (!s->fed && sender_has_room(s))
		next = loop_earlier(next, rate_time(&s->rate));
	return loop_earlier(next, checkpoint_time(&s->checkpoint, ledger_next_offset(s)));
}
