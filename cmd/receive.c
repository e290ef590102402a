/* SPDX-License-Identifier: MIT */
/*
 * receive - print the messages of a queue
 *
 * Each message is one line on standard output and is acknowledged once it is
 * written.  Without a limit it goes on until a signal.
 */

#include "broker/connect.h"
#include "broker/limits.h"
#include "consume/consume.h"
#include "message/declare.h"
#include "message/name.h"
#include "output/options.h"
#include "tool/tool.h"

static struct opt_list queues;

static const struct opt options[] = {
	{ .help = "Queue" },
	{ 'q', "queue", "NAME", name_add, &queues,
	    "receive from this queue, and from others that are named (default: hello)",
	    .many = true },
	{ 0 }
};

static const struct tool tool = {
	.name = "receive",
	.about = "print the messages of a queue",
	.groups = { options, opt_consume, opt_stream, opt_peek, opt_limit, opt_output, opt_declare, opt_connect },
};

static void
declare(struct rmq *mq, const char *name)
{
	bool exclusive = declare_options.exclusive;

	rmq_declare_queue(mq, &(struct rmq_queue){
	    .name = name,
	    .declare = declare_how(name, exclusive ? RMQ_MAKE : RMQ_FIND_OR_MAKE),
	    .transient = exclusive,
	    .exclusive = exclusive,
	    .arguments = declare_options.arguments,
	});
}

static void
choose_queues(void)
{
	static const char *hello[] = { "hello" };
	size_t i;

	if (queues.count == 0)
		queues = (struct opt_list){ hello, 1 };
	for (i = 0; i < queues.count; i++)
		if (*queues.items[i] == '\0')
			tool_usage("a queue needs a name");
}

int
main(int argc, char *argv[])
{
	struct consume what;
	struct rmq *mq;
	size_t i;

	tool_start(&tool, &argc, &argv);
	if (argc > 0)
		tool_usage("takes no operands, but there is '%s'", argv[0]);
	choose_queues();
	what = (struct consume){
		.queues = queues.items,
		.nqueues = queues.count,
		.line = "%s",
		.chat = " [x] Received %s",
		.waiting = " [*] Waiting for messages. To exit press CTRL+C\n",
	};
	mq = consume_open(tool.name, &what);
	for (i = 0; i < queues.count; i++)
		declare(mq, queues.items[i]);
	return tool_end(consume(mq, &what));
}
