/* SPDX-License-Identifier: MIT */
/*
 * From bytes to lines with tags.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/escape.h"
#include "worker/job/lines.h"

bool
lines_begin(struct lines *l, struct output *to, const char *tag, bool alone)
{
	size_t size;
	char *safe;

	*l = (struct lines){ .to = to, .alone = alone };
	if (tag == NULL)
		return true;
	if ((safe = escape(tag, strlen(tag))) == NULL)
		return false;
	size = strlen(safe) + sizeof "\t";
	if ((l->tag = malloc(size)) != NULL)
		snprintf(l->tag, size, "%s\t", safe);
	free(safe);
	return l->tag != NULL;
}

/* Writes a line or the rest of one; tag: it is not the rest. */
static void
pass(struct lines *l, bool tag, const char *s, size_t len)
{
	if (tag)
		output_add(l->to, l->tag, strlen(l->tag));
	if (l->held.len > 0)
		output_add(l->to, l->held.data, l->held.len);
	output_add(l->to, s, len);
	l->held.len = 0;
}

static void
add_alone(struct lines *l, const char *s, size_t len)
{
	pass(l, !l->within, s, len);
	l->within = s[len - 1] != '\n';
}

static void
end_line(struct lines *l, const char *s, size_t len)
{
	pass(l, true, s, len);
	if (len == 0 || s[len - 1] != '\n')
		output_add(l->to, "\n", 1);
	output_end(l->to, 0);
}

/* What comes is no more than a line. */
static void
add_shared(struct lines *l, const char *s, size_t len)
{
	while (len > LINES_MAX - l->held.len && s[LINES_MAX - l->held.len] != '\n') {
		size_t n = LINES_MAX - l->held.len;

		end_line(l, s, n);
		s += n;
		len -= n;
	}
	if (s[len - 1] == '\n')
		end_line(l, s, len);
	else if (!rmq_buffer_add(&l->held, s, len))
		output_fail(l->to, ENOMEM);
}

void
lines_add(struct lines *l, const void *data, size_t len)
{
	const char *s = data, *newline;
	size_t n;

	if (l->tag == NULL) {
		output_add(l->to, data, len);
		if (!l->alone)
			output_end(l->to, 0);
		return;
	}
	for (; len > 0; s += n, len -= n) {
		newline = memchr(s, '\n', len);
		n = newline != NULL ? (size_t)(newline - s) + 1 : len;
		if (l->alone)
			add_alone(l, s, n);
		else
			add_shared(l, s, n);
	}
}

void
lines_finish(struct lines *l)
{
	if (l->within)
		output_add(l->to, "\n", 1);
	else if (l->held.len > 0)
		end_line(l, "", 0);
	l->within = false;
}

void
lines_free(struct lines *l)
{
	rmq_buffer_free(&l->held);
	free(l->tag);
	*l = (struct lines){ 0 };
}
