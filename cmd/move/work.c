/* SPDX-License-Identifier: MIT */
/*
 * What becomes of one message: it is sent or held, and once the broker has
 * confirmed it, acknowledged.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "move/mover.h"
#include "tool/tool.h"

static struct parcel *
parcel(const struct mover *m, size_t i)
{
	return &m->parcels[(m->first + i) % m->room];
}

/* Cookies are in a row. */
struct parcel *
move_find(struct mover *m, uint64_t cookie)
{
	uint64_t first = m->cookie - m->count + 1;

	return m->count > 0 && cookie >= first && cookie <= m->cookie ? parcel(m, (size_t)(cookie - first)) : NULL;
}

static void
grow(struct mover *m)
{
	size_t room = m->room == 0 ? 64 : 2 * m->room, i;
	struct parcel *more = reallocarray(NULL, room, sizeof(*more));

	if (more == NULL)
		tool_fail(EX_OSERR, "cannot move a message: out of memory");
	for (i = 0; i < m->count; i++)
		more[i] = *parcel(m, i);
	free(m->parcels);
	m->parcels = more;
	m->room = room;
	m->first = 0;
}

/* It goes back at the end. */
static void
hold(struct mover *m, uint64_t tag)
{
	m->held++;
	if (m->held_from == 0 || tag < m->held_from)
		m->held_from = tag;
	if (tag > m->held_to && !giveback_has(&m->back, tag))
		m->held_to = tag;
}

void
move_name(struct mover *m, enum move_stay why, struct rmq_bytes id, struct rmq_bytes key)
{
	if (m->stays[why][0] == '\0')
		label_message(m->stays[why], id, key);
}

void
move_refused(struct mover *m, int status, struct rmq_bytes why)
{
	if (m->refused++ > 0)
		return;
	m->refused_status = status;
	snprintf(m->why, sizeof(m->why), "%.*s", (int)why.len, (const char *)why.data);
}

static void
cannot_send(struct mover *m, const struct move_letter *l, const struct rmq_delivery *d, const struct rmq_error *why)
{
	char label[LABEL_SIZE];

	label_message(label, l->properties.message_id, d->routing_key);
	if (why->status == RMQ_SYSTEM)
		tool_fail(EX_OSERR, "cannot move %s: %s", label, why->text);
	move_name(m, STAY_REFUSED, l->properties.message_id, d->routing_key);
	move_refused(m, EX_DATAERR, rmq_bytes(why->text));
	hold(m, d->tag);
}

/* What it may have to be called later. */
static void
name(struct parcel *p, struct rmq_bytes id, struct rmq_bytes key)
{
	struct rmq_bytes text = id.len > 0 ? id : key;

	p->has_id = id.len > 0;
	p->name_len = (uint8_t)(text.len < sizeof(p->name) ? text.len : sizeof(p->name));
	if (text.len > 0)
		memcpy(p->name, text.data, p->name_len);
}

static void
send_letter(struct mover *m, struct move_letter *l, const struct rmq_delivery *d)
{
	struct rmq_error why = { 0 };

	l->message.cookie = m->cookie + 1;
	if (!rmq_publish(m->to, &l->message, &why)) {
		cannot_send(m, l, d, &why);
		return;
	}
	if (m->count == m->room)
		grow(m);
	m->cookie++;
	*parcel(m, m->count) = (struct parcel){ .cookie = m->cookie, .tag = d->tag, .owned = true };
	name(parcel(m, m->count++), l->properties.message_id, d->routing_key);
}

static void
move_one(struct mover *m, struct move_letter *l, const struct rmq_delivery *d)
{
	m->wanted++;
	if (m->plan->dry_run) {
		move_print(l);
		hold(m, d->tag);
	} else
		send_letter(m, l, d);
	if (m->plan->count >= 0 && m->wanted >= (uint64_t)m->plan->count)
		move_stop(m);
}

void
move_take(struct mover *m, const struct rmq_delivery *d)
{
	struct rmq_error error = { 0 };
	struct move_letter l;

	m->active = m->delivered = rmq_now();
	m->more = false;
	empty_found(&m->empty);
	giveback_look(&m->back, d, m->plan->source);
	if (m->stopping) {
		hold(m, d->tag);
		return;
	}
	switch (move_prepare(&l, m->plan, m->from, d, &error)) {
	case MOVE_IT:
		move_one(m, &l, d);
		break;
	case MOVE_OTHER:
		m->unmatched++;
		hold(m, d->tag);
		break;
	case MOVE_NOWHERE:
		m->nowhere++;
		move_name(m, STAY_NOWHERE, l.properties.message_id, d->routing_key);
		hold(m, d->tag);
		break;
	case MOVE_BAD:
		cannot_send(m, &l, d, &error);
		break;
	}
	move_letter_free(&l);
}

/* One acknowledgement for as many as possible: up to the first one that is held. */
void
move_settle(struct mover *m)
{
	uint64_t through = m->to != NULL ? rmq_counts(m->to).settled_through : 0, last = 0;

	while (m->count > 0 && parcel(m, 0)->cookie <= through) {
		struct parcel p = *parcel(m, 0);

		m->first = (m->first + 1) % m->room;
		m->count--;
		m->active = rmq_now();
		m->moved += !p.failed;
		if (!p.owned) {
			m->again += !p.failed;
		} else if (p.failed) {
			hold(m, p.tag);
		} else if (m->held_from == 0 || p.tag < m->held_from) {
			last = p.tag;
		} else
			giveback_ack(&m->back, p.tag, false);
	}
	if (last != 0)
		giveback_ack(&m->back, last, true);
}

/* A tag that was, or will be, acknowledged would not do. */
static uint64_t
last_in_hand(const struct mover *m)
{
	uint64_t last = m->held_to;
	const struct parcel *p;
	size_t i;

	for (i = 0; i < m->count; i++) {
		p = parcel(m, i);
		if (p->owned && p->tag > last && !giveback_has(&m->back, p->tag))
			last = p->tag;
	}
	return last;
}

/* What is settled is acknowledged by now; all else goes back. */
void
move_give_back(struct mover *m)
{
	if (m->returning || !m->connected)
		return;
	m->returning = true;
	giveback_leave(&m->back);
	giveback_return_all(&m->back, last_in_hand(m));
}

void
move_give_back_late(struct mover *m)
{
	if (!m->connected || m->closing || rmq_failed(m->from))
		return;
	move_give_back(m);
	giveback_hurry(&m->back, "there is no time to wait for it");
}

/* What is on its way will be in both places; what was held is delivered again. */
void
move_disown(struct mover *m)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		parcel(m, i)->owned = false;
	if (m->plan->dry_run)
		m->wanted = 0;
	m->unmatched = m->nowhere = 0;
	m->held = m->held_from = m->held_to = 0;
	giveback_lost(&m->back);
}
