/* SPDX-License-Identifier: MIT */
/*
 * Two sessions in one loop.  The stages: moving; stopping, until the broker
 * sends no more and what was sent is settled; closing, until the broker said
 * that it has the acknowledgements.
 */

#include "broker/loop.h"
#include "broker/status.h"
#include "move/mover.h"
#include "tool/tool.h"

enum { GOODBYE = 5000 };

/* Nothing is taken before there is a place for it. */
static void
consume(struct mover *m)
{
	if (m->consuming || m->stopping)
		return;
	m->consuming = true;
	rmq_look_at_queue(m->from, m->plan->source);
	empty_asked(&m->empty, 1);
	rmq_consume(m->from, &(struct rmq_consumer){
	    .queue = m->plan->source, .prefetch = (uint16_t)m->plan->prefetch });
}

/* The target. */

/* One message failed: it goes back, and the others go on.  False: that was known. */
static bool
mark(struct mover *m, uint64_t cookie, enum move_stay why)
{
	struct parcel *p = move_find(m, cookie);
	struct rmq_bytes name, none = { 0 };

	if (p == NULL || p->failed)
		return false;
	p->failed = true;
	name = (struct rmq_bytes){ p->name_len, p->name };
	move_name(m, why, p->has_id ? name : none, p->has_id ? none : name);
	return true;
}

/* A full queue will not be less so for the next ones. */
static void
on_nacked(struct mover *m, const struct rmq_event *e)
{
	if (!e->given_up || !mark(m, e->cookie, STAY_NACKED))
		return;
	m->nacked++;
	move_stop(m);
}

/* It goes back, unless the exchange may be one that keeps it all the same. */
static void
on_returned(struct mover *m, const struct rmq_event *e)
{
	if (m->plan->route == ROUTE_YES)
		m->returned += mark(m, e->cookie, STAY_RETURNED);
	else if (m->returned++ == 0)
		move_tell(m, "warning: nobody receives what goes to exchange '%.*s' with key '%.*s': no queue is bound "
		    "(%.*s)", (int)e->exchange.len, (const char *)e->exchange.data, (int)e->routing_key.len,
		    (const char *)e->routing_key.data, (int)e->text.len, (const char *)e->text.data);
}

static void
on_target_event(struct mover *m, const struct rmq_event *e)
{
	switch (e->type) {
	case RMQ_READY:
		consume(m);
		break;
	case RMQ_RETURNED:
		on_returned(m, e);
		break;
	case RMQ_NACKED:
		on_nacked(m, e);
		break;
	case RMQ_REFUSED:
		if (mark(m, e->cookie, STAY_REFUSED))
			move_refused(m, status_of_refusal(e->code, EX_DATAERR), e->text);
		break;
	case RMQ_BLOCKED:
		move_tell(m, "the broker takes no messages for now: %.*s", (int)e->text.len,
		    (const char *)e->text.data);
		break;
	case RMQ_LOST:
		if (m->talk && !m->closing && !rmq_failed(m->to))
			move_tell(m, "%.*s; connecting again", (int)e->text.len, (const char *)e->text.data);
		break;
	case RMQ_CLOSED:
		m->target_closed = true;
		break;
	default:
		break;
	}
}

/* The source. */

static void
on_lost(struct mover *m, const struct rmq_event *e)
{
	if (m->talk && !m->stopping && !rmq_failed(m->from))
		move_tell(m, "%.*s; connecting again", (int)e->text.len, (const char *)e->text.data);
	if (m->stopping) {
		m->doubt = m->moved > 0 || m->count > 0;
		m->stopped = true;
		m->closed = m->closing;
	}
	m->connected = false;
	move_disown(m);
}

static void
on_source_event(struct mover *m, const struct rmq_event *e)
{
	switch (e->type) {
	case RMQ_READY:
		m->connected = true;
		m->active = m->delivered = rmq_now();
		empty_found(&m->empty);
		if (m->to == NULL)
			consume(m);
		break;
	case RMQ_DELIVERED:
		move_take(m, &e->delivery);
		break;
	case RMQ_ANSWERED:
		move_looked(m, e);
		break;
	case RMQ_STOPPED:
		m->stopped = true;
		break;
	case RMQ_LOST:
		on_lost(m, e);
		break;
	case RMQ_CLOSED:
		m->closed = true;
		break;
	default:
		break;
	}
}

/* While the target is full, deliveries stay in the session; with one of them on its way it has a limit of time. */
static bool
holds(const struct mover *m)
{
	return !m->stopping && m->to != NULL && m->count > 0 && !rmq_can_publish(m->to);
}

/* A session that wants to be called at once has something else to tell, and that comes first. */
static void
take_events(struct mover *m)
{
	struct rmq_event e;

	while (m->to != NULL && rmq_next(m->to, &e))
		on_target_event(m, &e);
	while (!holds(m) && rmq_next(m->from, &e))
		on_source_event(m, &e);
	if (holds(m) && rmq_wait_ms(m->from) == 0 && rmq_next(m->from, &e))
		on_source_event(m, &e);
}

static void
check_target(struct mover *m)
{
	if (m->to == NULL || m->to_failed || !rmq_failed(m->to))
		return;
	m->to_failed = m->target_closed = true;
	move_stop(m);
}

static void
say_goodbye(struct mover *m)
{
	if (m->closing || !m->stopped || (m->count > 0 && !m->to_failed))
		return;
	move_give_back(m);
	if (m->connected && !giveback_done(&m->back))
		return;
	m->closing = true;
	if (m->give_up_at < 0)
		m->give_up_at = rmq_now() + GOODBYE;
	if (m->to != NULL && !m->to_failed)
		rmq_close(m->to);
	if (!m->connected) {
		m->closed = true;
		return;
	}
	rmq_close(m->from);
}

static bool
is_over(const struct mover *m)
{
	return rmq_failed(m->from) || (m->closed && (m->to == NULL || m->target_closed)) ||
	    (m->give_up_at >= 0 && rmq_now() >= m->give_up_at);
}

static void
wait_for_more(struct mover *m)
{
	struct rmq *sessions[3] = { m->from };
	size_t n = 1;

	if (m->to != NULL && !m->to_failed)
		sessions[n++] = m->to;
	if (m->back.outbox.mq != NULL)
		sessions[n++] = m->back.outbox.mq;
	progress_tell(&m->progress, &(struct progress_state){
	    .done = m->moved, .in_flight = m->count, .done_word = "moved", .at = m->moved, .size = m->size });
	loop_wait(sessions, n, NULL, 0, move_deadline(m));
}

int
move_run(struct mover *m)
{
	struct rmq_error from, to = { 0 };

	for (;;) {
		take_events(m);
		check_target(m);
		move_settle(m);
		giveback_run(&m->back, rmq_now());
		move_heed_limits(m);
		say_goodbye(m);
		if (is_over(m))
			break;
		wait_for_more(m);
		move_heed_signals(m);
	}
	move_give_back_late(m);
	from = *rmq_error(m->from);
	if (m->to != NULL)
		to = *rmq_error(m->to);
	giveback_free(&m->back);
	rmq_free(m->from);
	rmq_free(m->to);
	m->stopping = true;
	progress_clear(&m->progress);
	return move_report(m, &from, &to);
}
