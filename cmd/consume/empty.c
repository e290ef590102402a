/* SPDX-License-Identifier: MIT */
/*
 * --until-empty of a receiver: see empty.h.
 */

#include "broker/limits.h"
#include "consume/receiver.h"

int64_t
receiver_ask_time(const struct receiver *r)
{
	if (!limit_options.until_empty || !r->subscribed || r->stopping || output_full(&r->out))
		return -1;
	return empty_time(&r->empty, r->last);
}

void
receiver_ask(struct receiver *r)
{
	int64_t when = receiver_ask_time(r);
	size_t i;

	if (when < 0 || rmq_now() < when)
		return;
	for (i = 0; i < r->what->nqueues; i++)
		rmq_look_at_queue(r->mq, receiver_queue(r, i));
	empty_asked(&r->empty, r->what->nqueues);
}

static bool
is_empty(const struct receiver *r, struct source *s, const struct rmq_event *e)
{
	bool looked_through = peek_options.peek && s->held >= r->prefetch;
	bool empty;

	s->silent = s->silent || s->stream;
	empty = empty_says(e, &s->silent, r->last);
	if (e->code != 0 || s->silent)
		return empty;
	s->rest = looked_through ? e->messages : 0;
	return empty || looked_through;
}

/* Answers come in the order of the questions. */
void
receiver_answered(struct receiver *r, const struct rmq_event *e)
{
	struct source *s;

	if (r->empty.waiting == 0 || r->stopping)
		return;
	s = &r->sources[r->what->nqueues - r->empty.waiting];
	if (empty_answered(&r->empty, is_empty(r, s, e)))
		receiver_stop(r);
}
