/* SPDX-License-Identifier: MIT */
/* See rate.h. */

#include <rmq.h>

#include "publish/rate.h"

/* A millisecond is worth `limit`. */
enum { COST = 1000000, FULL_AFTER = 100 };	/* .., ms */

void
rate_start(struct rate *r, int64_t limit)
{
	*r = (struct rate){ .limit = limit, .credit = COST, .at = rmq_now() };
}

static int64_t
capacity(const struct rate *r)
{
	return r->limit * FULL_AFTER > COST ? r->limit * FULL_AFTER : COST;
}

bool
rate_ready(struct rate *r)
{
	int64_t now, passed;

	if (r->limit == 0)
		return true;
	now = rmq_now();
	passed = now - r->at;
	if (passed >= (capacity(r) - r->credit) / r->limit + 1)
		r->credit = capacity(r);
	else
		r->credit += passed * r->limit;
	r->at = now;
	return r->credit >= COST;
}

void
rate_spend(struct rate *r)
{
	if (r->limit != 0)
		r->credit -= COST;
}

int64_t
rate_time(const struct rate *r)
{
	if (r->limit == 0 || r->credit >= COST)
		return -1;
	return r->at + (COST - r->credit + r->limit - 1) / r->limit;
}
