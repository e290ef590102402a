/* SPDX-License-Identifier: MIT */
/*
 * What a worker answers to SIGUSR2, and tells who supervises it.
 */
#include <inttypes.h>

#include "tool/tool.h"
#include "worker/notify.h"
#include "worker/worker.h"

static void
report_task(const struct task *t, int64_t now)
{
	char pid[32] = "", label[LABEL_SIZE];

	if (t->pid != 0)
		snprintf(pid, sizeof pid, "process %ld, ", (long)t->pid);
	tool_warn("running for %.1f s: %s%s, attempt %u%s", (double)(now - t->started) / 1000, pid,
	    task_called(t, label), t->attempt > 0 ? t->attempt : 1,
	    t->owned ? "" : ", no longer ours");
}

void
worker_report(const struct worker *w, int64_t now)
{
	const struct task *t;

	tool_warn("%zu running, %zu waiting, %zu resting, %zu being written, %zu being moved, %zu being answered; "
	    "%" PRId64 " commands since %.0f s, %" PRId64 " succeeded%s%s",
	    tasks_count(&w->tasks, TASK_RUNNING), tasks_count(&w->tasks, TASK_WAITING),
	    tasks_count(&w->tasks, TASK_RESTING), tasks_count(&w->tasks, TASK_WRITING),
	    tasks_count(&w->tasks, TASK_COPYING), tasks_count(&w->tasks, TASK_REPLYING), w->started,
	    (double)(now - w->began) / 1000, w->succeeded, w->paused ? "; paused" : "",
	    w->breaker.open ? "; one at a time" : "");
	TAILQ_FOREACH(t, &w->tasks, next)
		if (t->state == TASK_RUNNING)
			report_task(t, now);
}

/* Called when one of these has changed; the first subscription makes it ready. */
void
worker_notify(const struct worker *w)
{
	if (w->stage != WORKING)
		return;
	if (!w->connected)
		notify_status("no connection to the broker");
	else if (w->paused)
		notify_status("paused");
	else if (w->consuming)
		notify_ready("taking messages");
}
