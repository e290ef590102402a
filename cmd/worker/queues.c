/* SPDX-License-Identifier: MIT */
/* See worker/queues.h. */
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"
#include "worker/worker.h"

enum { SESSIONS = 3 };	/* of a queue: two of its returns, one for copies */

static void
check(const struct worker *w, const struct work_queue *last)
{
	const struct work_queue *q;

	if (*last->name == '\0')
		tool_usage("a queue needs a name");
	QUEUES_FOREACH(q, w)
		if (q != last && q->name != NULL && strcmp(q->name, last->name) == 0)
			tool_usage("queue '%s' is named twice", q->name);
}

void
queues_choose(struct worker *w, const struct opt_list *names, const char *otherwise)
{
	w->nqueues = names->count > 0 ? names->count : 1;
	if ((w->queues = calloc(w->nqueues, sizeof *w->queues)) == NULL)
		tool_fail(EX_OSERR, "cannot take messages: out of memory");
	w->queues[0].name = otherwise;
	for (size_t i = 0; i < names->count; i++) {
		w->queues[i].name = names->items[i];
		check(w, &w->queues[i]);
	}
}

void
queues_share(struct worker *w, size_t hold, bool all)
{
	size_t n = w->nqueues, each;

	w->hold = 0;
	for (size_t i = 0; i < n; i++) {
		each = all ? hold : hold / n + (i < hold % n);
		w->queues[i].hold = each > 0 ? each : 1;
		w->hold += w->queues[i].hold;
	}
}

size_t
queues_resting(const struct worker *w, const struct work_queue *q)
{
	const struct task *t;
	size_t n = 0;

	TAILQ_FOREACH(t, &w->tasks, next)
		n += t->queue == q && t->state == TASK_RESTING;
	return n;
}

void
queues_look(struct worker *w, const struct rmq_config *config)
{
	struct work_queue *q;

	QUEUES_FOREACH(q, w)
		if (q->copies.state == COPIES_UNKNOWN && w->command != NULL)
			copies_look(&q->copies, config, q->name);
}

bool
queues_decided(const struct worker *w)
{
	const struct work_queue *q;

	QUEUES_FOREACH(q, w)
		if (w->command != NULL && q->copies.state < COPIES_OFF)
			return false;
	return true;
}

/* The queues for delays are there, but give nothing back by themselves. */
void
queues_run(struct worker *w, const struct rmq_config *config, int64_t now)
{
	bool classic = policy_options.retry_type == RETRY_CLASSIC;
	struct work_queue *q;

	QUEUES_FOREACH(q, w) {
		if (q->copies.state == COPIES_ON && w->stage == WORKING && classic)
			returns_begin(&q->returns, config, q->name);
		returns_run(&q->returns, now);
	}
}

size_t
queues_most_sessions(const struct worker *w)
{
	return SESSIONS * w->nqueues;
}

size_t
queues_sessions(const struct worker *w, struct rmq **sessions)
{
	const struct work_queue *q;
	size_t n = 0;

	QUEUES_FOREACH(q, w) {
		n += returns_sessions(&q->returns, sessions + n);
		if (q->copies.outbox.mq != NULL)
			sessions[n++] = q->copies.outbox.mq;
	}
	return n;
}

int64_t
queues_deadline(const struct worker *w)
{
	const struct work_queue *q;
	int64_t when = -1, one;

	QUEUES_FOREACH(q, w) {
		one = returns_deadline(&q->returns);
		if (when == -1 || (one != -1 && one < when))
			when = one;
	}
	return when;
}

const char *
queues_trouble(const struct worker *w)
{
	const struct work_queue *q;

	QUEUES_FOREACH(q, w)
		if (q->copies.state == COPIES_LOOKING && q->copies.outbox.mq != NULL &&
		    rmq_trouble(q->copies.outbox.mq)[0] != '\0')
			return rmq_trouble(q->copies.outbox.mq);
	return "";
}

void
queues_stop(struct worker *w, int64_t now)
{
	struct work_queue *q;

	QUEUES_FOREACH(q, w)
		returns_leave(&q->returns, now);
}

void
queues_leave(struct worker *w)
{
	struct work_queue *q;

	QUEUES_FOREACH(q, w)
		outbox_leave(&q->copies.outbox);
}

bool
queues_gone(const struct worker *w)
{
	const struct work_queue *q;

	QUEUES_FOREACH(q, w)
		if (q->copies.outbox.mq != NULL || !returns_gone(&q->returns))
			return false;
	return true;
}

void
queues_free(struct worker *w)
{
	struct work_queue *q;

	QUEUES_FOREACH(q, w) {
		outbox_free(&q->copies.outbox);
		returns_free(&q->returns);
	}
	free(w->queues);
	w->queues = NULL;
	w->nqueues = 0;
}
