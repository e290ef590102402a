/* SPDX-License-Identifier: MIT */
/* How a sender ends: what became of every message, in words and as an exit status. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"
#include "groups.h"
#include "loop.h"
#include "run.h"
#include "tool.h"

/* "Unavailable" promises that nothing can have arrived. */
static void
report_error(struct run *r)
{
	const struct rmq_error *e = rmq_error(r->mq);
	int status = groups_exit_status(e->status);

	if (r->counts.in_doubt > 0 && (status == EX_UNAVAILABLE || status == EX_NOHOST))
		status = EX_TEMPFAIL;
	run_fail(r, status, "%s%s", e->text,
	    r->single && status == EX_TEMPFAIL ? "; the message may have been delivered" : "");
}

static void
report_returned(struct run *r)
{
	char many[96] = "";

	if (r->counts.accepted > 1)
		snprintf(many, sizeof(many), ", %ju of %ju messages came back",
		    (uintmax_t)r->counts.returned, (uintmax_t)r->counts.accepted);
	run_fail(r, EX_NOUSER, "cannot deliver to %s: no queue is bound (%s)%s",
	    r->target->name, r->returned, many);
}

static void
report_nacked(struct run *r)
{
	run_fail(r, EX_TEMPFAIL, "cannot deliver to %s: the broker refused %ju of %ju messages",
	    r->target->name, (uintmax_t)r->counts.nacked, (uintmax_t)r->counts.accepted);
}

static void
report(struct run *r)
{
	if (rmq_failed(r->mq) && !r->hopeless)
		report_error(r);
	if (r->counts.returned > 0 && r->target->must_route)
		report_returned(r);
	if (r->counts.nacked > 0)
		report_nacked(r);
}

/* Where in the input to go on: all before it was delivered. */
static uint64_t
next_offset(const struct run *r)
{
	const struct rmq_counts *c = &r->counts;
	uint64_t offset = c->unsettled > 0 ? offsets_end(&r->offsets, c->settled_through) : r->in.end;

	/* A record that was nacked first may have been taken later. */
	if (c->unsettled + c->nacked + c->refused == 0 && !(c->returned > 0 && r->target->must_route))
		return offset;
	return r->first_failed != 0 && r->resume_at < offset ? r->resume_at : offset;
}

static void
summarize(const struct run *r)
{
	const struct rmq_counts *c = &r->counts;
	char refused[40] = "";

	if (c->refused > 0)
		snprintf(refused, sizeof(refused), " refused=%ju", (uintmax_t)c->refused);
	tool_warn("confirmed=%ju returned=%ju nacked=%ju%s in-doubt=%ju unsent=%ju next-input-offset=%ju",
	    (uintmax_t)c->confirmed, (uintmax_t)c->returned, (uintmax_t)c->nacked, refused,
	    (uintmax_t)c->in_doubt, (uintmax_t)(c->unsettled - c->in_doubt), (uintmax_t)next_offset(r));
}

static void
chat(const struct run *r)
{
	const char *key = r->target->routing_key;
	char *safe_body, *safe_key;

	if (r->chat == CHAT_NEVER || (r->chat == CHAT_AUTO && !isatty(STDOUT_FILENO)))
		return;
	safe_body = escape(r->message.body.data, r->message.body.len);
	safe_key = escape(key, strlen(key));
	if (safe_body == NULL || safe_key == NULL)
		tool_warn("cannot tell about the message: out of memory");
	else if (r->target->show_key)
		printf(" [x] Sent '%s':'%s'\n", safe_key, safe_body);
	else
		printf(" [x] Sent '%s'\n", safe_body);
	free(safe_key);
	free(safe_body);
}

/* All is settled, so what goes wrong from here on does not matter. */
static void
say_goodbye(struct run *r)
{
	int64_t until = rmq_now() + GOODBYE;

	rmq_close(r->mq);
	while (!r->closed && !rmq_failed(r->mq) && rmq_now() < until && loop_signal() == 0) {
		loop_wait(&r->mq, 1, NULL, 0, until);
		run_take_events(r);
	}
}

/* A signal is passed on unless all of the input was read and confirmed all the same. */
static bool
is_unfinished(const struct run *r)
{
	return r->sig != 0 && r->status == EX_OK && (r->next != INPUT_END || r->counts.unsettled > 0);
}

int
run_conclude(struct run *r)
{
	bool unfinished;

	progress_clear(&r->progress);
	report(r);
	unfinished = is_unfinished(r);
	if (r->verbose || ((r->status != EX_OK || unfinished) && r->counts.accepted > 0 && !r->single))
		summarize(r);
	if (r->single && r->status == EX_OK && !unfinished)
		chat(r);
	if (r->connected && !r->hopeless)
		say_goodbye(r);
	rmq_free(r->mq);
	offsets_free(&r->offsets);
	input_close(&r->in);
	if (unfinished)
		loop_die(r->sig);
	return r->status;
}
