/* SPDX-License-Identifier: MIT */
/* See offsets.h. */

#include <stdlib.h>

#include "publish/offsets.h"

enum { FIRST_SIZE = 64 };

static bool
grow(struct offsets *o, uint64_t oldest, uint64_t number)
{
	size_t size = o->size == 0 ? FIRST_SIZE : 2 * o->size;
	uint64_t *ends;

	while (number - oldest >= size)
		size *= 2;
	ends = calloc(size, sizeof(*ends));
	if (ends == NULL)
		return false;
	for (; oldest < number; oldest++)
		ends[oldest & (size - 1)] = offsets_end(o, oldest);
	free(o->ends);
	o->ends = ends;
	o->size = size;
	return true;
}

bool
offsets_put(struct offsets *o, uint64_t number, uint64_t end, uint64_t oldest)
{
	if (number - oldest >= o->size && !grow(o, oldest, number))
		return false;
	o->ends[number & (o->size - 1)] = end;
	return true;
}

/* What comes before the first record ends at 0. */
uint64_t
offsets_end(const struct offsets *o, uint64_t number)
{
	return number == 0 || o->size == 0 ? 0 : o->ends[number & (o->size - 1)];
}

void
offsets_free(struct offsets *o)
{
	free(o->ends);
	*o = (struct offsets){ 0 };
}
