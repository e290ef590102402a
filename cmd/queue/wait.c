/* SPDX-License-Identifier: MIT */
/* queue wait: for a broker that is starting, for a queue, for what is in it */
#include <inttypes.h>
#include <stdio.h>

#include "queue/queue.h"
#include "tool/tool.h"

enum { LEAST_PAUSE = 50, MOST_PAUSE = 1000, LATE = 250, MINUTE = 60000 };	/* ms */
enum { UNKNOWN = -1 };	/* code: there was no answer */

static bool ready, empty;
static int64_t messages = -1, consumers = -1;

const struct opt queue_wait_options[] = {
	{ .help = "For wait" },
	{ 0, "ready", NULL, opt_flag, &ready, "until the broker answers and the queue, if one is named, is there" },
	{ 0, "empty", NULL, opt_flag, &empty, "until no message is ready" },
	{ 0, "messages", "N", opt_number, &messages, "until at least N messages are ready",
	    .min = 1, .max = UINT32_MAX },
	{ 0, "consumers", "N", opt_number, &consumers, "until it has at least N consumers",
	    .min = 1, .max = UINT32_MAX },
	{ 0 }
};

static void
check_operands(const char *name)
{
	bool inside = empty || messages >= 0 || consumers >= 0;

	if (!ready && !inside)
		tool_usage("needs something to wait for: --ready, --empty, --messages or --consumers");
	if (empty && messages >= 0)
		tool_usage("--empty and --messages exclude each other");
	if (inside && name == NULL)
		tool_usage("needs the name of a queue");
}

static bool
met(const struct rmq_event *e)
{
	return e->code == 0 && (!empty || e->messages == 0) && (int64_t)e->messages >= messages &&
	    (int64_t)e->consumers >= consumers;
}

/* What was seen last, and that it is not what was waited for. */
static int
not_met(const struct queue_session *s, const char *name, const struct rmq_event *seen)
{
	char what[600] = "it is not there";

	if (seen->code == UNKNOWN)
		snprintf(what, sizeof(what), "no answer");
	else if (seen->code == 0)
		snprintf(what, sizeof(what), "it has %" PRIu32 " ready messages and %" PRIu32 " consumers",
		    seen->messages, seen->consumers);
	if (!s->connected)
		snprintf(what, sizeof(what), "there is no connection: %s", rmq_trouble(s->mq));
	tool_warn("cannot wait longer than %g s for queue '%s': %s", (double)s->limit / 1000, name, what);
	return s->connected && seen->code != UNKNOWN ? EX_FEWER : EX_UNAVAILABLE;
}

/* Looks at it again and again, less and less often. */
static int
watch(struct queue_session *s, const char *name, int64_t deadline)
{
	struct rmq_event e, seen = { .code = UNKNOWN };
	int64_t pause = LEAST_PAUSE;

	do {
		rmq_look_at_queue(s->mq, name);
		if ((s->late = !queue_await(s, RMQ_ANSWERED, deadline, &e)))
			break;
		seen = e;
		if (met(&e))
			return EX_OK;
		if (e.code != 0 && e.code != 404)
			return queue_refused("find", name, &e);
		pause = pause * 3 / 2 < MOST_PAUSE ? pause * 3 / 2 : MOST_PAUSE;
	} while (queue_pause(s, pause, deadline));
	return rmq_failed(s->mq) ? EX_OK : not_met(s, name, &seen);
}

/* Until it was connected once, the session's own limit has a better story to tell. */
int
queue_wait(char **operands)
{
	int64_t deadline;
	const char *name = operands[0];
	struct queue_session s;
	struct rmq_event e;
	int status = EX_OK;

	check_operands(name);
	queue_open(&s, MINUTE);
	deadline = s.deadline >= 0 ? s.deadline : rmq_now() + s.limit;
	if (!queue_await(&s, RMQ_READY, deadline + LATE, &e)) {
		if (!rmq_failed(s.mq)) {
			tool_warn("cannot wait longer than %g s for the broker: %s", (double)s.limit / 1000,
			    rmq_trouble(s.mq));
			status = EX_UNAVAILABLE;
		}
	} else if (name != NULL)
		status = watch(&s, name, deadline);
	return queue_close(&s, status);
}
