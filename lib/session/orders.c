/* SPDX-License-Identifier: MIT */
/*
 * Orders: what is done once and answered.  One is under way at a time, so a
 * channel that the broker closes belongs to the first one.
 */
#include <stdlib.h>
#include <string.h>

#include "session/session.h"

enum order_kind { ORDER_LOOK, ORDER_PURGE, ORDER_DELETE, ORDER_UNBIND };

struct order {
	enum order_kind	 kind;
	bool		 sent;
	bool		 if_unused, if_empty;
	char		*queue, *exchange, *routing_key;
	struct rmq_table *arguments;
	struct order	*next;
};

static void
free_order(struct order *o)
{
	free(o->queue);
	free(o->exchange);
	free(o->routing_key);
	rmq_table_free(o->arguments);
	free(o);
}

void
orders_free(struct rmq *mq)
{
	struct order *o;

	while ((o = mq->orders) != NULL) {
		mq->orders = o->next;
		free_order(o);
	}
}

static bool
put(struct rmq *mq, const struct order *o, amqp_method_number_t *reply)
{
	amqp_bytes_t queue = text_to_amqp(o->queue);
	amqp_queue_declare_t look = { .queue = queue, .passive = 1 };
	amqp_queue_purge_t purge = { .queue = queue };
	amqp_queue_delete_t delete = { .queue = queue, .if_unused = o->if_unused, .if_empty = o->if_empty };
	amqp_queue_unbind_t unbind = {
		.queue = queue, .exchange = text_to_amqp(o->exchange), .routing_key = text_to_amqp(o->routing_key),
		.arguments = *table_amqp(o->arguments),
	};

	switch (o->kind) {
	case ORDER_LOOK:
		*reply = AMQP_QUEUE_DECLARE_OK_METHOD;
		return session_put(mq, AMQP_QUEUE_DECLARE_METHOD, &look);
	case ORDER_PURGE:
		*reply = AMQP_QUEUE_PURGE_OK_METHOD;
		return session_put(mq, AMQP_QUEUE_PURGE_METHOD, &purge);
	case ORDER_DELETE:
		*reply = AMQP_QUEUE_DELETE_OK_METHOD;
		return session_put(mq, AMQP_QUEUE_DELETE_METHOD, &delete);
	case ORDER_UNBIND:
		*reply = AMQP_QUEUE_UNBIND_OK_METHOD;
		return session_put(mq, AMQP_QUEUE_UNBIND_METHOD, &unbind);
	}
	return false;
}

void
orders_run(struct rmq *mq)
{
	struct order *o = mq->orders;
	amqp_method_number_t reply;

	if (mq->state != SESSION_READY || o == NULL || o->sent)
		return;
	o->sent = true;
	if (put(mq, o, &reply) && channel_await(mq, reply, NULL))
		mq->awaited[mq->nawaited - 1].is_order = true;
}

void
orders_reset(struct rmq *mq)
{
	if (mq->orders != NULL)
		mq->orders->sent = false;
}

static void
answer(struct rmq *mq, struct rmq_event ev)
{
	struct order *o = mq->orders;

	mq->orders = o->next;
	free_order(o);
	mq->deadline = SESSION_NEVER;
	ev.type = RMQ_ANSWERED;
	session_event(mq, ev);
}

void
orders_answered(struct rmq *mq, amqp_method_number_t reply, void *method)
{
	const amqp_queue_declare_ok_t *declared = method;
	const amqp_queue_purge_ok_t *purged = method;
	const amqp_queue_delete_ok_t *deleted = method;
	struct rmq_event ev = { 0 };

	if (reply == AMQP_QUEUE_DECLARE_OK_METHOD) {
		ev.messages = declared->message_count;
		ev.consumers = declared->consumer_count;
	} else if (reply == AMQP_QUEUE_PURGE_OK_METHOD) {
		ev.messages = purged->message_count;
	} else if (reply == AMQP_QUEUE_DELETE_OK_METHOD) {
		ev.messages = deleted->message_count;
	}
	answer(mq, ev);
	orders_run(mq);
}

void
orders_refused(struct rmq *mq, int code, const char *said)
{
	strlcpy(mq->answer_text, said, sizeof mq->answer_text);
	answer(mq, (struct rmq_event){ .code = code, .text = rmq_bytes(mq->answer_text) });
}

static char *
copy_text(struct rmq *mq, const char *text)
{
	char *copy = strdup(text != NULL ? text : "");

	if (copy == NULL)
		session_no_memory(mq);
	else if (strlen(copy) > 255)
		session_fail(mq, RMQ_USAGE, 0, "a name of more than 255 bytes: '%.32s...'", copy);
	return copy;
}

static void
give(struct rmq *mq, const struct order *template, const struct rmq_table *arguments)
{
	struct order *o, **end = &mq->orders;

	if (mq->state >= SESSION_LEAVING)
		return;
	if ((o = calloc(1, sizeof *o)) == NULL) {
		session_no_memory(mq);
		return;
	}
	*o = *template;
	o->queue = copy_text(mq, template->queue);
	o->exchange = copy_text(mq, template->exchange);
	o->routing_key = copy_text(mq, template->routing_key);
	if (arguments != NULL && (o->arguments = rmq_table_copy(arguments)) == NULL)
		session_no_memory(mq);
	while (*end != NULL)
		end = &(*end)->next;
	*end = o;
	orders_run(mq);
}

static char *
borrowed(const char *s)
{
	return (char *)(uintptr_t)s;
}

void
rmq_look_at_queue(struct rmq *mq, const char *queue)
{
	give(mq, &(struct order){ .kind = ORDER_LOOK, .queue = borrowed(queue) }, NULL);
}

void
rmq_purge_queue(struct rmq *mq, const char *queue)
{
	give(mq, &(struct order){ .kind = ORDER_PURGE, .queue = borrowed(queue) }, NULL);
}

void
rmq_delete_queue(struct rmq *mq, const char *queue, bool if_unused, bool if_empty)
{
	give(mq, &(struct order){
		.kind = ORDER_DELETE, .queue = borrowed(queue), .if_unused = if_unused, .if_empty = if_empty,
	}, NULL);
}

void
rmq_unbind(struct rmq *mq, const struct rmq_binding *b)
{
	give(mq, &(struct order){
		.kind = ORDER_UNBIND, .queue = borrowed(b->queue), .exchange = borrowed(b->exchange),
		.routing_key = borrowed(b->routing_key),
	}, b->arguments);
}
