/* SPDX-License-Identifier: MIT */
/* What the parts of a move ask of it and tell it. */

#include <stdarg.h>
#include <stdio.h>

#include "move/mover.h"
#include "tool/tool.h"

void
move_tell(struct mover *m, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	progress_clear(&m->progress);
	tool_warn("%s", text);
}

void
move_fail(struct mover *m, int status, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	move_stop(m);
	if (m->status != EX_OK)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	move_tell(m, "%s", text);
	m->status = status;
}

void
move_stop(struct mover *m)
{
	if (m->stopping)
		return;
	m->stopping = true;
	if (m->consuming && m->connected)
		rmq_stop_consuming(m->from);
	else
		m->stopped = true;
}
