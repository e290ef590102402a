/* SPDX-License-Identifier: MIT */
/* The loop of a worker: its session, its commands, and what happened to them. */
#include <signal.h>
#include <stdlib.h>

#include "broker/connect.h"
#include "broker/loop.h"
#include "broker/status.h"
#include "message/declare.h"
#include "tool/tool.h"
#include "worker/job/spawn.h"
#include "worker/log.h"
#include "worker/notify.h"
#include "worker/output.h"
#include "worker/worker.h"

enum { OWN_SESSIONS = 3 };	/* the worker's, for replies, and for what goes back */

static void
tell_loss(const struct worker *w, const struct rmq_event *e)
{
	const char *running = "";

	if (tasks_count(&w->tasks, TASK_RUNNING) > 0)
		running = "; the messages of running commands will be delivered again";
	tool_warn("%s%.*s%s%s", e->taken_back ? "the broker took its messages back: " : "", (int)e->text.len,
	    (const char *)e->text.data, e->taken_back ? "" : "; connecting again", running);
}

/* What runs is no longer ours to acknowledge. */
static void
disown(struct worker *w)
{
	worker_take_again(w, (int64_t)tasks_owned(&w->tasks));
	work_log_lost(w);
	tasks_disown(&w->tasks, true);
	giveback_lost(&w->back);
	work_lost(w);
}

/*
 * Which one took too long the broker does not say: of those whose command was run, the one that was in hand the
 * longest, and those hardly younger, because the broker looks at the time only now and then.
 */
static void
note_overdue(struct worker *w)
{
	int64_t now = rmq_now(), until = 0;
	const struct task *t;

	TAILQ_FOREACH(t, &w->tasks, next) {
		if (!t->owned || t->attempt == 0)
			continue;
		if (until == 0)
			until = t->started + (now - t->started) / 10;
		if (t->started <= until)
			policy_overdue(&w->policy, t->message);
	}
}

static void
lost(struct worker *w, const struct rmq_event *e)
{
	if ((w->closing || (w->stage == LEAVING && !e->taken_back)) && w->taken == 0) {
		snprintf(w->trouble, sizeof w->trouble, "%.*s", (int)e->text.len, (const char *)e->text.data);
	} else if (w->closing || (w->stage == LEAVING && !e->taken_back)) {
		tool_warn("cannot tell whether the last acknowledgements arrived: %.*s",
		    (int)e->text.len, (const char *)e->text.data);
		w->status = EX_TEMPFAIL;
	} else if (w->connected) {
		if ((w->taken_back = e->taken_back))
			note_overdue(w);
		tell_loss(w, e);
		disown(w);
	}
	w->lost_at = e->heard_at;
	w->connected = w->consuming = false;
	if ((w->busy = tasks_at_work(&w->tasks) >= w->jobs))
		rmq_stop_consuming(w->mq);
	worker_notify(w);
}

static void
ready(struct worker *w)
{
	w->active = rmq_now();
	if (w->taken_back)
		w->taken_back = false;
	else if (w->was_connected)
		tool_warn("reconnected after %.1f s", (double)(w->active - w->lost_at) / 1000);
	else
		work_chat(w, " [*] Waiting for messages. To exit press CTRL+C", rmq_bytes(""));
	empty_found(&w->empty);
	w->was_connected = w->connected = true;
	w->served = w->served || w->subscribed;
	w->consuming = w->subscribed && w->stage == WORKING && !w->enough && !w->paused && !w->busy;
	queues_look(w, w->config);
	worker_notify(w);
}

static void
handle(struct worker *w, const struct rmq_event *e)
{
	switch (e->type) {
	case RMQ_READY:
		ready(w);
		break;
	case RMQ_SUBSCRIBED:
		w->served = true;
		worker_notify(w);
		break;
	case RMQ_DELIVERED:
		work_take(w, &e->delivery);
		break;
	case RMQ_DIFFERS:
		declare_warn_differs(e);
		break;
	case RMQ_LOST:
		lost(w, e);
		break;
	case RMQ_STOPPED:
		w->consuming = false;
		worker_resume(w);
		break;
	case RMQ_ANSWERED:
		worker_answered(w, e);
		break;
	case RMQ_CLOSED:
		w->closed = true;
		break;
	default:
		break;
	}
}

static void
open_session(struct worker *w)
{
	const struct work_queue *q;

	w->mq = connect_open(w->config);
	QUEUES_FOREACH(q, w)
		rmq_declare_queue(w->mq, &(struct rmq_queue){
		    .name = q->name,
		    .declare = declare_how(q->name, w->replies_to ? RMQ_FIND_OR_MAKE : RMQ_MAKE_OR_FIND),
		    .exclusive = declare_options.exclusive,
		    .no_stream = true,
		    .arguments = declare_options.arguments });
	giveback_begin(&w->back, w->config, w->mq);
}

static bool
again_without_timeout(struct worker *w)
{
	if (!worker_refused_time(w))
		return false;
	rmq_free(w->mq);
	w->subscribed = w->connected = w->consuming = w->was_connected = false;
	open_session(w);
	return true;
}

static void
check_session(struct worker *w)
{
	const struct rmq_error *error;

	if (w->failed || !rmq_failed(w->mq) || again_without_timeout(w))
		return;
	w->failed = true;
	w->connected = w->consuming = false;
	error = rmq_error(w->mq);
	tool_warn("%s", error->text);
	disown(w);
	worker_stop(w, status_of(error->status));
}

/* There is more than half of what may wait. */
static bool
stocked(const struct worker *w)
{
	size_t waiting = tasks_count(&w->tasks, TASK_WAITING);

	size_t resting = tasks_count(&w->tasks, TASK_RESTING);

	return waiting > 0 && 2 * waiting + w->jobs + resting > w->hold;
}

static void
wait_for_more(struct worker *w)
{
	struct rmq **sessions = w->sessions;
	size_t n = queues_sessions(w, sessions);
	struct pollfd *fds;

	if (!w->failed)
		sessions[n++] = w->mq;
	if (w->replies.mq != NULL)
		sessions[n++] = w->replies.mq;
	if (w->back.outbox.mq != NULL)
		sessions[n++] = w->back.outbox.mq;
	if ((fds = streams_poll(&w->streams, WORK_OUTPUT_FDS)) == NULL)
		tool_fail(EX_OSERR, "cannot wait for commands: out of memory");
	rmq_stocked(w->mq, stocked(w));
	work_output_poll(w, fds);
	loop_wait(sessions, n, fds, WORK_OUTPUT_FDS + w->streams.nfds, worker_deadline(w));
	streams_read(&w->streams, WORK_OUTPUT_FDS);
	work_output_io(w, fds);
}

/* Not before it is known where failed messages can go. */
static void
subscribe_when_possible(struct worker *w)
{
	if (!w->subscribed && w->connected && w->stage == WORKING && !w->paused && queues_decided(w))
		worker_subscribe(w);
}

/* What became of the connection is known before what became of a command. */
void
worker_run(struct worker *w)
{
	struct rmq_event event;
	struct task *t;
	int64_t now;
	int sig;

	for (;;) {
		while (rmq_next(w->mq, &event))
			handle(w, &event);
		check_session(w);
		while ((sig = loop_signal()) != 0)
			worker_caught(w, sig);
		now = rmq_now();
		work_output_settle(w);
		while ((t = work_output_written(w)) != NULL)
			work_settle(w, t);
		work_due(w, now);
		work_start(w);
		hold_adjust(w, now);
		work_copies(w, now);
		work_replies(w);
		giveback_run(&w->back, now);
		queues_run(w, w->config, now);
		subscribe_when_possible(w);
		worker_ask(w, now);
		notify_alive(now);
		worker_heed_limits(w, now);
		if (worker_over(w, now))
			break;
		wait_for_more(w);
	}
}

void
worker_begin(struct worker *w, int notify_fd)
{
	static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 };

	notify_open(notify_fd);
	job_setup();
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		loop_catch(signals[i]);
	TAILQ_INIT(&w->tasks);
	w->sessions = calloc(queues_most_sessions(w) + OWN_SESSIONS, sizeof *w->sessions);
	if (w->sessions == NULL)
		tool_fail(EX_OSERR, "cannot take messages: out of memory");
	w->began = rmq_now();
	outbox_prepare(&w->replies, w->config, "replies");
	work_output_begin(w);
	work_log_open(w);
	open_session(w);
}

void
worker_free(struct worker *w)
{
	outbox_free(&w->replies);
	giveback_free(&w->back);
	rmq_free(w->mq);
	queues_free(w);
	free(w->sessions);
	streams_free(&w->streams);
	environ_free(&w->environ);
	work_output_end(w);
	work_log_close(w);
}
