/* SPDX-License-Identifier: MIT */
/* See queue.h: asking a broker for one thing after the other. */
#include <string.h>

#include "broker/connect.h"
#include "broker/loop.h"
#include "broker/status.h"
#include "message/declare.h"
#include "queue/queue.h"
#include "tool/tool.h"

enum { GOODBYE = 5000 };	/* ms */

static int64_t timeout = -1;

const struct opt queue_time_options[] = {
	{ .help = "Time" },
	{ 'W', "timeout", "SECS", opt_seconds, &timeout, "give up after this time (default: 10, for wait 60)",
	    .min = 1, .max = INT64_MAX / 2 },
	{ 0 }
};

void
queue_open(struct queue_session *s, int64_t limit)
{
	struct rmq_config config = connect_config("queue");

	*s = (struct queue_session){ .limit = limit, .deadline = -1 };
	if (timeout >= 0) {
		s->limit = timeout;
		s->deadline = rmq_now() + timeout;
	}
	if (config.first_limit == 0 || (timeout >= 0 && config.first_limit > timeout))
		config.first_limit = s->limit;
	if (config.retry_limit == 0)
		config.retry_limit = s->limit;
	s->mq = connect_open(&config);
}

/* The next event of any kind. */
static bool
next(struct queue_session *s, struct rmq_event *e)
{
	if (!rmq_next(s->mq, e))
		return false;
	if (e->type == RMQ_READY || e->type == RMQ_LOST)
		s->connected = e->type == RMQ_READY;
	if (e->type == RMQ_DIFFERS)
		declare_warn_differs(e);
	return true;
}

static bool
passed(int64_t deadline)
{
	return deadline >= 0 && rmq_now() >= deadline;
}

bool
queue_await(struct queue_session *s, enum rmq_event_type type, int64_t deadline, struct rmq_event *e)
{
	for (;;) {
		while (next(s, e))
			if (e->type == type)
				return true;
		if (rmq_failed(s->mq) || passed(deadline))
			return false;
		loop_wait(&s->mq, 1, NULL, 0, deadline);
	}
}

bool
queue_pause(struct queue_session *s, int64_t ms, int64_t deadline)
{
	int64_t end = rmq_now() + ms;
	struct rmq_event e;

	while (!passed(end) && !passed(deadline) && !rmq_failed(s->mq)) {
		loop_wait(&s->mq, 1, NULL, 0, deadline >= 0 && deadline < end ? deadline : end);
		while (next(s, &e))
			;
	}
	return !passed(deadline) && !rmq_failed(s->mq);
}

/* Until it was connected once, the session's own limit has a better story to tell. */
bool
queue_answer(struct queue_session *s, struct rmq_event *e)
{
	int64_t deadline;

	if (!s->connected && !queue_await(s, RMQ_READY, -1, e))
		return false;
	deadline = s->deadline >= 0 ? s->deadline : rmq_now() + s->limit;
	s->late = !queue_await(s, RMQ_ANSWERED, deadline, e);
	return !s->late;
}

int
queue_unanswered(struct queue_session *s, const char *verb, const char *name, int status)
{
	if (rmq_failed(s->mq))
		return EX_OK;
	tool_warn("cannot %s queue '%s': no answer within %g s", verb, name, (double)s->limit / 1000);
	return status;
}

int
queue_refused(const char *verb, const char *name, const struct rmq_event *e)
{
	tool_warn("cannot %s queue '%s': %.*s", verb, name, (int)e->text.len, (const char *)e->text.data);
	return status_of_refusal(e->code, EX_CONFIG);
}

int
queue_close(struct queue_session *s, int status)
{
	const struct rmq_error *error = rmq_error(s->mq);
	struct rmq_event e;

	if (rmq_failed(s->mq) && status == EX_OK) {
		tool_warn("%s", error->text);
		status = status_of(error->status);
	} else if (s->connected && !s->late) {
		rmq_close(s->mq);
		queue_await(s, RMQ_CLOSED, rmq_now() + GOODBYE, &e);
	}
	rmq_free(s->mq);
	return status;
}
