/* SPDX-License-Identifier: MIT */
/*
 * Streams: where to begin, and not to begin anew after a lost connection.
 * https://www.rabbitmq.com/docs/streams#consuming
 */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consume/receiver.h"
#include "message/declare.h"
#include "message/pairs.h"
#include "tool/tool.h"

static opt_set set_offset;

static struct rmq_table	*arguments;	/* NULL: no offset was asked for */
static bool		 follows;	/* from what is the end when it subscribes */

const struct opt opt_stream[] = {
	{ 0, "offset", "WHERE", set_offset, NULL,
	    "begin a stream there: first, last, next, an offset, a time, or an age as 1h (default: next)" },
	{ 0 }
};

/* 7D, 1h: https://www.rabbitmq.com/docs/streams#consuming-offsets has these units. */
static bool
is_age(const char *s)
{
	size_t digits = strspn(s, "0123456789");

	return digits > 0 && strchr("YMDhms", s[digits]) != NULL && s[digits] != '\0' && s[digits + 1] == '\0';
}

static const char *
type_of_offset(const char *s)
{
	if (strcmp(s, "first") == 0 || strcmp(s, "last") == 0 || strcmp(s, "next") == 0 || is_age(s))
		return "string";
	return s[strspn(s, "0123456789")] == '\0' ? "int64" : "time";
}

static const char *
set_offset(const struct opt *o, char *arg)
{
	size_t len = strlen(arg);
	char pair[128];

	(void)o;
	if (len > 0 && arg[len - 1] == 'd')
		arg[len - 1] = 'D';	/* a day elsewhere in these programs */
	if (len == 0 || len > 64)
		return "invalid";
	follows = strcmp(arg, "last") == 0 || strcmp(arg, "next") == 0;
	snprintf(pair, sizeof(pair), "x-stream-offset:%s=%s", type_of_offset(arg), arg);
	return pairs_add(&arguments, pair) == NULL ? NULL : "invalid";
}

const struct rmq_table *
stream_arguments(void)
{
	return arguments;
}

static bool
declares_stream(void)
{
	struct rmq_buffer type = { 0 };
	bool is = declare_options.arguments != NULL &&
	    rmq_table_get(declare_options.arguments, "x-queue-type", &type) &&
	    type.len == 6 && memcmp(type.data, "stream", 6) == 0;

	rmq_buffer_free(&type);
	return is;
}

bool
stream_expected(void)
{
	return arguments != NULL || declares_stream();
}

bool
stream_misses(const struct receiver *r)
{
	size_t i;

	for (i = 0; i < r->what->nqueues; i++)
		if (r->sources[i].stream && (follows || arguments == NULL))
			return true;
	return false;
}

bool
stream_fresh(struct receiver *r, struct source *s, const struct rmq_delivery *d)
{
	uint64_t offset;

	if (s->seen && !s->stream)
		return true;
	s->stream = receiver_header(r, d, "x-stream-offset", &offset);
	if (s->stream && s->seen && offset <= s->offset)
		return false;
	s->seen = true;
	s->offset = s->stream ? offset : 0;
	return true;
}
