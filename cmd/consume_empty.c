/* SPDX-License-Identifier: MIT */
/*
 * --until-empty: whether there is nothing left, by asking the broker.
 *
 * A round asks for each queue.  Of what a queue had sent before it counted,
 * some may reach us after the answer; the round after that cannot overtake it.
 * So two rounds in a row must find nothing, and nothing may come between.
 *
 * Streams cannot be asked: what is read stays in them.  There, and where the
 * broker gives no answer, a time without messages decides.
 */

#include "groups.h"
#include "receiver.h"

enum {
	PAUSE_MS = 20,		/* without a message, before the broker is asked */
	AGAIN_MS = 100,		/* after a round that found something */
	QUIET_MS = 500		/* what sent nothing for so long is at its end */
};

static bool
asks(const struct receiver *r)
{
	return limit_options.until_empty && r->subscribed && !r->stopping && !output_full(&r->out);
}

int64_t
receiver_ask_time(const struct receiver *r)
{
	int64_t quiet = r->last + PAUSE_MS;

	if (!asks(r) || r->asked > 0)
		return -1;
	return r->ask_at > quiet ? r->ask_at : quiet;
}

static void
ask(struct receiver *r)
{
	size_t i;

	r->found = false;
	for (i = 0; i < r->what->nqueues; i++)
		rmq_look_at_queue(r->mq, receiver_queue(r, i));
	r->asked = r->what->nqueues;
}

void
receiver_ask(struct receiver *r)
{
	int64_t when = receiver_ask_time(r);

	if (when >= 0 && rmq_now() >= when)
		ask(r);
}

void
receiver_found(struct receiver *r)
{
	r->found = true;
	r->rounds = 0;
}

static bool
is_empty(const struct receiver *r, struct source *s, const struct rmq_event *e)
{
	bool looked_through = peek_options.peek && s->held >= r->prefetch;

	if (e->code == 0 && e->consumers == 0)
		s->silent = true;	/* we are one: it does not count as a queue does */
	if (e->code != 0 || s->silent || s->stream)
		return rmq_now() - r->last >= QUIET_MS;
	s->rest = looked_through ? e->messages : 0;
	return e->messages == 0 || looked_through;
}

static void
end_round(struct receiver *r)
{
	r->rounds = r->found ? 0 : r->rounds + 1;
	r->ask_at = r->found ? rmq_now() + AGAIN_MS : 0;
	if (r->rounds == 2)
		receiver_stop(r);
	else if (!r->found)
		ask(r);
}

/* Answers come in the order of the questions. */
void
receiver_answered(struct receiver *r, const struct rmq_event *e)
{
	struct source *s;

	if (r->asked == 0 || r->stopping)
		return;
	s = &r->sources[r->what->nqueues - r->asked--];
	if (!is_empty(r, s, e))
		r->found = true;
	if (r->asked == 0)
		end_round(r);
}
