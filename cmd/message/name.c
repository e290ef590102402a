/* SPDX-License-Identifier: MIT */
/* See name.h. */

#include <string.h>

#include <rmq.h>

#include "message/name.h"
#include "tool/tool.h"

const char *
name_wrong(const char *name, size_t len)
{
	if (len > NAME_BYTES)
		return "too long";
	return rmq_utf8((struct rmq_bytes){ len, name }) ? NULL : "not UTF-8";
}

void
name_check(const char *what, const char *name)
{
	const char *wrong = name_wrong(name, strlen(name));

	if (wrong != NULL)
		tool_usage("%s: %s", what, wrong);
}

const char *
name_set(const struct opt *o, char *arg)
{
	const char *wrong = name_wrong(arg, strlen(arg));

	return wrong != NULL ? wrong : opt_string(o, arg);
}

const char *
name_add(const struct opt *o, char *arg)
{
	const char *wrong = name_wrong(arg, strlen(arg));

	return wrong != NULL ? wrong : opt_strings(o, arg);
}
