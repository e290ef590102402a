/* SPDX-License-Identifier: MIT */
/*
 * See consume.h.  The states: receiving; stopping, until the broker sends no
 * more and all that was taken is settled; closing, until the broker said that
 * it has the acknowledgements.  How it begins is in start.c, when and how it
 * ends in end.c, whether there is more in empty.c; stream.c and peek.c are
 * about streams and --peek.  receiver.c is below them all.
 */

#include <stdio.h>

#include "broker/limits.h"
#include "broker/loop.h"
#include "consume/consume.h"
#include "consume/receiver.h"
#include "message/declare.h"
#include "output/print.h"
#include "tool/tool.h"

/* Events. */

static void
print(struct receiver *r, const struct rmq_delivery *d, uint64_t tag)
{
	print_message(&r->out, r->mq, d, receiver_queue(r, d->consumer), r->takes ? tag : 0);
	r->taken++;
	if (limit_options.count >= 0 && r->taken >= (uint64_t)limit_options.count)
		receiver_stop(r);
}

/*
 * A stream takes nothing back.  Beside queues that do, its messages are acknowledged as they come, which tells it only
 * to send more; so a range of tags has none of them.
 */
static uint64_t
take_from_stream(struct receiver *r, const struct rmq_delivery *d)
{
	if (r->what->nqueues == 1)
		return d->tag;
	rmq_ack(r->mq, d->tag, false);
	return 0;
}

/* What comes after the end is only counted: say_goodbye() gives it back. */
static void
on_delivered(struct receiver *r, const struct rmq_delivery *d)
{
	struct source *s = &r->sources[d->consumer];
	bool fresh = stream_fresh(r, s, d);
	uint64_t tag = d->tag;

	s->held++;
	empty_found(&r->empty);
	pace_came(r, d);
	if (!r->no_ack && !s->stream)
		giveback_look(&r->back, d, receiver_queue(r, d->consumer));
	else if (s->stream && fresh)
		tag = take_from_stream(r, d);
	if (!fresh)
		rmq_ack(r->mq, d->tag, false);
	else if (!r->stopping) {
		peek_warn(r, d);
		print(r, d, tag);
	}
}

static void
on_ready(struct receiver *r)
{
	double away = (double)(rmq_now() - r->lost_at) / 1000;
	bool misses = r->what->misses || stream_misses(r);

	if (r->taken_back[0] != '\0')
		tool_warn("the broker took its messages back: %s; subscribed again", r->taken_back);
	else if (r->was_subscribed)
		tool_warn("reconnected after %.1f s%s", away,
		    misses ? "; messages published meanwhile were not received" : "");
	else
		print_chat(&r->out, r->what->waiting);
	r->subscribed = r->was_subscribed = true;
	r->taken_back[0] = '\0';
	r->last = rmq_now();
	empty_found(&r->empty);
}

static void
forget_tags(struct receiver *r)
{
	size_t i;

	giveback_lost(&r->back);
	for (i = 0; i < r->what->nqueues; i++)
		r->sources[i].held = 0;
	pace_lost(r);
}

/* The tags are void.  Whoever wanted to stop does not wait for another connection. */
static void
on_lost(struct receiver *r, const struct rmq_event *e)
{
	snprintf(r->taken_back, sizeof r->taken_back, "%.*s", e->taken_back ? (int)e->text.len : 0,
	    (const char *)e->text.data);
	if (r->subscribed && !r->stopping && !rmq_failed(r->mq) && !e->taken_back)
		tool_warn("%.*s; connecting again", (int)e->text.len, (const char *)e->text.data);
	if (r->subscribed)
		r->lost_at = e->heard_at;
	r->subscribed = false;
	forget_tags(r);
	if (r->stopping) {
		r->in_doubt = r->taken > 0 && r->takes;
		r->stopped = true;
		r->closed = r->closing;
	}
}

static void
on_event(struct receiver *r, const struct rmq_event *e)
{
	switch (e->type) {
	case RMQ_READY:
		on_ready(r);
		break;
	case RMQ_DELIVERED:
		on_delivered(r, &e->delivery);
		break;
	case RMQ_STOPPED:
		r->stopped = true;
		break;
	case RMQ_DIFFERS:
		declare_warn_differs(e);
		break;
	case RMQ_LOST:
		on_lost(r, e);
		break;
	case RMQ_CLOSED:
		r->closed = true;
		break;
	case RMQ_ANSWERED:
		receiver_answered(r, e);
		break;
	case RMQ_SUBSCRIBED:
	case RMQ_RETURNED:	/* of publishers */
	case RMQ_NACKED:
	case RMQ_REFUSED:
	case RMQ_BLOCKED:	/* consumers may go on */
	case RMQ_UNBLOCKED:
		break;
	}
}

/* While the reader is slow, deliveries stay in the session. */
static bool
holds(const struct receiver *r)
{
	return !r->stopping && output_full(&r->out);
}

/* A session that wants to be called at once has something else to tell, and that comes first. */
static void
take_events(struct receiver *r)
{
	struct rmq_event e;
	bool some = false;

	while (!holds(r) && rmq_next(r->mq, &e)) {
		on_event(r, &e);
		some = some || e.type == RMQ_DELIVERED;
	}
	if (holds(r) && rmq_wait_ms(r->mq) == 0 && rmq_next(r->mq, &e))
		on_event(r, &e);
	r->held = holds(r);
	if (some || r->held)
		r->last = rmq_now();
}

/* Settling. */

static void
say_goodbye(struct receiver *r)
{
	receiver_give_back(r);
	if (r->subscribed && !giveback_done(&r->back))
		return;
	r->closing = true;
	if (r->subscribed)
		rmq_close(r->mq);
	else
		r->closed = true;
}

static void
settle(struct receiver *r)
{
	output_io(&r->out, r->poll.revents);
	if (r->stopping)
		output_finish(&r->out);
	if (r->out.settled != r->acked && !pace_quiet(r, rmq_now())) {
		giveback_ack(&r->back, r->out.settled, true);
		r->acked = r->out.settled;
		r->acked_at = rmq_now();
	}
	if (r->out.error != 0)
		receiver_stop(r);
	if (r->stopped && !r->closing && !output_pending(&r->out))
		say_goodbye(r);
}

static void
wait_for_more(struct receiver *r)
{
	int64_t deadline = loop_earlier(output_deadline(&r->out), receiver_deadline(r));
	struct rmq *sessions[2];
	size_t n = 0;

	deadline = loop_earlier(deadline, receiver_ask_time(r));
	deadline = loop_earlier(deadline, pace_time(r));
	if (r->held && !holds(r))
		deadline = 0;		/* what was held can be taken now */
	r->poll.fd = r->out.error == 0 ? r->out.fd : -1;
	r->poll.events = output_events(&r->out);
	r->poll.revents = 0;
	deadline = loop_earlier(deadline, giveback_deadline(&r->back));
	if (!rmq_failed(r->mq))
		sessions[n++] = r->mq;
	if (r->back.outbox.mq != NULL)
		sessions[n++] = r->back.outbox.mq;
	loop_wait(sessions, n, &r->poll, 1, deadline);
}

int
consume(struct rmq *mq, const struct consume *what)
{
	struct receiver r = { .what = what, .mq = mq };
	struct rmq_error error;
	int status;

	receiver_start(&r);
	for (;;) {
		take_events(&r);
		receiver_heed_limits(&r);
		receiver_ask(&r);
		giveback_run(&r.back, rmq_now());
		settle(&r);
		pace_adjust(&r, rmq_now());
		if (receiver_over(&r))
			break;
		wait_for_more(&r);
		receiver_heed_signals(&r);
	}
	receiver_give_back_late(&r);
	error = *rmq_error(mq);
	snprintf(r.trouble, sizeof r.trouble, "%s", rmq_trouble(mq));
	giveback_free(&r.back);
	rmq_free(mq);
	status = receiver_report(&r, &error);
	receiver_end(&r);
	return status;
}
