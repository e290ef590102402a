/* SPDX-License-Identifier: MIT */
/*
 * What a worker does with a message: takes it, runs its command, and settles
 * it by what became of that.
 *
 * "Not the message's fault" is basic.nack, "the attempt failed" is
 * basic.reject: quorum queues of RabbitMQ 4.3 and later count only the second.
 */
#include <sysexits.h>

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "job.h"
#include "tool.h"
#include "worker.h"

enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127, DOT_MS = 1000 };

void
work_chat(struct worker *w, const char *what, struct rmq_bytes body)
{
	if (!w->chats)
		return;
	output_add(&w->out, what, strlen(what));
	output_show(&w->out, body.data, body.len);
	output_add(&w->out, "\n", 1);
	output_end(&w->out, 0);
}

static void
give_back(struct worker *w, struct task *t)
{
	if (t->owned)
		rmq_nack(w->mq, t->tag, false, true);
	tasks_remove(&w->tasks, t);
}

static void
reject(struct worker *w, struct task *t)
{
	if (t->owned)
		rmq_reject(w->mq, t->tag, true);
	tasks_remove(&w->tasks, t);
}

static void
succeeded(struct worker *w, struct task *t)
{
	if (t->owned && rmq_ack(w->mq, t->tag, false))
		w->succeeded++;
	policy_succeeded(&w->policy, t->message);
	tasks_remove(&w->tasks, t);
}

/* Who counts messages wants an answer and no second try. */
static void __attribute__((format(printf, 3, 4)))
failed(struct worker *w, struct task *t, const char *fmt, ...)
{
	int64_t pause = policy_failed(&w->policy, t->message);
	char what[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	if (!t->owned) {
		tool_warn("%s", what);
		tasks_remove(&w->tasks, t);
	} else if (w->stage != WORKING || w->count >= 0) {
		tool_warn("%s; the message goes back to its queue", what);
		reject(w, t);
	} else {
		tool_warn("%s; the message goes back to its queue in %" PRId64 " s", what, pause / 1000);
		t->state = TASK_RESTING;
		t->until = rmq_now() + pause;
	}
}

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
	if (why->fault == JOB_TOO_LARGE) {
		failed(w, t, "cannot run %s for a message: %s", w->command[0], strerror(why->code));
		return;
	}
	if (w->obstacle == 0)
		tool_warn("cannot run %s: %s", w->command[0], strerror(why->code));
	w->obstacle = status_of(why->fault);
	give_back(w, t);
}

static void
run(struct worker *w, struct task *t, const struct rmq_delivery *d)
{
	struct rmq_properties properties = { 0 };
	struct environ_source from = { d, &properties, w->queue, w->url };
	struct rmq_error error = { 0 };
	struct job_error why;

	t->message = policy_name(d, &properties);
	if (!rmq_decode_properties(w->mq, d, &properties, &error)) {
		failed(w, t, "cannot read the properties of a message: %s", error.text);
		return;
	}
	t->message = policy_name(d, &properties);
	if (!environ_make(&w->environ, &from))
		tool_fail(EX_OSERR, "cannot run %s: out of memory", w->command[0]);
	if ((t->pid = job_start(w->command, w->environ.vars, d->body, &why)) == -1)
		not_started(w, t, &why);
	else
		t->state = TASK_RUNNING;
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
	t->state = TASK_RUNNING;
	t->until = rmq_now() + dots * DOT_MS;
}

static void
start(struct worker *w, struct task *t, const struct rmq_delivery *d)
{
	if (w->command == NULL)
		pretend(w, t, d->body);
	else
		run(w, t, d);
}

static bool
job_is_free(const struct worker *w)
{
	return w->obstacle == 0 && tasks_count(&w->tasks, TASK_RUNNING) < w->jobs;
}

void
work_take(struct worker *w, const struct rmq_delivery *d)
{
	struct task *t;

	w->active = rmq_now();
	if (w->stage != WORKING || w->taken == w->count) {
		rmq_nack(w->mq, d->tag, false, true);
		return;
	}
	w->taken++;
	if ((t = tasks_add(&w->tasks, d)) == NULL)
		tool_fail(EX_OSERR, "cannot take a message: out of memory");
	if (job_is_free(w) && tasks_first(&w->tasks, TASK_WAITING) == t)
		start(w, t, d);
	else if (!task_keep(t, d))
		tool_fail(EX_OSERR, "cannot keep a message: out of memory");
}

void
work_start(struct worker *w)
{
	struct task *t;

	while (job_is_free(w) && (t = tasks_first(&w->tasks, TASK_WAITING)) != NULL)
		start(w, t, &t->delivery);
}

/* A command that we ended has not done its work, whatever it says. */
static void
settle(struct worker *w, struct task *t, int status)
{
	char how[64];

	w->active = rmq_now();
	if (w->stage == STOPPING || w->stage == KILLING) {
		job_kill(t->pid, SIGKILL);
		give_back(w, t);
	} else if (job_succeeded(status))
		succeeded(w, t);
	else {
		job_describe(status, how, sizeof how);
		failed(w, t, "command failed with %s", how);
	}
}

void
work_reap(struct worker *w)
{
	struct task *t;
	int status;

	while ((t = tasks_ended(&w->tasks, &status)) != NULL)
		settle(w, t, status);
}

void
work_due(struct worker *w, int64_t now)
{
	struct task *t;

	while ((t = tasks_due(&w->tasks, now)) != NULL) {
		w->active = now;
		if (t->state == TASK_RESTING) {
			reject(w, t);
		} else {
			work_chat(w, " [x] Done", rmq_bytes(""));
			succeeded(w, t);
		}
	}
}

void
work_give_back(struct worker *w)
{
	struct task *t;

	while ((t = tasks_first(&w->tasks, TASK_WAITING)) != NULL)
		give_back(w, t);
	while ((t = tasks_first(&w->tasks, TASK_RESTING)) != NULL)
		reject(w, t);
}

void
work_end(struct worker *w, int sig)
{
	struct task *t, *following;

	tasks_kill(&w->tasks, sig);
	for (t = TAILQ_FIRST(&w->tasks); t != NULL; t = following) {
		following = TAILQ_NEXT(t, next);
		if (t->pid == 0)
			give_back(w, t);
	}
}
