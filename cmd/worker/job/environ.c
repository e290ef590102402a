/* SPDX-License-Identifier: MIT */
/*
 * The environment of a command.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/connect.h"
#include "message/headers.h"
#include "message/trace.h"
#include "worker/job/environ.h"

extern char **environ;

enum { MOST_OURS = 16 };	/* variables */

static bool
omit(struct environ *e, const char *name)
{
	if (e->omitted.len > 0 && !rmq_buffer_add(&e->omitted, " ", 1))
		return false;
	return rmq_buffer_add(&e->omitted, name, strlen(name));
}

static bool
begin(struct environ *e, const char *name)
{
	return rmq_buffer_add(&e->text, name, strlen(name)) && rmq_buffer_add(&e->text, "=", 1);
}

static bool
end(struct environ *e)
{
	return rmq_buffer_add(&e->text, "", 1);
}

/* An absent value is no variable. */
static bool
add(struct environ *e, const char *name, struct rmq_bytes value)
{
	if (value.data == NULL)
		return true;
	if (value.len > ENVIRON_LONGEST || memchr(value.data, '\0', value.len) != NULL)
		return omit(e, name);
	return begin(e, name) && rmq_buffer_add(&e->text, value.data, value.len) && end(e);
}

static bool
add_number(struct environ *e, const char *name, uint64_t number)
{
	return begin(e, name) && rmq_buffer_add_decimal(&e->text, number) && end(e);
}

/* Not absent even if there is nothing in it. */
static struct rmq_bytes
present(struct rmq_bytes b)
{
	return b.data != NULL ? b : rmq_bytes("");
}

/* Which attempt at this message the command is, as far as anybody counted. */
static uint64_t
attempt(const struct environ_source *from)
{
	const struct rmq_table *headers = from->properties->headers;
	int64_t before;

	if (from->attempt > 0)
		return from->attempt;
	if ((before = headers_number(headers, "x-attempt", INT32_MAX)) == -1 &&
	    (before = headers_number(headers, "x-delivery-count", INT32_MAX)) == -1)
		before = from->delivery->redelivered;
	return (uint64_t)before + 1;
}

static bool
add_headers(struct environ *e, const struct rmq_table *headers)
{
	struct rmq_buffer json = { 0 };
	bool added;

	if (headers == NULL)
		return add(e, "AMQP_HEADERS", rmq_bytes("{}"));
	added = rmq_table_json(headers, &json) && add(e, "AMQP_HEADERS", (struct rmq_bytes){ json.len, json.data });
	rmq_buffer_free(&json);
	return added;
}

/* What is not as the W3C has it counts as not there. */
static bool
get_trace(const struct rmq_table *headers, const char *name, bool (*is_sound)(const char *), struct rmq_buffer *text)
{
	if (!rmq_table_get(headers, name, text) || !rmq_buffer_add(text, "", 1))
		return false;
	text->len--;
	return strlen(text->data) == text->len && is_sound(text->data);
}

/* https://www.w3.org/TR/trace-context/#traceparent-header */
static bool
add_trace(struct environ *e, const struct rmq_table *headers)
{
	struct rmq_buffer parent = { 0 }, state = { 0 };
	size_t before = e->text.len;
	bool added = true;

	if (headers != NULL && get_trace(headers, "traceparent", trace_is_parent, &parent))
		added = add(e, "TRACEPARENT", (struct rmq_bytes){ parent.len, parent.data });
	e->traced = e->text.len > before;
	if (added && e->traced && get_trace(headers, "tracestate", trace_is_state, &state))
		added = add(e, "TRACESTATE", (struct rmq_bytes){ state.len, state.data });
	rmq_buffer_free(&parent);
	rmq_buffer_free(&state);
	return added;
}

static bool
add_properties(struct environ *e, const struct rmq_properties *p)
{
	if (!add(e, "AMQP_MESSAGE_ID", p->message_id) || !add(e, "AMQP_CORRELATION_ID", p->correlation_id) ||
	    !add(e, "AMQP_REPLY_TO", p->reply_to) || !add(e, "AMQP_CONTENT_TYPE", p->content_type))
		return false;
	if ((p->has & RMQ_HAS_TIMESTAMP) != 0 && !add_number(e, "AMQP_TIMESTAMP", p->timestamp))
		return false;
	return add_headers(e, p->headers) && add_trace(e, p->headers);
}

/* What the message had before it failed for the first time. */
static bool
add_origin(struct environ *e, const char *name, const struct environ_source *from, const char *header,
    struct rmq_bytes now)
{
	struct rmq_buffer text = { 0 };
	bool added;

	if (!from->came_back || !rmq_table_get(from->properties->headers, header, &text))
		return add(e, name, present(now));
	added = add(e, name, present((struct rmq_bytes){ text.len, text.data }));
	rmq_buffer_free(&text);
	return added;
}

static bool
add_message(struct environ *e, const struct environ_source *from)
{
	const struct rmq_delivery *d = from->delivery;

	return add_origin(e, "AMQP_ROUTING_KEY", from, "x-origin-routing-key", d->routing_key) &&
	    add_origin(e, "AMQP_EXCHANGE", from, "x-origin-exchange", d->exchange) &&
	    add(e, "AMQP_QUEUE", present(rmq_bytes(from->queue))) &&
	    add(e, "AMQP_REDELIVERED", rmq_bytes(d->redelivered ? "1" : "0")) &&
	    add_number(e, "AMQP_ATTEMPT", attempt(from)) && add_properties(e, from->properties);
}

static bool
is(const char *var, const char *name)
{
	size_t len = strlen(name);

	return strncmp(var, name, len) == 0 && var[len] == '=';
}

static bool
is_secret(const char *var)
{
	if (strncmp(var, "AMQP_", 5) == 0)
		return true;
	for (const char *const *name = connect_url_variables; *name != NULL; name++)
		if (is(var, *name))
			return true;
	return false;
}

static bool
is_trace(const char *var)
{
	return is(var, "TRACEPARENT") || is(var, "TRACESTATE");
}

/* Once, because it does not change; the trace comes last. */
static bool
inherit(struct environ *e)
{
	size_t n = 0;

	while (environ[n] != NULL)
		n++;
	e->inherited = reallocarray(NULL, n + 1, sizeof *e->inherited);
	e->vars = reallocarray(NULL, n + MOST_OURS + 1, sizeof *e->vars);
	if (e->inherited == NULL || e->vars == NULL)
		return false;
	for (char **var = environ; *var != NULL; var++)
		if (!is_secret(*var) && !is_trace(*var))
			e->inherited[e->ninherited++] = *var;
	e->ntraced = e->ninherited;
	for (char **var = environ; *var != NULL; var++)
		if (is_trace(*var))
			e->inherited[e->ntraced++] = *var;
	return true;
}

/* Of a message with a trace our own says nothing. */
static void
list(struct environ *e)
{
	size_t n = 0, inherited = e->traced ? e->ninherited : e->ntraced;

	for (size_t at = 0; at < e->text.len; at += strlen(e->text.data + at) + 1) {
		assert(n < MOST_OURS);
		e->vars[n++] = e->text.data + at;
	}
	memcpy(e->vars + n, e->inherited, inherited * sizeof *e->vars);
	e->vars[n + inherited] = NULL;
}

bool
environ_make(struct environ *e, const struct environ_source *from)
{
	struct rmq_bytes names;

	e->text.len = e->omitted.len = 0;
	if (e->vars == NULL && !inherit(e))
		return false;
	if (!add_message(e, from) || !add(e, "AMQP_URL", rmq_bytes(from->url)))
		return false;
	names = (struct rmq_bytes){ e->omitted.len, e->omitted.data };
	if (names.len > 0 && !add(e, "AMQP_OMITTED", names))
		return false;
	list(e);
	return true;
}

const char *
environ_value(const struct environ *e, const char *name)
{
	size_t len = strlen(name);

	for (char **var = e->vars; var != NULL && *var != NULL; var++)
		if (strncmp(*var, name, len) == 0 && (*var)[len] == '=')
			return *var + len + 1;
	return NULL;
}

void
environ_free(struct environ *e)
{
	free(e->vars);
	free(e->inherited);
	rmq_buffer_free(&e->text);
	rmq_buffer_free(&e->omitted);
	*e = (struct environ){ 0 };
}
