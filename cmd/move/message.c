/* SPDX-License-Identifier: MIT */
/* Which messages are moved, where to, and what of them a broker wrote and not the sender. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/headers.h"
#include "move/filter.h"
#include "move/mover.h"
#include "move/origin.h"
#include "tool/escape.h"

enum { FORGETS_PUBLISHERS = 4 };	/* the first version that begins the history of deaths anew */

static bool
same(struct rmq_bytes a, const char *b)
{
	return a.len == strlen(b) && memcmp(a.data, b, a.len) == 0;
}

static enum move_verdict
doubt(const struct origin *o, struct rmq_error *error)
{
	*error = (struct rmq_error){ .status = RMQ_BAD_RECORD };
	snprintf(error->text, sizeof error->text, "its headers say that it died first in queue '%.*s', but the "
	    "broker saw it die in '%.*s', and before RabbitMQ 4.0 publishers can write the rest",
	    (int)o->queue.len, (const char *)o->queue.data, (int)o->last.len, (const char *)o->last.data);
	return MOVE_BAD;
}

/* Back to the queue in which it died, or to the exchange it was published to. */
static enum move_verdict
to_origin(struct move_letter *l, const struct move_plan *plan, struct rmq_error *error)
{
	const struct origin_question question = { plan->source, plan->origin == ORIGIN_QUEUE, l->forgeable };
	struct origin o;
	enum origin_kind kind = origin_find(&o, &question, l->properties.headers);

	if (kind == ORIGIN_DOUBTED)
		return doubt(&o, error);
	if (kind == ORIGIN_UNKNOWN || same(o.queue, plan->source))
		return MOVE_NOWHERE;
	l->tried = kind == ORIGIN_WORKER;
	l->message.exchange = question.to_queue ? rmq_bytes("") : o.exchange;
	l->message.routing_key = question.to_queue ? o.queue : o.routing_key;
	return MOVE_IT;
}

static void
address(struct rmq_message *m, const struct move_plan *plan, const struct rmq_delivery *d)
{
	m->exchange = rmq_bytes(plan->exchange != NULL ? plan->exchange : "");
	if (plan->target != NULL)
		m->routing_key = rmq_bytes(plan->target);
	else
		m->routing_key = plan->routing_key != NULL ? rmq_bytes(plan->routing_key) : d->routing_key;
}

/* A broker refuses a message that says it is from somebody else. */
static bool
keep_author(struct move_letter *l, const char *user, struct rmq_error *error)
{
	struct rmq_bytes *id = &l->properties.user_id;
	char *text;
	bool ok;

	if (id->data == NULL || same(*id, user))
		return true;
	if ((l->headers == NULL && (l->headers = rmq_table_new()) == NULL) ||
	    (text = strndup(id->data, id->len)) == NULL)
		return false;
	ok = rmq_table_set(l->headers, "x-origin-user-id", RMQ_STRING, text, error);
	free(text);
	*id = (struct rmq_bytes){ 0, NULL };
	return ok;
}

static bool
strip(struct move_letter *l, const struct rmq_table *headers, bool to_queue, struct rmq_error *error)
{
	if (headers == NULL)
		return true;
	if ((l->headers = rmq_table_copy(headers)) == NULL)
		return false;
	rmq_table_scrub(l->headers);
	return !l->tried || origin_restore(l->headers, to_queue, error);
}

/* A table that had nothing but a broker's headers was not there before. */
static bool
rewrite(struct move_letter *l, const struct move_plan *plan, struct rmq_error *error)
{
	const struct rmq_table *old = l->properties.headers;

	if (!strip(l, old, plan->origin == ORIGIN_QUEUE, error) || !keep_author(l, plan->user, error))
		return false;
	l->properties.headers = l->headers;
	if (old != NULL && rmq_table_count(old) > 0 && rmq_table_count(l->headers) == 0)
		l->properties.headers = NULL;
	if (plan->drop_expiration)
		l->properties.expiration = (struct rmq_bytes){ 0, NULL };
	l->message.properties = &l->properties;
	return true;
}

static enum move_verdict
judge(struct move_letter *l, const struct move_plan *plan, const struct rmq_delivery *d, struct rmq_error *error)
{
	if (!filter_all(&plan->filters, &l->properties, d))
		return MOVE_OTHER;
	if (plan->origin != ORIGIN_NONE)
		return to_origin(l, plan, error);
	address(&l->message, plan, d);
	return MOVE_IT;
}

enum move_verdict
move_prepare(struct move_letter *l, const struct move_plan *plan, struct rmq *mq, const struct rmq_delivery *d,
    struct rmq_error *error)
{
	enum move_verdict v;

	*l = (struct move_letter){ .message = { .body = d->body, .mandatory = plan->route != ROUTE_NO } };
	l->forgeable = strtoul(rmq_server_version(mq), NULL, 10) < FORGETS_PUBLISHERS;
	if (!rmq_decode_properties(mq, d, &l->properties, error))
		return MOVE_BAD;
	v = judge(l, plan, d, error);
	if (v != MOVE_IT || rewrite(l, plan, error))
		return v;
	if (error->status == RMQ_OK) {
		error->status = RMQ_SYSTEM;
		strlcpy(error->text, "out of memory", sizeof(error->text));
	}
	return MOVE_BAD;
}

void
move_letter_free(struct move_letter *l)
{
	rmq_table_free(l->headers);
	l->headers = NULL;
}

void
move_print(const struct move_letter *l)
{
	const struct rmq_message *m = &l->message;
	char *exchange = escape(m->exchange.data, m->exchange.len);
	char *key = escape(m->routing_key.data, m->routing_key.len);

	if (exchange != NULL && *exchange == '\0')
		printf("%zu bytes to queue '%s'\n", m->body.len, key != NULL ? key : "");
	else
		printf("%zu bytes to exchange '%s' with key '%s'\n", m->body.len, exchange != NULL ? exchange : "",
		    key != NULL ? key : "");
	free(exchange);
	free(key);
}
