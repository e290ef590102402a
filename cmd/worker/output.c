/* SPDX-License-Identifier: MIT */
/*
 * Standard output and error on their way from commands to ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/loop.h"
#include "tool/tool.h"
#include "worker/job/spawn.h"
#include "worker/output.h"
#include "worker/worker.h"

enum {
	CHUNK = 64 * 1024,
	MOST_CHUNKS = 64	/* in one turn of the loop, which has more to do */
};

static enum output_mode
chosen(void)
{
	if (work_output_options.collect)
		return OUTPUT_PIECE;
	return work_output_options.tag ? OUTPUT_LINES : OUTPUT_OURS;
}

static void
refuse_options(void)
{
	const struct work_output_options *o = &work_output_options;

	if (o->tag || o->collect || o->joblog != NULL)
		tool_usage("--%s needs a command", o->tag ? "tag" : o->collect ? "collect" : "joblog");
}

void
work_output_begin(struct worker *w)
{
	if (w->command == NULL)
		refuse_options();
	w->output = chosen();
	w->writes = w->chats || w->output != OUTPUT_OURS;
	if (w->writes)
		output_open(&w->out, STDOUT_FILENO, false, 1);
	output_open(&w->err, STDERR_FILENO, false, 1);
}

void
work_output_end(struct worker *w)
{
	if (w->writes)
		output_close(&w->out);
	output_close(&w->err);
}

/*
 * Not in memory, unless there is no other place.  Append-only, because a
 * command may open its standard output a second time, by its name.
 */
static int
nameless_file(void)
{
	const char *folder = getenv("TMPDIR");
	char path[512];
	int fd = -1, n;

	n = snprintf(path, sizeof path, "%s/worker.XXXXXX", folder != NULL && *folder != '\0' ? folder : "/tmp");
	if (n < (int)sizeof path && (fd = mkstemp(path)) != -1)
		unlink(path);
	else
		fd = job_nameless_file();
	if (fd != -1) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, O_RDWR | O_APPEND);
	}
	return fd;
}

static const char *
tag_of(const struct task *t)
{
	if (!work_output_options.tag)
		return NULL;
	return t->label[0] != '\0' ? t->label : "-";
}

static bool
open_file(struct worker *w, struct task *t, int *fd)
{
	if (!lines_begin(&t->output.lines, &w->out, tag_of(t), true) || (t->output.file = nameless_file()) == -1)
		return false;
	return (*fd = fcntl(t->output.file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) != -1;
}

static bool
open_output(struct worker *w, struct task *t, int *fd)
{
	if (t->reply != NULL || w->output == OUTPUT_PIECE)
		return open_file(w, t, fd);
	if (w->output == OUTPUT_OURS)
		return true;
	return (t->output.stream = stream_open(&w->streams, &w->out, tag_of(t), fd)) != NULL;
}

bool
work_output_open(struct worker *w, struct task *t, struct job *job)
{
	bool errors = work_output_options.tag || t->queue->copies.state == COPIES_ON;

	job->output = job->errors = -1;
	if (!open_output(w, t, &job->output))
		return false;
	return !errors || (t->errors = stream_open(&w->streams, &w->err, tag_of(t), &job->errors)) != NULL;
}

/* All of it was added: it is there when the record that ends here is. */
static void
end_output(struct worker *w, struct task *t)
{
	t->output.begun = false;
	t->output.cookie = ++w->last_cookie;
	output_end(&w->out, t->output.cookie);
}

/* As much of the file as is taken now; escaped or tagged it is more, so it does not wait for the next chunk. */
static void
add_piece(struct worker *w, struct task *t)
{
	char chunk[CHUNK];
	ssize_t n = 1;

	for (int i = 0; i < MOST_CHUNKS && n > 0 && !output_full(&w->out); i++) {
		n = pread(t->output.file, chunk, sizeof chunk, t->output.done);
		if (n == -1)
			output_fail(&w->out, errno);
		if (n <= 0)
			break;
		lines_add(&t->output.lines, chunk, (size_t)n);
		output_io(&w->out, 0);
		t->output.done += n;
	}
	if (n == 0) {
		lines_finish(&t->output.lines);
		end_output(w, t);
	}
}

/* One after the other: whose output has begun goes on before all others. */
static struct task *
next_piece(const struct worker *w)
{
	struct task *t, *next = NULL;

	if (w->output != OUTPUT_PIECE)
		return NULL;
	TAILQ_FOREACH(t, &w->tasks, next) {
		if (t->state != TASK_WRITING || t->output.cookie != 0)
			continue;
		if (t->output.begun)
			return t;
		if (next == NULL)
			next = t;
	}
	return next;
}

static void
add_pieces(struct worker *w)
{
	struct task *t;

	while (!output_full(&w->out) && (t = next_piece(w)) != NULL) {
		t->output.begun = true;
		add_piece(w, t);
		if (t->output.cookie == 0)
			break;
	}
}

static void
add_rest_of_lines(struct worker *w, struct task *t)
{
	if (t->output.cookie == 0 && stream_drained(t->output.stream))
		end_output(w, t);
}

static bool
is_written(const struct worker *w, const struct task *t)
{
	return t->output.cookie != 0 && w->out.settled >= t->output.cookie;
}

bool
work_output_ended(struct worker *w, struct task *t)
{
	if (t->errors != NULL) {
		(void)stream_drained(t->errors);
		output_io(&w->err, 0);
	}
	if (t->reply != NULL || w->output == OUTPUT_OURS)
		return true;
	if (w->output == OUTPUT_LINES)
		add_rest_of_lines(w, t);
	if (w->output == OUTPUT_LINES && t->output.cookie == 0)
		return false;	/* what was not read yet has no size */
	return task_output_size(t) == 0 && !t->output.lost;
}

bool
work_output_lost(const struct worker *w, const struct task *t)
{
	if (t->output.lost)
		return true;
	return w->writes && t->reply == NULL && w->out.error != 0 && task_output_size(t) > 0 && !is_written(w, t);
}

/* Commands that write more get SIGPIPE, as if they had ours. */
static void
close_streams(struct worker *w)
{
	struct task *t;

	TAILQ_FOREACH(t, &w->tasks, next)
		if (t->output.stream != NULL && t->output.stream->fd != -1) {
			t->output.lost = true;
			stream_close(t->output.stream);
		}
}

static void
heed_error(struct worker *w)
{
	int error = w->out.error;

	if (error == 0 || w->out_told || w->stage == LEAVING)
		return;
	w->out_told = true;
	if (error == EPIPE && loop_sigpipe_was_default())
		w->signal = SIGPIPE;
	else
		tool_warn("cannot write standard output: %s", strerror(error));
	close_streams(w);
	worker_stop(w, EX_IOERR);
}

void
work_output_settle(struct worker *w)
{
	struct task *t;

	if (!w->writes)
		return;
	if (w->output == OUTPUT_LINES)
		TAILQ_FOREACH(t, &w->tasks, next)
			if (t->state == TASK_WRITING)
				add_rest_of_lines(w, t);
	add_pieces(w);
	output_io(&w->out, 0);
	heed_error(w);
}

struct task *
work_output_written(const struct worker *w)
{
	struct task *t;

	if (w->writes)
		TAILQ_FOREACH(t, &w->tasks, next)
			if (t->state == TASK_WRITING && (is_written(w, t) || work_output_lost(w, t)))
				return t;
	return NULL;
}

void
work_output_poll(const struct worker *w, struct pollfd *p)
{
	p[0] = (struct pollfd){ .fd = w->writes && w->out.error == 0 ? w->out.fd : -1 };
	p[1] = (struct pollfd){ .fd = w->err.error == 0 ? w->err.fd : -1 };
	if (p[0].fd != -1)
		p[0].events = next_piece(w) != NULL ? POLLOUT : output_events(&w->out);
	if (p[1].fd != -1)
		p[1].events = output_events(&w->err);
}

void
work_output_io(struct worker *w, const struct pollfd *p)
{
	if (w->writes)
		output_io(&w->out, p[0].revents);
	output_io(&w->err, p[1].revents);
}

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
