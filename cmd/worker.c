/* SPDX-License-Identifier: MIT */
/*
 * worker - run a command for each message of a queue
 *
 * The message is the command's standard input.  It is acknowledged when the
 * command was reaped and had succeeded, and not before.  A message whose
 * command failed rests for a growing time and then goes back to its queue, or
 * a copy of it goes to a queue for failed ones; one that was not started, or
 * whose command could not be, goes back as it came.  Nothing is dropped unless
 * --exit-map asks for it.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rmq.h>

#include "broker/connect.h"
#include "broker/limits.h"
#include "message/declare.h"
#include "message/name.h"
#include "output/options.h"
#include "tool/tool.h"
#include "worker/output.h"
#include "worker/retry/setup.h"
#include "worker/worker.h"

static struct opt_list queues;
static int64_t jobs = 1, prefetch, grace = 30000, max_jobs, max_time, notify_fd = -1;
static bool pass_url, reply;
static int chat;
static struct rmq_config config;

static const struct opt options[] = {
	{ .help = "Work" },
	{ 'q', "queue", "NAME", name_add, &queues,
	    "take messages from this queue, and others that are named (default: task_queue; with --reply rpc_queue)",
	    .many = true },
	{ 'P', "jobs", "N", opt_number, &jobs, "run this many commands at once (default: 1)", .min = 1, .max = 65535 },
	{ 'j', NULL, "N", opt_number, &jobs, NULL, .min = 1, .max = 65535 },
	{ 'p', "prefetch|prefetch-count", "N", opt_number, &prefetch,
	    "hold at most N messages (default: as many as jobs, more while these are short or messages rest)",
	    .min = 1, .max = 65535 },
	{ 0, "reply", NULL, opt_flag, &reply, "send the output of a command to who asked for it" },
	{ 0, "max-jobs", "N", opt_number, &max_jobs, "end after N commands", .min = 1, .max = INT64_MAX },
	{ 0, "max-time", "SECS", opt_seconds, &max_time, "take nothing more after this time, and end",
	    .min = 1, .max = INT64_MAX },
	{ 0, "grace", "SECS", opt_seconds, &grace,
	    "give running commands this time at the end (default: 30)" },
	{ 0, "notify-fd", "N", opt_number, &notify_fd,
	    "write a newline to this descriptor when messages can come", .min = 3, .max = INT_MAX },
	{ 0, "pass-url", NULL, opt_flag, &pass_url, "let commands see AMQP_URL, password and all" },
	{ 0, "chat", "WHEN", opt_choice, &chat, "talk as the tutorials do if there is no command",
	    .choices = chat_words },
	{ 0 }
};

static const struct tool tool = {
	.name = "worker",
	.about = "run a command for each message of a queue",
	.operands = "[--] [command [argument ...]]",
	.runs_operands = true,
	.groups = { options, opt_work_output, opt_policy, opt_limit, opt_declare, opt_connect, NULL },
	.aliases = {
		{ "rpc-serve", { "--reply" } },
		{ "rpc-server", { "--reply" } },
	},
};

/* A copy: connect_config() makes it unreadable. */
static const char *
url_to_pass(void)
{
	const char *url = pass_url ? getenv("AMQP_URL") : NULL;
	char *copy;

	if (url == NULL)
		return NULL;
	if ((copy = strdup(url)) == NULL)
		tool_fail(EX_OSERR, "cannot keep AMQP_URL: out of memory");
	return copy;
}

/* A count needs no more. */
static void
share_prefetch(struct worker *w)
{
	int64_t most = prefetch > 0 ? prefetch : jobs;

	queues_share(w, (size_t)(w->count >= 0 && w->count < most ? w->count : most), prefetch == 0);
	w->hold_fixed = prefetch > 0 || (w->count >= 0 && w->count <= jobs);
}

static int
set_up_all(struct worker *w)
{
	const struct work_queue *q;
	int status = EX_OK;

	QUEUES_FOREACH(q, w)
		if (status == EX_OK)
			status = setup(&config, q->name);
	return status;
}

static void
take_options(struct worker *w, char **command)
{
	w->url = url_to_pass();
	w->config = &config;
	w->command = *command != NULL ? command : NULL;
	w->jobs = (size_t)jobs;
	w->count = limit_options.count;
	w->grace = grace;
	w->max_jobs = max_jobs;
	w->max_time = max_time;
	w->chats = w->command == NULL && (chat == CHAT_ALWAYS || (chat == CHAT_AUTO && isatty(STDOUT_FILENO)));
	w->replies_to = reply;
}

int
main(int argc, char *argv[])
{
	static struct worker w;

	tool_start(&tool, &argc, &argv);
	take_options(&w, argv);
	config = connect_config(tool.name);
	queues_choose(&w, &queues, reply ? "rpc_queue" : "task_queue");
	if (policy_options.setup)
		return tool_end(set_up_all(&w));
	if (reply && *argv == NULL)
		tool_usage("--reply needs a command");
	if (config.retry_limit == 0)
		config.retry_limit = -1;
	share_prefetch(&w);
	worker_begin(&w, (int)notify_fd);
	worker_run(&w);
	worker_free(&w);
	return tool_end(worker_verdict(&w));
}
