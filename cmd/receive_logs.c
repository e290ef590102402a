/* SPDX-License-Identifier: MIT */
/*
 * receive-logs - print what is published to an exchange
 *
 * The operands choose: severities for direct, patterns for topic, KEY=VALUE
 * for headers.  The queue is its own and ends with the connection, unless -q
 * names one that stays.
 */

#include <string.h>

#include "broker/connect.h"
#include "broker/limits.h"
#include "consume/consume.h"
#include "message/declare.h"
#include "message/name.h"
#include "message/pairs.h"
#include "output/options.h"
#include "tool/tool.h"

enum type { FANOUT, DIRECT, TOPIC, HEADERS };

static const char *const types[] = { "fanout", "direct", "topic", "headers", NULL };
static const char *const exchanges[] = { "logs", "direct_logs", "topic_logs", "headers_logs" };
static const char *const matches[] = { "all", "any", NULL };

static const char	*exchange, *queue;
static int		 type = FANOUT, match = -1;

static const struct opt options[] = {
	{ .help = "Exchange" },
	{ 'e', "exchange", "NAME", name_set, &exchange,
	    "receive from this exchange (default: logs, direct_logs, topic_logs or headers_logs)" },
	{ 0, "type", "TYPE", opt_choice, &type, "its type", .choices = types },
	{ 0, "match", "HOW", opt_choice, &match, "how many of the headers must match (default: all)",
	    .choices = matches },
	{ 'q', "queue", "NAME", name_set, &queue,
	    "keep messages in this durable queue while nobody receives" },
	{ 0 }
};

static const struct tool tool = {
	.name = "receive-logs",
	.about = "print what is published to an exchange",
	.operands = "[KEY ... | NAME=VALUE ...]",
	.groups = { options, opt_consume, opt_stream, opt_limit, opt_output, opt_declare, opt_connect },
	.aliases = {
		{ "receive-logs-direct", { "--type=direct" }, "SEVERITY ..." },
		{ "receive-logs-topic", { "--type=topic" }, "KEY ..." },
		{ "receive-logs-headers", { "--type=headers" }, "NAME=VALUE ..." },
	},
};

static void
check_operands(int argc, char *argv[])
{
	if (type == FANOUT && argc > 0)
		tool_usage("a fanout exchange has no keys, but there is '%s'", argv[0]);
	if ((type == DIRECT || type == TOPIC) && argc == 0)
		tool_usage("needs at least one %s", type == DIRECT ? "severity" : "pattern");
	for (int i = 0; i < argc && type != HEADERS; i++)
		name_check("routing key", argv[i]);
	if (type != HEADERS && match != -1)
		tool_usage("--match is for headers");
	if (queue != NULL && *queue == '\0')
		tool_usage("a queue needs a name");
	if (exchange != NULL && *exchange == '\0')
		tool_usage("the default exchange cannot be bound to");
}

/* The arguments of a binding to a headers exchange. */
static struct rmq_table *
criteria(int argc, char *argv[])
{
	struct rmq_table *table = NULL;
	const char *wrong = pairs_add(&table, match == 1 ? "x-match=any" : "x-match=all");

	if (wrong != NULL)
		tool_fail(EX_OSERR, "cannot bind: %s", wrong);
	for (; argc > 0; argc--, argv++)
		if ((wrong = pairs_add(&table, argv[0])) != NULL)
			tool_usage("cannot bind %s: %s", argv[0], wrong);
	return table;
}

static void
declare(struct rmq *mq)
{
	bool exclusive = queue == NULL || declare_options.exclusive;

	rmq_declare_exchange(mq, &(struct rmq_exchange){
	    .name = exchange,
	    .type = types[type],
	    .declare = declare_how(exchange, RMQ_MAKE_OR_FIND),
	    .durable = declare_options.durable,
	});
	rmq_declare_queue(mq, &(struct rmq_queue){
	    .name = queue,
	    .declare = queue == NULL ? RMQ_MAKE : declare_how(queue, RMQ_FIND_OR_MAKE),
	    .transient = exclusive,
	    .exclusive = exclusive,
	    .arguments = declare_options.arguments,
	});
}

static void
bind_key(struct rmq *mq, const char *key, const struct rmq_table *arguments)
{
	rmq_bind(mq, &(struct rmq_binding){
	    .queue = queue, .exchange = exchange, .routing_key = key, .arguments = arguments });
}

static void
bind_all(struct rmq *mq, const struct rmq_table *headers, int argc, char *argv[])
{
	if (type == FANOUT || type == HEADERS) {
		bind_key(mq, "", headers);
		return;
	}
	for (; argc > 0; argc--, argv++)
		bind_key(mq, argv[0], NULL);
}

int
main(int argc, char *argv[])
{
	struct rmq_table *headers;
	struct consume what;
	struct rmq *mq;

	tool_start(&tool, &argc, &argv);
	check_operands(argc, argv);
	if (exchange == NULL)
		exchange = exchanges[type];
	headers = type == HEADERS ? criteria(argc, argv) : NULL;
	what = (struct consume){
		.queues = &queue,
		.nqueues = 1,
		.line = type == FANOUT ? "%s" : "%r:%s",
		.chat = type == FANOUT ? " [x] %s" : " [x] %r:%s",
		.waiting = " [*] Waiting for logs. To exit press CTRL+C\n",
		.misses = queue == NULL,
	};
	mq = consume_open(tool.name, &what);
	declare(mq);
	bind_all(mq, headers, argc, argv);
	rmq_table_free(headers);
	return tool_end(consume(mq, &what));
}
