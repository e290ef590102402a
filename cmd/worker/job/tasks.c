/* SPDX-License-Identifier: MIT */
/*
 * The messages in hand.
 */
#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/job/spawn.h"
#include "worker/job/tasks.h"

struct task *
tasks_add(struct tasks *tasks, const struct rmq_delivery *d)
{
	struct task *t;

	if ((t = calloc(1, sizeof *t)) == NULL)
		return NULL;
	t->state = TASK_WAITING;
	t->failure.status = -1;
	t->output.file = -1;
	t->tag = d->tag;
	t->owned = true;
	TAILQ_INSERT_TAIL(tasks, t, next);
	return t;
}

static void
copy(struct rmq_bytes *b, char **to)
{
	if (b->len > 0)
		memcpy(*to, b->data, b->len);
	b->data = *to;
	*to += b->len;
}

bool
task_keep(struct task *t, const struct rmq_delivery *d)
{
	char *to;

	t->delivery = *d;
	t->copy = malloc(d->exchange.len + d->routing_key.len + d->properties.len + d->body.len + 1);
	if ((to = t->copy) == NULL)
		return false;
	copy(&t->delivery.exchange, &to);
	copy(&t->delivery.routing_key, &to);
	copy(&t->delivery.properties, &to);
	copy(&t->delivery.body, &to);
	return true;
}

const char *
task_called(const struct task *t, char text[LABEL_SIZE])
{
	struct rmq_bytes name = rmq_bytes(t->label), none = { 0 };

	label_message(text, t->content != 0 ? name : none, name);
	return text;
}

void
task_forget_record(struct task *t)
{
	if (t->record == NULL)
		return;
	free(t->record->message_id);
	free(t->record->routing_key);
	free(t->record);
	t->record = NULL;
}

void
task_release_output(struct task *t)
{
	if (t->output.stream != NULL)
		stream_release(t->output.stream);
	if (t->output.file != -1)
		close(t->output.file);
	lines_free(&t->output.lines);
	t->output = (struct task_output){ .file = -1 };
}

void
tasks_remove(struct tasks *tasks, struct task *t)
{
	TAILQ_REMOVE(tasks, t, next);
	outbox_forget(&t->letter);
	if (t->errors != NULL)
		stream_release(t->errors);
	task_release_output(t);
	task_forget_record(t);
	free(t->failure.said);
	free(t->reply);
	free(t->copy);
	free(t);
}

size_t
tasks_count(const struct tasks *tasks, enum task_state state)
{
	const struct task *t;
	size_t n = 0;

	TAILQ_FOREACH(t, tasks, next)
		n += t->state == state;
	return n;
}

size_t
tasks_owned(const struct tasks *tasks)
{
	const struct task *t;
	size_t n = 0;

	TAILQ_FOREACH(t, tasks, next)
		n += t->owned;
	return n;
}

size_t
tasks_at_work(const struct tasks *tasks)
{
	return tasks_count(tasks, TASK_RUNNING) + tasks_count(tasks, TASK_WRITING);
}

struct task *
tasks_first(const struct tasks *tasks, enum task_state state)
{
	struct task *t;

	TAILQ_FOREACH(t, tasks, next)
		if (t->state == state)
			return t;
	return NULL;
}

static bool
timed(const struct task *t)
{
	return t->until != 0 && t->state != TASK_WAITING && t->state != TASK_WRITING;
}

struct task *
tasks_due(const struct tasks *tasks, int64_t now)
{
	struct task *t;

	TAILQ_FOREACH(t, tasks, next)
		if (timed(t) && t->until <= now)
			return t;
	return NULL;
}

static struct task *
with_command(const struct tasks *tasks, pid_t pid)
{
	struct task *t;

	TAILQ_FOREACH(t, tasks, next)
		if (t->state == TASK_RUNNING && t->pid == pid)
			return t;
	return NULL;
}

/* A child that is not ours was there before us, or lost its parent: it is only reaped. */
struct task *
tasks_ended(const struct tasks *tasks, int *status)
{
	struct task *t = NULL;
	pid_t pid;

	while (t == NULL && (pid = job_ended(status)) != 0)
		t = with_command(tasks, pid);
	return t;
}

int64_t
tasks_deadline(const struct tasks *tasks)
{
	const struct task *t;
	int64_t nearest = -1;

	TAILQ_FOREACH(t, tasks, next)
		if (timed(t) && (nearest == -1 || t->until < nearest))
			nearest = t->until;
	return nearest;
}

void
tasks_kill(const struct tasks *tasks, int sig)
{
	const struct task *t;

	TAILQ_FOREACH(t, tasks, next)
		if (t->state == TASK_RUNNING && t->pid != 0)
			job_kill(t->pid, sig);
}

static bool
outlives_its_tag(const struct task *t, bool keep_copies)
{
	if (t->state == TASK_COPYING)
		return keep_copies && t->letter.cookie != 0;
	return t->state == TASK_RUNNING || t->state == TASK_WRITING;
}

void
tasks_disown(struct tasks *tasks, bool keep_copies)
{
	struct task *t, *following;

	TAILQ_FOREACH_SAFE(t, tasks, next, following) {
		t->owned = false;
		if (!outlives_its_tag(t, keep_copies))
			tasks_remove(tasks, t);
	}
}

int
task_output_file(const struct task *t)
{
	return t->output.file;
}

int64_t
task_output_size(const struct task *t)
{
	struct stat st;

	if (t->output.stream != NULL)
		return (int64_t)t->output.stream->received;
	return t->output.file != -1 && fstat(t->output.file, &st) == 0 ? st.st_size : -1;
}
