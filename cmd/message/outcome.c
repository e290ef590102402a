/* SPDX-License-Identifier: MIT */
/* See outcome.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/headers.h"
#include "message/outcome.h"
#include "tool/tool.h"

enum { FAILED = 1, SIGNALLED = 128, LONGEST = 1000 };

static bool
set_number(struct rmq_table *headers, const char *name, int number, struct rmq_error *e)
{
	char text[16];

	snprintf(text, sizeof text, "%d", number);
	return rmq_table_set(headers, name, RMQ_INT32, text, e);
}

bool
outcome_set(struct rmq_table *headers, const struct outcome *o, const char *error, struct rmq_error *e)
{
	return (o->status == -1 || set_number(headers, OUTCOME_EXIT, o->status, e)) &&
	    (o->signal == 0 || set_number(headers, OUTCOME_SIGNAL, o->signal, e)) &&
	    (error == NULL || rmq_table_set(headers, OUTCOME_ERROR, RMQ_STRING, error, e));
}

/* 0: it is not there. */
static int
number(const struct rmq_table *headers, const char *name, int most)
{
	char *text = headers_text(headers, name);
	const char *wrong = NULL;
	int n = text != NULL ? (int)strtonum(text, 0, most, &wrong) : 0;

	if (text != NULL && wrong != NULL)
		n = most;
	free(text);
	return n;
}

int
outcome_report(const struct rmq_table *headers, bool passed_on)
{
	int status = number(headers, OUTCOME_EXIT, 255), sig = number(headers, OUTCOME_SIGNAL, 127);
	char *error = headers_text(headers, OUTCOME_ERROR), how[64] = "";
	bool failed = status != 0 || sig != 0 || error != NULL;

	if (sig != 0)
		snprintf(how, sizeof how, " with signal %d (%s)", sig, strsignal(sig));
	else if (status != 0)
		snprintf(how, sizeof how, " with exit status %d", status);
	if (failed && (!passed_on || sig != 0 || error != NULL))
		tool_warn("the request failed%s%s%.*s", how, error != NULL ? ": " : "", LONGEST,
		    error != NULL ? error : "");
	free(error);
	if (passed_on && (sig != 0 || status != 0))
		return sig != 0 ? SIGNALLED + sig : status;
	return failed ? FAILED : EX_OK;
}
