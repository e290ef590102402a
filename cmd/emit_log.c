/* SPDX-License-Identifier: MIT */
/*
 * emit-log - publish log lines to an exchange
 *
 * A fanout exchange takes words; direct and topic exchanges a key before
 * them; headers exchanges NAME=VALUE pairs and "--" before them.  With -l,
 * each line of standard input is a message, and the key or the pairs remain.
 */

#include <stdio.h>
#include <string.h>

#include "broker/connect.h"
#include "input/options.h"
#include "message/declare.h"
#include "message/name.h"
#include "message/properties.h"
#include "publish/publish.h"
#include "tool/tool.h"

enum { FANOUT, DIRECT, TOPIC, HEADERS };

static const char *const types[] = { "fanout", "direct", "topic", "headers", NULL };
static const char *const exchanges[] = { "logs", "direct_logs", "topic_logs", "headers_logs" };
static const char *const keys[] = { "", "info", "anonymous.info", "" };

static int type = FANOUT;
static const char *exchange;

static const struct opt options[] = {
	{ .help = "Destination" },
	{ 0, "type", "TYPE", opt_choice, &type, "the exchange's type", .choices = types },
	{ 'e', "exchange", "NAME", name_set, &exchange,
	    "publish to this exchange (default: logs, direct_logs, topic_logs, headers_logs)" },
	{ 0 }
};

static const struct tool tool = {
	.name = "emit-log",
	.about = "publish log lines to an exchange",
	.operands = "[KEY | NAME=VALUE ... --] [WORD ... | -]",
	.groups = { options, opt_route, opt_input, opt_log_delivery, opt_message, opt_publish,
	    opt_declare_exchange, opt_connect },
	.aliases = {
		{ "emit-log-direct", { "--type=direct" }, "[SEVERITY [WORD ... | -]]" },
		{ "emit-log-topic", { "--type=topic" }, "[KEY [WORD ... | -]]" },
		{ "emit-log-headers", { "--type=headers" }, "NAME=VALUE ... [-- [WORD ... | -]]" },
	},
};

/* How many operands are the key; they are gone from the words then.  Without one, envelopes have keys of their own. */
static int
take_key(struct target *target, int argc, char *argv[])
{
	target->routing_key = input_options.json ? NULL : keys[type];
	if ((type != DIRECT && type != TOPIC) || argc == 0)
		return 0;
	name_check("routing key", argv[0]);
	target->routing_key = argv[0];
	return 1;
}

static int
take_headers(int argc, char *argv[])
{
	const char *wrong;
	int i;

	if (type != HEADERS)
		return 0;
	for (i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if ((wrong = properties_add_header(argv[i])) != NULL)
			tool_usage("header '%s': %s", argv[i], wrong);
	if (i == 0 && !input_options.json)
		tool_usage("a headers exchange needs NAME=VALUE");
	return i < argc ? i + 1 : i;
}

static void
name_target(struct target *target)
{
	static char name[600];

	target->show_key = type == DIRECT || type == TOPIC;
	if (target->show_key && target->routing_key != NULL)
		snprintf(name, sizeof(name), "%s exchange '%s' with routing key '%s'", types[type],
		    exchange, target->routing_key);
	else
		snprintf(name, sizeof(name), "%s exchange '%s'", types[type], exchange);
	target->name = name;
}

int
main(int argc, char *argv[])
{
	struct target target = { 0 };
	struct rmq *mq;
	int taken;

	tool_start(&tool, &argc, &argv);
	taken = take_key(&target, argc, argv) + take_headers(argc, argv);
	target.chosen = exchange != NULL || taken > 0;
	if (exchange == NULL)
		exchange = exchanges[type];
	target.exchange = exchange;
	target.route = route_wish(ROUTE_WARN);	/* logs without a listener are nobody's fault */
	name_target(&target);
	mq = publish_open(false);
	rmq_declare_exchange(mq, &(struct rmq_exchange){
		.name = exchange,
		.type = types[type],
		.declare = declare_how(exchange, RMQ_MAKE_OR_FIND),
		.durable = declare_options.durable,
		.arguments = declare_options.arguments,
	});
	return tool_end(publish(mq, &target, type == FANOUT ? "info: Hello World!" : "Hello World!",
	    argc - taken, argv + taken));
}
