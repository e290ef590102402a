/* SPDX-License-Identifier: MIT */
/* What the parts of a sender ask of it and tell it. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "output/options.h"
#include "publish/sender.h"
#include "tool/tool.h"

/* The line of progress gives way. */
static void
tell(struct sender *s, const char *text)
{
	progress_clear(&s->progress);
	tool_warn("%s", text);
}

void
sender_tell(struct sender *s, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tell(s, text);
}

void
sender_fail(struct sender *s, int status, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->fed = true;
	if (s->status != EX_OK)
		return;
	tell(s, text);
	strlcpy(s->error, text, sizeof(s->error));
	s->status = status;
}

bool
sender_chats(const struct sender *s)
{
	return s->single && (s->chat == CHAT_ALWAYS || (s->chat == CHAT_AUTO && isatty(STDOUT_FILENO)));
}

/*
 * A broker that takes nothing for now is handed one record all the same: from then on the session has a limit of time,
 * and before, nobody waits for it.
 */
bool
sender_has_room(const struct sender *s)
{
	return rmq_can_publish(s->mq) || rmq_counts(s->mq).unsettled == 0;
}
