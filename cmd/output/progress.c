/* SPDX-License-Identifier: MIT */
/* See progress.h. */

#include <stdio.h>
#include <string.h>

#include <rmq.h>

#include "output/progress.h"

enum { PATIENCE = 1000, PAUSE = 500, WIDTH = 78 };	/* ms, ms, columns */

void
progress_start(struct progress *p, bool wanted)
{
	*p = (struct progress){ .wanted = wanted, .started = rmq_now() };
}

/* What is done within a second is not worth a word. */
int64_t
progress_time(const struct progress *p)
{
	if (!p->wanted)
		return -1;
	return p->told == 0 ? p->started + PATIENCE : p->told + PAUSE;
}

static void
measure(struct progress *p, uint64_t done, int64_t now)
{
	int64_t since = p->told == 0 ? p->started : p->told;
	double rate = (double)(done - p->done) * 1000 / (double)(now - since);

	p->rate = p->told == 0 ? rate : 0.7 * p->rate + 0.3 * rate;
	p->done = done;
	p->told = now;
}

/* " 45 %, 12 s left": by bytes, since nobody knows how many messages there will be. */
static void
add_share(const struct progress *p, const struct progress_state *s, char *text, size_t size)
{
	double elapsed = (double)(p->told - p->started) / 1000;

	if (s->size == 0 || s->at == 0 || s->at > s->size)
		return;
	snprintf(text, size, ", %.0f %%, %.0f s left", 100.0 * (double)s->at / (double)s->size,
	    elapsed * (double)(s->size - s->at) / (double)s->at);
}

void
progress_tell(struct progress *p, const struct progress_state *s)
{
	int64_t now = rmq_now();
	char share[64] = "", text[256];

	if (!p->wanted || now < progress_time(p))
		return;
	measure(p, s->done, now);
	add_share(p, s, share, sizeof(share));
	snprintf(text, sizeof(text), "%ju %s, %.0f/s, %ju in flight%s", (uintmax_t)s->done, s->done_word,
	    p->rate, (uintmax_t)s->in_flight, share);
	fprintf(stderr, "\r%-*.*s", WIDTH, WIDTH, text);
	p->shown = true;
}

void
progress_clear(struct progress *p)
{
	if (p->shown)
		fprintf(stderr, "\r%*s\r", WIDTH, "");
	p->shown = false;
}
