/* SPDX-License-Identifier: MIT */
/* When a move ends, and what is said then. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/loop.h"
#include "broker/status.h"
#include "move/mover.h"
#include "tool/tool.h"

enum {
	STALL = 10 * 1000,	/* ms for a queue that has messages to send one */
	GRACE = 10 * 1000,	/* ms to end, after a signal or the last moment */
	LAST_LOOK = 1000	/* ms past the time limit, to hear that nothing is left */
};

/* Is there nothing to do but to wait for messages? */
static bool
is_quiet(const struct mover *m)
{
	return m->consuming && m->connected && !m->stopping && m->count == 0 &&
	    (m->to == NULL || rmq_can_publish(m->to));
}

/* When the source is to be asked whether it is empty, -1: not yet. */
static int64_t
look_time(const struct mover *m)
{
	return is_quiet(m) ? empty_time(&m->empty, m->active) : -1;
}

/* A limit is for what is there to be done: the broker is asked before anybody says that there is more. */
static int64_t
end_time(const struct mover *m)
{
	return m->end_at >= 0 && is_quiet(m) && !m->more ? m->end_at + LAST_LOOK : m->end_at;
}

int64_t
move_deadline(const struct mover *m)
{
	int64_t t = loop_earlier(m->give_up_at, progress_time(&m->progress));

	t = loop_earlier(t, giveback_deadline(&m->back));
	if (!m->stopping)
		t = loop_earlier(t, end_time(m));
	return loop_earlier(t, look_time(m));
}

void
move_look(struct mover *m)
{
	int64_t when = look_time(m);

	if (when < 0 || rmq_now() < when)
		return;
	empty_asked(&m->empty, 1);
	rmq_look_at_queue(m->from, m->plan->source);
}

static void
check_stall(struct mover *m, uint32_t messages)
{
	const char *source = m->plan->source;

	m->full = m->held >= (uint64_t)m->plan->prefetch;
	if (m->full)
		move_stop(m);
	else if (rmq_now() >= m->delivered + STALL)
		move_fail(m, EX_FEWER, "cannot move all messages of queue '%s': it has %" PRIu32 " but sends none",
		    source, messages);
}

/* The first answer was asked for before anything was taken. */
void
move_looked(struct mover *m, const struct rmq_event *e)
{
	bool first = !m->counted, quiet = m->count == 0 && !m->empty.found;

	m->counted = true;
	if (e->code != 0) {
		move_fail(m, status_of_refusal(e->code, EX_CONFIG), "cannot find queue '%s': %.*s",
		    m->plan->source, (int)e->text.len, (const char *)e->text.data);
		return;
	}
	m->more = e->messages > 0;
	if (first)
		m->size = e->messages;
	if (empty_answered(&m->empty, quiet && e->messages == 0))
		move_stop(m);
	else if (quiet && e->messages > 0)
		check_stall(m, e->messages);
}

/* Why one of the two connections is not there. */
static const char *
trouble(const struct mover *m)
{
	const char *why = rmq_trouble(m->from);

	return *why == '\0' && m->to != NULL ? rmq_trouble(m->to) : why;
}

void
move_heed_limits(struct mover *m)
{
	const char *why = trouble(m), *gap = *why != '\0' ? ": " : "";

	move_look(m);
	if (m->stopping || m->end_at < 0 || rmq_now() < end_time(m))
		return;
	m->give_up_at = rmq_now() + GRACE;
	if (m->consuming)
		move_fail(m, EX_FEWER, "cannot move all messages of queue '%s': the time is over%s%s",
		    m->plan->source, gap, why);
	else
		move_fail(m, EX_UNAVAILABLE, "cannot move messages of queue '%s': no connection before the time "
		    "limit%s%s", m->plan->source, gap, why);
}

void
move_heed_signals(struct mover *m)
{
	int sig;

	while ((sig = loop_signal()) != 0) {
		if (m->signal != 0) {
			move_give_back_late(m);
			rmq_free(m->from);
			rmq_free(m->to);
			tool_fail(EX_TEMPFAIL, "interrupted again: some messages may be in both places");
		}
		m->signal = sig;
		m->give_up_at = rmq_now() + GRACE;
		move_stop(m);
	}
}

/* "Unavailable" promises that nothing is in two places. */
static void
report_session(struct mover *m, const struct rmq_error *e, bool doubt)
{
	int status = status_of(e->status);

	if (e->status == RMQ_OK)
		return;
	if ((status == EX_UNAVAILABLE || status == EX_NOHOST) && doubt)
		status = EX_TEMPFAIL;
	move_fail(m, status, "%s", e->text);
}

/* In both places, or not: this comes before all that is known. */
static void
report_unconfirmed(struct mover *m)
{
	if (m->count == 0 || m->to_failed || m->status == EX_TEMPFAIL)
		return;
	move_tell(m, "cannot tell whether %zu message%s went to the target: not confirmed in time", (size_t)m->count,
	    m->count == 1 ? "" : "s");
	m->status = EX_TEMPFAIL;
}

static void
report_stay(struct mover *m, enum move_stay what, int status, uint64_t n, const char *why)
{
	if (n > 0)
		move_fail(m, status, "cannot move %" PRIu64 " message%s of queue '%s': %s (%s%s)", n, n == 1 ? "" : "s",
		    m->plan->source, why, n == 1 ? "" : "the first is ", m->stays[what]);
}

static void
report_messages(struct mover *m)
{
	report_stay(m, STAY_RETURNED, EX_NOUSER, m->plan->route == ROUTE_YES ? m->returned : 0,
	    "no queue takes what goes there");
	report_stay(m, STAY_REFUSED, m->refused_status, m->refused, m->why);
	report_stay(m, STAY_NACKED, EX_TEMPFAIL, m->nacked,
	    "the broker refused to take more, the target may be full");
	report_stay(m, STAY_NOWHERE, EX_DATAERR, m->nowhere,
	    "no header names another queue, in which it died");
}

static void
report_end(struct mover *m)
{
	if (m->full)
		move_fail(m, EX_FEWER, "cannot look at all messages of queue '%s': %" PRId64 " that stay are held, "
		    "and no more can be (see --prefetch)", m->plan->source, m->plan->prefetch);
	if (m->doubt || (!m->closed && m->moved > 0))
		move_fail(m, EX_TEMPFAIL, "cannot tell whether the last acknowledgements arrived: %s",
		    m->doubt ? "the connection was lost" : "there was no time to ask");
	if (m->signal != SIGINT && m->plan->count >= 0 && m->wanted < (uint64_t)m->plan->count)
		move_fail(m, EX_FEWER, "cannot move %" PRId64 " message%s of queue '%s': %s %" PRIu64,
		    m->plan->count, m->plan->count == 1 ? "" : "s", m->plan->source,
		    m->signal != 0 ? "it was to end after" : "there were only", m->wanted);
}

static bool
has_worked(const struct mover *m)
{
	return m->wanted + m->unmatched + m->nowhere + m->refused > 0;
}

static void
summarize(struct mover *m)
{
	if (m->plan->dry_run)
		move_tell(m, "would-move=%" PRIu64 " unmatched=%" PRIu64 " without-origin=%" PRIu64, m->wanted,
		    m->unmatched, m->nowhere);
	else
		move_tell(m, "moved=%" PRIu64 " returned=%" PRIu64 " refused=%" PRIu64 " nacked=%" PRIu64
		    " unmatched=%" PRIu64 " without-origin=%" PRIu64 " in-doubt=%" PRIu64,
		    m->moved, m->returned, m->refused, m->nacked,
		    m->unmatched, m->nowhere, m->again + m->count);
}

int
move_report(struct mover *m, const struct rmq_error *from, const struct rmq_error *to)
{
	fflush(stdout);
	report_session(m, to, m->count > 0);
	report_session(m, from, m->count > 0 || m->moved > 0);
	report_unconfirmed(m);
	report_messages(m);
	report_end(m);
	if (m->back.failed && m->status == EX_OK)
		m->status = EX_TEMPFAIL;
	free(m->parcels);
	if (m->again > 0)
		move_tell(m, "warning: the connection was lost, and %" PRIu64 " message%s may have been moved twice",
		    m->again, m->again == 1 ? "" : "s");
	if (m->plan->verbose || ((m->status != EX_OK || m->signal != 0) && has_worked(m)))
		summarize(m);
	if (m->signal == SIGINT && m->status == EX_OK)
		loop_die(SIGINT);
	return m->status;
}
