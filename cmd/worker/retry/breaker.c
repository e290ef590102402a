/* SPDX-License-Identifier: MIT */
/*
 * Failures in a row.
 */
#include "worker/retry/breaker.h"

enum { FIRST_PAUSE = 1000, LONGEST_PAUSE = 128 * 1000, LONGEST_HOLD = 5 * 60 * 1000 };

bool
breaker_holds(const struct breaker *b, int64_t held_since, int64_t now)
{
	return b->open && now + b->pause - held_since <= LONGEST_HOLD;
}

static bool
is_new(const struct breaker *b, uint64_t message)
{
	for (unsigned i = 0; i < b->count; i++)
		if (b->names[i] == message)
			return false;
	return true;
}

static void
open_for(struct breaker *b, int64_t pause, int64_t now)
{
	b->open = true;
	b->pause = pause;
	b->until = now + pause;
}

/* While it is open, only the one that was started after the pause tells anything new. */
bool
breaker_failed(struct breaker *b, uint64_t message, unsigned limit, int64_t now)
{
	if (b->open && now >= b->until)
		open_for(b, b->pause < LONGEST_PAUSE ? 2 * b->pause : LONGEST_PAUSE, now);
	if (b->open)
		return false;
	if (is_new(b, message))
		b->names[b->count++] = message;
	if (b->count < limit)
		return false;
	open_for(b, FIRST_PAUSE, now);
	return true;
}

bool
breaker_succeeded(struct breaker *b)
{
	bool was_open = b->open;

	b->open = false;
	b->count = 0;
	return was_open;
}
