/* SPDX-License-Identifier: MIT */
/* What became of the messages, and where to go on: for people, for scripts, for the next run. */

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "publish/ledger.h"
#include "publish/report.h"
#include "publish/sender.h"
#include "tool/escape.h"
#include "tool/save.h"
#include "tool/tool.h"

void
report_summary(const struct sender *s)
{
	const struct rmq_counts *c = &s->counts;
	char refused[40] = "";

	if (c->refused + s->bad > 0)
		snprintf(refused, sizeof(refused), " refused=%ju", (uintmax_t)(c->refused + s->bad));
	tool_warn("confirmed=%ju returned=%ju nacked=%ju%s in-doubt=%ju unsent=%ju next-input-offset=%ju",
	    (uintmax_t)c->confirmed, (uintmax_t)c->returned, (uintmax_t)c->nacked, refused,
	    (uintmax_t)c->in_doubt, (uintmax_t)(c->unsettled - c->in_doubt), (uintmax_t)ledger_next_offset(s));
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
report_text(const struct sender *s, int status)
{
	const struct rmq_counts *c = &s->counts;
	json_int_t refused = (json_int_t)c->refused + (json_int_t)s->bad;
	json_t *json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:o}",
	    "confirmed", (json_int_t)c->confirmed, "returned", (json_int_t)c->returned, "nacked", (json_int_t)c->nacked,
	    "refused", refused, "in_doubt", (json_int_t)c->in_doubt,
	    "unsent", (json_int_t)(c->unsettled - c->in_doubt), "next_input_offset", (json_int_t)ledger_next_offset(s),
	    "status", status, "error", text_or_null(s->error));
	char *line = json_dumps(json, JSON_PRESERVE_ORDER), *text = NULL;

	if (line != NULL && asprintf(&text, "%s\n", line) == -1)
		text = NULL;
	free(line);
	json_decref(json);
	return text;
}

void
report_write(struct sender *s, int status)
{
	char *text;

	if (s->report == NULL)
		return;
	errno = ENOMEM;
	text = report_text(s, status);
	if (text == NULL || !save_file(s->report, text, 0666))
		sender_fail(s, EX_CANTCREAT, "cannot write report '%s': %s", s->report, strerror(errno));
	free(text);
}
