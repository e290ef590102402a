/* SPDX-License-Identifier: MIT */
/* The broker closed the channel: over a message, over what was asked of it, or over its own patience. */
#include <stdio.h>

#include "session/session.h"
#include "wire/handshake.h"

static enum rmq_status
publish_status(int code)
{
	switch (code) {
	case 403:
		return RMQ_DENIED;
	case 404:
		return RMQ_NO_DESTINATION;
	default:
		return RMQ_PROTOCOL;
	}
}

/* The acknowledgement timeout of brokers before 4.3: https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout */
static bool
took_too_long(int code, struct rmq_bytes text)
{
	return code == 406 && bytes_contain(text, "acknowledgement") && bytes_contain(text, "timed out");
}

static void
abandon(struct rmq *mq, bool ignored)
{
	mq->reopened = true;
	publisher_reopen(&mq->publisher, ignored);
	channel_forget(mq);
	topology_reset(mq, false);
	if (mq->stopping)
		session_stopped(mq);
}

static void
open_again(struct rmq *mq, bool ignored)
{
	abandon(mq, ignored);
	channel_open(mq);
}

/* What took messages back may do it for ever. */
void
refused_again(struct rmq *mq)
{
	abandon(mq, false);
	session_open_channel(mq);
}

/* It is too large, or has a property that the broker does not like; or an exchange that it chose itself. */
static bool
is_fault_of_record(const struct rmq *mq, int code)
{
	return code == 406 || (mq->config.own_exchanges && (code == 403 || code == 404));
}

/* The broker closes the channel over a record.  Which one it was, the reply does not say. */
static void
on_refused_record(struct rmq *mq, int code, const char *said)
{
	struct rmq_event ev = { .type = RMQ_REFUSED, .code = code };
	int found = publisher_refused(&mq->publisher, &ev.cookie);

	if (found == -1) {
		session_fail(mq, RMQ_PROTOCOL, code, "the broker refused a message that was not sent: %s", said);
		return;
	}
	if (found == 1) {
		snprintf(mq->refused_text, sizeof mq->refused_text, "%s", said);
		ev.text = rmq_bytes(mq->refused_text);
		session_event(mq, ev);
	}
	open_again(mq, false);
	session_confirmed(mq);
}

/* Who waits for the reply to the method that was refused: a reply's number is its method's and one. */
static struct awaited
who_asked(struct rmq *mq, amqp_method_number_t id)
{
	struct awaited *a = channel_awaits(mq, id + 1);

	return a != NULL ? *a : (struct awaited){ 0 };
}

/* Another connection, perhaps to another node, may bring more. */
static void
refused_connection(struct rmq *mq, int code, struct rmq_bytes text, const char *what)
{
	connection_down(&mq->connection, handshake_close_status(code, text), code, "cannot %s: %.*s", what,
	    (int)text.len, (const char *)text.data);
	session_down(mq);
}

static void
on_refused_step(struct rmq *mq, struct awaited asked, int code, struct rmq_bytes text)
{
	bool setting_up = mq->state == SESSION_SETTING_UP;
	char said[256];

	snprintf(said, sizeof said, "%.*s", (int)text.len, (const char *)text.data);
	if (asked.is_order && refusal_passes(code, text)) {
		refused_connection(mq, code, text, "use a queue");
		return;
	}
	if (asked.is_order)
		orders_refused(mq, code, said);
	else if (!topology_refused(mq, asked.step, code, text))
		return;
	if (!setting_up && mq->nconsumers > 0)
		session_lost(mq, said, true);
	open_again(mq, setting_up);
}

/*
 * Frames behind the one that was refused are thrown away by the broker: while setting up, nothing was published.
 * A refusal may be followed by another one, of what the same flight brought for the queue that is not there.
 */
void
refused_channel(struct rmq *mq, const amqp_channel_close_t *close)
{
	amqp_method_number_t id = (amqp_method_number_t)close->class_id << 16 | close->method_id;
	struct rmq_bytes text = bytes_from_amqp(close->reply_text);
	struct awaited asked = who_asked(mq, id);
	amqp_channel_close_ok_t ok = { 0 };
	char said[256];

	snprintf(said, sizeof said, "%.*s", (int)text.len, (const char *)text.data);
	if (mq->nawaited > 0 && mq->awaited[0].reply == AMQP_CHANNEL_OPEN_OK_METHOD) {
		if (!mq->reopened || id == AMQP_CHANNEL_OPEN_METHOD)
			refused_connection(mq, close->reply_code, text, "open a channel");
		return;
	}
	if (!session_put(mq, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok))
		return;
	if (id == AMQP_BASIC_PUBLISH_METHOD && is_fault_of_record(mq, close->reply_code)) {
		on_refused_record(mq, close->reply_code, said);
	} else if (id == AMQP_BASIC_PUBLISH_METHOD) {
		session_fail(mq, publish_status(close->reply_code), close->reply_code, "cannot publish: %s", said);
	} else if (asked.step != NULL || asked.is_order) {
		on_refused_step(mq, asked, close->reply_code, text);
	} else if (took_too_long(close->reply_code, text)) {
		session_lost(mq, said, true);
		refused_again(mq);
	} else {
		session_fail(mq, RMQ_PROTOCOL, close->reply_code, "the broker closed the channel (%u.%u): %s",
		    id >> 16, id & 0xffff, said);
	}
}
