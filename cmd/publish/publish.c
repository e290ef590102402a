/* SPDX-License-Identifier: MIT */
/*
 * See publish.h.  Each turn of the loop feeds as many records as the session
 * takes, waits, and looks at what happened.  It ends when every record that
 * was read is settled, or when that can no longer be reached.
 */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/connect.h"
#include "broker/eager.h"
#include "broker/loop.h"
#include "input/options.h"
#include "output/options.h"
#include "publish/end.h"
#include "publish/feed.h"
#include "publish/sender.h"
#include "publish/watch.h"
#include "tool/tool.h"

static int64_t	 time_limit = -1, window, rate;
static int	 chat, on_error;
static bool	 verbose, eager;
static const char *reject_file, *report, *checkpoint;

static int64_t	 first_limit;	/* of the session */

enum { STOP, SKIP };
static const char *const on_error_words[] = { "stop", "skip", NULL };

static opt_set set_rate;

const struct opt opt_publish[] = {
	{ .help = "Publishing" },
	{ 'W', "timeout", "SECS", opt_seconds, &time_limit,
	    "give up after this time (default: 10 for a single message)", .min = 1, .max = INT64_MAX },
	{ 0, "eager", NULL, opt_flag, &eager,
	    "with a single message, say all at once to a broker that is known already" },
	{ 0, "window", "N", opt_number, &window,
	    "let at most N messages be unconfirmed (default: 1000 at first, then up to 8000 small "
	    "ones, more on a slow line)",
	    .min = 1, .max = 1000000 },
	{ 0, "rate", "N[/s]", set_rate, NULL, "send at most N messages a second" },
	{ 0, "on-error", "WHAT", opt_choice, &on_error,
	    "stop at a record that cannot be delivered (the default), or skip it",
	    .choices = on_error_words },
	{ 0, "reject-file", "FILE", opt_string, &reject_file,
	    "add records that cannot be delivered to this file, as they are" },
	{ 0, "checkpoint", "STATE", opt_string, &checkpoint,
	    "keep in this file how far --file was sent, and go on from there" },
	{ 0, "report", "FILE", opt_string, &report, "write what became of the messages to this file, a JSON object" },
	{ 0, "chat", "WHEN", opt_choice, &chat, "talk as the tutorials do", .choices = chat_words },
	{ 'v', "verbose", NULL, opt_flag, &verbose, "tell about the connection, and what became of the messages" },
	{ 0 }
};

/* "100", "0.5", "100/s": kept in thousandths, as seconds are in milliseconds. */
static const char *
set_rate(const struct opt *o, char *arg)
{
	const struct opt it = { .to = &rate, .min = 1, .max = INT64_C(1000000000) * 1000 };
	size_t len = strspn(arg, "0123456789.");
	char number[32];

	(void)o;
	if ((arg[len] != '\0' && strcmp(arg + len, "/s") != 0) || len >= sizeof(number))
		return "invalid";
	memcpy(number, arg, len);
	number[len] = '\0';
	return opt_seconds(&it, number);
}

struct rmq *
publish_open(bool own_exchanges)
{
	/* What lives for milliseconds is in nobody's list, and a name costs it a line in the broker's log. */
	struct rmq_config config = connect_config(source_is_one_shot() ? NULL : tool_name());

	config.confirm = true;
	config.own_exchanges = own_exchanges;
	config.window_messages = (size_t)window;
	if (config.first_limit == 0)
		config.first_limit = ONE_SHOT;
	if (time_limit >= 0 && time_limit < config.first_limit)
		config.first_limit = time_limit;
	first_limit = config.first_limit;
	if (eager && source_is_one_shot())
		eager_recall(&config);
	return connect_open(&config);
}

/* A single message's time runs from when it is known; that of many begins anew when all that came is confirmed. */
static void
set_deadline(struct sender *s)
{
	if (!watch_has_work(s))
		s->deadline = -1;
	else if (s->deadline < 0 && s->limit >= 0 && (s->in.at_end || !s->single))
		s->deadline = rmq_now() + s->limit;
}

static bool
is_over(const struct sender *s)
{
	return rmq_failed(s->mq) || s->hopeless ||
	    (s->fed && s->counts.unsettled == 0 && (s->ready || s->status != EX_OK));
}

static void
tell_progress(struct sender *s)
{
	progress_tell(&s->progress, &(struct progress_state){
		.done = s->counts.confirmed,
		.in_flight = s->counts.unsettled,
		.done_word = "confirmed",
		.at = s->in.end,
		.size = s->input_size,
	});
}

static void
run(struct sender *s)
{
	struct pollfd input = { .events = POLLIN };

	for (;;) {
		feed_session(s);
		if (is_over(s))
			return;
		set_deadline(s);
		input.fd = feed_awaits_input(s) ? s->in.fd : -1;
		input.revents = 0;
		loop_wait(&s->mq, 1, &input, 1, watch_next_time(s));
		if (input.revents != 0)
			input_read(&s->in);
		watch_events(s);
		watch_signals(s);
		tell_progress(s);
		if (!is_over(s))
			watch_times(s);
	}
}

static void
set_limits(struct sender *s)
{
	s->limit = time_limit;
	if (time_limit < 0 && s->single)
		s->limit = first_limit > ONE_SHOT ? first_limit + ONE_SHOT : ONE_SHOT;
	s->deadline = s->grace_until = -1;
}

/* The files that were asked for, and what is there to say about them. */
static void
open_files(struct sender *s)
{
	if (on_error == SKIP && reject_file == NULL)
		tool_usage("--on-error=skip needs --reject-file");
	s->skip = on_error == SKIP;
	rejects_open(&s->rejects, reject_file, &s->in);
	checkpoint_open(&s->checkpoint, checkpoint, &s->in);
	s->settled = s->in.records;
	if (!offsets_put(&s->offsets, s->settled, s->in.end, s->settled) ||
	    (input_options.json && (s->envelope = rmq_envelope_new()) == NULL))
		tool_fail(EX_OSERR, "cannot keep messages: out of memory");
}

int
publish(struct rmq *mq, const struct target *target, const char *default_text, int argc, char *argv[])
{
	const struct source_default otherwise = { target->chosen ? NULL : default_text, "words, - or -l" };
	struct sender s = {
		.mq = mq,
		.target = target,
		.message = {
			.exchange = rmq_bytes(target->exchange),
			.routing_key = rmq_bytes(target->routing_key),
			.mandatory = target->route != ROUTE_NO,
		},
		.next = INPUT_MORE,
		.report = report,
		.verbose = verbose,
		.talk = verbose || isatty(STDERR_FILENO),
		.chat = chat,
	};

	source_open(&s.in, &otherwise, argc, argv);
	open_files(&s);
	s.single = source_is_one_shot();
	s.input_size = input_size(&s.in);
	progress_start(&s.progress, !s.single && isatty(STDERR_FILENO) && !isatty(s.in.fd));
	rate_start(&s.rate, rate);
	set_limits(&s);
	loop_catch(SIGTERM);
	loop_catch(SIGINT);
	loop_catch(SIGHUP);
	run(&s);
	return end_conclude(&s);
}
