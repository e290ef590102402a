/* SPDX-License-Identifier: MIT */
/*
 * How many messages a receiver may have in hand, where --prefetch does not say it.
 *
 * Few at first, and more each time that all of these were taken within a few round trips by a reader who keeps up;
 * the few again when the reader falls behind.  A single active consumer, and one of a stream, stays with the few: only
 * the first one of a queue is active, and each one of a stream gets everything.
 *
 * The steps are large, because brokers are slower with many consumers.  And none is cancelled while messages may be on
 * the way to it: a quorum queue takes them back, and they come late.  So before that nothing is acknowledged for a
 * while.
 */
#include "broker/limits.h"
#include "consume/receiver.h"

enum {
	FEW = 64,
	STEP = 8,			/* times as many */
	NEAR = 512,			/* are enough where an answer takes no time */
	FAR = 800,			/* more for each ms that it takes */
	MOST = 16384,
	MOST_BYTES = 8 * 1024 * 1024,	/* by the mean size of what came */
	SHARE = 4,			/* of what a count leaves, a quarter */
	SHORT = 20,			/* ms: what is taken in this time, and in four round trips, is worth more */
	LONG = 4,			/* times as long: the reader fell behind */
	GROUP = 100			/* records that are synced together */
};

static int64_t
span(const struct receiver *r)
{
	return SHORT + 4 * rmq_answer_time(r->mq);
}

static void
begin_window(struct receiver *r, struct pace *p, int64_t now)
{
	*p = (struct pace){ .n = p->n, .first = p->first, .fixed = p->fixed, .since = now, .written = r->out.written };
}

void
pace_begin(struct receiver *r, uint64_t n, bool fixed)
{
	uint64_t first = !fixed && n > FEW ? FEW : n;

	for (size_t i = 0; i < r->what->nqueues; i++)
		r->sources[i].pace = (struct pace){ .n = first, .first = first, .fixed = fixed };
}

/* Each queue comes to a sync by itself before nothing more of it may be in hand. */
unsigned
pace_group(const struct receiver *r)
{
	uint64_t group = GROUP;

	for (size_t i = 0; i < r->what->nqueues; i++)
		if (r->sources[i].pace.n / 2 < group)
			group = r->sources[i].pace.n / 2;
	return group > 0 ? (unsigned)group : 1;
}

void
pace_came(struct receiver *r, const struct rmq_delivery *d)
{
	struct pace *p = &r->sources[d->consumer].pace;

	if (p->fixed)
		return;
	if (p->came++ == 0)
		p->since = rmq_now();
	p->bytes += d->body.len;
	p->added += d->added;
}

static uint64_t
in_all(const struct receiver *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->what->nqueues; i++)
		sum += r->sources[i].pace.n;
	return sum;
}

/* Messages that a count leaves. */
static uint64_t
rest(const struct receiver *r)
{
	return limit_options.count < 0 ? UINT64_MAX : (uint64_t)limit_options.count - r->taken;
}

static void
change(struct receiver *r, struct source *s, uint64_t n, int64_t now)
{
	s->pace.n = n;
	r->out.group = pace_group(r);
	begin_window(r, &s->pace, now);
	rmq_prefetch(r->mq, (unsigned)(s - r->sources), (uint16_t)n);
}

void
pace_lost(struct receiver *r)
{
	for (size_t i = 0; i < r->what->nqueues; i++)
		if (!r->sources[i].pace.fixed)
			change(r, &r->sources[i], r->sources[i].pace.first, rmq_now());
}

static void
stay_with_few(struct receiver *r, struct source *s, int64_t now)
{
	change(r, s, s->pace.first, now);
	s->pace.fixed = true;
}

/* At least half of what was written since then was also read. */
static bool
is_read(const struct receiver *r, const struct pace *p)
{
	return !r->out.blocked && 2 * (uint64_t)output_unread(&r->out) <= r->out.written - p->written;
}

static uint64_t
most(const struct receiver *r)
{
	uint64_t n = NEAR + FAR * (uint64_t)rmq_answer_time(r->mq);

	return n < MOST ? n : MOST;
}

/* As many as are worth it; no more: the same as now. */
static uint64_t
more(const struct receiver *r, const struct pace *p)
{
	uint64_t n = STEP * p->n < most(r) ? STEP * p->n : most(r);
	bool fits = n * (p->bytes / p->came) <= MOST_BYTES && in_all(r) - p->n + n <= rest(r) / SHARE;

	return fits && n > p->n ? n : p->n;
}

/* The first has at most as many on the way as it may have when the others begin, so soon there is one of these. */
static void
all_taken(struct receiver *r, struct source *s, int64_t now)
{
	struct pace *p = &s->pace;
	bool alone = p->n > p->first && p->added == 0;

	if (s->stream || (alone && p->came >= 2 * p->n))
		stay_with_few(r, s, now);
	else if (alone)
		return;
	else if (now - p->since >= span(r))
		begin_window(r, p, now);
	else if (more(r, p) > p->n && is_read(r, p))
		change(r, s, more(r, p), now);
}

static bool
grown(const struct pace *p)
{
	return !p->fixed && p->n > p->first;
}

/* Since then the reader is behind; negative: it is not. */
static int64_t
behind(const struct receiver *r, const struct pace *p)
{
	return grown(p) && r->out.blocked && r->subscribed && !r->stopping ? p->since + LONG * span(r) : -1;
}

/* When the others are cancelled. */
static int64_t
fewer(const struct receiver *r, const struct pace *p)
{
	int64_t when = behind(r, p);

	return when < 0 ? -1 : (when > r->acked_at ? when : r->acked_at) + span(r);
}

bool
pace_quiet(const struct receiver *r, int64_t now)
{
	int64_t when;

	for (size_t i = 0; i < r->what->nqueues; i++)
		if ((when = behind(r, &r->sources[i].pace)) >= 0 && now >= when)
			return true;
	return false;
}

static void
adjust(struct receiver *r, struct source *s, int64_t now)
{
	int64_t when = fewer(r, &s->pace);

	if (s->pace.fixed)
		return;
	if (s->pace.came >= s->pace.n)
		all_taken(r, s, now);
	else if (when >= 0 && now >= when)
		change(r, s, s->pace.first, now);
}

void
pace_adjust(struct receiver *r, int64_t now)
{
	if (!r->subscribed || r->stopping)
		return;
	for (size_t i = 0; i < r->what->nqueues; i++)
		adjust(r, &r->sources[i], now);
}

int64_t
pace_time(const struct receiver *r)
{
	int64_t time = -1, when;

	for (size_t i = 0; i < r->what->nqueues; i++)
		if ((when = fewer(r, &r->sources[i].pace)) >= 0 && (time < 0 || when < time))
			time = when;
	return time;
}
