/* SPDX-License-Identifier: MIT */
/*
 * How many messages a worker may have in hand, where --prefetch does not say it.
 *
 * As many as there are jobs, and one more for each that rests between attempts.  While jobs are shorter than a few
 * round trips, as many are taken ahead as would be done in that time.  When a job turns out to be long, what was taken
 * ahead goes back for others to take, and for a while nothing is.
 */
#include "worker/worker.h"

enum {
	SHORT = 20,		/* ms: what is done in this time, and in four round trips, is taken ahead */
	MOST_AHEAD = 32,	/* for each job */
	MOST_RESTING = 256,
	LONG = 5,		/* times as long without an end: jobs are not short any more */
	DOUBT = 1000		/* ms, after that */
};

static int64_t
span(const struct worker *w)
{
	return SHORT + 4 * rmq_round_trip(w->mq);
}

/* Few consumers, not one for each: halves of powers of two above the first few. */
static size_t
rounded(size_t n)
{
	size_t step = 1;

	while (4 * step <= n)
		step *= 2;
	return (n + step - 1) / step * step;
}

/* Called at each end of a command. */
void
hold_ended(struct worker *w, int64_t now)
{
	struct hold *h = &w->pace;
	int64_t took = now - h->since;

	h->last = now;
	h->ended++;
	if (took < span(w))
		return;
	h->ahead = now < h->doubt_until ? 0 : h->ended * (size_t)span(w) / (size_t)took;
	if (h->ahead <= w->jobs)
		h->ahead = 0;
	if (h->ahead > MOST_AHEAD * w->jobs)
		h->ahead = MOST_AHEAD * w->jobs;
	h->ended = 0;
	h->since = now;
}

static bool
is_near(int64_t limit, int64_t reached, size_t ahead)
{
	return limit > 0 && limit - reached < (int64_t)(2 * ahead);
}

/* Nothing is taken ahead that a limit would only give back. */
static size_t
ahead(const struct worker *w)
{
	size_t n = w->pace.ahead;

	return is_near(w->max_jobs, w->started, n) || is_near(w->count, w->taken, n) ? 0 : n;
}

int64_t
hold_time(const struct worker *w)
{
	if (w->pace.ahead == 0 || tasks_at_work(&w->tasks) == 0)
		return -1;
	return w->pace.last + LONG * span(w);
}

static void
give_back_waiting(struct worker *w)
{
	int64_t n = (int64_t)tasks_count(&w->tasks, TASK_WAITING);

	work_nack_waiting(w);
	worker_take_again(w, n);
}

static void
heed_long_jobs(struct worker *w, int64_t now)
{
	int64_t when = hold_time(w);

	/* What was on its way then goes back as well. */
	if (now < w->pace.doubt_until && tasks_count(&w->tasks, TASK_WAITING) > w->jobs)
		give_back_waiting(w);
	if (when == -1 || now < when)
		return;
	w->pace.ahead = w->pace.ended = 0;
	w->pace.since = now;
	w->pace.doubt_until = now + DOUBT;
	for (size_t i = 0; i < w->nqueues; i++)
		rmq_prefetch(w->mq, (unsigned)i, (uint16_t)w->jobs);
	queues_share(w, w->jobs, true);
	give_back_waiting(w);
}

static size_t
wanted(const struct worker *w, const struct work_queue *q)
{
	size_t resting = queues_resting(w, q), n;

	if (resting > MOST_RESTING)
		resting = MOST_RESTING;
	n = rounded(resting + ahead(w) / w->nqueues) + w->jobs;
	return n < UINT16_MAX ? n : UINT16_MAX;
}

static void
adjust(struct worker *w, unsigned i)
{
	struct work_queue *q = &w->queues[i];
	size_t n = wanted(w, q);

	if (n == q->hold || (n > q->hold && w->breaker.open) || (n < q->hold && 2 * n > q->hold && n > 8))
		return;
	w->hold += n - q->hold;
	q->hold = n;
	rmq_prefetch(w->mq, i, (uint16_t)n);
}

void
hold_adjust(struct worker *w, int64_t now)
{
	if (w->hold_fixed || !w->subscribed || w->stage != WORKING)
		return;
	heed_long_jobs(w, now);
	for (size_t i = 0; i < w->nqueues; i++)
		adjust(w, (unsigned)i);
}
