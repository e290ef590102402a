/* SPDX-License-Identifier: MIT */
/*
 * See consume.h.  The states: receiving; stopping, until the broker sends no
 * more and all that was taken is settled; closing, until the broker said that
 * it has the acknowledgements.  consume_end.c knows when and how it ends.
 */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "consume.h"
#include "groups.h"
#include "loop.h"
#include "print.h"
#include "receiver.h"
#include "tool.h"

enum { PREFETCH = 500, GROUP = 100 };	/* GROUP: records that are synced together */

static int64_t	prefetch = PREFETCH;
static bool	no_ack;
static bool	sync_files = true;

const struct opt opt_consume[] = {
	{ .help = "Receiving" },
	{ 'p', "prefetch|prefetch-count", "N", opt_number, &prefetch,
	    "hold at most N messages that are not acknowledged (default: 500)", .min = 1, .max = UINT16_MAX },
	{ 'A', "no-ack", NULL, opt_flag, &no_ack, "let the broker forget each message as it sends it" },
	{ 0, "no-sync", NULL, opt_unflag, &sync_files, "acknowledge before a file is on the disk" },
	{ 0 }
};

/* Events. */

void
receiver_stop(struct receiver *r)
{
	if (r->stopping)
		return;
	r->stopping = true;
	if (r->subscribed)
		rmq_stop_consuming(r->mq);
	else
		r->stopped = true;
}

/* What comes after the end is only counted: say_goodbye() gives it back. */
static void
on_delivered(struct receiver *r, const struct rmq_delivery *d)
{
	const char *queue = r->what->queues[d->consumer];

	r->tag = d->tag;
	if (r->stopping)
		return;
	print_message(&r->out, r->mq, d, queue != NULL ? queue : rmq_named_queue(r->mq), no_ack ? 0 : d->tag);
	r->taken++;
	if (limit_options.count >= 0 && r->taken >= (uint64_t)limit_options.count)
		receiver_stop(r);
}

static void
on_ready(struct receiver *r)
{
	double away = (double)(rmq_now() - r->lost_at) / 1000;

	if (r->was_subscribed)
		tool_warn("reconnected after %.1f s%s", away,
		    r->what->misses ? "; messages published meanwhile were not received" : "");
	else
		print_chat(&r->out, r->what->waiting);
	r->subscribed = r->was_subscribed = true;
	r->last = rmq_now();
}

/* The tags are void.  Whoever wanted to stop does not wait for another connection. */
static void
on_lost(struct receiver *r, struct rmq_bytes why)
{
	if (r->subscribed && !r->stopping && !rmq_failed(r->mq))
		tool_warn("%.*s; connecting again", (int)why.len, (const char *)why.data);
	if (r->subscribed)
		r->lost_at = rmq_now();
	r->subscribed = false;
	r->tag = 0;
	if (r->stopping) {
		r->in_doubt = r->taken > 0 && !no_ack;
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
	case RMQ_LOST:
		on_lost(r, e->text);
		break;
	case RMQ_CLOSED:
		r->closed = true;
		break;
	case RMQ_CANCELLED:	/* the session subscribes again, or fails */
	case RMQ_RETURNED:	/* of publishers */
	case RMQ_NACKED:
	case RMQ_REFUSED:
	case RMQ_ANSWERED:	/* nothing was asked */
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
		some = true;
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
	r->closing = true;
	if (!r->subscribed) {
		r->closed = true;
		return;
	}
	if (r->tag != 0 && r->tag != r->acked && !no_ack)
		rmq_nack(r->mq, r->tag, true, true);
	rmq_close(r->mq);
}

static void
settle(struct receiver *r)
{
	output_io(&r->out, r->poll.revents);
	if (r->stopping)
		output_finish(&r->out);
	if (r->out.settled != r->acked) {
		rmq_ack(r->mq, r->out.settled, true);
		r->acked = r->out.settled;
	}
	if (r->out.error != 0)
		receiver_stop(r);
	if (r->stopped && !r->closing && !output_pending(&r->out))
		say_goodbye(r);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void
wait_for_more(struct receiver *r)
{
	int64_t deadline = earlier(output_deadline(&r->out), receiver_deadline(r));

	if (r->held && !holds(r))
		deadline = 0;		/* what was held can be taken now */
	r->poll.fd = r->out.error == 0 ? r->out.fd : -1;
	r->poll.events = output_events(&r->out);
	r->poll.revents = 0;
	loop_wait(&r->mq, rmq_failed(r->mq) ? 0 : 1, &r->poll, 1, deadline);
}

static void
subscribe(struct receiver *r)
{
	size_t i;

	if (no_ack)
		tool_warn("with --no-ack, messages that cannot be printed%s are lost",
		    limit_options.count >= 0 ? " and those that come after the last one" : "");
	for (i = 0; i < r->what->nqueues; i++)
		rmq_consume(r->mq, &(struct rmq_consumer){
		    .queue = r->what->queues[i], .prefetch = (uint16_t)prefetch, .no_ack = no_ack });
}

static void
open_output(struct receiver *r)
{
	int64_t group = prefetch / 2 < GROUP ? prefetch / 2 : GROUP;

	signal(SIGXFSZ, SIG_IGN);
	output_open(&r->out, STDOUT_FILENO, sync_files && !no_ack, (unsigned)(group > 0 ? group : 1));
	r->out.escape = r->out.escape && !output_options.raw;
}

static void
start(struct receiver *r)
{
	if (limit_options.count >= 0 && limit_options.count < prefetch)
		prefetch = limit_options.count;
	r->no_ack = no_ack;
	receiver_set_limits(r);
	open_output(r);
	subscribe(r);
}

struct rmq *
consume_open(const char *program, const struct consume *what)
{
	struct rmq_config config = groups_config(program);
	struct rmq *mq;

	print_choose(what->line, what->chat);
	if (config.retry_limit == 0)
		config.retry_limit = -1;
	mq = rmq_open(&config);
	if (mq == NULL)
		tool_fail(EX_OSERR, "cannot open a session: out of memory");
	return mq;
}

int
consume(struct rmq *mq, const struct consume *what)
{
	struct receiver r = { .what = what, .mq = mq };
	struct rmq_error error;
	int status;

	start(&r);
	for (;;) {
		take_events(&r);
		receiver_heed_limits(&r);
		settle(&r);
		if (receiver_over(&r))
			break;
		wait_for_more(&r);
		receiver_heed_signals(&r);
	}
	error = *rmq_error(mq);
	rmq_free(mq);
	status = receiver_report(&r, &error);
	output_close(&r.out);
	print_done();
	return status;
}
