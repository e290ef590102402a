/* SPDX-License-Identifier: MIT */
/* See held.h.  Most messages are settled in the order of their coming; for others room is made when it is needed. */
#include <stdlib.h>
#include <string.h>

#include "session/held.h"

#define SETTLED ((uint64_t)1 << 63)

static bool
is_settled(uint64_t tag)
{
	return (tag & SETTLED) != 0;
}

static void
drop_settled(struct held *h)
{
	size_t to = 0;

	for (size_t i = h->first; i < h->end; i++)
		if (!is_settled(h->tags[i]))
			h->tags[to++] = h->tags[i];
	h->first = 0;
	h->end = to;
}

static bool
make_room(struct held *h)
{
	size_t size = h->size == 0 ? 64 : 2 * h->size;
	uint64_t *tags;

	drop_settled(h);
	if (h->end < h->size - h->size / 4)
		return true;
	if ((tags = reallocarray(h->tags, size, sizeof *tags)) == NULL)
		return false;
	h->tags = tags;
	h->size = size;
	return true;
}

bool
held_add(struct held *h, uint64_t tag)
{
	if (h->end == h->size && !make_room(h))
		return false;
	h->tags[h->end++] = tag;
	h->count++;
	return true;
}

/* The first that is not less. */
static size_t
find(const struct held *h, uint64_t tag)
{
	size_t low = h->first, high = h->end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((h->tags[middle] & ~SETTLED) < tag)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
settle(struct held *h, size_t i)
{
	if (is_settled(h->tags[i]))
		return;
	h->tags[i] |= SETTLED;
	h->count--;
}

void
held_settle(struct held *h, uint64_t tag, bool all_before)
{
	size_t i = h->first < h->end && h->tags[h->first] == tag ? h->first : find(h, tag);

	for (size_t before = h->first; all_before && before < i; before++)
		settle(h, before);
	if (i < h->end && (h->tags[i] & ~SETTLED) == tag)
		settle(h, i);
	while (h->first < h->end && is_settled(h->tags[h->first]))
		h->first++;
	if (h->first == h->end)
		h->first = h->end = 0;
}

void
held_clear(struct held *h)
{
	h->first = h->end = h->count = h->most = 0;
	h->last = 0;
}

void
held_free(struct held *h)
{
	free(h->tags);
	*h = (struct held){ 0 };
}
