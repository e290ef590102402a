/* SPDX-License-Identifier: MIT */
/*
 * Pieces of an address.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "uri/span.h"

struct span
span(const char *text)
{
	return (struct span){ text, strlen(text) };
}

bool
span_has(struct span s, char c)
{
	return s.len > 0 && memchr(s.p, c, s.len) != NULL;
}

bool
span_skip(struct span *s, char c)
{
	if (s->len == 0 || *s->p != c)
		return false;
	s->p++;
	s->len--;
	return true;
}

struct span
span_cut(struct span *rest, const char *stops)
{
	struct span before = *rest;

	while (rest->len > 0 && strchr(stops, *rest->p) == NULL) {
		rest->p++;
		rest->len--;
	}
	before.len -= rest->len;
	return before;
}

bool
span_number(struct span s, int min, int max, int *value)
{
	int64_t n = 0;

	if (s.len == 0)
		return false;
	for (; s.len > 0; s.p++, s.len--) {
		if (*s.p < '0' || *s.p > '9')
			return false;
		n = n * 10 + (*s.p - '0');
		if (n > max)
			return false;
	}
	*value = (int)n;
	return n >= min;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
decode_into(char *to, struct span from, struct rmq_error *e)
{
	for (; from.len > 0; from.p++, from.len--, to++) {
		if (*from.p != '%') {
			*to = *from.p;
			continue;
		}
		if (from.len < 3 || hex(from.p[1]) < 0 || hex(from.p[2]) < 0)
			return rmq_fail(e, RMQ_USAGE, 0,
			    "a %% is not followed by two hexadecimal digits (a %% itself is %%25)");
		*to = (char)(hex(from.p[1]) << 4 | hex(from.p[2]));
		if (*to == '\0')
			return rmq_fail(e, RMQ_USAGE, 0, "%%00 is not allowed");
		from.p += 2;
		from.len -= 2;
	}
	return true;
}

char *
span_decode(struct span from, struct rmq_error *e)
{
	char *text;

	if ((text = calloc(1, from.len + 1)) == NULL) {
		rmq_no_memory(e);
		return NULL;
	}
	if (decode_into(text, from, e))
		return text;
	wipe_free(text);
	return NULL;
}

void
wipe_free(char *secret)
{
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}
