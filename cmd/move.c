/* SPDX-License-Identifier: MIT */
/*
 * move - move messages from a queue to another place
 *
 * Each message is published first, and acknowledged when the broker has
 * confirmed the copy: a crash leaves some of them in both places, and none in
 * neither.  It ends when the source is empty.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/connect.h"
#include "broker/urls.h"
#include "message/name.h"
#include "move/mover.h"
#include "tool/tool.h"

static opt_set set_origin, add_filter, set_target_url;

static struct move_plan plan = { .count = -1, .timeout = -1 };
static struct urls target_urls;

static const struct opt options[] = {
	{ .help = "Target" },
	{ 'e', "exchange", "NAME", name_set, &plan.exchange, "move messages to this exchange" },
	{ 0, "routing-key", "KEY", name_set, &plan.routing_key, "with this key instead of their own" },
	{ 0, "to-origin", "[WHERE]", set_origin, NULL,
	    "move dead letters back to the queue they died in, or with \"exchange\" to where they were published" },
	{ 0, "target-url", "URL", set_target_url, NULL, "move to another broker or virtual host",
	    .many = true },
	{ .help = "Messages" },
	{ 'c', "count", "N", opt_number, &plan.count, "move N messages", .min = 1, .max = INT64_MAX },
	{ 'n', NULL, "N", opt_number, &plan.count, NULL, .min = 1, .max = INT64_MAX },
	{ 0, "filter", "NAME=VALUE", add_filter, NULL,
	    "move messages that have this header or property; several: those that have them all",
	    .many = true },
	{ 0, "drop-expiration", NULL, opt_flag, &plan.drop_expiration, "let them expire no more" },
	{ 0, "dry-run", NULL, opt_flag, &plan.dry_run, "print what would go where, and move nothing" },
	{ 'W', "timeout", "SECS", opt_seconds, &plan.timeout, "end after this time" },
	{ 'p', "prefetch|prefetch-count", "N", opt_number, &plan.prefetch,
	    "hold at most N messages (default: 500; 10000 with --filter or --dry-run)", .min = 1, .max = UINT16_MAX },
	{ 'v', "verbose", NULL, opt_flag, &plan.verbose,
	    "tell about the connections, and what became of the messages" },
	{ 0 }
};

static const struct tool tool = {
	.name = "move",
	.about = "move messages from a queue to another place",
	.operands = "SOURCE [TARGET]",
	.groups = { options, opt_route, opt_connect },
};

static const char *
set_origin(const struct opt *o, char *arg)
{
	(void)o;
	if (arg != NULL && strcmp(arg, "queue") != 0 && strcmp(arg, "exchange") != 0)
		return "must be queue or exchange";
	plan.origin = arg != NULL && *arg == 'e' ? ORIGIN_EXCHANGE : ORIGIN_QUEUE;
	return NULL;
}

static const char *
add_filter(const struct opt *o, char *arg)
{
	const struct opt it = { .to = &plan.filters };
	const char *equals = strchr(arg, '=');

	(void)o;
	if (equals == NULL || equals == arg)
		return "needs NAME=VALUE";
	return equals - arg > 255 ? "name too long" : opt_strings(&it, arg);
}

static const char *
set_target_url(const struct opt *o, char *arg)
{
	static struct rmq_error error;
	char *url = strdup(arg);
	bool ok;

	(void)o;
	urls_hide(arg);
	if (url == NULL)
		return opt_no_memory;
	ok = urls_add(&target_urls, url, &error);
	explicit_bzero(url, strlen(url));
	free(url);
	return ok ? NULL : error.text;
}

static void
take_operands(int argc, char **argv)
{
	int targets = (argc > 1) + (plan.exchange != NULL) + (plan.origin != ORIGIN_NONE);

	if (argc == 0 || *argv[0] == '\0')
		tool_usage("needs the name of a queue to take messages from");
	if (argc > 2)
		tool_usage("there is an operand too many: '%s'", argv[2]);
	if (targets != 1)
		tool_usage("needs one target: a queue, --exchange or --to-origin");
	if (plan.routing_key != NULL && plan.exchange == NULL)
		tool_usage("--routing-key is for --exchange");
	for (int i = 0; i < argc; i++)
		name_check("queue", argv[i]);
	plan.source = argv[0];
	plan.target = argv[1];
	if (plan.target != NULL && *plan.target == '\0')
		tool_usage("a queue needs a name");
	if (plan.target != NULL && strcmp(plan.source, plan.target) == 0 && target_urls.count == 0)
		tool_usage("the source and the target are the same queue");
}

int
main(int argc, char *argv[])
{
	tool_start(&tool, &argc, &argv);
	take_operands(argc, argv);
	plan.route = route_wish(ROUTE_YES);
	return tool_end(move(&plan, tool.name, &target_urls));
}
