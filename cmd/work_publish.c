/* SPDX-License-Identifier: MIT */
/*
 * work-publish - put tasks into a durable queue
 *
 * The operands are the task; with -l, each line of standard input is one.
 * Tasks are persistent and the queue is durable, so that both survive a
 * restart of the broker.
 */

#include <stdio.h>

#include "broker/connect.h"
#include "input/options.h"
#include "message/declare.h"
#include "message/name.h"
#include "message/properties.h"
#include "publish/publish.h"
#include "tool/tool.h"

static const char *queue;

static const struct opt options[] = {
	{ .help = "Destination" },
	{ 'q', "queue", "NAME", name_set, &queue, "put tasks into this queue (default: task_queue)" },
	{ 0 }
};

static const struct tool tool = {
	.name = "work-publish",
	.about = "put tasks into a durable queue",
	.operands = "[WORD ... | -]",
	.groups = { options, opt_route, opt_input, opt_delivery, opt_message, opt_publish, opt_declare, opt_connect },
	.aliases = {
		{ "new-task", { NULL } },
	},
};

int
main(int argc, char *argv[])
{
	struct target target = { .exchange = "" };
	char name[300];
	struct rmq *mq;

	tool_start(&tool, &argc, &argv);
	target.route = route_wish(ROUTE_YES);
	target.chosen = queue != NULL;
	if (queue == NULL)
		queue = "task_queue";
	snprintf(name, sizeof(name), "queue '%s'", queue);
	target.name = name;
	target.routing_key = queue;
	mq = publish_open(false);
	rmq_declare_queue(mq, &(struct rmq_queue){
		.name = queue,
		.declare = declare_how(queue, RMQ_MAKE_OR_FIND),
		.exclusive = declare_options.exclusive,
		.arguments = declare_options.arguments,
	});
	return tool_end(publish(mq, &target, "Hello World!", argc, argv));
}
