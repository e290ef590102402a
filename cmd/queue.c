/* SPDX-License-Identifier: MIT */
/*
 * queue - declare queues, bind, empty, delete, look at and wait for them
 *
 * The first operand is a command, which has options and operands of its own.
 * All of it is AMQP: no management plugin is asked.
 */
#include <stdio.h>
#include <string.h>

#include "broker/connect.h"
#include "message/name.h"
#include "queue/queue.h"
#include "tool/tool.h"

static const struct opt no_options[] = { { 0 } };

static const struct command {
	const char	*name, *operands;
	int		 least, most;	/* operands */
	const char	*about;
	const struct opt *options;
	int		(*run)(char **operands);
} commands[] = {
	{ "declare", "NAME", 1, 1, "make a queue, or insist that it is as described",
	    queue_declare_options, queue_declare },
	{ "bind", "QUEUE EXCHANGE [KEY]", 2, 3, "let an exchange's messages go to a queue",
	    queue_bind_options, queue_bind },
	{ "unbind", "QUEUE EXCHANGE [KEY]", 2, 3, "end a binding", queue_unbind_options, queue_unbind },
	{ "delete", "NAME", 1, 1, "delete a queue and all that is in it", queue_delete_options, queue_delete },
	{ "purge", "NAME", 1, 1, "drop the messages that are ready, and print how many", no_options, queue_purge },
	{ "stat", "NAME ...", 1, INT32_MAX, "print names, messages that are ready, and consumers",
	    queue_stat_options, queue_stat },
	{ "wait", "[NAME]", 0, 1, "wait for the broker, a queue, or what is in it", queue_wait_options, queue_wait },
};

enum { NCOMMANDS = sizeof(commands) / sizeof(*commands), COLUMN = 29 };

static const struct command *
find(const char *name)
{
	size_t i;

	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* What --help says first: the program, then a line for each command. */
static const char *
overview(void)
{
	static char text[1024] = "declare queues, bind, empty, delete, look at and wait for them\n";
	size_t i;

	for (i = 0; i < NCOMMANDS; i++) {
		const struct command *c = &commands[i];
		size_t len = strlen(text), width = strlen(c->name) + strlen(c->operands);

		snprintf(text + len, sizeof(text) - len, "\n  %s %s%*s%s", c->name, c->operands,
		    width < COLUMN ? (int)(COLUMN - width) : 1, "", c->about);
	}
	return text;
}

/* Options before the command are those that help. */
static _Noreturn void
no_command(int argc, char **argv)
{
	static struct tool tool = {
		.name = "queue",
		.operands = "COMMAND [operand ...]",
		.groups = {
			queue_declare_options, queue_bind_options, queue_delete_options, queue_stat_options,
			queue_wait_options, queue_time_options, opt_connect
		},
	};

	tool.about = overview();
	tool_start(&tool, &argc, &argv);
	if (argc == 0)
		tool_usage("needs a command: declare, bind, unbind, delete, purge, stat or wait");
	if (find(argv[0]) != NULL)
		tool_usage("the command %s goes first, before all options", argv[0]);
	tool_usage("there is no command '%s'", argv[0]);
}

/* The command is a part of the name: "queue stat: cannot ..." */
static int
run(const struct command *c, int argc, char **argv)
{
	static char name[256];
	struct tool tool = {
		.name = "queue",
		.about = c->about,
		.operands = c->operands,
		.groups = { c->options, queue_time_options, opt_connect },
	};

	argc--;
	snprintf(name, sizeof(name), "%s %s", argv[0], c->name);
	*++argv = name;
	tool_start(&tool, &argc, &argv);
	if (argc < c->least)
		tool_usage("needs %s", c->operands);
	if (argc > c->most)
		tool_usage("there is an operand too many: '%s'", argv[c->most]);
	for (int i = 0; i < argc; i++)
		name_check("name", argv[i]);
	return c->run(argv);
}

int
main(int argc, char *argv[])
{
	const struct command *c = argc > 1 ? find(argv[1]) : NULL;

	if (c == NULL)
		no_command(argc, argv);
	return tool_end(run(c, argc, argv));
}
