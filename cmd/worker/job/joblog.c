/* SPDX-License-Identifier: MIT */
/*
 * The lines of a job log, and their file.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tool/escape.h"
#include "tool/tool.h"
#include "tool/trust.h"
#include "worker/job/joblog.h"

#define HEADER "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"

static int
exit_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static int
signal_of(int status)
{
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* The words of the command with blanks between; false: no memory. */
static bool
join(char *const *argv, struct rmq_buffer *text)
{
	bool ok = true;
	char *word;

	for (; ok && *argv != NULL; argv++) {
		if ((word = escape(*argv, strlen(*argv))) == NULL)
			return false;
		ok = (text->len == 0 || rmq_buffer_add(text, " ", 1)) && rmq_buffer_add(text, word, strlen(word));
		free(word);
	}
	return ok && rmq_buffer_add(text, "", 1);
}

/* The message comes after it as a comment of the shell. */
static char *
parallel_line(const struct joblog *log, const struct job_record *r)
{
	const char *name = r->message_id != NULL ? r->message_id : r->routing_key;
	char *safe, *line = NULL;

	if ((safe = escape(name != NULL ? name : "", name != NULL ? strlen(name) : 0)) == NULL)
		return NULL;
	if (asprintf(&line, "%" PRIu64 "\t:\t%" PRId64 ".%03d\t%10.3f\t%" PRIu64 "\t%" PRId64 "\t%d\t%d\t%s # %s\n",
	    r->seq, r->started / 1000, (int)(r->started % 1000), (double)r->ms / 1000, r->sent,
	    r->received > 0 ? r->received : 0, exit_of(r->status), signal_of(r->status), log->command, safe) == -1)
		line = NULL;
	free(safe);
	return line;
}

/* What is no UTF-8 is escaped. */
static json_t *
text(const char *s)
{
	json_t *json;
	char *safe;

	if (s == NULL)
		return json_null();
	if ((json = json_string(s)) != NULL || (safe = escape(s, strlen(s))) == NULL)
		return json;
	json = json_string(safe);
	free(safe);
	return json;
}

/* RFC 3339. */
static json_t *
timestamp(int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	char date[32], all[48];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL)
		return NULL;
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(all, sizeof all, "%s.%03dZ", date, (int)(ms % 1000));
	return json_string(all);
}

static json_t *
words(char *const *argv)
{
	json_t *array = json_array();

	for (; *argv != NULL; argv++)
		if (json_array_append_new(array, text(*argv)) == -1) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static char *
json_line(const struct joblog *log, const struct job_record *r)
{
	bool killed = WIFSIGNALED(r->status);
	char *line = NULL, *whole = NULL;
	json_t *json;

	json = json_pack("{s:I, s:o, s:o, s:o, s:I, s:o, s:f, s:I, s:o, s:i, s:s, s:o}",
	    "seq", (json_int_t)r->seq, "message_id", text(r->message_id), "routing_key", text(r->routing_key),
	    "queue", text(r->queue), "attempt", (json_int_t)r->attempt, "started", timestamp(r->started),
	    "seconds", (double)r->ms / 1000, "sent", (json_int_t)r->sent,
	    "received", r->received >= 0 ? json_integer(r->received) : json_null(),
	    killed ? "signal" : "exit", killed ? signal_of(r->status) : exit_of(r->status),
	    "outcome", r->outcome, "command", words(log->argv));
	if (json != NULL)
		line = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(json);
	if (line != NULL && asprintf(&whole, "%s\n", line) == -1)
		whole = NULL;
	free(line);
	return whole;
}

/* After a line that was cut off, the next one begins a line all the same. */
static bool
append(struct joblog *log, const char *data, size_t len)
{
	ssize_t n;

	do
		n = write(log->fd, data, len);
	while (n == -1 && errno == EINTR);
	if (n == (ssize_t)len)
		return true;
	if (n > 0)
		log->torn = data[n - 1] != '\n';
	if (n >= 0)
		errno = ENOSPC;
	return false;
}

static bool
mend(struct joblog *log)
{
	if (log->torn)
		log->torn = !append(log, "\n", 1);
	return !log->torn;
}

/* -1: it has none. */
static off_t
size_of(const struct joblog *log)
{
	struct stat st;

	return fstat(log->fd, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : -1;
}

static bool
add_header(struct joblog *log)
{
	log->torn = false;
	return log->json || append(log, HEADER, strlen(HEADER));
}

/* Somebody may have truncated the file. */
static bool
put(struct joblog *log, const char *line)
{
	if (size_of(log) == 0 && !add_header(log))
		return false;
	return mend(log) && append(log, line, strlen(line));
}

static bool
begin(struct joblog *log)
{
	struct rmq_buffer joined = { 0 };

	if (!join(log->argv, &joined)) {
		rmq_buffer_free(&joined);
		errno = ENOMEM;
		return false;
	}
	log->command = joined.data;
	return size_of(log) > 0 || add_header(log);
}

bool
joblog_open(struct joblog *log, const char *path, bool json, char *const *argv)
{
	int error;

	*log = (struct joblog){ .path = path, .json = json, .argv = argv };
	log->fd = trust_open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, 0666);
	if (log->fd != -1 && begin(log))
		return true;
	error = errno;
	joblog_close(log);
	errno = error;
	return false;
}

void
joblog_write(struct joblog *log, const struct job_record *record)
{
	char *line = log->json ? json_line(log, record) : parallel_line(log, record);
	bool written;

	errno = ENOMEM;
	written = line != NULL && put(log, line);
	free(line);
	if (!written && log->missing++ == 0)
		tool_warn("cannot write job log '%s': %s; going on without it", log->path, strerror(errno));
	if (written && log->missing > 0) {
		tool_warn("writing job log '%s' again, lines missing: %" PRIu64, log->path, log->missing);
		log->missing = 0;
	}
}

void
joblog_close(struct joblog *log)
{
	if (log->fd != -1)
		close(log->fd);
	log->fd = -1;
	free(log->command);
	log->command = NULL;
}
