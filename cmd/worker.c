/* SPDX-License-Identifier: MIT */
/*
 * worker - run a command for each message of a queue
 *
 * The message is the command's standard input.  It is acknowledged when the
 * command was reaped and had succeeded, and not before.  A message whose
 * command failed rests for a growing time and then goes back to its queue;
 * one that was not started, or whose command could not be, goes back as it
 * came.  Nothing is ever dropped here.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rmq.h>

#include "groups.h"
#include "job.h"
#include "loop.h"
#include "tool.h"
#include "worker.h"

static const char *queue = "task_queue";
static int64_t jobs = 1, prefetch, grace = 30000;
static bool pass_url;
static int chat;

static const struct opt options[] = {
	{ .help = "Work" },
	{ 'q', "queue", "NAME", opt_string, &queue, "take messages from this queue", .max = 255 },
	{ 'P', "jobs", "N", opt_number, &jobs, "run this many commands at once", .min = 1, .max = 65535 },
	{ 'j', NULL, "N", opt_number, &jobs, NULL, .min = 1, .max = 65535 },
	{ 'p', "prefetch|prefetch-count", "N", opt_number, &prefetch,
	    "hold at most N messages (default: as many as jobs)", .min = 1, .max = 65535 },
	{ 0, "grace", "SECS", opt_seconds, &grace,
	    "give running commands this time at the end (default: 30)" },
	{ 0, "pass-url", NULL, opt_flag, &pass_url, "let commands see AMQP_URL, password and all" },
	{ 0, "chat", "WHEN", opt_choice, &chat, "talk as the tutorials do if there is no command",
	    .choices = chat_words },
	{ 0 }
};

static const struct tool tool = {
	.name = "worker",
	.about = "run a command for each message of a queue",
	.operands = "[--] [command [argument ...]]",
	.groups = { options, opt_limit, opt_declare, opt_connect, NULL },
};

/* Tags are void now: what runs is no longer ours to acknowledge. */
static void
disown(struct worker *w, const char *what, struct rmq_bytes why)
{
	const char *running = "";

	if (tasks_count(&w->tasks, TASK_RUNNING) > 0)
		running = "; the messages of running commands will be delivered again";
	tool_warn("%s%.*s%s", what, (int)why.len, (const char *)why.data, running);
	w->taken -= (int64_t)tasks_count(&w->tasks, TASK_WAITING);
	tasks_disown(&w->tasks);
}

static void
lost(struct worker *w, struct rmq_bytes why)
{
	if (w->closing) {
		tool_warn("cannot tell whether the last acknowledgements arrived: %.*s",
		    (int)why.len, (const char *)why.data);
		w->status = EX_TEMPFAIL;
	} else if (w->connected)
		disown(w, "connection lost: ", why);
	w->lost_at = rmq_now();
	w->connected = w->consuming = false;
}

static void
ready(struct worker *w)
{
	w->active = rmq_now();
	if (w->was_connected)
		tool_warn("reconnected after %.1f s", (double)(w->active - w->lost_at) / 1000);
	else
		work_chat(w, " [*] Waiting for messages. To exit press CTRL+C", rmq_bytes(""));
	w->was_connected = w->connected = true;
	w->consuming = w->stage == WORKING && !w->enough;
}

static void
handle(struct worker *w, const struct rmq_event *e)
{
	switch (e->type) {
	case RMQ_READY:
		ready(w);
		break;
	case RMQ_DELIVERED:
		work_take(w, &e->delivery);
		break;
	case RMQ_CANCELLED:
		disown(w, "the broker cancelled the subscription; subscribing again", rmq_bytes(""));
		break;
	case RMQ_LOST:
		lost(w, e->text);
		break;
	case RMQ_STOPPED:
		w->consuming = false;
		break;
	case RMQ_CLOSED:
		w->closed = true;
		break;
	default:
		break;
	}
}

static void
check_session(struct worker *w)
{
	const struct rmq_error *error;

	if (w->failed || !rmq_failed(w->mq))
		return;
	w->failed = true;
	w->connected = w->consuming = false;
	error = rmq_error(w->mq);
	tool_warn("%s", error->text);
	tasks_disown(&w->tasks);
	worker_stop(w, groups_exit_status(error->status));
}

static void
check_output(struct worker *w, short revents)
{
	int error;

	if (!w->chats)
		return;
	output_io(&w->out, revents);
	if ((error = w->out.error) == 0 || w->stage != WORKING)
		return;
	if (error == EPIPE && loop_sigpipe_was_default())
		w->signal = SIGPIPE;
	else
		tool_warn("cannot write standard output: %s", strerror(error));
	worker_stop(w, EX_IOERR);
}

static short
wait_for_more(struct worker *w)
{
	struct pollfd out = { .fd = w->chats && w->out.error == 0 ? w->out.fd : -1 };

	if (out.fd != -1)
		out.events = output_events(&w->out);
	loop_wait(&w->mq, w->failed ? 0 : 1, &out, 1, worker_deadline(w));
	return out.revents;
}

static void
work(struct worker *w)
{
	struct rmq_event event;
	short revents = 0;
	int sig;

	for (;;) {
		while (rmq_next(w->mq, &event))
			handle(w, &event);
		check_session(w);
		work_due(w, rmq_now());
		work_start(w);
		check_output(w, revents);
		worker_heed_limits(w, rmq_now());
		if (worker_over(w, rmq_now()))
			break;
		revents = wait_for_more(w);
		while ((sig = loop_signal()) != 0)
			worker_caught(w, sig);
	}
}

static struct rmq *
open_session(void)
{
	static struct rmq_config config;
	struct rmq *mq;

	config = groups_config(tool.name);
	if (config.retry_limit == 0)
		config.retry_limit = -1;
	if ((mq = rmq_open(&config)) == NULL)
		tool_fail(EX_OSERR, "cannot open a session: out of memory");
	return mq;
}

static void
subscribe(struct worker *w)
{
	int64_t hold = prefetch > 0 ? prefetch : jobs;

	rmq_declare_queue(w->mq, &(struct rmq_queue){
	    .name = queue,
	    .declare = groups_declare(queue, RMQ_MAKE_OR_FIND),
	    .exclusive = declare_options.exclusive,
	    .arguments = declare_options.arguments });
	if (w->count >= 0 && w->count < hold)
		hold = w->count;
	rmq_consume(w->mq, &(struct rmq_consumer){ .queue = queue, .prefetch = (uint16_t)hold });
}

static void
begin(struct worker *w, char **command)
{
	static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP };

	job_setup();
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		loop_catch(signals[i]);
	TAILQ_INIT(&w->tasks);
	w->command = *command != NULL ? command : NULL;
	w->queue = queue;
	w->url = pass_url ? getenv("AMQP_URL") : NULL;
	w->jobs = (size_t)jobs;
	w->count = limit_options.count;
	w->grace = grace;
	w->began = rmq_now();
	w->chats = w->command == NULL && (chat == CHAT_ALWAYS || (chat == CHAT_AUTO && isatty(STDOUT_FILENO)));
	if (w->chats)
		output_open(&w->out, STDOUT_FILENO, false, 1);
	w->mq = open_session();
	subscribe(w);
}

int
main(int argc, char *argv[])
{
	static struct worker w;

	tool_start(&tool, &argc, &argv);
	begin(&w, argv);
	work(&w);
	rmq_free(w.mq);
	environ_free(&w.environ);
	if (w.chats)
		output_close(&w.out);
	return tool_end(worker_verdict(&w));
}
