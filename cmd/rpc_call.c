/* SPDX-License-Identifier: MIT */
/*
 * rpc-call - send a request and print the reply
 *
 * The operands are the request.  It ends well when the reply to it is on
 * standard output and says that the request was fulfilled.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/connect.h"
#include "input/options.h"
#include "input/source.h"
#include "message/name.h"
#include "message/properties.h"
#include "output/options.h"
#include "output/print.h"
#include "rpc/call.h"
#include "tool/tool.h"

enum { CONNECT_MS = 10 * 1000 };

static const char *queue, *exchange, *routing_key;
static struct call what = { .exchange = "", .limit = -1 };

static const struct opt options[] = {
	{ .help = "Request" },
	{ 'q', "queue", "NAME", name_set, &queue, "send the request to this queue (default: rpc_queue)" },
	{ 'e', "exchange", "NAME", name_set, &exchange, "send it to this exchange instead" },
	{ 'r', "routing-key", "KEY", name_set, &routing_key, "route it by this key" },
	{ 'f', "file", "FILE", opt_string, &input_options.file, "the request is what is in this file" },
	{ 0, "max-message", "SIZE", opt_bytes, &input_options.max_message,
	    "refuse to send a larger one (default: 128MiB)", .max = INT64_C(1) << 40 },
	{ .help = "Reply" },
	{ 'W', "timeout", "SECS", opt_seconds, &what.limit,
	    "give up after this time (default: 30 for the reply)", .min = 1, .max = UINT32_MAX },
	{ 0, "no-expiration", NULL, opt_flag, &what.keeps,
	    "leave the request in its queue when the time is over" },
	{ 0, "require-server", NULL, opt_flag, &what.needs_server,
	    "fail at once if nobody serves the queue" },
	{ 0, "pass-status", NULL, opt_flag, &what.passes_status,
	    "exit with the status of the command at the other end" },
	{ 0 }
};

static const struct tool tool = {
	.name = "rpc-call",
	.about = "send a request and print the reply",
	.operands = "[WORD ... | -]",
	.groups = { options, opt_request, opt_message, opt_output, opt_connect },
	.aliases = {
		{ "rpc-client", { NULL } },
	},
};

static void
choose_target(void)
{
	static char name[600];

	if (queue != NULL && (exchange != NULL || routing_key != NULL))
		tool_usage("--queue excludes --exchange and --routing-key");
	if (exchange != NULL) {
		what.exchange = exchange;
		what.routing_key = routing_key != NULL ? routing_key : "";
		snprintf(name, sizeof name, "exchange '%s' with routing key '%s'", exchange, what.routing_key);
	} else {
		what.queue = queue != NULL ? queue : routing_key != NULL ? routing_key : "rpc_queue";
		what.routing_key = what.queue;
		snprintf(name, sizeof name, "queue '%s'", what.queue);
	}
	if (what.needs_server && what.queue == NULL)
		tool_usage("--require-server needs a queue, not an exchange");
	what.name = name;
}

/* All of it is there before anybody is called. */
static struct rmq_bytes
read_request(struct input *in, int argc, char *argv[])
{
	bool chosen = queue != NULL || exchange != NULL || routing_key != NULL;
	const struct source_default otherwise = { chosen ? NULL : "30", "words, - or -f" };
	struct rmq_bytes body = { 0 };
	enum input_status got;

	source_open(in, &otherwise, argc, argv);
	while ((got = input_next(in, &body)) == INPUT_MORE)
		input_read(in);
	if (got == INPUT_TOO_LONG)
		tool_fail(EX_DATAERR, "cannot send %s: longer than %zu bytes (see --max-message)", source_place(in, 1),
		    in->max_message);
	if (got == INPUT_FAILED)
		tool_fail(EX_IOERR, "cannot read %s: %s", in->name, strerror(in->error));
	return body;
}

int
main(int argc, char *argv[])
{
	struct rmq_config config;
	struct rmq_bytes body;
	struct input in;
	int status;

	tool_start(&tool, &argc, &argv);
	choose_target();
	print_choose("%s", " [.] Got %s");
	print_no_second_newline();
	config = connect_config(tool_name());
	config.confirm = true;
	if (config.first_limit == 0)
		config.first_limit = CONNECT_MS;
	if (what.limit >= 0 && what.limit < config.first_limit)
		config.first_limit = what.limit;
	body = read_request(&in, argc, argv);
	status = call(&config, &what, body);
	input_close(&in);
	return tool_end(status);
}
