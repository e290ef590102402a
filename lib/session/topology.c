/* SPDX-License-Identifier: MIT */
/*
 * The steps that set a channel up: exchanges, queues, bindings, consumers.
 *
 * All steps are sent together and answered in their order.  One that the
 * broker refuses takes the channel with it; if there is another way to get
 * what was asked for, the step is changed and the channel opened again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/session.h"

enum { MOST_TRIES = 5 };

/* Until the broker has told its name, "" means the queue that was declared last on this channel. */
static const char *
queue_of(const struct rmq *mq, const struct step *s)
{
	return s->queue != NULL ? s->queue : mq->named_queue;
}

static bool
send_queue(struct rmq *mq, struct step *s)
{
	amqp_queue_declare_t d = {
		.queue = text_to_amqp(s->queue), .passive = s->passive, .durable = s->durable,
		.exclusive = s->exclusive, .auto_delete = s->auto_delete, .arguments = *table_amqp(s->arguments),
	};

	return session_put(mq, AMQP_QUEUE_DECLARE_METHOD, &d) && channel_await(mq, AMQP_QUEUE_DECLARE_OK_METHOD, s);
}

static bool
send_exchange(struct rmq *mq, struct step *s)
{
	amqp_exchange_declare_t d = {
		.exchange = text_to_amqp(s->exchange), .type = text_to_amqp(s->type), .passive = s->passive,
		.durable = s->durable, .auto_delete = s->auto_delete, .internal = s->internal,
		.arguments = *table_amqp(s->arguments),
	};

	return session_put(mq, AMQP_EXCHANGE_DECLARE_METHOD, &d) &&
	    channel_await(mq, AMQP_EXCHANGE_DECLARE_OK_METHOD, s);
}

static bool
send_bind(struct rmq *mq, struct step *s)
{
	amqp_queue_bind_t b = {
		.queue = text_to_amqp(queue_of(mq, s)), .exchange = text_to_amqp(s->exchange),
		.routing_key = text_to_amqp(s->routing_key), .arguments = *table_amqp(s->arguments),
	};

	return session_put(mq, AMQP_QUEUE_BIND_METHOD, &b) && channel_await(mq, AMQP_QUEUE_BIND_OK_METHOD, s);
}

bool
topology_consume(struct rmq *mq, struct step *s, const char *tag, uint16_t prefetch)
{
	amqp_basic_qos_t qos = { .prefetch_count = prefetch };
	amqp_basic_consume_t consume = {
		.queue = text_to_amqp(queue_of(mq, s)), .consumer_tag = text_to_amqp(tag), .no_ack = s->no_ack,
		.exclusive = s->exclusive, .arguments = *table_amqp(s->arguments),
	};

	if (mq->qos_at == 0)
		mq->qos_at = rmq_now();
	return session_put(mq, AMQP_BASIC_QOS_METHOD, &qos) && channel_await(mq, AMQP_BASIC_QOS_OK_METHOD, s) &&
	    session_put(mq, AMQP_BASIC_CONSUME_METHOD, &consume) &&
	    channel_await(mq, AMQP_BASIC_CONSUME_OK_METHOD, s);
}

static bool
send_consume(struct rmq *mq, struct step *s)
{
	amqp_queue_declare_t look = { .queue = text_to_amqp(queue_of(mq, s)), .passive = 1 };

	if (s->check_first && (!session_put(mq, AMQP_QUEUE_DECLARE_METHOD, &look) ||
	    !channel_await(mq, AMQP_QUEUE_DECLARE_OK_METHOD, s)))
		return false;
	s->asked = true;
	s->nmore = 0;
	return topology_consume(mq, s, s->tag, s->prefetch);
}

bool
topology_send(struct rmq *mq, struct step *s)
{
	switch (s->kind) {
	case STEP_QUEUE:
		return send_queue(mq, s);
	case STEP_EXCHANGE:
		return send_exchange(mq, s);
	case STEP_BIND:
		return send_bind(mq, s);
	case STEP_CONSUME:
		return mq->stopping || send_consume(mq, s);
	}
	return false;
}

bool
topology_run(struct rmq *mq)
{
	for (size_t i = 0; i < mq->nsteps; i++)
		if (!mq->steps[i]->done && !mq->steps[i]->skipped && !topology_send(mq, mq->steps[i]))
			return false;
	return true;
}

/* To look tells nothing of arguments, so a queue with some is declared first. */
bool
topology_looks_first(const struct step *s)
{
	return s->declare == RMQ_FIND ||
	    (s->kind == STEP_QUEUE && s->declare == RMQ_FIND_OR_MAKE && rmq_table_count(s->arguments) == 0);
}

/* Consumers are the channel's; all else outlives it, and a queue without a name dies with the connection. */
void
topology_reset(struct rmq *mq, bool connection_lost)
{
	for (size_t i = 0; i < mq->nsteps; i++) {
		struct step *s = mq->steps[i];

		if (connection_lost || s->kind == STEP_CONSUME)
			s->done = s->asked = false;
		s->nmore = 0;
		s->most = s->wanted;
		if (connection_lost) {
			s->tries = 0;
			s->passive = topology_looks_first(s);
			s->check_first = s->denied = false;
		}
	}
	mq->qos_at = 0;
	if (connection_lost) {
		mq->qos_took = SESSION_NEVER;
		mq->named_queue[0] = '\0';
	}
}

/* Not before its consume-ok: over one that overtakes it brokers crash (541), or since 4.3 never say consume-ok. */
bool
topology_cancel(struct rmq *mq, const char *tag)
{
	amqp_basic_cancel_t cancel = { .consumer_tag = text_to_amqp(tag) };

	return session_put(mq, AMQP_BASIC_CANCEL_METHOD, &cancel) &&
	    channel_await(mq, AMQP_BASIC_CANCEL_OK_METHOD, NULL);
}

/* The channel answers it by itself. */
static void
time_qos(struct rmq *mq)
{
	int64_t took = rmq_now() - mq->qos_at;

	if (mq->qos_at != 0 && (mq->qos_took == SESSION_NEVER || took < mq->qos_took))
		mq->qos_took = took;
	mq->qos_at = 0;
}

void
topology_done(struct rmq *mq, struct step *s, amqp_method_number_t reply, void *method)
{
	const amqp_queue_declare_ok_t *declared = method;

	if (reply == AMQP_BASIC_QOS_OK_METHOD)
		time_qos(mq);
	if (reply == AMQP_BASIC_QOS_OK_METHOD || (s->kind == STEP_CONSUME && reply == AMQP_QUEUE_DECLARE_OK_METHOD))
		return;
	if (s->kind == STEP_CONSUME && s->done) {
		more_there(mq, s);
		return;
	}
	s->done = true;
	s->check_first = false;
	if (s->kind == STEP_QUEUE && s->queue == NULL)
		snprintf(mq->named_queue, sizeof mq->named_queue, "%.*s", (int)declared->queue.len,
		    (const char *)declared->queue.bytes);
	if (s->kind == STEP_CONSUME && mq->stopping)
		topology_cancel(mq, s->tag);
	else if (s->kind == STEP_CONSUME && mq->state == SESSION_READY) {
		session_event(mq, (struct rmq_event){ .type = RMQ_SUBSCRIBED });
		more_adjust(mq, s);
	}
}

static const char *
subject(const struct step *s)
{
	switch (s->kind) {
	case STEP_QUEUE:
	case STEP_CONSUME:
		return s->queue != NULL ? s->queue : "";
	default:
		return s->exchange;
	}
}

static const char *
verb(const struct step *s)
{
	switch (s->kind) {
	case STEP_QUEUE:
		return s->passive ? "find queue" : "declare queue";
	case STEP_EXCHANGE:
		return s->passive ? "find exchange" : "declare exchange";
	case STEP_BIND:
		return "bind a queue to exchange";
	case STEP_CONSUME:
		return "consume from queue";
	}
	return "";
}

/* The broker names the type that was declared and the one that is there. */
static bool
is_stream(struct rmq_bytes text)
{
	return bytes_contain(text, "'x-queue-type'") &&
	    (bytes_contain(text, "current is 'stream'") || bytes_contain(text, "current is the value 'stream'"));
}

static bool
failed(struct rmq *mq, const struct step *s, enum rmq_status status, int code, struct rmq_bytes text)
{
	const char *advice = "";

	if (s->denied && code == 404)
		advice = ", and this user may not declare it";
	if (code == 406 && s->kind == STEP_QUEUE && bytes_contain(text, "'durable'"))
		advice = " (delete the queue, use another one, or accept it with --declare=passive)";
	if (code == 406 && s->no_stream && is_stream(text))
		advice = " (a stream gives nothing back and nothing away: receive --offset=first reads it)";
	session_fail(mq, status, code, "cannot %s '%s': %.*s%s", verb(s), subject(s), (int)text.len,
	    (const char *)text.data, advice);
	return false;
}

/* On another connection, perhaps to another node, it may be different. */
static bool
ask_again(struct rmq *mq, const struct step *s, enum rmq_status status, int code, struct rmq_bytes text)
{
	connection_down(&mq->connection, status, code, "cannot %s '%s': %.*s", verb(s), subject(s), (int)text.len,
	    (const char *)text.data);
	session_down(mq);
	return false;
}

/* Once: whoever sees it does not want to hear of it with every connection. */
static void
tell_difference(struct rmq *mq, struct step *s, struct rmq_bytes text)
{
	if (rmq_table_count(s->arguments) == 0 || s->difference != NULL)
		return;
	if ((s->difference = strndup(text.data, text.len)) == NULL)
		session_no_memory(mq);
	else
		session_event(mq, (struct rmq_event){ .type = RMQ_DIFFERS, .text = rmq_bytes(s->difference) });
}

/* What is there differs from what was declared: will it do? */
static bool
differs(struct rmq *mq, struct step *s, int code, struct rmq_bytes text)
{
	bool wanted = s->declare == RMQ_FIND_OR_MAKE || s->declare == RMQ_MAKE_OR_FIND;
	const char *vital = s->kind == STEP_EXCHANGE ? "'type'" : "'durable'";

	if (s->kind == STEP_CONSUME && !bytes_contain(text, "invalid arg"))
		return ask_again(mq, s, RMQ_CONFIG, code, text);
	if (!wanted || s->passive || s->kind == STEP_BIND || s->kind == STEP_CONSUME ||
	    (s->kind == STEP_EXCHANGE && bytes_contain(text, "unknown exchange type")))
		return failed(mq, s, RMQ_CONFIG, code, text);
	if ((s->kind == STEP_EXCHANGE || s->declare == RMQ_MAKE_OR_FIND) && bytes_contain(text, vital))
		return failed(mq, s, RMQ_CONFIG, code, text);
	if (s->no_stream && is_stream(text))
		return failed(mq, s, RMQ_CONFIG, code, text);
	tell_difference(mq, s, text);
	return s->passive = true;
}

static bool
missing(struct rmq *mq, struct step *s, int code, struct rmq_bytes text)
{
	if (s->kind == STEP_QUEUE && s->declare == RMQ_FIND_OR_MAKE && s->passive && !s->denied) {
		s->passive = false;
		return true;
	}
	return failed(mq, s, s->denied ? RMQ_DENIED : RMQ_NO_DESTINATION, code, text);
}

static bool
declares_first(const struct step *s)
{
	return s->declare == RMQ_MAKE_OR_FIND ||
	    (s->kind == STEP_QUEUE && s->declare == RMQ_FIND_OR_MAKE && !topology_looks_first(s));
}

/* To look needs no permission: what is there will do. */
static bool
denied(struct rmq *mq, struct step *s, int code, struct rmq_bytes text)
{
	if (s->kind == STEP_QUEUE && s->denied_will_do)
		return s->skipped = true;
	if (!declares_first(s) || s->passive)
		return failed(mq, s, RMQ_DENIED, code, text);
	return s->denied = s->passive = true;
}

bool
topology_refused(struct rmq *mq, struct step *s, int code, struct rmq_bytes text)
{
	s = steps_meant(mq, s, text);
	if (refusal_passes(code, text))
		return ask_again(mq, s, RMQ_UNAVAILABLE, code, text);
	if (++s->tries > MOST_TRIES)
		return failed(mq, s, RMQ_CONFIG, code, text);
	switch (code) {
	case 403:
		return denied(mq, s, code, text);
	case 404:
		return missing(mq, s, code, text);
	case 405:		/* perhaps our own lost connection still holds it */
		return ask_again(mq, s, mq->was_ready ? RMQ_UNAVAILABLE : RMQ_CONFIG, code, text);
	case 406:
		return differs(mq, s, code, text);
	default:
		return ask_again(mq, s, RMQ_CONFIG, code, text);
	}
}

/* Each time another name: a broker that took a consumer's messages back still knows it by the old one. */
void
topology_name_consumer(struct step *s)
{
	if (s->subscriptions++ == 0)
		snprintf(s->tag, sizeof s->tag, "c%u", s->consumer);
	else
		snprintf(s->tag, sizeof s->tag, "c%u.%u", s->consumer, s->subscriptions - 1);
}

/* A queue without a name is gone for good, another one may be there still. */
bool
topology_cancelled(struct rmq *mq, struct step *s)
{
	s->check_first = true;
	if (s->queue == NULL && !mq->stopping)
		session_fail(mq, RMQ_NO_DESTINATION, 0, "cannot consume from queue '%s': it was deleted",
		    mq->named_queue);
	return mq->state != SESSION_FAILED;
}

struct step *
topology_consumer(struct rmq *mq, struct rmq_bytes tag)
{
	for (size_t i = 0; i < mq->nsteps; i++) {
		struct step *s = mq->steps[i];

		if (s->kind == STEP_CONSUME && ((strlen(s->tag) == tag.len && memcmp(s->tag, tag.data, tag.len) == 0) ||
		    more_is(s, tag)))
			return s;
	}
	return NULL;
}

size_t
topology_prefetch(const struct rmq *mq)
{
	size_t sum = 0;

	for (size_t i = 0; i < mq->nsteps; i++) {
		const struct step *s = mq->steps[i];

		if (s->kind != STEP_CONSUME || !s->asked || s->no_ack)
			continue;
		if (s->prefetch == 0)
			return SIZE_MAX;
		sum += s->most > s->prefetch ? s->most : s->prefetch;
	}
	return sum;
}
