/* SPDX-License-Identifier: MIT */
/* Which messages are moved, where to, and what of them a broker wrote and not the sender. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "headers.h"
#include "move.h"

enum { WORN = 10 };	/* attempts of the 20 that a quorum queue allows */

/* "NAME=VALUE": is there such a header, of a string or a number? */
static bool
matches(const struct rmq_table *headers, const char *filter)
{
	const char *equals = strchr(filter, '=');
	struct rmq_buffer value = { 0 };
	char name[256];
	bool same;

	snprintf(name, sizeof(name), "%.*s", (int)(equals - filter), filter);
	same = headers != NULL && rmq_table_get(headers, name, &value) && value.len == strlen(equals + 1) &&
	    memcmp(value.data != NULL ? value.data : "", equals + 1, value.len) == 0;
	rmq_buffer_free(&value);
	return same;
}

static bool
matches_all(const struct rmq_table *headers, const struct opt_list *filters)
{
	size_t i;

	for (i = 0; i < filters->count; i++)
		if (!matches(headers, filters->items[i]))
			return false;
	return true;
}

/*
 * What is given back to a quorum queue counts as an attempt; from 4.3 on it is counted apart.
 * https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling
 */
static bool
is_worn(const struct rmq_table *headers)
{
	return headers_number(headers, "x-delivery-count", INT64_MAX) >= WORN &&
	    headers_number(headers, "x-acquired-count", INT64_MAX) == -1;
}

static bool
same(struct rmq_bytes a, const char *b)
{
	return a.len == strlen(b) && memcmp(a.data, b, a.len) == 0;
}

/* Back to the queue in which it died, or to the exchange it was published to. */
static bool
to_origin(struct rmq_message *m, const struct move_plan *plan, const struct rmq_table *headers)
{
	struct rmq_bytes exchange, key, queue;

	if (headers == NULL || !rmq_table_death(headers, &exchange, &key, &queue) || same(queue, plan->source))
		return false;
	m->exchange = plan->origin == ORIGIN_QUEUE ? rmq_bytes("") : exchange;
	m->routing_key = plan->origin == ORIGIN_QUEUE ? queue : key;
	return true;
}

static bool
address(struct rmq_message *m, const struct move_plan *plan, const struct rmq_delivery *d,
    const struct rmq_table *headers)
{
	if (plan->origin != ORIGIN_NONE)
		return to_origin(m, plan, headers);
	m->exchange = rmq_bytes(plan->exchange != NULL ? plan->exchange : "");
	if (plan->target != NULL)
		m->routing_key = rmq_bytes(plan->target);
	else
		m->routing_key = plan->routing_key != NULL ? rmq_bytes(plan->routing_key) : d->routing_key;
	return true;
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
strip(struct move_letter *l, const struct rmq_table *headers)
{
	if (headers == NULL)
		return true;
	if ((l->headers = rmq_table_copy(headers)) == NULL)
		return false;
	rmq_table_scrub(l->headers);
	return true;
}

/* A table that had nothing but a broker's headers was not there before. */
static bool
rewrite(struct move_letter *l, const struct move_plan *plan, struct rmq_error *error)
{
	const struct rmq_table *old = l->properties.headers;

	if (!strip(l, old) || !keep_author(l, plan->user, error))
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
judge(struct move_letter *l, const struct move_plan *plan, const struct rmq_delivery *d)
{
	const struct rmq_table *headers = l->properties.headers;
	enum move_verdict v = MOVE_IT;

	if (!matches_all(headers, &plan->filters))
		v = MOVE_OTHER;
	else if (!address(&l->message, plan, d, headers))
		v = MOVE_NOWHERE;
	return (v != MOVE_IT || plan->dry_run) && !plan->force && is_worn(headers) ? MOVE_WORN : v;
}

enum move_verdict
move_prepare(struct move_letter *l, const struct move_plan *plan, struct rmq *mq, const struct rmq_delivery *d,
    struct rmq_error *error)
{
	enum move_verdict v;

	*l = (struct move_letter){ .message = { .body = d->body, .mandatory = true } };
	if (!rmq_decode_properties(mq, d, &l->properties, error))
		return MOVE_BAD;
	v = judge(l, plan, d);
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
