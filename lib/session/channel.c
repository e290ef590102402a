/* SPDX-License-Identifier: MIT */
/*
 * The channel of a session: every method that a broker may send on it, and
 * what follows.  None is passed over in silence.
 */
#include <stdlib.h>
#include <string.h>

#include "session/session.h"

enum { STOP_LIMIT = 5000, CLOSE_LIMIT = 2000 };

/*
 * For the next answer.  A node that says nothing more on the first connection leaves time for the other ones; and who
 * stops wants to end.
 */
static int64_t
answer_limit(const struct rmq *mq)
{
	int64_t limit = mq->config.reply_limit;

	if (!mq->was_ready && mq->share < limit)
		limit = mq->share;
	if (mq->stopping && limit > STOP_LIMIT)
		limit = STOP_LIMIT;
	if (mq->closing && limit > CLOSE_LIMIT)
		limit = CLOSE_LIMIT;
	return limit;
}

void
channel_hurry(struct rmq *mq)
{
	int64_t deadline = rmq_now() + answer_limit(mq);

	if (mq->nawaited > 0 && mq->state != SESSION_LEAVING && deadline < mq->reply_deadline)
		mq->reply_deadline = deadline;
}

bool
channel_await(struct rmq *mq, amqp_method_number_t reply, struct step *step)
{
	size_t size = mq->awaited_size == 0 ? 8 : 2 * mq->awaited_size;
	struct awaited *awaited;

	if (mq->nawaited == mq->awaited_size) {
		if ((awaited = reallocarray(mq->awaited, size, sizeof *awaited)) == NULL) {
			session_no_memory(mq);
			return false;
		}
		mq->awaited = awaited;
		mq->awaited_size = size;
	}
	mq->awaited[mq->nawaited++] = (struct awaited){ .reply = reply, .step = step };
	if (mq->state != SESSION_LEAVING && !mq->connection.guessing)
		mq->reply_deadline = rmq_now() + answer_limit(mq);
	return true;
}

void
channel_forget(struct rmq *mq)
{
	mq->epoch++;
	mq->nawaited = 0;
	mq->reply_deadline = SESSION_NEVER;
	mq->flow_off = false;
	delivery_reset(mq);
	held_clear(&mq->held);
	orders_reset(mq);
}

void
channel_open(struct rmq *mq)
{
	amqp_channel_open_t open = { 0 };
	amqp_confirm_select_t select = { 0 };

	mq->state = SESSION_SETTING_UP;
	mq->publisher.frame_max = mq->connection.frame_max;
	mq->publisher.holds_large = true;
	if (!session_put(mq, AMQP_CHANNEL_OPEN_METHOD, &open) ||
	    !channel_await(mq, AMQP_CHANNEL_OPEN_OK_METHOD, NULL))
		return;
	if (mq->config.confirm && (!session_put(mq, AMQP_CONFIRM_SELECT_METHOD, &select) ||
	    !channel_await(mq, AMQP_CONFIRM_SELECT_OK_METHOD, NULL)))
		return;
	topology_run(mq);
}

static void
broken(struct rmq *mq, const char *what, amqp_method_number_t id)
{
	session_fail(mq, RMQ_PROTOCOL, 0, "broken AMQP: %s %u.%u", what, id >> 16, id & 0xffff);
}

struct awaited *
channel_awaits(struct rmq *mq, amqp_method_number_t reply)
{
	for (size_t i = 0; i < mq->nawaited; i++)
		if (mq->awaited[i].reply == reply)
			return &mq->awaited[i];
	return NULL;
}

/* These two are said by the queue, so what the channel itself answers may come before. */
static bool
may_be_late(amqp_method_number_t reply)
{
	return reply == AMQP_BASIC_CONSUME_OK_METHOD || reply == AMQP_BASIC_CANCEL_OK_METHOD;
}

/* All others come in the order of asking. */
static struct awaited *
awaited_now(struct rmq *mq, amqp_method_number_t reply)
{
	for (size_t i = 0; i < mq->nawaited; i++) {
		if (mq->awaited[i].reply == reply)
			return &mq->awaited[i];
		if (!may_be_late(mq->awaited[i].reply))
			break;
	}
	return NULL;
}

static struct awaited
take(struct rmq *mq, struct awaited *a)
{
	struct awaited taken = *a;

	mq->nawaited--;
	memmove(a, a + 1, (size_t)(mq->awaited + mq->nawaited - a) * sizeof *a);
	mq->reply_deadline = mq->nawaited > 0 ? rmq_now() + answer_limit(mq) : SESSION_NEVER;
	return taken;
}

/* Seen in clusters of 3.10 whose nodes restart: a consumer of ours is there, says the broker once more. */
static bool
is_repeated(struct rmq *mq, amqp_method_number_t id, void *method)
{
	amqp_basic_consume_ok_t *ok = method;

	return id == AMQP_BASIC_CONSUME_OK_METHOD && topology_consumer(mq, bytes_from_amqp(ok->consumer_tag)) != NULL;
}

static void
on_reply(struct rmq *mq, amqp_method_number_t id, void *method)
{
	struct awaited *found = awaited_now(mq, id), a;

	if (found == NULL && mq->state == SESSION_READY && is_repeated(mq, id, method))
		return;
	if (found == NULL) {
		broken(mq, "unexpected reply", id);
		return;
	}
	a = take(mq, found);
	if (a.is_order)
		orders_answered(mq, id, method);
	if (a.step != NULL)
		topology_done(mq, a.step, id, method);
	if (id == AMQP_BASIC_CANCEL_OK_METHOD && mq->stopping && channel_awaits(mq, id) == NULL &&
	    channel_awaits(mq, AMQP_BASIC_CONSUME_OK_METHOD) == NULL)
		session_stopped(mq);
	if (mq->nawaited == 0 && mq->state == SESSION_SETTING_UP) {
		mq->publisher.holds_large = false;
		session_ready(mq);
		orders_run(mq);
	}
}

static void
on_nacked_record(void *arg, uint64_t cookie, bool given_up)
{
	session_event(arg, (struct rmq_event){ .type = RMQ_NACKED, .cookie = cookie, .given_up = given_up });
}

static void
on_confirm(struct rmq *mq, uint64_t tag, bool multiple, bool ack)
{
	if (!publisher_confirm(&mq->publisher, tag, multiple, ack, on_nacked_record, mq, &mq->error))
		session_failed(mq);
	else
		session_confirmed(mq);
}

/*
 * The queue is gone or moves, or a message was not acknowledged in time.  Brokers since 4.3 then keep the consumer,
 * and its other messages, for as long as the channel lives: so another channel takes its place.
 */
static void
on_cancel(struct rmq *mq, const amqp_basic_cancel_t *cancel)
{
	struct step *step = topology_consumer(mq, bytes_from_amqp(cancel->consumer_tag));
	amqp_channel_close_t close = { .reply_code = 200 };

	if (step == NULL)
		return;
	if (mq->state == SESSION_READY)
		session_lost(mq, "the subscription was cancelled", true);
	channel_forget(mq);
	topology_reset(mq, false);
	if (!topology_cancelled(mq, step))
		return;
	mq->state = SESSION_REOPENING;
	if (session_put(mq, AMQP_CHANNEL_CLOSE_METHOD, &close))
		channel_await(mq, AMQP_CHANNEL_CLOSE_OK_METHOD, NULL);
}

static void
on_flow(struct rmq *mq, const amqp_channel_flow_t *flow)
{
	amqp_channel_flow_ok_t ok = { flow->active };

	mq->flow_off = !flow->active;
	session_put(mq, AMQP_CHANNEL_FLOW_OK_METHOD, &ok);
}

static void
on_method(struct rmq *mq, amqp_method_number_t id, void *method)
{
	amqp_basic_ack_t *ack = method;
	amqp_basic_nack_t *nack = method;

	switch (id) {
	case AMQP_BASIC_ACK_METHOD:
		on_confirm(mq, ack->delivery_tag, ack->multiple, true);
		break;
	case AMQP_BASIC_NACK_METHOD:
		on_confirm(mq, nack->delivery_tag, nack->multiple, false);
		break;
	case AMQP_BASIC_CANCEL_METHOD:
		on_cancel(mq, method);
		break;
	case AMQP_CHANNEL_CLOSE_METHOD:
		refused_channel(mq, method);
		break;
	case AMQP_CHANNEL_FLOW_METHOD:
		on_flow(mq, method);
		break;
	case AMQP_CHANNEL_OPEN_OK_METHOD:
	case AMQP_CONFIRM_SELECT_OK_METHOD:
	case AMQP_EXCHANGE_DECLARE_OK_METHOD:
	case AMQP_QUEUE_DECLARE_OK_METHOD:
	case AMQP_QUEUE_BIND_OK_METHOD:
	case AMQP_QUEUE_UNBIND_OK_METHOD:
	case AMQP_QUEUE_PURGE_OK_METHOD:
	case AMQP_QUEUE_DELETE_OK_METHOD:
	case AMQP_BASIC_QOS_OK_METHOD:
	case AMQP_BASIC_CONSUME_OK_METHOD:
	case AMQP_BASIC_CANCEL_OK_METHOD:
		on_reply(mq, id, method);
		break;
	default:
		broken(mq, "unexpected method", id);
	}
}

static bool
is_closing(const struct rmq *mq)
{
	return mq->state == SESSION_LEAVING || mq->state == SESSION_REOPENING;
}

/* Once channel.close is on its way, only its answer counts (the broker may have closed the channel itself). */
static void
while_closing(struct rmq *mq, const struct frame *f)
{
	amqp_method_number_t id = codec_method_id(f->payload);
	amqp_channel_close_ok_t ok = { 0 };

	if (f->type != FRAME_METHOD || mq->nawaited == 0)
		return;
	if (id == AMQP_CHANNEL_CLOSE_OK_METHOD && mq->state == SESSION_REOPENING) {
		refused_again(mq);
	} else if (id == AMQP_CHANNEL_CLOSE_OK_METHOD) {
		mq->nawaited = 0;
		connection_close(&mq->connection);
	} else if (id == AMQP_CHANNEL_CLOSE_METHOD && mq->state == SESSION_REOPENING) {
		session_put(mq, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
	} else if (id == AMQP_CHANNEL_CLOSE_METHOD) {
		session_fail(mq, RMQ_UNCONFIRMED, 0, "the broker closed the channel before the goodbye");
	}
}

static void
on_method_frame(struct rmq *mq, const struct frame *f)
{
	void *method;

	recycle_amqp_pool(&mq->pool);
	if (codec_get_method(f->payload, &mq->pool, &method, &mq->error))
		on_method(mq, codec_method_id(f->payload), method);
	else
		session_failed(mq);
}

static bool
starts_content(const struct frame *f)
{
	amqp_method_number_t id = codec_method_id(f->payload);

	return f->type == FRAME_METHOD && (id == AMQP_BASIC_DELIVER_METHOD || id == AMQP_BASIC_RETURN_METHOD);
}

int
channel_next(struct rmq *mq, struct rmq_event *ev)
{
	struct frame f;
	int n = connection_peek(&mq->connection, 0, &f);

	if (n == 1 && f.channel == 0) {
		connection_skip(&mq->connection, f.size);
		if (!connection_control(&mq->connection, &f))
			session_down(mq);
		return 0;
	}
	if (n == -1)
		session_down(mq);
	if (n != 1)
		return -1;
	if (f.channel != CHANNEL || mq->state < SESSION_REOPENING || mq->connection.guessing) {
		connection_down(&mq->connection, RMQ_PROTOCOL, 0, "broken AMQP: a frame on channel %u", f.channel);
		session_down(mq);
		return 0;
	}
	if (!is_closing(mq) && starts_content(&f))
		return delivery_next(mq, &f, ev);
	connection_skip(&mq->connection, f.size);
	if (is_closing(mq))
		while_closing(mq, &f);
	else if (f.type == FRAME_METHOD && mq->content.id == 0)
		on_method_frame(mq, &f);
	else
		return delivery_part(mq, &f, ev);
	return 0;
}
