/* SPDX-License-Identifier: MIT */
/*
 * --peek: everything is printed, nothing taken.
 *
 * A message that is given back keeps its place.  Brokers before 4.3 count
 * that in a quorum queue as an attempt to deliver it, so after some looks a
 * copy goes to the end of the queue instead: see broker/giveback.h.
 */

#include <inttypes.h>

#include "consume/receiver.h"
#include "tool/tool.h"

struct peek_options peek_options;

const struct opt opt_peek[] = {
	{ 0, "peek", NULL, opt_flag, &peek_options.peek, "look at what is in the queue, and take nothing" },
	{ 0 }
};

/* From 4.3 on looks are counted apart. */
void
peek_warn(struct receiver *r, const struct rmq_delivery *d)
{
	uint64_t attempts, looks;

	if (r->warned || !peek_options.peek || !d->redelivered ||
	    !receiver_header(r, d, "x-delivery-count", &attempts) ||
	    receiver_header(r, d, "x-acquired-count", &looks))
		return;
	tool_warn("warning: in this quorum queue each look counts as an attempt to deliver a message");
	r->warned = true;
}

void
peek_report_rest(const struct receiver *r)
{
	size_t i;

	for (i = 0; i < r->what->nqueues; i++)
		if (peek_options.peek && r->sources[i].rest > 0)
			tool_warn("queue '%s' has %" PRIu32 " more messages; --prefetch says how many to look at",
			    r->what->queues[i], r->sources[i].rest);
}
