/* SPDX-License-Identifier: MIT */
/* See nacked.h. */
#include <stdlib.h>
#include <string.h>

#include "session/nacked.h"
#include "session/record.h"

enum { PAUSE_FIRST = 250, PAUSE_MOST = 30000, DOUBLINGS = 8, WOKEN = 2 };

struct nacked {
	TAILQ_ENTRY(nacked) next;	/* in the order of the last nack */
	int64_t		 due;
	struct record	 record;	/* but for its head, which is here: */
	char		 head[];
};

static int64_t
pause_after(unsigned nacks)
{
	int64_t pause = (int64_t)PAUSE_FIRST << (nacks < DOUBLINGS ? nacks : DOUBLINGS);

	return pause < PAUSE_MOST ? pause : PAUSE_MOST;
}

/* The last try is made when the time is over, not before. */
static int64_t
due(const struct record *r, int64_t now)
{
	int64_t then = now + pause_after(r->nacks);

	return then < r->give_up_at ? then : r->give_up_at;
}

static void
wakes_at(struct publisher *p, int64_t due)
{
	if (p->wake_at < 0 || due < p->wake_at)
		p->wake_at = due;
}

bool
nacked_keep(struct publisher *p, uint64_t i, bool *given_up)
{
	struct record *r = record_at(p, i);
	int64_t now = rmq_now();
	struct nacked *n;

	if (r->nacks == 0)
		r->give_up_at = p->nack_limit < 0 ? INT64_MAX : now + p->nack_limit;
	*given_up = now >= r->give_up_at;
	if (*given_up)
		return true;
	if ((n = malloc(sizeof *n + r->head_len)) == NULL)
		return false;
	memcpy(n->head, record_bytes(p, r), r->head_len);
	p->moved += r->nacks == 0;
	n->due = due(r, now);
	n->record = *r;
	if (r->nacks < UINT8_MAX)
		n->record.nacks++;
	n->record.flags = RECORD_SENT_BEFORE;
	r->body = NULL;
	r->flags |= RECORD_DONE;
	TAILQ_INSERT_TAIL(&p->nacked, n, next);
	wakes_at(p, n->due);
	return true;
}

bool
nacked_wake(struct publisher *p, int64_t now)
{
	struct nacked *n, *following;

	if (p->wake_at < 0 || now < p->wake_at)
		return true;
	p->wake_at = -1;
	TAILQ_FOREACH_SAFE(n, &p->nacked, next, following) {
		if (n->due > now) {
			wakes_at(p, n->due);
			continue;
		}
		if (!record_add(p, &n->record, n->head)) {
			wakes_at(p, n->due);
			return false;
		}
		TAILQ_REMOVE(&p->nacked, n, next);
		free(n);
	}
	return true;
}

/* Two for one: if there is room for all, none has to wait for its time. */
void
nacked_has_room(struct publisher *p, const struct record *confirmed)
{
	struct nacked *n;
	int woken = 0;

	TAILQ_FOREACH(n, &p->nacked, next)
		if (n->due > 0 && record_same_target(record_bytes(p, confirmed), n->head)) {
			n->due = p->wake_at = 0;
			if (++woken == WOKEN)
				return;
		}
}

const struct record *
nacked_oldest(const struct publisher *p)
{
	const struct record *oldest = NULL;
	const struct nacked *n;

	TAILQ_FOREACH(n, &p->nacked, next)
		if (oldest == NULL || n->record.cookie < oldest->cookie)
			oldest = &n->record;
	return oldest;
}

void
nacked_free(struct publisher *p)
{
	struct nacked *n;

	while ((n = TAILQ_FIRST(&p->nacked)) != NULL) {
		TAILQ_REMOVE(&p->nacked, n, next);
		free(n->record.body);
		free(n);
	}
}
