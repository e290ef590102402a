/* SPDX-License-Identifier: MIT */
/*
 * Records on their way to the broker: what happens to them after they were
 * encoded (record.c) and before they are settled.
 */
#include <stdlib.h>
#include <string.h>

#include "session/nacked.h"
#include "session/publisher.h"
#include "session/record.h"

enum {
	WINDOW_MESSAGES = 1000, WINDOW_MOST = 8000, WINDOW_BYTES = 4 << 20, WINDOW_MOST_BYTES = 32 << 20,
	WIDE_BYTES = 2 << 20
};

void
publisher_init(struct publisher *p, const struct rmq_config *config)
{
	*p = (struct publisher){
		.window_messages = config->window_messages > 0 ? config->window_messages : WINDOW_MESSAGES,
		.window_most = config->window_messages > 0 ? config->window_messages : WINDOW_MOST,
		.widen_at = WINDOW_MESSAGES,
		.window_bytes = config->window_bytes > 0 ? config->window_bytes : WINDOW_BYTES,
		.window_most_bytes = config->window_bytes > 0 ? config->window_bytes : WINDOW_MOST_BYTES,
		.frame_max = FRAME_MAX_OURS,
		.nack_limit = config->nack_limit,
		.wake_at = -1,
	};
	TAILQ_INIT(&p->nacked);
}

void
publisher_free(struct publisher *p)
{
	for (uint64_t i = p->first; i < p->next; i++)
		free(record_at(p, i)->body);
	nacked_free(p);
	free(p->ring);
	free(p->log);
}

/* One message is always let in, however large. */
bool
publisher_has_room(const struct publisher *p)
{
	return p->counts.unsettled == 0 ||
	    (p->counts.unsettled < p->window_messages && p->bytes < p->window_bytes);
}

bool
publisher_add(struct publisher *p, const struct rmq_message *m, struct rmq_error *e)
{
	struct record *r;

	if (!record_room(p))
		return rmq_no_memory(e);
	r = record_at(p, p->next);
	if (!record_encode(p, r, m, e))
		return false;
	r->before = p->last_cookie;
	p->last_cookie = r->cookie;
	p->next++;
	p->bytes += record_size(r);
	if (p->bytes > p->peak_bytes)
		p->peak_bytes = p->bytes;
	p->counts.accepted++;
	p->counts.unsettled++;
	return true;
}

bool
publisher_in_record(const struct publisher *p)
{
	return p->sent > 0;
}

bool
publisher_awaits_confirm(const struct publisher *p)
{
	return p->unsent > p->first || p->sent > 0;
}

/* Records that are wholly written and not settled: none, one, or more. */
static int
in_flight(const struct publisher *p, uint64_t *last)
{
	int n = 0;

	for (uint64_t i = p->unsent; i > p->first && n < 2; i--)
		if (!(record_at(p, i - 1)->flags & RECORD_DONE)) {
			*last = i - 1;
			n++;
		}
	return n;
}

static bool
careful(const struct publisher *p)
{
	return p->unsent < p->careful_until;
}

bool
publisher_has_output(const struct publisher *p)
{
	uint64_t last;

	if (p->unsent == p->next || p->sent > 0)
		return p->sent > 0;
	if (p->holds_large && record_at(p, p->unsent)->body != NULL)
		return false;
	return !careful(p) || in_flight(p, &last) == 0;
}

/* Records that lie behind each other in the log make one piece; one with its body apart ends the gathering. */
void
publisher_gather(const struct publisher *p, struct pieces *out, bool one_record)
{
	uint64_t i = p->unsent;
	size_t sent = p->sent;

	for (; i < p->next && out->n < PUBLISHER_PIECES - 1; i++, sent = 0) {
		struct record *r = record_at(p, i);
		char *head = record_bytes(p, r);
		struct iovec *last = out->n > 0 ? &out->iov[out->n - 1] : NULL;

		if (p->holds_large && r->body != NULL && !one_record)
			return;
		if (sent < r->head_len) {
			if (last != NULL && (char *)last->iov_base + last->iov_len == head)
				last->iov_len += r->head_len;
			else
				out->iov[out->n++] = (struct iovec){ head + sent, r->head_len - sent };
			sent = 0;
		} else {
			sent -= r->head_len;
		}
		if (r->body != NULL) {
			record_gather_body(p, r, sent, out);
			return;
		}
		if (one_record || careful(p))
			return;
	}
}

void
publisher_sent(struct publisher *p, size_t n)
{
	p->sent += n;
	while (p->unsent < p->next) {
		struct record *r = record_at(p, p->unsent);
		size_t wire = record_wire_size(p, r);

		if (p->sent < wire)
			break;
		p->sent -= wire;
		if (!(r->flags & (RECORD_SENT | RECORD_SENT_BEFORE)))
			p->counts.in_doubt++;
		r->flags |= RECORD_SENT;
		p->unsent++;
		if (p->ending) {
			publisher_restart(p, p->ending_ignored);
			return;
		}
	}
}

/* The log keeps the bytes of the first record and all behind it. */
static void
forget_settled(struct publisher *p)
{
	while (p->first < p->next && record_at(p, p->first)->flags & RECORD_DONE)
		p->first++;
	if (p->return_hint < p->first)
		p->return_hint = p->first;
	p->log_first = p->first < p->next ? record_at(p, p->first)->head : p->log_end;
}

static void
done(struct publisher *p, struct record *r)
{
	p->bytes -= record_size(r);
	p->counts.unsettled--;
	if (r->flags & (RECORD_SENT | RECORD_SENT_BEFORE))
		p->counts.in_doubt--;
	if (r->nacks > 0)
		p->moved--;
	r->flags |= RECORD_DONE;
	free(r->body);
	r->body = NULL;
}

static void
confirmed(struct publisher *p, struct record *r)
{
	if (r->flags & RECORD_RETURNED)
		p->counts.returned++;
	else
		p->counts.confirmed++;
	if (p->moved > 0)
		nacked_has_room(p, r);
	done(p, r);
}

/* A window full of confirms shows that the broker has use for a larger one, which small messages may have. */
static void
widen(struct publisher *p)
{
	if (p->counts.confirmed < p->widen_at || p->window_messages >= p->window_most ||
	    p->peak_bytes > WIDE_BYTES / 2)
		return;
	p->window_messages *= 2;
	if (p->window_messages > p->window_most)
		p->window_messages = p->window_most;
	p->widen_at = p->counts.confirmed + p->window_messages;
}

/* The same for large ones: it was full of bytes, and the broker goes on. */
static void
widen_bytes(struct publisher *p)
{
	if (p->peak_bytes < p->window_bytes || p->window_bytes >= p->window_most_bytes)
		return;
	p->window_bytes *= 2;
	if (p->window_bytes > p->window_most_bytes)
		p->window_bytes = p->window_most_bytes;
}

static bool
nacked(struct publisher *p, uint64_t i, bool *given_up, struct rmq_error *e)
{
	if (!nacked_keep(p, i, given_up))
		return rmq_no_memory(e);
	if (*given_up) {
		p->counts.nacked++;
		done(p, record_at(p, i));
	}
	return true;
}

bool
publisher_confirm(struct publisher *p, uint64_t tag, bool multiple, bool ack,
    void (*on_nack)(void *, uint64_t cookie, bool given_up), void *arg, struct rmq_error *e)
{
	uint64_t last = multiple && tag == 0 ? p->unsent - 1 : p->tag_base + tag - 1;
	uint64_t i = multiple ? p->first : last;

	if (last >= p->unsent || i > last || (!multiple && i < p->first) ||
	    (!multiple && record_at(p, i)->flags & RECORD_DONE))
		return rmq_fail(e, RMQ_PROTOCOL, 0, "broken AMQP: a confirm for tag %llu that was not expected",
		    (unsigned long long)tag);
	for (; i <= last; i++) {
		struct record *r = record_at(p, i);
		bool given_up;

		if (r->flags & RECORD_DONE)
			continue;
		if (ack) {
			confirmed(p, r);
			continue;
		}
		if (!nacked(p, i, &given_up, e))
			return false;
		on_nack(arg, r->cookie, given_up);
	}
	if (ack) {
		widen(p);
		widen_bytes(p);
	}
	forget_settled(p);
	return true;
}

bool
publisher_returned(struct publisher *p, struct rmq_bytes exchange, struct rmq_bytes routing_key,
    struct rmq_bytes body, uint64_t *cookie)
{
	for (int turn = 0; turn < 2; turn++) {
		uint64_t i = turn == 0 ? p->return_hint : p->first;

		for (; i < p->unsent; i++) {
			struct record *r = record_at(p, i);

			if (r->flags & (RECORD_DONE | RECORD_RETURNED) ||
			    !record_matches(p, r, exchange, routing_key, body))
				continue;
			r->flags |= RECORD_RETURNED;
			p->return_hint = i + 1;
			*cookie = r->cookie;
			return true;
		}
	}
	return false;
}

int
publisher_refused(struct publisher *p, uint64_t *cookie)
{
	uint64_t i = p->unsent;
	int n = in_flight(p, &i);

	if (n > 1) {
		p->careful_until = p->next;
		return 0;
	}
	if (n == 0 && !publisher_in_record(p))
		return -1;
	*cookie = record_at(p, i)->cookie;
	record_at(p, i)->flags |= RECORD_REFUSED;
	return 1;
}

/* It may be the one that is half written: it is kept until then. */
static void
give_up_refused(struct publisher *p, struct record *r)
{
	if ((r->flags & (RECORD_REFUSED | RECORD_DONE)) != RECORD_REFUSED)
		return;
	p->counts.refused++;
	done(p, r);
}

void
publisher_restart(struct publisher *p, bool ignored)
{
	uint64_t to = p->first, careful_until = p->first;

	ignored = ignored && (!p->ending || p->ending_ignored);
	p->ending = false;
	for (uint64_t i = p->first; i < p->next; i++) {
		struct record *r = record_at(p, i);

		give_up_refused(p, r);
		if (r->flags & RECORD_DONE)
			continue;
		if (ignored && (r->flags & (RECORD_SENT | RECORD_SENT_BEFORE)) == RECORD_SENT)
			p->counts.in_doubt--;
		else if (r->flags & RECORD_SENT)
			r->flags |= RECORD_SENT_BEFORE;
		r->flags &= (uint8_t)~(RECORD_SENT | RECORD_RETURNED);
		*record_at(p, to++) = *r;
		if (i < p->careful_until)
			careful_until = to;
	}
	p->careful_until = careful_until;
	p->next = to;
	p->unsent = p->tag_base = p->return_hint = p->first;
	p->sent = 0;
	forget_settled(p);
}

void
publisher_reopen(struct publisher *p, bool ignored)
{
	p->ending_ignored = ignored;
	p->ending = publisher_in_record(p);
	if (!p->ending)
		publisher_restart(p, ignored);
}

/* Without nacked records, the first is the oldest. */
struct rmq_counts
publisher_counts(const struct publisher *p)
{
	struct rmq_counts counts = p->counts;
	const struct record *oldest = nacked_oldest(p);

	for (uint64_t i = p->first; i < p->next && (oldest == NULL || p->moved > 0); i++) {
		const struct record *r = record_at(p, i);

		if (!(r->flags & RECORD_DONE) && (oldest == NULL || r->cookie < oldest->cookie))
			oldest = r;
	}
	counts.settled_through = oldest != NULL ? oldest->before : p->last_cookie;
	return counts;
}
