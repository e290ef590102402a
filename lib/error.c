/* SPDX-License-Identifier: MIT */
/*
 * Errors inside the library.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

bool
rmq_fail(struct rmq_error *e, enum rmq_status status, int code, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL || e->status != RMQ_OK)
		return false;
	e->status = status;
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	return false;
}

bool
rmq_no_memory(struct rmq_error *e)
{
	return rmq_fail(e, RMQ_SYSTEM, 0, "out of memory");
}

bool
bytes_contain(struct rmq_bytes text, const char *words)
{
	return text.data != NULL && memmem(text.data, text.len, words, strlen(words)) != NULL;
}
