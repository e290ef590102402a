/* SPDX-License-Identifier: MIT */
/* See suspects.h. */

#include <stdlib.h>

#include "publish/suspects.h"

enum { FIRST_SIZE = 64 };

static struct suspect *
add(struct suspects *s, uint64_t number)
{
	size_t size = s->size == 0 ? FIRST_SIZE : 2 * s->size;
	struct suspect *list;

	if (s->count == s->size) {
		if ((list = reallocarray(s->list, size, sizeof(*list))) == NULL)
			return NULL;
		s->list = list;
		s->size = size;
	}
	if (number > s->highest)
		s->highest = number;
	s->list[s->count] = (struct suspect){ .number = number };
	return &s->list[s->count++];
}

static struct suspect *
find(struct suspects *s, uint64_t number)
{
	size_t i;

	for (i = s->count; i > 0 && number <= s->highest; i--)
		if (s->list[i - 1].number == number)
			return &s->list[i - 1];
	return add(s, number);
}

bool
suspects_returned(struct suspects *s, uint64_t number)
{
	struct suspect *it = find(s, number);

	if (it != NULL)
		it->returned = true;
	return it != NULL;
}

bool
suspects_given_up(struct suspects *s, uint64_t number)
{
	struct suspect *it = find(s, number);

	if (it != NULL)
		it->given_up = true;
	return it != NULL;
}

void
suspects_lost(struct suspects *s)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		s->list[i].returned = false;
}

void
suspects_settle(struct suspects *s, uint64_t settled, void (*failed)(void *, uint64_t number), void *arg)
{
	struct suspect it;
	size_t i, left = 0;

	for (i = 0; i < s->count; i++) {
		it = s->list[i];
		if (it.number > settled)
			s->list[left++] = it;
		else if (it.returned || it.given_up)
			failed(arg, it.number);
	}
	s->count = left;
}

void
suspects_free(struct suspects *s)
{
	free(s->list);
	*s = (struct suspects){ 0 };
}
