/* SPDX-License-Identifier: MIT */
/*
 * What a worker writes to its job log: an attempt from the start of its
 * command to what became of its message.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool/tool.h"
#include "worker/log.h"
#include "worker/output.h"
#include "worker/worker.h"

void
work_log_open(struct worker *w)
{
	const char *path = work_output_options.joblog;

	if (path == NULL)
		return;
	if (!joblog_open(&w->log, path, work_output_options.joblog_format == JOBLOG_JSON, w->command))
		tool_fail(EX_CANTCREAT, "cannot write job log '%s': %s", path, strerror(errno));
	w->logs = true;
}

void
work_log_close(struct worker *w)
{
	if (w->logs)
		joblog_close(&w->log);
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What the command is told; false: no memory. */
static bool
told(const struct worker *w, const char *name, char **value)
{
	const char *found = environ_value(&w->environ, name);

	*value = found != NULL ? strdup(found) : NULL;
	return found == NULL || *value != NULL;
}

bool
work_log_begin(struct worker *w, struct task *t, size_t sent)
{
	const char *attempt;
	struct job_record *r;

	if (!w->logs)
		return true;
	task_forget_record(t);
	if ((t->record = r = calloc(1, sizeof *r)) == NULL)
		return false;
	r->seq = (uint64_t)w->started + 1;
	r->queue = t->queue->name;
	attempt = environ_value(&w->environ, "AMQP_ATTEMPT");
	r->attempt = attempt != NULL ? (unsigned)strtoul(attempt, NULL, 10) : t->attempt;
	r->started = now_ms();
	r->sent = sent;
	return told(w, "AMQP_MESSAGE_ID", &r->message_id) && told(w, "AMQP_ROUTING_KEY", &r->routing_key);
}

void
work_log_ended(struct task *t)
{
	if (t->record != NULL)
		t->record->ms = rmq_now() - t->started;
}

void
work_log(struct worker *w, struct task *t, const char *outcome)
{
	struct job_record *r = t->record;

	if (r == NULL)
		return;
	if (t->failure.status != -1) {
		r->status = t->failure.status;
		r->received = task_output_size(t);
		r->outcome = outcome;
		joblog_write(&w->log, r);
	}
	task_forget_record(t);
}

/* The commands of these have ended, and nobody will say any more what became of their messages. */
void
work_log_lost(struct worker *w)
{
	struct task *t;

	TAILQ_FOREACH(t, &w->tasks, next)
		if (t->state == TASK_REPLYING || (t->state == TASK_COPYING && t->letter.cookie == 0))
			work_log(w, t, "lost");
}
