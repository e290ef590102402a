/* SPDX-License-Identifier: MIT */
/*
 * send - put messages into a queue
 *
 * The operands are the message; with -l, each line of standard input is one,
 * with -J each line is an envelope that says where it goes.
 * It ends well when the broker has taken responsibility for every message and
 * has a queue for it.
 */

#include <stdio.h>

#include "broker/connect.h"
#include "input/options.h"
#include "message/declare.h"
#include "message/name.h"
#include "message/properties.h"
#include "publish/publish.h"
#include "tool/tool.h"

static const char *queue, *exchange, *routing_key;

static const struct opt options[] = {
	{ .help = "Destination" },
	{ 'q', "queue", "NAME", name_set, &queue, "send to this queue (default: hello)" },
	{ 'e', "exchange", "NAME", name_set, &exchange, "send to this exchange instead" },
	{ 'r', "routing-key", "KEY", name_set, &routing_key, "route by this key" },
	{ 0 }
};

static const struct tool tool = {
	.name = "send",
	.about = "put messages into a queue",
	.operands = "[WORD ... | -]",
	.groups = { options, opt_route, opt_input, opt_delivery, opt_message, opt_publish, opt_declare, opt_connect },
};

/* Whoever names an exchange has taken care of its queues. */
static void
find_exchange(struct rmq *mq, struct target *target)
{
	static char name[600];

	target->exchange = exchange;
	target->routing_key = routing_key != NULL || input_options.json ? routing_key : "";
	if (target->routing_key != NULL)
		snprintf(name, sizeof(name), "exchange '%s' with routing key '%s'", exchange, target->routing_key);
	else
		snprintf(name, sizeof(name), "exchange '%s'", exchange);
	target->name = name;
	rmq_declare_exchange(mq, &(struct rmq_exchange){
		.name = exchange,
		.declare = declare_how(exchange, RMQ_FIND) == RMQ_ASSUME ? RMQ_ASSUME : RMQ_FIND,
	});
}

/* A key without an exchange is the name of a queue that is somebody else's to declare. */
static void
find_queue(struct rmq *mq, struct target *target)
{
	static char name[300];

	if (queue == NULL)
		queue = "hello";
	target->exchange = "";
	target->routing_key = routing_key != NULL ? routing_key : queue;
	snprintf(name, sizeof(name), "queue '%s'", target->routing_key);
	target->name = name;
	if (routing_key == NULL)
		rmq_declare_queue(mq, &(struct rmq_queue){
			.name = queue,
			.declare = declare_how(queue, RMQ_FIND_OR_MAKE),
			.exclusive = declare_options.exclusive,
			.denied_will_do = true,
			.arguments = declare_options.arguments,
		});
}

/* What they name is somebody else's to declare. */
static void
leave_to_envelopes(struct target *target)
{
	target->routing_key = routing_key;
	target->name = "the broker";
}

int
main(int argc, char *argv[])
{
	struct target target = { 0 };
	struct rmq *mq;
	bool by_envelopes;

	tool_start(&tool, &argc, &argv);
	if (queue != NULL && (exchange != NULL || routing_key != NULL))
		tool_usage("--queue excludes --exchange and --routing-key");
	target.route = route_wish(ROUTE_YES);
	target.chosen = queue != NULL || exchange != NULL || routing_key != NULL;
	if (declare_options.arguments != NULL && (exchange != NULL || routing_key != NULL))
		tool_usage("--arg and --queue-type are for a queue that is declared: --queue");
	by_envelopes = input_options.json && queue == NULL && exchange == NULL;
	mq = publish_open(by_envelopes);
	if (exchange != NULL)
		find_exchange(mq, &target);
	else if (by_envelopes)
		leave_to_envelopes(&target);
	else
		find_queue(mq, &target);
	return tool_end(publish(mq, &target, "Hello World!", argc, argv));
}
