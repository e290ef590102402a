/* SPDX-License-Identifier: MIT */
/*
 * How a worker ends: by a limit, a signal or an obstacle.
 *
 * It stops taking messages and waits for the commands that run; a second
 * signal or the end of their time of grace ends them, with SIGTERM and then
 * SIGKILL.  With nothing in hand it says goodbye to the broker.  Each of these
 * stages has a time after which the next one begins.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "broker/limits.h"
#include "broker/loop.h"
#include "tool/tool.h"
#include "worker/notify.h"
#include "worker/worker.h"

enum {
	TERM_MS = 5000,		/* for commands to stop when asked to */
	KILL_MS = 2000,		/* for the system to end them */
	LEAVE_MS = 10000	/* for the broker's goodbye */
};

/* What a command had done before it was ended, nobody knows. */
static void
hurry(struct worker *w, const char *why)
{
	w->status = EX_TEMPFAIL;
	if (w->stage == LEAVING) {
		giveback_hurry(&w->back, why);
		tool_warn("cannot tell whether the last acknowledgements arrived: %s", why);
		w->closed = true;
	} else if (w->stage == DRAINING) {
		tool_warn("cannot wait for running commands: %s; their messages go back to the queue", why);
		work_end(w, SIGTERM);
		worker_enter(w, STOPPING, TERM_MS);
	} else if (w->stage == STOPPING) {
		work_end(w, SIGKILL);
		worker_enter(w, KILLING, KILL_MS);
	}
}

/* Who pressed a key and sees nothing happen would press it again. */
static void
tell_what_runs(const struct worker *w)
{
	size_t running = tasks_count(&w->tasks, TASK_RUNNING);

	if (running > 0)
		tool_warn("waiting %.3g s at most for %zu running command%s; interrupt again to end %s",
		    (double)w->grace / 1000, running, running == 1 ? "" : "s", running == 1 ? "it" : "them");
}

static void
asked_to_end(struct worker *w, int sig)
{
	if (w->signals++ > 0)
		hurry(w, "interrupted again");
	else {
		if (sig == SIGINT)
			tell_what_runs(w);
		w->signal = sig;
		worker_stop(w, EX_OK);
	}
}

/* Like a red light: what runs goes on, and what waits is for other workers. */
static void
pause_or_resume(struct worker *w)
{
	if (w->stage != WORKING)
		return;
	w->paused = !w->paused;
	tool_warn(w->paused ? "paused" : "going on");
	if (w->paused) {
		rmq_stop_consuming(w->mq);
		work_nack_waiting(w);
		worker_notify(w);
	} else
		worker_resume(w);
}

void
worker_caught(struct worker *w, int sig)
{
	switch (sig) {
	case SIGCHLD:
		work_reap(w);
		break;
	case SIGUSR1:
		pause_or_resume(w);
		break;
	case SIGUSR2:
		worker_report(w, rmq_now());
		break;
	default:
		asked_to_end(w, sig);
		break;
	}
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a == -1 || (b != -1 && b < a) ? b : a;
}

/* When the limits end the work, as far as is known now. */
static int64_t
limit(const struct worker *w)
{
	int64_t idle = limit_options.idle_timeout, when = -1;

	if (w->stage != WORKING)
		return -1;
	if (limit_options.timeout >= 0)
		when = w->began + limit_options.timeout;
	if (w->max_time > 0)
		when = sooner(when, w->began + w->max_time);
	if (idle >= 0 && w->consuming && TAILQ_EMPTY(&w->tasks))
		when = sooner(when, w->active + idle);
	return when;
}

int64_t
worker_deadline(const struct worker *w)
{
	int64_t when = sooner(sooner(tasks_deadline(&w->tasks), limit(w)), worker_ask_time(w));

	when = sooner(when, queues_deadline(w));
	when = sooner(when, giveback_deadline(&w->back));
	when = sooner(when, notify_time());
	when = sooner(when, hold_time(w));
	if (w->breaker.open && w->breaker.until > rmq_now())
		when = sooner(when, w->breaker.until);
	return w->stage == WORKING ? when : sooner(when, w->stage_end);
}

void
worker_heed_limits(struct worker *w, int64_t now)
{
	int64_t when = limit(w);

	if (w->busy && tasks_at_work(&w->tasks) < w->jobs) {
		w->busy = false;
		worker_resume(w);
	}
	if (w->obstacle != 0)
		worker_stop(w, w->obstacle);
	if (w->max_jobs > 0 && w->started >= w->max_jobs)
		worker_stop(w, EX_OK);
	if (w->stage == WORKING && w->taken == w->count && !w->enough) {
		w->enough = true;
		rmq_stop_consuming(w->mq);
	}
	if ((w->enough && TAILQ_EMPTY(&w->tasks)) || (when != -1 && when <= now))
		worker_stop(w, EX_OK);
}

/* With nothing in hand, what is left is to say goodbye once no delivery can come. */
static void
leave(struct worker *w)
{
	if (w->stage == WORKING || !TAILQ_EMPTY(&w->tasks))
		return;
	if (w->stage != LEAVING) {
		worker_enter(w, LEAVING, LEAVE_MS);
		queues_leave(w);
		outbox_leave(&w->replies);
	}
	if (!w->connected)
		w->closed = true;
	else if (!w->consuming && !w->closing && giveback_done(&w->back)) {
		w->closing = true;
		rmq_close(w->mq);
	}
}

bool
worker_over(struct worker *w, int64_t now)
{
	leave(w);
	if (w->closed && w->replies.mq == NULL && queues_gone(w))
		return true;
	if (w->stage == WORKING || now < w->stage_end)
		return false;
	if (w->stage == KILLING || w->closed)
		return true;
	hurry(w, "the time is over");
	return w->closed;
}

static bool
has_trouble(const struct worker *w)
{
	return w->trouble[0] != '\0';
}

/* Who was asked for a number, or to empty a queue, has to get something done. */
static bool
did_enough(const struct worker *w)
{
	bool drained = limit_options.until_empty && w->signal == 0;

	return w->succeeded >= w->count && (!drained || w->succeeded > 0 || w->started == 0);
}

static void
fail_few(const struct worker *w)
{
	const char *gap = has_trouble(w) ? ", there is no connection: " : "";

	if (w->succeeded < w->count)
		tool_fail(EX_FEWER, "cannot finish %" PRId64 " message%s: %" PRId64 " succeeded%s%s",
		    w->count, w->count == 1 ? "" : "s", w->succeeded, gap, w->trouble);
	tool_fail(EX_FEWER, "cannot finish any message: %" PRId64 " command%s failed%s%s", w->started,
	    w->started == 1 ? "" : "s", gap, w->trouble);
}

static bool
never_took(const struct worker *w)
{
	return w->signal == 0 && (!w->was_connected || (!w->served && has_trouble(w)));
}

/* What the exit status cannot tell by itself is said here. */
int
worker_verdict(const struct worker *w)
{
	if (w->signal == SIGPIPE || (w->signal == SIGINT && w->status == EX_OK))
		loop_die(w->signal);
	if (w->status != EX_OK)
		return w->status;
	if (w->back.failed)
		return EX_TEMPFAIL;
	if (never_took(w))
		tool_fail(EX_UNAVAILABLE, "cannot take messages: no connection before the time limit%s%s",
		    has_trouble(w) ? ": " : "", w->trouble);
	if (!did_enough(w))
		fail_few(w);
	if (has_trouble(w))
		tool_warn("there is no connection at the end: %s", w->trouble);
	return EX_OK;
}
