/* SPDX-License-Identifier: MIT */
/*
 * The start of the command for a message.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message/headers.h"
#include "message/origin.h"
#include "tool/tool.h"
#include "worker/job/spawn.h"
#include "worker/log.h"
#include "worker/output.h"
#include "worker/worker.h"

enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127, DOT_MS = 1000, MOST_OVERDUE = 2 };

static int
status_of(enum job_fault fault)
{
	switch (fault) {
	case JOB_NOT_FOUND:
		return NOT_FOUND;
	case JOB_NOT_EXECUTABLE:
		return NOT_EXECUTABLE;
	default:
		return EX_OSERR;
	}
}

static void
not_started(struct worker *w, struct task *t, const struct job_error *why)
{
	char label[LABEL_SIZE];

	if (why->fault == JOB_TOO_LARGE && t->reply != NULL) {
		tool_warn("%s: cannot run %s: %s; the caller is told", task_called(t, label), w->command[0],
		    strerror(why->code));
		t->reply->outcome.status = -1;
		work_reply(t, strerror(why->code));
		return;
	}
	if (why->fault == JOB_TOO_LARGE) {
		work_failed(w, t, "cannot run %s: %s", w->command[0], strerror(why->code));
		return;
	}
	if (w->obstacle == 0)
		tool_warn("cannot run %s: %s", w->command[0], strerror(why->code));
	w->obstacle = status_of(why->fault);
	work_nack(w, t);
}

/* How often its command was run, as the headers say. */
static unsigned
attempts_before(const struct rmq_table *headers)
{
	int64_t n = headers_number(headers, "x-attempt", INT64_MAX);

	if (n > policy_options.attempts)
		n = policy_options.attempts;
	return n > 0 ? (unsigned)n : 0;
}

static void
name_task(struct task *t, struct rmq_bytes name)
{
	size_t len = name.len < sizeof t->label ? name.len : sizeof t->label - 1;

	if (len > 0)
		memcpy(t->label, name.data, len);
	t->label[len] = '\0';
}

/* What is known of a message when it is looked at for the first time. */
static void
look_at(struct task *t, const struct rmq_delivery *d, const struct rmq_properties *p)
{
	t->message = policy_name(d, p) + d->consumer;
	name_task(t, p->message_id.len > 0 ? p->message_id : d->routing_key);
	if (p->message_id.len > 0)
		t->content = policy_content(d, p);
	t->attempt = attempts_before(p->headers) + 1;
}

/* The same message, which the broker has taken back while its command ran, or its copy was on its way. */
static struct task *
older_self(const struct worker *w, const struct task *t)
{
	struct task *other;

	TAILQ_FOREACH(other, &w->tasks, next)
		if (other->queue == t->queue && !other->owned && !other->timed_out && other->content == t->content &&
		    strcmp(other->label, t->label) == 0)
			return other;
	return NULL;
}

/* What is done already, or being done, is not done once more. */
static bool
known(struct worker *w, struct task *t, const struct rmq_delivery *d)
{
	struct task *other;

	if (!d->redelivered || t->content == 0)
		return false;
	if (finished_take(&w->finished, t)) {
		tool_warn("message '%s' was done before it came back: acknowledged", t->label);
		work_done(w, t, true);
		return true;
	}
	if ((other = older_self(w, t)) == NULL)
		return false;
	other->tag = t->tag;
	other->owned = true;
	tasks_remove(&w->tasks, t);
	return true;
}

static void
forget_last_attempt(struct task *t)
{
	if (t->errors != NULL)
		stream_release(t->errors);
	t->errors = NULL;
	task_release_output(t);
	t->timed_out = t->again = false;
	t->failure.status = -1;
}

static void
launch(struct worker *w, struct task *t, const struct rmq_delivery *d)
{
	struct job job = { .argv = w->command, .env = w->environ.vars, .input = d->body, .output = -1,
	    .errors = -1 };
	struct job_error why = { JOB_NO_RESOURCES, ENOMEM };

	forget_last_attempt(t);
	if (!work_log_begin(w, t, d->body.len) || !work_output_open(w, t, &job))
		why.code = errno;
	else
		t->pid = job_start(&job, &why);
	if (job.errors != -1)
		close(job.errors);
	if (job.output != -1)
		close(job.output);
	if (t->pid <= 0) {
		t->pid = 0;
		not_started(w, t, &why);
		return;
	}
	w->started++;
	t->state = TASK_RUNNING;
	t->started = rmq_now();
	t->until = policy_options.job_timeout > 0 ? t->started + policy_options.job_timeout : 0;
}

static void
run(struct worker *w, struct task *t, const struct rmq_delivery *d)
{
	struct rmq_properties properties = { 0 };
	const char *queue = t->queue->name;
	struct environ_source from = { .delivery = d, .properties = &properties, .queue = queue, .url = w->url };
	struct rmq_error error = { 0 };

	if (!rmq_decode_properties(w->mq, d, &properties, &error)) {
		t->message = policy_name(d, &(struct rmq_properties){ 0 }) + d->consumer;
		work_failed(w, t, "cannot read its properties: %s", error.text);
		return;
	}
	if (t->attempt == 0)
		look_at(t, d, &properties);
	if (known(w, t, d))
		return;
	if (w->replies_to && t->reply == NULL && properties.reply_to.len > 0 &&
	    (t->reply = reply_wanted(&properties)) == NULL)
		tool_fail(EX_OSERR, "cannot run %s: out of memory", w->command[0]);
	if (policy_times_overdue(&w->policy, t->message) >= MOST_OVERDUE && t->queue->copies.state == COPIES_ON) {
		t->failure.reason = "timeout";
		work_failed(w, t, "not acknowledged in the broker's time, twice");
		return;
	}
	from.attempt = t->queue->copies.state == COPIES_ON ? t->attempt : 0;
	from.came_back = origin_known(d, properties.headers, queue);
	if (!environ_make(&w->environ, &from))
		tool_fail(EX_OSERR, "cannot run %s: out of memory", w->command[0]);
	launch(w, t, d);
}

/* A second for each dot, as https://www.rabbitmq.com/tutorials/tutorial-two-python has it. */
static void
pretend(struct worker *w, struct task *t, struct rmq_bytes body)
{
	const char *text = body.data;
	int64_t dots = 0;

	for (size_t i = 0; i < body.len; i++)
		dots += text[i] == '.';
	work_chat(w, " [x] Received ", body);
	w->started++;
	t->state = TASK_RUNNING;
	t->started = rmq_now();
	t->until = t->started + dots * DOT_MS;
}

void
work_run(struct worker *w, struct task *t, const struct rmq_delivery *d)
{
	if (w->command == NULL)
		pretend(w, t, d->body);
	else
		run(w, t, d);
}
