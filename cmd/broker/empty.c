/* SPDX-License-Identifier: MIT */
/* See empty.h. */
#include "broker/empty.h"

enum {
	PAUSE_MS = 20,		/* without a message, before the broker is asked */
	AGAIN_MS = 100,		/* after a round that found something */
	QUIET_MS = 500		/* what sent nothing for so long is at its end */
};

int64_t
empty_time(const struct empty *e, int64_t last)
{
	int64_t quiet = last + PAUSE_MS;

	if (e->waiting > 0)
		return -1;
	return e->ask_at > quiet ? e->ask_at : quiet;
}

void
empty_asked(struct empty *e, size_t queues)
{
	e->waiting = queues;
	e->found = false;
}

void
empty_found(struct empty *e)
{
	e->found = true;
	e->rounds = 0;
}

void
empty_gave_back(struct empty *e)
{
	empty_found(e);
	e->ask_at = rmq_now() + AGAIN_MS;
}

bool
empty_says(const struct rmq_event *ev, bool *silent, int64_t last)
{
	if (ev->code == 0 && ev->consumers == 0)
		*silent = true;		/* we are one: it does not count as a queue does */
	if (ev->code != 0 || *silent)
		return rmq_now() - last >= QUIET_MS;
	return ev->messages == 0;
}

bool
empty_answered(struct empty *e, bool nothing)
{
	if (e->waiting == 0)
		return false;
	if (!nothing)
		empty_found(e);
	if (--e->waiting > 0)
		return false;
	e->rounds = e->found ? 0 : e->rounds + 1;
	if (e->found)
		e->ask_at = rmq_now() + AGAIN_MS;
	return e->rounds >= 2;
}
