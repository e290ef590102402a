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
#include "publish/end.h"
#include "publish/ledger.h"
#include "publish/report.h"
#include "publish/sender.h"
#include "publish/watch.h"
#include "tool/escape.h"
#include "tool/tool.h"

/* "Unavailable" promises that nothing can have arrived. */
static void
report_error(struct sender *s)
{
	const struct rmq_error *e = rmq_error(s->mq);
	int status = status_of(e->status);

	if (s->counts.in_doubt > 0 && (status == EX_UNAVAILABLE || status == EX_NOHOST))
		status = EX_TEMPFAIL;
	sender_fail(s, status, "%s%s", e->text,
	    s->single && status == EX_TEMPFAIL ? "; the message may have been delivered" : "");
}

/* Of many records: which was the first. */
static const char *
which(const struct sender *s, uint64_t number)
{
	static char text[1100];

	text[0] = '\0';
	if (s->counts.accepted > 1)
		snprintf(text, sizeof(text), ", the first is %s", source_place(&s->in, number));
	return text;
}

static void
report_returned(struct sender *s)
{
	char many[1200] = "";

	if (s->counts.accepted > 1)
		snprintf(many, sizeof(many), ", %ju of %ju messages came back%s", (uintmax_t)s->counts.returned,
		    (uintmax_t)s->counts.accepted, which(s, s->first_returned));
	sender_fail(s, EX_NOUSER, "cannot deliver to %s: %s%s", s->returned_to, s->returned, many);
}

static void
report_nacked(struct sender *s)
{
	sender_fail(s, EX_TEMPFAIL, "cannot deliver to %s: the broker refused %ju of %ju messages%s",
	    s->target->name, (uintmax_t)s->counts.nacked, (uintmax_t)s->counts.accepted, which(s, s->first_nacked));
}

static void
report_rejected(struct sender *s)
{
	sender_fail(s, s->rejected_status, "cannot send %ju of %ju messages: they are in '%s'",
	    (uintmax_t)(s->counts.refused + s->bad), (uintmax_t)(s->counts.accepted + s->bad), s->rejects.name);
}

static void
report(struct sender *s)
{
	if (rmq_failed(s->mq) && !s->hopeless)
		report_error(s);
	if (s->skip && s->counts.refused + s->bad > 0)
		report_rejected(s);
	if (s->counts.returned > 0 && s->target->route == ROUTE_YES)
		report_returned(s);
	if (s->counts.nacked > 0)
		report_nacked(s);
}

static void
chat(struct sender *s)
{
	const char *key = s->target->routing_key;
	char *safe_body, *safe_key;

	safe_body = escape(s->message.body.data, s->message.body.len);
	safe_key = escape(key, strlen(key));
	if (safe_body == NULL || safe_key == NULL)
		tool_warn("cannot tell about the message: out of memory");
	else if (s->target->show_key)
		printf(" [x] Sent '%s':'%s'\n", safe_key, safe_body);
	else
		printf(" [x] Sent '%s'\n", safe_body);
	if (fflush(stdout) == EOF)
		sender_fail(s, EX_IOERR, "cannot write standard output: %s", strerror(errno));
	free(safe_key);
	free(safe_body);
}

/* All is settled, so what goes wrong from here on does not matter. */
static void
say_goodbye(struct sender *s)
{
	int64_t until = rmq_now() + GOODBYE;

	rmq_close(s->mq);
	while (!s->closed && !rmq_failed(s->mq) && rmq_now() < until && loop_signal() == 0) {
		loop_wait(&s->mq, 1, NULL, 0, until);
		watch_events(s);
	}
}

/* A signal is passed on unless all of the input was read and confirmed all the same. */
static bool
is_unfinished(const struct sender *s)
{
	return s->sig != 0 && s->status == EX_OK && (s->next != INPUT_END || s->counts.unsettled > 0);
}

static void
discard(struct sender *s)
{
	rmq_free(s->mq);
	rmq_envelope_free(s->envelope);
	offsets_free(&s->offsets);
	suspects_free(&s->suspects);
	rejects_close(&s->rejects);
	input_close(&s->in);
}

int
end_conclude(struct sender *s)
{
	bool unfinished;

	progress_clear(&s->progress);
	ledger_settle(s);
	report(s);
	ledger_save_checkpoint(s);
	unfinished = is_unfinished(s);
	if (sender_chats(s) && s->status == EX_OK && !unfinished)
		chat(s);
	if (s->verbose || ((s->status != EX_OK || unfinished) && s->counts.accepted + s->bad > 0 && !s->single))
		report_summary(s);
	report_write(s, unfinished ? 128 + s->sig : s->status);
	if (s->connected && !s->hopeless)
		say_goodbye(s);
	eager_remember(s->mq);
	discard(s);
	if (unfinished && s->status == EX_OK)
		loop_die(s->sig);
	return s->status;
}
