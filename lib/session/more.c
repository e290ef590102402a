/* SPDX-License-Identifier: MIT */
/*
 * More consumers of a step: each adds its prefetch to that of the first.
 *
 * A prefetch is a consumer's for life, but a channel may have several of one queue:
 * https://www.rabbitmq.com/docs/consumer-prefetch#independent-consumers.  So the messages that may be in hand become
 * more without a gap, and fewer by a cancel.  Of a queue with a single active consumer the others only wait.
 */
#include <stdio.h>
#include <string.h>

#include "session/session.h"

static void
name(char tag[MORE_TAG], const struct step *s, const struct more *m)
{
	snprintf(tag, MORE_TAG, "%s-%u", s->tag, m->serial);
}

static unsigned
in_all(const struct step *s)
{
	unsigned sum = s->prefetch;

	for (size_t i = 0; i < s->nmore; i++)
		sum += s->more[i].unwanted ? 0 : s->more[i].prefetch;
	return sum;
}

static bool
add(struct rmq *mq, struct step *s, unsigned prefetch)
{
	struct more *m = &s->more[s->nmore];
	char tag[MORE_TAG];

	*m = (struct more){ .serial = ++s->serial, .prefetch = (uint16_t)prefetch };
	s->nmore++;
	name(tag, s, m);
	return topology_consume(mq, s, tag, m->prefetch);
}

static bool
cancel(struct rmq *mq, struct step *s, struct more *m)
{
	char tag[MORE_TAG];

	if (!m->there) {
		m->unwanted = true;
		return true;
	}
	name(tag, s, m);
	s->nmore--;
	memmove(m, m + 1, (size_t)(s->more + s->nmore - m) * sizeof *m);
	return topology_cancel(mq, tag);
}

static struct more *
last_wanted(struct step *s)
{
	for (size_t i = s->nmore; i > 0; i--)
		if (!s->more[i - 1].unwanted)
			return &s->more[i - 1];
	return NULL;
}

void
more_adjust(struct rmq *mq, struct step *s)
{
	struct more *m;
	unsigned sum;

	if (mq->state != SESSION_READY || mq->stopping || !s->done || s->exclusive || mq->one_consumer)
		return;
	while (in_all(s) > s->wanted && (m = last_wanted(s)) != NULL)
		if (!cancel(mq, s, m))
			return;
	if ((sum = in_all(s)) < s->wanted && s->nmore < MORE_MOST)
		add(mq, s, s->wanted - sum);
}

void
more_ready(struct rmq *mq)
{
	for (size_t i = 0; i < mq->nsteps; i++)
		if (mq->steps[i]->kind == STEP_CONSUME && mq->steps[i]->wanted > 0)
			more_adjust(mq, mq->steps[i]);
}

/* A queue answers its consumers in the order of asking. */
void
more_there(struct rmq *mq, struct step *s)
{
	for (struct more *m = s->more; m < s->more + s->nmore; m++) {
		if (m->there)
			continue;
		m->there = true;
		if (m->unwanted || mq->stopping)
			cancel(mq, s, m);
		return;
	}
}

/* The last first: of a queue with a single active consumer it is the first that is active. */
bool
more_stop(struct rmq *mq, struct step *s)
{
	for (size_t i = s->nmore; i > 0; i--)
		if (!cancel(mq, s, &s->more[i - 1]))
			return false;
	return true;
}

bool
more_is(const struct step *s, struct rmq_bytes tag)
{
	size_t len = strlen(s->tag);

	return tag.len > len + 1 && memcmp(tag.data, s->tag, len) == 0 && ((const char *)tag.data)[len] == '-';
}

void
rmq_prefetch(struct rmq *mq, unsigned consumer, uint16_t n)
{
	for (size_t i = 0; i < mq->nsteps; i++) {
		struct step *s = mq->steps[i];

		if (s->kind != STEP_CONSUME || s->consumer != consumer)
			continue;
		s->wanted = s->no_ack || s->prefetch == 0 || n < s->prefetch ? s->prefetch : n;
		if (s->wanted > s->most)
			s->most = s->wanted;
		more_adjust(mq, s);
		return;
	}
}
