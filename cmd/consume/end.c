/* SPDX-License-Identifier: MIT */
/* When a receiver ends, and what it says then. */

#include <inttypes.h>
#include <signal.h>

#include "broker/limits.h"
#include "broker/loop.h"
#include "broker/status.h"
#include "consume/receiver.h"
#include "output/print.h"
#include "tool/tool.h"

enum { GRACE_MS = 10 * 1000 };	/* to end after a signal */

static bool
passed(int64_t deadline)
{
	return deadline >= 0 && rmq_now() >= deadline;
}

void
receiver_set_limits(struct receiver *r)
{
	const struct limit_options *l = &limit_options;

	r->idle = l->idle_timeout;
	r->end_at = l->timeout >= 0 ? rmq_now() + l->timeout : -1;
	r->give_up_at = -1;
	loop_catch(SIGINT);
	loop_catch(SIGTERM);
	loop_catch(SIGHUP);
}

/* Silence counts only while something could come. */
static int64_t
idle_end(const struct receiver *r)
{
	return r->idle >= 0 && r->subscribed && !output_full(&r->out) ? r->last + r->idle : -1;
}

int64_t
receiver_deadline(const struct receiver *r)
{
	return r->stopping ? r->give_up_at : loop_earlier(r->end_at, idle_end(r));
}

void
receiver_heed_limits(struct receiver *r)
{
	if (!r->stopping && passed(receiver_deadline(r)))
		receiver_stop(r);
}

void
receiver_heed_signals(struct receiver *r)
{
	int sig;

	while ((sig = loop_signal()) != 0) {
		if (r->signal != 0) {
			receiver_give_back_late(r);
			rmq_free(r->mq);
			tool_fail(EX_TEMPFAIL, "interrupted again: messages that were printed may be delivered again");
		}
		r->signal = sig;
		r->give_up_at = rmq_now() + GRACE_MS;
		receiver_stop(r);
	}
}

/* What was taken from a session that failed is written all the same. */
bool
receiver_over(const struct receiver *r)
{
	return r->closed || (rmq_failed(r->mq) && !output_pending(&r->out)) || passed(r->give_up_at);
}

static bool
has_trouble(const struct receiver *r)
{
	return r->trouble[0] != '\0';
}

static int
report_doubt(const struct receiver *r)
{
	const char *why = r->in_doubt ? "the connection was lost" : "there was no time to ask";

	tool_warn("cannot tell whether the last acknowledgements arrived: %s", has_trouble(r) ? r->trouble : why);
	return EX_TEMPFAIL;
}

static int
report_few(const struct receiver *r)
{
	tool_warn("cannot receive %" PRId64 " message%s: only %" PRIu64 " came%s%s%s", limit_options.count,
	    limit_options.count == 1 ? "" : "s", r->taken, r->signal != 0 ? " before it was to end" : "",
	    has_trouble(r) ? ", there is no connection: " : "", r->trouble);
	return EX_FEWER;
}

/* Fewer messages than were asked for, or none because there was no broker. */
static int
report_limits(const struct receiver *r)
{
	int64_t count = limit_options.count;

	if (!r->was_subscribed && r->signal == 0) {
		tool_warn("cannot receive messages: no connection before the time limit%s%s",
		    has_trouble(r) ? ": " : "", r->trouble);
		return EX_UNAVAILABLE;
	}
	if (count >= 0 && r->taken < (uint64_t)count)
		return report_few(r);
	if (has_trouble(r))
		tool_warn("there is no connection at the end: %s", r->trouble);
	else if (count < 0 && r->signal == 0)
		peek_report_rest(r);
	return EX_OK;
}

int
receiver_report(const struct receiver *r, const struct rmq_error *error)
{
	if (r->out.error != 0)
		return print_failed(&r->out);
	if (error->status != RMQ_OK) {
		tool_warn("%s", error->text);
		return status_of(error->status);
	}
	if (r->in_doubt || (!r->closed && r->takes))
		return report_doubt(r);
	if (r->back.failed)
		return EX_TEMPFAIL;
	if (r->signal == SIGINT)
		loop_die(SIGINT);
	return report_limits(r);
}
