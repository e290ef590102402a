/* SPDX-License-Identifier: MIT */
/* What became of the messages, and where to go on: for people, for scripts, for the next run. */

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "publish/sender.h"
#include "tool/escape.h"
#include "tool/save.h"
#include "tool/tool.h"

/* How many records there are before the first one that is neither delivered nor set aside. */
static uint64_t
done(const struct run *r)
{
	return r->first_failed != 0 && r->first_failed <= r->settled ? r->first_failed - 1 : r->settled;
}

uint64_t
run_next_offset(const struct run *r)
{
	uint64_t number = done(r);

	return r->first_failed == number + 1 ? r->resume_at : offsets_end(&r->offsets, number);
}

/* What was set aside must be on the disk before a checkpoint passes it. */
void
run_save_checkpoint(struct run *r)
{
	if (!rejects_sync(&r->rejects))
		run_fail(r, EX_IOERR, "cannot write reject file '%s': %s", r->rejects.name, strerror(errno));
	else if (!checkpoint_save(&r->checkpoint, run_next_offset(r), done(r)))
		run_fail(r, EX_IOERR, "cannot write checkpoint '%s': %s", r->checkpoint.path, strerror(errno));
}

void
run_summarize(const struct run *r)
{
	const struct rmq_counts *c = &r->counts;
	char refused[40] = "";

	if (c->refused + r->bad > 0)
		snprintf(refused, sizeof(refused), " refused=%ju", (uintmax_t)(c->refused + r->bad));
	tool_warn("confirmed=%ju returned=%ju nacked=%ju%s in-doubt=%ju unsent=%ju next-input-offset=%ju",
	    (uintmax_t)c->confirmed, (uintmax_t)c->returned, (uintmax_t)c->nacked, refused,
	    (uintmax_t)c->in_doubt, (uintmax_t)(c->unsettled - c->in_doubt), (uintmax_t)run_next_offset(r));
}

/* JSON is UTF-8; a broker's text may be anything. */
static json_t *
text_or_null(const char *text)
{
	char *safe = *text != '\0' ? escape(text, strlen(text)) : NULL;
	json_t *json = safe != NULL ? json_string(safe) : NULL;

	free(safe);
	return json != NULL ? json : json_null();
}

static char *
report_text(const struct run *r, int status)
{
	const struct rmq_counts *c = &r->counts;
	json_int_t refused = (json_int_t)c->refused + (json_int_t)r->bad;
	json_t *json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:o}",
	    "confirmed", (json_int_t)c->confirmed, "returned", (json_int_t)c->returned, "nacked", (json_int_t)c->nacked,
	    "refused", refused, "in_doubt", (json_int_t)c->in_doubt,
	    "unsent", (json_int_t)(c->unsettled - c->in_doubt), "next_input_offset", (json_int_t)run_next_offset(r),
	    "status", status, "error", text_or_null(r->error));
	char *line = json_dumps(json, JSON_PRESERVE_ORDER), *text = NULL;

	if (line != NULL && asprintf(&text, "%s\n", line) == -1)
		text = NULL;
	free(line);
	json_decref(json);
	return text;
}

void
run_report(struct run *r, int status)
{
	char *text;

	if (r->report == NULL)
		return;
	errno = ENOMEM;
	text = report_text(r, status);
	if (text == NULL || !save_file(r->report, text, 0666))
		run_fail(r, EX_CANTCREAT, "cannot write report '%s': %s", r->report, strerror(errno));
	free(text);
}
