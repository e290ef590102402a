/* SPDX-License-Identifier: MIT */
/*
 * Standard output on its way from commands to ours.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"
#include "loop.h"
#include "tool.h"
#include "work_output.h"
#include "worker.h"

enum {
	CHUNK = 64 * 1024,
	MOST_CHUNKS = 64	/* in one turn of the loop, which has more to do */
};

struct work_output_options work_output_options;

const struct opt opt_work_output[] = {
	{ .help = "Output of commands" },
	{ 0, "collect", NULL, opt_flag, &work_output_options.collect,
	    "write the output of a command in one piece when it has ended" },
	{ 0 }
};

void
work_output_begin(struct worker *w, bool keep)
{
	if (keep)
		w->output = OUTPUT_KEPT;
	else if (work_output_options.collect)
		w->output = OUTPUT_PIECE;
	w->writes = w->chats || w->output == OUTPUT_PIECE;
	if (w->writes)
		output_open(&w->out, STDOUT_FILENO, false, 1);
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

bool
work_output_open(struct worker *w, struct task *t, int *fd)
{
	work_output_release(t);
	*fd = -1;
	if (w->output == OUTPUT_OURS)
		return true;
	if ((t->output.file = nameless_file()) == -1)
		return false;
	if ((*fd = fcntl(t->output.file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) != -1)
		return true;
	work_output_release(t);
	return false;
}

void
work_output_release(struct task *t)
{
	if (t->output.file != -1)
		close(t->output.file);
	t->output = (struct task_output){ .file = -1 };
}

int
work_output_file(const struct task *t)
{
	return t->output.file;
}

/* All of it was added: from now on it is there when this record is. */
static void
end_piece(struct worker *w, struct task *t)
{
	t->output.begun = false;
	t->output.cookie = ++w->last_cookie;
	output_end(&w->out, t->output.cookie);
}

/* As much of the file as is taken now. */
static void
add_piece(struct worker *w, struct task *t)
{
	char chunk[CHUNK];
	ssize_t n = 1;

	for (int i = 0; i < MOST_CHUNKS && n > 0 && !output_full(&w->out); i++) {
		n = pread(t->output.file, chunk, sizeof chunk, t->output.done);
		if (n == -1)
			output_fail(&w->out, errno);
		if (n > 0) {
			output_add(&w->out, chunk, (size_t)n);
			t->output.done += n;
		}
	}
	if (n == 0)
		end_piece(w, t);
}

/* One after the other: whose output has begun goes on before all others. */
static struct task *
next_piece(const struct worker *w)
{
	struct task *t, *next = NULL;

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

static bool
is_written(const struct worker *w, const struct task *t)
{
	return t->output.cookie != 0 && w->out.settled >= t->output.cookie;
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

bool
work_output_ended(struct worker *w, struct task *t)
{
	struct stat st;

	if (w->output != OUTPUT_PIECE)
		return true;
	return fstat(t->output.file, &st) == 0 && st.st_size == 0;
}

bool
work_output_lost(const struct worker *w, const struct task *t)
{
	return w->writes && w->out.error != 0 && t->state == TASK_WRITING && !is_written(w, t);
}

void
work_output_poll(const struct worker *w, struct pollfd *p)
{
	*p = (struct pollfd){ .fd = w->writes && w->out.error == 0 ? w->out.fd : -1 };
	if (p->fd == -1)
		return;
	p->events = output_events(&w->out);
	if (w->output == OUTPUT_PIECE && next_piece(w) != NULL)
		p->events = POLLOUT;
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
	worker_stop(w, EX_IOERR);
}

void
work_output_io(struct worker *w, short revents)
{
	struct task *t, *following;

	if (!w->writes)
		return;
	output_io(&w->out, revents);
	add_pieces(w);
	output_io(&w->out, 0);
	heed_error(w);
	for (t = TAILQ_FIRST(&w->tasks); t != NULL; t = following) {
		following = TAILQ_NEXT(t, next);
		if (t->state == TASK_WRITING && (is_written(w, t) || work_output_lost(w, t)))
			work_settle(w, t);
	}
}
