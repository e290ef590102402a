/* SPDX-License-Identifier: MIT */
/* queue bind, queue unbind */
#include "message/pairs.h"
#include "queue/queue.h"
#include "tool/tool.h"

enum { ONE_SHOT = 10000 };	/* ms */

static opt_set set_header;

static struct rmq_table *headers;
static int match = -1;

static const char *const matches[] = { "all", "any", "all-with-x", "any-with-x", NULL };

#define BINDING_ENTRIES \
	{ 0, "arg", "NAME=VALUE", set_header, NULL, \
	    "a header that must match, if it is a headers exchange; NAME:TYPE=VALUE if it is no string", \
	    .many = true }, \
	{ 0, "match", "HOW", opt_choice, &match, "how many of them must match (default: all)", .choices = matches }

const struct opt queue_bind_options[] = { { .help = "For bind and unbind" }, BINDING_ENTRIES, { 0 } };
const struct opt queue_unbind_options[] = { { .help = "For bind and unbind" }, BINDING_ENTRIES, { 0 } };

static const char *
set_header(const struct opt *o, char *arg)
{
	(void)o;
	return pairs_add(&headers, arg);
}

/* https://www.rabbitmq.com/tutorials/amqp-concepts#exchange-headers */
static void
add_match(void)
{
	struct rmq_error error = { 0 };

	if (headers == NULL && match != -1)
		tool_usage("--match needs headers: --arg NAME=VALUE");
	if (headers != NULL && !rmq_table_set(headers, "x-match", RMQ_STRING, matches[match == -1 ? 0 : match], &error))
		tool_fail(EX_OSERR, "cannot bind: %s", error.text);
}

static struct rmq_binding
binding(char **operands)
{
	add_match();
	if (*operands[0] == '\0')
		tool_usage("a queue needs a name");
	if (*operands[1] == '\0')
		tool_usage("every queue is bound to the default exchange, by its name");
	return (struct rmq_binding){
		.queue = operands[0],
		.exchange = operands[1],
		.routing_key = operands[2] != NULL ? operands[2] : "",
		.arguments = headers,
	};
}

int
queue_bind(char **operands)
{
	const struct rmq_binding b = binding(operands);
	struct queue_session s;
	struct rmq_event e;

	queue_open(&s, ONE_SHOT);
	rmq_bind(s.mq, &b);
	queue_await(&s, RMQ_READY, -1, &e);
	return queue_close(&s, EX_OK);
}

int
queue_unbind(char **operands)
{
	const struct rmq_binding b = binding(operands);
	struct queue_session s;
	struct rmq_event e;
	int status = EX_OK;

	queue_open(&s, ONE_SHOT);
	rmq_unbind(s.mq, &b);
	if (!queue_answer(&s, &e))
		status = queue_unanswered(&s, "unbind", b.queue, EX_TEMPFAIL);
	else if (e.code != 0)
		status = queue_refused("unbind", b.queue, &e);
	return queue_close(&s, status);
}
