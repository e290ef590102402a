/* SPDX-License-Identifier: MIT */
/*
 * Errors inside the library.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

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

/* Of connections, channels and queues: https://www.rabbitmq.com/docs/vhosts#limits */
static bool
is_limit(int code, struct rmq_bytes text)
{
	return (code == 530 || code == 406) && bytes_contain(text, "limit") && bytes_contain(text, "reached");
}

bool
refusal_passes(int code, struct rmq_bytes text)
{
	return is_limit(code, text) || bytes_contain(text, "is down or inaccessible") ||
	    bytes_contain(text, "replica on the local node");
}
