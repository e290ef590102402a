/* SPDX-License-Identifier: MIT */
/* How a sender ends: what became of every message, in words and as an exit status. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/eager.h"
#include "broker/loop.h"
#include "broker/status.h"
#include "output/options.h"
#include "publish/sender.h"
#include "tool/escape.h"
#include "tool/tool.h"

/* "Unavailable" promises that nothing can have arrived. */
static void
report_error(struct run *r)
{
	const struct rmq_error *e = rmq_error(r->mq);
	int status = status_of(e->status);

	if (r->counts.in_doubt > 0 && (status == EX_UNAVAILABLE || status == EX_NOHOST))
		status = EX_TEMPFAIL;
	run_fail(r, status, "%s%s", e->text,
	    r->single && status == EX_TEMPFAIL ? "; the message may have been delivered" : "");
}

/* Of many records: which was the first. */
static const char *
which(const struct run *r, uint64_t number)
{
	static char text[1100];

	text[0] = '\0';
	if (r->counts.accepted > 1)
		snprintf(text, sizeof(text), ", the first is %s", source_place(&r->in, number));
	return text;
}

static void
report_returned(struct run *r)
{
	char many[1200] = "";

	if (r->counts.accepted > 1)
		snprintf(many, sizeof(many), ", %ju of %ju messages came back%s", (uintmax_t)r->counts.returned,
		    (uintmax_t)r->counts.accepted, which(r, r->first_returned));
	run_fail(r, EX_NOUSER, "cannot deliver to %s: %s%s", r->returned_to, r->returned, many);
}

static void
report_nacked(struct run *r)
{
	run_fail(r, EX_TEMPFAIL, "cannot deliver to %s: the broker refused %ju of %ju messages%s",
	    r->target->name, (uintmax_t)r->counts.nacked, (uintmax_t)r->counts.accepted, which(r, r->first_nacked));
}

static void
report_rejected(struct run *r)
{
	run_fail(r, r->rejected_status, "cannot send %ju of %ju messages: they are in '%s'",
	    (uintmax_t)(r->counts.refused + r->bad), (uintmax_t)(r->counts.accepted + r->bad), r->rejects.name);
}

static void
report(struct run *r)
{
	if (rmq_failed(r->mq) && !r->hopeless)
		report_error(r);
	if (r->skip && r->counts.refused + r->bad > 0)
		report_rejected(r);
	if (r->counts.returned > 0 && r->target->route == ROUTE_YES)
		report_returned(r);
	if (r->counts.nacked > 0)
		report_nacked(r);
}

bool
run_chats(const struct run *r)
{
	return r->single && (r->chat == CHAT_ALWAYS || (r->chat == CHAT_AUTO && isatty(STDOUT_FILENO)));
}

static void
chat(struct run *r)
{
	const char *key = r->target->routing_key;
	char *safe_body, *safe_key;

	safe_body = escape(r->message.body.data, r->message.body.len);
	safe_key = escape(key, strlen(key));
	if (safe_body == NULL || safe_key == NULL)
		tool_warn("cannot tell about the message: out of memory");
	else if (r->target->show_key)
		printf(" [x] Sent '%s':'%s'\n", safe_key, safe_body);
	else
		printf(" [x] Sent '%s'\n", safe_body);
	if (fflush(stdout) == EOF)
		run_fail(r, EX_IOERR, "cannot write standard output: %s", strerror(errno));
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

static void
discard(struct run *r)
{
	rmq_free(r->mq);
	rmq_envelope_free(r->envelope);
	offsets_free(&r->offsets);
	suspects_free(&r->suspects);
	rejects_close(&r->rejects);
	input_close(&r->in);
}

int
run_conclude(struct run *r)
{
	bool unfinished;

	progress_clear(&r->progress);
	run_settle(r);
	report(r);
	run_save_checkpoint(r);
	unfinished = is_unfinished(r);
	if (run_chats(r) && r->status == EX_OK && !unfinished)
		chat(r);
	if (r->verbose || ((r->status != EX_OK || unfinished) && r->counts.accepted + r->bad > 0 && !r->single))
		run_summarize(r);
	run_report(r, unfinished ? 128 + r->sig : r->status);
	if (r->connected && !r->hopeless)
		say_goodbye(r);
	eager_remember(r->mq);
	discard(r);
	if (unfinished && r->status == EX_OK)
		loop_die(r->sig);
	return r->status;
}
