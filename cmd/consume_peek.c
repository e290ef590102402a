/* SPDX-License-Identifier: MIT */
/*
 * --peek: everything is printed, nothing taken.
 *
 * A message that is given back keeps its place.  Brokers before 4.3 count
 * that in a quorum queue as an attempt to deliver it, and drop a message
 * after too many: https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling
 */

#include <inttypes.h>

#include "groups.h"
#include "receiver.h"
#include "tool.h"

enum { LOOKS = 10 };	/* half of what brokers allow by default */

struct peek_options peek_options;

const struct opt opt_peek[] = {
	{ 0, "peek", NULL, opt_flag, &peek_options.peek, "look at what is in the queue, and take nothing" },
	{ 0, "force", NULL, opt_flag, &peek_options.force,
	    "look even at messages that a few more attempts would destroy" },
	{ 0 }
};

/* From 4.3 on looks are counted apart. */
bool
peek_allowed(struct receiver *r, const struct rmq_delivery *d)
{
	uint64_t attempts, looks;

	if (!peek_options.peek || !d->redelivered || !receiver_header(r, d, "x-delivery-count", &attempts) ||
	    receiver_header(r, d, "x-acquired-count", &looks))
		return true;
	if (attempts >= LOOKS && !peek_options.force) {
		r->worn = attempts;
		return false;
	}
	if (!r->warned)
		tool_warn("warning: in this quorum queue each look counts as an attempt to deliver a message");
	r->warned = true;
	return true;
}

int
peek_report_worn(const struct receiver *r)
{
	tool_warn("cannot go on looking: the next message was given back %" PRIu64
	    " times, and after too many the broker drops it; --force looks all the same", r->worn);
	return EX_CONFIG;
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
