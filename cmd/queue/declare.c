/* SPDX-License-Identifier: MIT */
/*
 * queue declare: one table from options to arguments.
 * https://www.rabbitmq.com/docs/queues#optional-arguments
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/name.h"
#include "message/pairs.h"
#include "queue/queue.h"
#include "tool/tool.h"

enum { ONE_SHOT = 10000 };	/* ms */

static opt_set set_text, set_number, set_size, set_ms, set_true, set_choice, set_any, refuse_exclusive;

static int how;
static bool transient, auto_delete;
static struct rmq_table *arguments;

static const char *const hows[] = { "strict", "passive", "auto", NULL };
static const enum rmq_declare declares[] = { RMQ_MAKE, RMQ_FIND, RMQ_FIND_OR_MAKE };

static const char *const types[] = { "quorum", "classic", "stream", NULL };
static const char *const overflows[] = { "drop-head", "reject-publish", "reject-publish-dlx", NULL };
static const char *const strategies[] = { "at-most-once", "at-least-once", NULL };

#define ARGUMENT(name) .to = (char []){ name }

/* A setter puts its value into the argument that `to' names. */
const struct opt queue_declare_options[] = {
	{ .help = "For declare" },
	{ 0, "declare", "HOW", opt_choice, &how,
	    "it must be exactly so, it must be there, or whatever is there will do", .choices = hows },
	{ 0, "queue-type", "TYPE", set_choice, ARGUMENT("x-queue-type"), "the type (default: the virtual host's)",
	    .choices = types },
	{ 0, "transient", NULL, opt_flag, &transient, "the queue ends with the broker's next restart" },
	{ 0, "auto-delete", NULL, opt_flag, &auto_delete, "the queue ends with its last consumer" },
	{ 0, "dead-letter-exchange", "NAME", set_text, ARGUMENT("x-dead-letter-exchange"),
	    "what is rejected, expires or is too much goes there", .max = NAME_BYTES },
	{ 0, "dead-letter-routing-key", "KEY", set_text, ARGUMENT("x-dead-letter-routing-key"),
	    "and with this key instead of its own", .max = NAME_BYTES },
	{ 0, "dead-letter-strategy", "HOW", set_choice, ARGUMENT("x-dead-letter-strategy"),
	    "and how surely, from a quorum queue", .choices = strategies },
	{ 0, "message-ttl", "MS", set_ms, ARGUMENT("x-message-ttl"),
	    "messages expire after so many milliseconds, or 10s, 5m" },
	{ 0, "expires", "MS", set_ms, ARGUMENT("x-expires"), "the queue ends when nobody used it for this time",
	    .min = 1, .max = INT64_MAX },
	{ 0, "max-length", "N", set_number, ARGUMENT("x-max-length"), "hold at most N messages" },
	{ 0, "max-length-bytes", "SIZE", set_size, ARGUMENT("x-max-length-bytes"), "hold at most bodies of this size" },
	{ 0, "overflow", "HOW", set_choice, ARGUMENT("x-overflow"), "what to do when it is full",
	    .choices = overflows },
	{ 0, "delivery-limit", "N", set_number, ARGUMENT("x-delivery-limit"),
	    "drop or dead-letter what came back more than N times, so after N + 1 attempts; -1: never",
	    .min = -1, .max = INT64_MAX },
	{ 0, "max-priority", "N", set_number, ARGUMENT("x-max-priority"), "have priorities up to N",
	    .min = 1, .max = 255 },
	{ 0, "single-active-consumer", NULL, set_true, ARGUMENT("x-single-active-consumer"),
	    "send to one consumer at a time" },
	{ 0, "max-age", "AGE", set_text, ARGUMENT("x-max-age"), "a stream drops what is older: 7D, 12h" },
	{ 0, "arg", "NAME=VALUE", set_any, NULL,
	    "any other argument; NAME:TYPE=VALUE if it is no string, number or boolean",
	    .many = true },
	{ 'x', "exclusive", NULL, refuse_exclusive, NULL, NULL },
	{ 0 }
};

static const char *
set(const struct opt *o, enum rmq_type type, const char *value)
{
	return pairs_add_typed(&arguments, o->to, type, value);
}

static const char *
set_text(const struct opt *o, char *arg)
{
	const char *wrong = o->max > 0 ? name_wrong(arg, strlen(arg)) : NULL;

	return wrong != NULL ? wrong : set(o, RMQ_STRING, arg);
}

/* As another setter reads it, within the entry's limits. */
static const char *
set_as(const struct opt *o, opt_set *setter, char *arg)
{
	int64_t n = 0;
	const struct opt it = { .to = &n, .min = o->min, .max = o->max };
	const char *wrong = setter(&it, arg);
	char text[24];

	snprintf(text, sizeof(text), "%jd", (intmax_t)n);
	return wrong != NULL ? wrong : set(o, RMQ_INT64, text);
}

static const char *
set_number(const struct opt *o, char *arg)
{
	return set_as(o, opt_number, arg);
}

static const char *
set_size(const struct opt *o, char *arg)
{
	return set_as(o, opt_bytes, arg);
}

/* Plain digits are milliseconds, as the argument itself has them; with a unit it is a time as elsewhere. */
static const char *
set_ms(const struct opt *o, char *arg)
{
	bool plain = arg[strspn(arg, "0123456789")] == '\0';

	return set_as(o, plain ? opt_number : opt_seconds, arg);
}

static const char *
set_true(const struct opt *o, char *arg)
{
	(void)arg;
	return set(o, RMQ_BOOL, "true");
}

static const char *
set_choice(const struct opt *o, char *arg)
{
	int place;
	const struct opt it = { .to = &place, .choices = o->choices };
	const char *wrong = opt_choice(&it, arg);

	return wrong != NULL ? wrong : set(o, RMQ_STRING, arg);
}

static const char *
set_any(const struct opt *o, char *arg)
{
	(void)o;
	return pairs_add_argument(&arguments, arg);
}

static const char *
refuse_exclusive(const struct opt *o, char *arg)
{
	(void)o;
	(void)arg;
	return "an exclusive queue would end together with this command";
}

int
queue_declare(char **operands)
{
	struct queue_session s;
	struct rmq_event e;

	if (*operands[0] == '\0')
		tool_usage("a queue needs a name");
	queue_open(&s, ONE_SHOT);
	rmq_declare_queue(s.mq, &(struct rmq_queue){
	    .name = operands[0],
	    .declare = declares[how],
	    .transient = transient,
	    .auto_delete = auto_delete,
	    .arguments = arguments,
	});
	queue_await(&s, RMQ_READY, -1, &e);
	return queue_close(&s, EX_OK);
}
