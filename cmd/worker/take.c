/* SPDX-License-Identifier: MIT */
/*
 * What a worker does with a message: takes it, has its command run, and settles
 * it by what became of that.
 */
#include <signal.h>

#include "tool/tool.h"
#include "worker/job/exit_map.h"
#include "worker/job/spawn.h"
#include "worker/log.h"
#include "worker/output.h"
#include "worker/worker.h"

/* While the breaker is open, one at a time and none before its pause is over. */
static bool
job_is_free(const struct worker *w)
{
	size_t running = tasks_at_work(&w->tasks);

	if (w->obstacle != 0 || w->paused || (w->max_jobs > 0 && w->started >= w->max_jobs))
		return false;
	if (w->breaker.open)
		return running == 0 && rmq_now() >= w->breaker.until;
	return running < w->jobs;
}

void
work_take(struct worker *w, const struct rmq_delivery *d)
{
	struct work_queue *q = &w->queues[d->consumer];
	bool worn = giveback_look(&w->back, d, q->name), keep = worn || q->copies.state == COPIES_ON;
	struct task *t;

	w->active = rmq_now();
	empty_found(&w->empty);
	if (w->stage != WORKING || w->paused || w->busy || w->taken == w->count) {
		giveback_return(&w->back, d->tag, false);
		return;
	}
	w->taken++;
	if ((t = tasks_add(&w->tasks, d)) == NULL || (keep && !task_keep(t, d)))
		tool_fail(EX_OSERR, "cannot take a message: out of memory");
	t->queue = q;
	t->worn = worn;
	t->since = w->active;
	if (job_is_free(w) && tasks_first(&w->tasks, TASK_WAITING) == t)
		work_run(w, t, keep ? &t->delivery : d);
	else if (!keep && !task_keep(t, d))
		tool_fail(EX_OSERR, "cannot keep a message: out of memory");
}

void
work_start(struct worker *w)
{
	struct task *t;

	while (job_is_free(w) && (t = tasks_first(&w->tasks, TASK_WAITING)) != NULL)
		work_run(w, t, &t->delivery);
}

static void
settle_by_exit(struct worker *w, struct task *t, int status)
{
	enum exit_action action = exits_action(status);
	char how[64], label[LABEL_SIZE];

	if (action == ACTION_ACK) {
		work_done(w, t, true);
		return;
	}
	job_describe(status, how, sizeof how);
	if (action == ACTION_DEAD)
		t->failure.reason = "exit";
	switch (action) {
	case ACTION_DEAD:
	case ACTION_RETRY:
		work_failed(w, t, "command failed with %s", how);
		break;
	case ACTION_STOP:
		tool_warn("%s: command ended with %s, which the exit map does not know; it goes back to its queue",
		    task_called(t, label), how);
		w->obstacle = EX_SOFTWARE;
		work_nack(w, t);
		break;
	default:	/* as the commands of rabbitmq-cli-consumer ask for it */
		work_turn_down(w, t, action);
		break;
	}
}

/* A command that we ended has not done its work, whatever it says; a request that was lost is answered elsewhere. */
void
work_settle(struct worker *w, struct task *t)
{
	if (work_output_lost(w, t) || (!t->owned && (t->timed_out || t->reply != NULL)))
		work_nack(w, t);
	else if (t->reply != NULL)
		work_reply_outcome(t);
	else if (t->timed_out)
		work_failed(w, t, "command did not end within %.3g s", (double)policy_options.job_timeout / 1000);
	else
		settle_by_exit(w, t, t->failure.status);
}

static void
ended(struct worker *w, struct task *t, int status)
{
	bool all;

	w->active = rmq_now();
	t->failure.status = status;
	hold_ended(w, w->active);
	work_log_ended(t);
	if (t->timed_out || w->stage == STOPPING || w->stage == KILLING)
		job_kill(t->pid, SIGKILL);
	t->state = TASK_WRITING;
	all = work_output_ended(w, t);
	if (w->stage == STOPPING || w->stage == KILLING)
		work_nack(w, t);
	else if (all)
		work_settle(w, t);
}

void
work_reap(struct worker *w)
{
	struct task *t;
	int status;

	while ((t = tasks_ended(&w->tasks, &status)) != NULL)
		ended(w, t, status);
}

/* First it is asked to end. */
static void
time_is_over(struct task *t, int64_t now)
{
	job_kill(t->pid, t->timed_out ? SIGKILL : SIGTERM);
	t->until = t->timed_out ? 0 : now + policy_options.kill_after;
	t->timed_out = true;
}

static void
is_due(struct worker *w, struct task *t, int64_t now)
{
	if (t->state == TASK_RUNNING && t->pid != 0) {
		time_is_over(t, now);
	} else if (t->state == TASK_RUNNING) {
		work_chat(w, " [x] Done", rmq_bytes(""));
		work_done(w, t, true);
	} else if (t->state == TASK_COPYING) {
		t->until = 0;
	} else if (t->again && !w->paused) {
		t->state = TASK_WAITING;
	} else {
		work_reject(w, t);
	}
}

void
work_due(struct worker *w, int64_t now)
{
	struct task *t;

	while ((t = tasks_due(&w->tasks, now)) != NULL) {
		w->active = now;
		is_due(w, t, now);
	}
}

void
work_end(struct worker *w, int sig)
{
	struct task *t, *following;

	tasks_kill(&w->tasks, sig);
	TAILQ_FOREACH_SAFE(t, &w->tasks, next, following)
		if (t->pid == 0 || t->state != TASK_RUNNING)
			work_nack(w, t);
}

void
work_lost(struct worker *w)
{
	struct task *t;

	if (policy_options.on_lost != ON_LOST_KILL)
		return;
	TAILQ_FOREACH(t, &w->tasks, next)
		if (t->state == TASK_RUNNING && !t->timed_out && !t->owned) {
			if (t->pid != 0)
				time_is_over(t, rmq_now());
			else
				t->until = rmq_now();
		}
}
