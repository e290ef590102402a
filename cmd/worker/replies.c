/* SPDX-License-Identifier: MIT */
/*
 * Replies on their way: a request is acknowledged when its reply was
 * confirmed, whatever became of its command.
 *
 * A caller can name any queue, also one that makes the broker close the
 * connection: RabbitMQ 3.10 and 4.0 do so for some names that begin with
 * amq.rabbitmq.reply-to.  A reply that was under way when the connection was
 * lost is sent alone the next time, and given up if that happens again.
 */
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "broker/status.h"
#include "tool/tool.h"
#include "worker/job/spawn.h"
#include "worker/log.h"
#include "worker/output.h"
#include "worker/worker.h"

enum { MOST_LOSSES = 2 };

static bool
is_under_way(const struct task *t)
{
	return t->state == TASK_REPLYING && t->letter.cookie != 0;
}

void
work_reply(struct task *t, const char *error)
{
	if (error != NULL)
		strlcpy(t->reply->error, error, sizeof t->reply->error);
	t->state = TASK_REPLYING;
	t->until = 0;
	outbox_forget(&t->letter);
}

/* A command that we ended has not done its work, whatever it says. */
void
work_reply_outcome(struct task *t)
{
	int status = t->failure.status;
	char how[64], why[64] = "", label[LABEL_SIZE];

	t->reply->outcome = (struct outcome){ .status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	    .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0 };
	if (t->timed_out) {
		if (t->reply->outcome.signal == 0)
			t->reply->outcome = (struct outcome){ .status = -1, .signal = SIGTERM };
		snprintf(why, sizeof why, "command did not end within %.3g s",
		    (double)policy_options.job_timeout / 1000);
		tool_warn("%s: %s; the caller is told", task_called(t, label), why);
	} else if (!job_succeeded(status)) {
		job_describe(status, how, sizeof how);
		tool_warn("%s: command failed with %s; the caller is told", task_called(t, label), how);
	}
	work_reply(t, why[0] != '\0' ? why : NULL);
}

static void
done(struct worker *w, struct task *t)
{
	w->active = rmq_now();
	work_done(w, t, t->reply->outcome.status == 0 && t->reply->error[0] == '\0');
}

/* The work is done, and to do it again would not help. */
static void
give_up(struct worker *w, struct task *t, const char *why)
{
	char label[LABEL_SIZE];

	tool_warn("%s: cannot send the reply to '%.*s': %s; the request is done", task_called(t, label),
	    (int)t->reply->to_len, t->reply->to, why);
	done(w, t);
}

/* Told once, until a caller is there again. */
static void
no_caller(struct worker *w, struct task *t)
{
	bool told = w->no_caller_told;

	w->no_caller_told = true;
	if (told)
		done(w, t);
	else
		give_up(w, t, "there is no such queue, the caller has gone");
}

/* The caller gets at least the reason. */
static void
send_without_body(struct worker *w, struct task *t, const char *why)
{
	char text[sizeof t->reply->error] = "the reply cannot be sent: ";

	if (t->reply->no_body) {
		give_up(w, t, why);
		return;
	}
	strlcat(text, why, sizeof text);
	t->reply->no_body = true;
	work_reply(t, text);
}

static void
heed_outcome(struct worker *w, struct task *t)
{
	char label[LABEL_SIZE];

	switch (outbox_outcome(&w->replies, &t->letter)) {
	case OUTBOX_UNDER_WAY:
		break;
	case OUTBOX_ARRIVED:
		w->no_caller_told = false;
		done(w, t);
		break;
	case OUTBOX_NO_QUEUE:
		no_caller(w, t);
		break;
	case OUTBOX_NOT_TAKEN:
		give_up(w, t, "the caller's queue does not take it");
		break;
	case OUTBOX_REFUSED:
		tool_warn("%s: the broker refused the reply: %s", task_called(t, label), w->replies.refused);
		send_without_body(w, t, w->replies.refused);
		break;
	}
}

/* What goes in its place goes at once: no event would remind us of it. */
static void
send_reply(struct worker *w, struct task *t)
{
	bool has_body = !t->reply->no_body;
	struct rmq_error error = { 0 };
	char label[LABEL_SIZE];

	outbox_address(&w->replies, &t->letter);
	if (reply_publish(t->reply, w->replies.mq, task_output_file(t), t->letter.cookie, &error))
		return;
	tool_warn("%s: cannot send the reply: %s", task_called(t, label), error.text);
	send_without_body(w, t, error.text);
	if (has_body)
		send_reply(w, t);
}

/* What may have done harm goes alone. */
static void
send_replies(struct worker *w)
{
	struct task *t, *following;
	size_t under_way = 0;
	bool suspect = false;

	TAILQ_FOREACH(t, &w->tasks, next)
		if (is_under_way(t)) {
			under_way++;
			suspect = suspect || t->reply->losses > 0;
		}
	TAILQ_FOREACH_SAFE(t, &w->tasks, next, following) {
		if (t->state != TASK_REPLYING || t->letter.cookie != 0)
			continue;
		if (suspect || (t->reply->losses > 0 && under_way > 0) || !outbox_has_room(&w->replies))
			return;
		suspect = t->reply->losses > 0;
		under_way++;
		send_reply(w, t);
	}
}

/* The session would send them again by itself, all together. */
static void
heed_loss(struct worker *w)
{
	struct task *t, *following;

	if (!w->replies.lost || w->replies.closing)
		return;
	outbox_free(&w->replies);
	TAILQ_FOREACH_SAFE(t, &w->tasks, next, following) {
		if (!is_under_way(t))
			continue;
		outbox_forget(&t->letter);
		if (++t->reply->losses >= MOST_LOSSES)
			give_up(w, t, "the connection was lost twice over it");
	}
}

static void
heed_error(struct worker *w)
{
	const struct rmq_error *error = outbox_error(&w->replies);
	struct task *t, *following;

	if (error == NULL)
		return;
	tool_warn("cannot send replies: %s", error->text);
	w->obstacle = status_of(error->status);
	outbox_free(&w->replies);
	TAILQ_FOREACH_SAFE(t, &w->tasks, next, following)
		if (t->state == TASK_REPLYING)
			work_nack(w, t);
}

void
work_replies(struct worker *w)
{
	struct task *t, *following;

	outbox_run(&w->replies);
	TAILQ_FOREACH_SAFE(t, &w->tasks, next, following)
		if (is_under_way(t))
			heed_outcome(w, t);
	heed_loss(w);
	heed_error(w);
	send_replies(w);
}
