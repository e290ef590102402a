/* SPDX-License-Identifier: MIT */
/*
 * See publish.h.  Each turn of the loop feeds as many records as the session
 * takes, waits, and looks at what happened.  It ends when every record that
 * was read is settled, or when that can no longer be reached.
 */

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "groups.h"
#include "loop.h"
#include "run.h"
#include "tool.h"

static int64_t	 time_limit = -1, window;
static int	 chat;
static bool	 verbose;

static int64_t	 first_limit;	/* of the session */

const struct opt opt_publish[] = {
	{ .help = "Publishing" },
	{ 'W', "timeout", "SECS", opt_seconds, &time_limit,
	    "give up after this time (default: 10 for a single message)", .min = 1, .max = INT64_MAX },
	{ 0, "window", "N", opt_number, &window, "let at most N messages be unconfirmed",
	    .min = 1, .max = 1000000 },
	{ 0, "chat", "WHEN", opt_choice, &chat, "talk as the tutorials do", .choices = chat_words },
	{ 'v', "verbose", NULL, opt_flag, &verbose, "tell about the connection, and what became of the messages" },
	{ 0 }
};

struct rmq *
publish_open(void)
{
	static struct rmq_config config;
	struct rmq *mq;

	config = groups_config(tool_name());
	config.confirm = true;
	config.window_messages = (size_t)window;
	if (config.first_limit == 0)
		config.first_limit = ONE_SHOT;
	if (time_limit >= 0 && time_limit < config.first_limit)
		config.first_limit = time_limit;
	first_limit = config.first_limit;
	mq = rmq_open(&config);
	if (mq == NULL)
		tool_fail(EX_OSERR, "cannot open a session: out of memory");
	return mq;
}

/* The line of progress gives way. */
static void
tell(struct run *r, const char *text)
{
	progress_clear(&r->progress);
	tool_warn("%s", text);
}

void
run_tell(struct run *r, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tell(r, text);
}

void
run_fail(struct run *r, int status, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->fed = true;
	if (r->status != EX_OK)
		return;
	tell(r, text);
	r->status = status;
}

static bool
publish_record(struct run *r)
{
	struct rmq_error why = { 0 };

	r->message.properties = groups_properties();
	r->message.cookie = r->in.records;
	if (!offsets_put(&r->offsets, r->in.records, r->in.end, r->counts.settled_through)) {
		run_fail(r, EX_OSERR, "cannot send %s: out of memory", source_place(&r->in, r->in.records));
		return false;
	}
	if (rmq_publish(r->mq, &r->message, &why))
		return true;
	run_fail(r, groups_exit_status(why.status), "cannot send %s: %s",
	    source_place(&r->in, r->in.records), why.text);
	input_take_back(&r->in);
	return false;
}

static void
end_of_input(struct run *r)
{
	r->fed = true;
	if (r->next == INPUT_TOO_LONG)
		run_fail(r, EX_DATAERR, "cannot send %s: longer than %zu bytes (see --max-message)",
		    source_place(&r->in, r->in.records + 1), r->in.max_message);
	else if (r->next == INPUT_FAILED)
		run_fail(r, EX_IOERR, "cannot read %s: %s", r->in.name, strerror(r->in.error));
}

static void
feed_records(struct run *r)
{
	while (!r->fed && !rmq_failed(r->mq) && rmq_can_publish(r->mq)) {
		r->next = input_next(&r->in, &r->message.body);
		if (r->next == INPUT_MORE)
			return;
		if (r->next != INPUT_RECORD)
			end_of_input(r);
		else if (!publish_record(r))
			return;
	}
}

static void
feed(struct run *r)
{
	feed_records(r);
	r->counts = rmq_counts(r->mq);
}

/* A single message's time runs from when it is known. */
static void
start_deadline(struct run *r)
{
	if (r->deadline < 0 && r->limit >= 0 && (r->in.at_end || !r->single))
		r->deadline = rmq_now() + r->limit;
}

static bool
is_over(const struct run *r)
{
	return rmq_failed(r->mq) || r->hopeless ||
	    (r->fed && r->counts.unsettled == 0 && (r->ready || r->status != EX_OK));
}

static void
tell_progress(struct run *r)
{
	progress_tell(&r->progress, &(struct progress_state){
		.done = r->counts.confirmed,
		.in_flight = r->counts.unsettled,
		.done_word = "confirmed",
		.at = r->in.end,
		.size = r->input_size,
	});
}

static void
run(struct run *r)
{
	struct pollfd input = { .events = POLLIN };

	for (;;) {
		feed(r);
		if (is_over(r))
			return;
		start_deadline(r);
		input.fd = !r->fed && r->next == INPUT_MORE && rmq_can_publish(r->mq) ? r->in.fd : -1;
		input.revents = 0;
		loop_wait(&r->mq, 1, &input, 1, run_next_time(r));
		if (input.revents != 0)
			input_read(&r->in);
		run_take_events(r);
		run_take_signals(r);
		tell_progress(r);
		if (!is_over(r))
			run_check_times(r);
	}
}

static void
set_limits(struct run *r)
{
	r->limit = time_limit;
	if (time_limit < 0 && r->single)
		r->limit = first_limit > ONE_SHOT ? first_limit + ONE_SHOT : ONE_SHOT;
	r->deadline = r->grace_until = -1;
}

int
publish(struct rmq *mq, const struct target *target, const char *default_text, int argc, char *argv[])
{
	struct run r = {
		.mq = mq,
		.target = target,
		.message = {
			.exchange = rmq_bytes(target->exchange),
			.routing_key = rmq_bytes(target->routing_key),
			.mandatory = true,
		},
		.next = INPUT_MORE,
		.verbose = verbose,
		.talk = verbose || isatty(STDERR_FILENO),
		.chat = chat,
	};

	source_open(&r.in, default_text, argc, argv);
	r.single = source_is_one_shot(&r.in);
	r.input_size = input_size(&r.in);
	progress_start(&r.progress, !r.single && isatty(STDERR_FILENO) && !isatty(r.in.fd));
	set_limits(&r);
	loop_catch(SIGTERM);
	loop_catch(SIGINT);
	loop_catch(SIGHUP);
	run(&r);
	return run_conclude(&r);
}
