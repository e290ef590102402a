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

#include "session.h"

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
		.queue = text_to_amqp(s->queue), .passive = s->passive, .durable = s->durable, .exclusive = s->exclusive,
		.auto_delete = s->auto_delete, .arguments = *table_amqp(s->arguments),
	};

	return session_put(mq, AMQP_QUEUE_DECLARE_METHOD, &d) && channel_await(mq, AMQP_QUEUE_DECLARE_OK_METHOD, s);
}

static bool
send_exchange(struct rmq *mq, struct step *s)
{
	amqp_exchange_declare_t d = {
		.exchange = text_to_amqp(s->exchange), .type = text_to_amqp(s->type), .passive = s->passive, .durable = s->durable,
		.auto_delete = s->auto_delete, .internal = s->internal, .arguments = *table_amqp(s->arguments),
	};

	return session_put(mq, AMQP_EXCHANGE_DECLARE_METHOD, &d) &&
	    channel_await(mq, AMQP_EXCHANGE_DECLARE_OK_METHOD, s);
}

static bool
send_bind(struct rmq *mq, struct step *s)
{
	amqp_queue_bind_t b = {
		.queue = text_to_amqp(queue_of(mq, s)), .exchange = text_to_amqp(s->exchange), .routing_key = text_to_amqp(s->routing_key),
		.arguments = *table_amqp(s->arguments),
	};

	return session_put(mq, AMQP_QUEUE_BIND_METHOD, &b) && channel_await(mq, AMQP_QUEUE_BIND_OK_METHOD, s);
}

static bool
send_consume(struct rmq *mq, struct step *s)
{
	amqp_queue_declare_t look = { .queue = text_to_amqp(queue_of(mq, s)), .passive = 1 };
	amqp_basic_qos_t qos = { .prefetch_count = s->prefetch };
	amqp_basic_consume_t consume = {
		.queue = text_to_amqp(queue_of(mq, s)), .consumer_tag = text_to_amqp(s->tag), .no_ack = s->no_ack,
		.exclusive = s->exclusive, .arguments = *table_amqp(s->arguments),
	};

	if (s->check_first && (!session_put(mq, AMQP_QUEUE_DECLARE_METHOD, &look) ||
	    !channel_await(mq, AMQP_QUEUE_DECLARE_OK_METHOD, s)))
		return false;
	return session_put(mq, AMQP_BASIC_QOS_METHOD, &qos) && channel_await(mq, AMQP_BASIC_QOS_OK_METHOD, s) &&
	    session_put(mq, AMQP_BASIC_CONSUME_METHOD, &consume) &&
	    channel_await(mq, AMQP_BASIC_CONSUME_OK_METHOD, s);
}

static bool
send_step(struct rmq *mq, struct step *s)
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
		if (!mq->steps[i]->done && !mq->steps[i]->skipped && !send_step(mq, mq->steps[i]))
			return false;
	return true;
}

/* Consumers are the channel's; all else outlives it, and a queue without a name dies with the connection. */
void
topology_reset(struct rmq *mq, bool connection_lost)
{
	for (size_t i = 0; i < mq->nsteps; i++) {
		struct step *s = mq->steps[i];

		if (connection_lost || s->kind == STEP_CONSUME)
			s->done = false;
		if (connection_lost) {
			s->tries = 0;
			s->passive = s->declare == RMQ_FIND || (s->kind == STEP_QUEUE && s->declare == RMQ_FIND_OR_MAKE);
			s->check_first = false;
		}
	}
	if (connection_lost)
		mq->named_queue[0] = '\0';
}

void
topology_done(struct rmq *mq, struct step *s, amqp_method_number_t reply, void *method)
{
	const amqp_queue_declare_ok_t *declared = method;

	if (reply == AMQP_BASIC_QOS_OK_METHOD || (s->kind == STEP_CONSUME && reply == AMQP_QUEUE_DECLARE_OK_METHOD))
		return;
	s->done = true;
	s->check_first = false;
	if (s->kind == STEP_QUEUE && s->queue == NULL)
		snprintf(mq->named_queue, sizeof mq->named_queue, "%.*s", (int)declared->queue.len,
		    (const char *)declared->queue.bytes);
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

static bool
failed(struct rmq *mq, const struct step *s, enum rmq_status status, int code, struct rmq_bytes text)
{
	const char *advice = "";

	if (code == 406 && s->kind == STEP_QUEUE && bytes_contain(text, "'durable'"))
		advice = " (delete the queue, use another one, or accept it with --declare=passive)";
	session_fail(mq, status, code, "cannot %s '%s': %.*s%s", verb(s), subject(s), (int)text.len,
	    (const char *)text.data, advice);
	return false;
}

/* The queue may come back: its node is down, or our own lost connection still holds it. */
static bool
try_later(struct rmq *mq, const struct step *s, int code, struct rmq_bytes text)
{
	connection_down(&mq->connection, RMQ_UNAVAILABLE, code, "cannot %s '%s': %.*s", verb(s), subject(s),
	    (int)text.len, (const char *)text.data);
	session_down(mq);
	return false;
}

/* What is there differs from what was declared: will it do? */
static bool
differs(struct rmq *mq, struct step *s, int code, struct rmq_bytes text)
{
	bool wanted = s->declare == RMQ_FIND_OR_MAKE || s->declare == RMQ_MAKE_OR_FIND;
	const char *vital = s->kind == STEP_EXCHANGE ? "'type'" : "'durable'";

	if (!wanted || s->passive || s->kind == STEP_BIND || s->kind == STEP_CONSUME ||
	    (s->kind == STEP_EXCHANGE && bytes_contain(text, "unknown exchange type")))
		return failed(mq, s, RMQ_CONFIG, code, text);
	if ((s->kind == STEP_EXCHANGE || s->declare == RMQ_MAKE_OR_FIND) && bytes_contain(text, vital))
		return failed(mq, s, RMQ_CONFIG, code, text);
	s->passive = true;
	return true;
}

static bool
missing(struct rmq *mq, struct step *s, int code, struct rmq_bytes text)
{
	if (bytes_contain(text, "down or inaccessible"))
		return try_later(mq, s, code, text);
	if (s->kind == STEP_QUEUE && s->declare == RMQ_FIND_OR_MAKE && s->passive) {
		s->passive = false;
		return true;
	}
	return failed(mq, s, RMQ_NO_DESTINATION, code, text);
}

bool
topology_refused(struct rmq *mq, struct step *s, int code, struct rmq_bytes text)
{
	if (++s->tries > MOST_TRIES)
		return failed(mq, s, RMQ_CONFIG, code, text);
	switch (code) {
	case 403:
		if (s->kind == STEP_QUEUE && s->denied_will_do) {
			s->skipped = true;
			return true;
		}
		return failed(mq, s, RMQ_DENIED, code, text);
	case 404:
		return missing(mq, s, code, text);
	case 405:
		return mq->was_ready ? try_later(mq, s, code, text) : failed(mq, s, RMQ_CONFIG, code, text);
	case 406:
		return differs(mq, s, code, text);
	default:
		return failed(mq, s, RMQ_CONFIG, code, text);
	}
}

/* After the broker has ended it: a queue without a name is gone for good, another one may be there still. */
void
topology_subscribe_again(struct rmq *mq, struct step *s)
{
	if (s->queue == NULL) {
		session_fail(mq, RMQ_NO_DESTINATION, 0, "cannot consume from queue '%s': it was deleted", mq->named_queue);
		return;
	}
	s->done = false;
	s->check_first = true;
	if (!mq->stopping)
		send_step(mq, s);
}

struct step *
topology_consumer(struct rmq *mq, struct rmq_bytes tag)
{
	for (size_t i = 0; i < mq->nsteps; i++) {
		struct step *s = mq->steps[i];

		if (s->kind == STEP_CONSUME && strlen(s->tag) == tag.len && memcmp(s->tag, tag.data, tag.len) == 0)
			return s;
	}
	return NULL;
}

static void
free_step(struct step *s)
{
	free(s->queue);
	free(s->exchange);
	free(s->routing_key);
	free(s->type);
	free(s->tag);
	rmq_table_free(s->arguments);
	free(s);
}

void
topology_free(struct rmq *mq)
{
	for (size_t i = 0; i < mq->nsteps; i++)
		free_step(mq->steps[i]);
	free(mq->steps);
}

static bool
copy_name(struct rmq *mq, char **to, const char *from)
{
	if (from == NULL)
		return true;
	if (strlen(from) > 255) {
		session_fail(mq, RMQ_USAGE, 0, "a name of more than 255 bytes: '%.32s...'", from);
		return false;
	}
	if ((*to = strdup(from)) == NULL)
		session_no_memory(mq);
	return *to != NULL;
}

static bool
copy_arguments(struct rmq *mq, struct step *s, const struct rmq_table *arguments)
{
	struct rmq_error e = { 0 };

	if (arguments == NULL)
		return true;
	if (!table_sendable(arguments, &e))
		session_fail(mq, RMQ_USAGE, 0, "%s", e.text);
	else if ((s->arguments = table_copy(arguments)) == NULL)
		session_no_memory(mq);
	return s->arguments != NULL;
}

static struct step *
add_step(struct rmq *mq, enum step_kind kind, const struct rmq_table *arguments)
{
	struct step *s = calloc(1, sizeof *s);
	struct step **steps = reallocarray(mq->steps, mq->nsteps + 1, sizeof *steps);

	if (steps != NULL)
		mq->steps = steps;
	if (s == NULL || steps == NULL) {
		free(s);
		session_no_memory(mq);
		return NULL;
	}
	s->kind = kind;
	mq->steps[mq->nsteps++] = s;
	return copy_arguments(mq, s, arguments) ? s : NULL;
}

/* A step that comes after the channel was set up is sent at once. */
static void
added(struct rmq *mq, struct step *s, bool ok)
{
	if (ok && (mq->state == SESSION_SETTING_UP || mq->state == SESSION_READY))
		send_step(mq, s);
}

void
rmq_declare_queue(struct rmq *mq, const struct rmq_queue *q)
{
	struct step *s;

	if (rmq_failed(mq) || q->declare == RMQ_ASSUME || (s = add_step(mq, STEP_QUEUE, q->arguments)) == NULL)
		return;
	s->declare = q->name == NULL || (q->exclusive && q->declare == RMQ_FIND_OR_MAKE) ? RMQ_MAKE : q->declare;
	s->passive = s->declare == RMQ_FIND_OR_MAKE || s->declare == RMQ_FIND;
	s->durable = q->name != NULL && !q->transient;
	s->exclusive = q->name == NULL || q->exclusive;
	s->auto_delete = q->auto_delete;
	s->denied_will_do = q->denied_will_do;
	added(mq, s, copy_name(mq, &s->queue, q->name));
}

/* The default exchange and the broker's own are there, and nobody may declare them. */
void
rmq_declare_exchange(struct rmq *mq, const struct rmq_exchange *x)
{
	struct step *s;

	if (rmq_failed(mq) || x->declare == RMQ_ASSUME || x->name[0] == '\0' || strncmp(x->name, "amq.", 4) == 0 ||
	    (s = add_step(mq, STEP_EXCHANGE, x->arguments)) == NULL)
		return;
	s->declare = x->declare;
	s->passive = x->declare == RMQ_FIND;
	s->durable = x->durable;
	s->auto_delete = x->auto_delete;
	s->internal = x->internal;
	added(mq, s, copy_name(mq, &s->exchange, x->name) && copy_name(mq, &s->type, x->type));
}

void
rmq_bind(struct rmq *mq, const struct rmq_binding *b)
{
	struct step *s;

	if (rmq_failed(mq) || (s = add_step(mq, STEP_BIND, b->arguments)) == NULL)
		return;
	added(mq, s, copy_name(mq, &s->queue, b->queue) && copy_name(mq, &s->exchange, b->exchange) &&
	    copy_name(mq, &s->routing_key, b->routing_key));
}

void
rmq_consume(struct rmq *mq, const struct rmq_consumer *c)
{
	char tag[16];
	struct step *s;

	if (rmq_failed(mq) || (s = add_step(mq, STEP_CONSUME, c->arguments)) == NULL)
		return;
	s->consumer = mq->nconsumers++;
	s->prefetch = c->prefetch;
	s->no_ack = c->no_ack;
	s->exclusive = c->exclusive;
	snprintf(tag, sizeof tag, "c%u", s->consumer);
	added(mq, s, copy_name(mq, &s->queue, c->queue) && copy_name(mq, &s->tag, c->tag != NULL ? c->tag : tag));
}

const char *
rmq_named_queue(const struct rmq *mq)
{
	return mq->named_queue;
}

void
rmq_stop_consuming(struct rmq *mq)
{
	bool told = false;

	if (mq->stopping || mq->state >= SESSION_LEAVING)
		return;
	mq->stopping = true;
	for (size_t i = 0; i < mq->nsteps && mq->state != SESSION_FAILED; i++) {
		struct step *s = mq->steps[i];
		amqp_basic_cancel_t cancel = { .consumer_tag = text_to_amqp(s->tag) };

		if (s->kind != STEP_CONSUME || !s->done)
			continue;
		if (!session_put(mq, AMQP_BASIC_CANCEL_METHOD, &cancel) ||
		    !channel_await(mq, AMQP_BASIC_CANCEL_OK_METHOD, NULL))
			return;
		told = true;
	}
	if (!told)
		session_stopped(mq);
}
