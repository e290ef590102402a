/* SPDX-License-Identifier: MIT */
/*
 * What the caller declares and consumes, kept as steps for each channel to come.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "session/session.h"

static bool
copy_name(struct rmq *mq, char **to, const char *from)
{
	if (from == NULL)
		return true;
	if (strlen(from) > 255) {
		session_fail(mq, RMQ_USAGE, 0, "a name of more than 255 bytes: '%.32s...'", from);
		return false;
	}
	if ((*to = strdup(from)) == NULL)
		session_no_memory(mq);
	return *to != NULL;
}

static bool
copy_arguments(struct rmq *mq, struct step *s, const struct rmq_table *arguments)
{
	struct rmq_error e = { 0 };

	if (arguments == NULL)
		return true;
	if (!table_sendable(arguments, &e))
		session_fail(mq, RMQ_USAGE, 0, "%s", e.text);
	else if ((s->arguments = rmq_table_copy(arguments)) == NULL)
		session_no_memory(mq);
	return s->arguments != NULL;
}

static struct step *
add_step(struct rmq *mq, enum step_kind kind, const struct rmq_table *arguments)
{
	struct step *s = calloc(1, sizeof *s);
	struct step **steps = reallocarray(mq->steps, mq->nsteps + 1, sizeof *steps);

	if (steps != NULL)
		mq->steps = steps;
	if (s == NULL || steps == NULL) {
		free(s);
		session_no_memory(mq);
		return NULL;
	}
	s->kind = kind;
	mq->steps[mq->nsteps++] = s;
	return copy_arguments(mq, s, arguments) ? s : NULL;
}

/* A step that comes after the channel was set up is sent at once. */
static void
added(struct rmq *mq, struct step *s, bool ok)
{
	if (ok && (mq->state == SESSION_SETTING_UP || mq->state == SESSION_READY))
		topology_send(mq, s);
}

void
rmq_declare_queue(struct rmq *mq, const struct rmq_queue *q)
{
	struct step *s;

	if (rmq_failed(mq) || q->declare == RMQ_ASSUME || (s = add_step(mq, STEP_QUEUE, q->arguments)) == NULL)
		return;
	s->declare = q->name == NULL || (q->exclusive && q->declare == RMQ_FIND_OR_MAKE) ? RMQ_MAKE : q->declare;
	s->passive = topology_looks_first(s);
	s->durable = q->name != NULL && !q->transient;
	s->exclusive = q->name == NULL || q->exclusive;
	s->auto_delete = q->auto_delete;
	s->denied_will_do = q->denied_will_do;
	s->no_stream = q->no_stream;
	added(mq, s, copy_name(mq, &s->queue, q->name));
}

/* The default exchange and the broker's own are there, and nobody may declare them. */
void
rmq_declare_exchange(struct rmq *mq, const struct rmq_exchange *x)
{
	struct step *s;

	if (rmq_failed(mq) || x->declare == RMQ_ASSUME || x->name[0] == '\0' || strncmp(x->name, "amq.", 4) == 0 ||
	    (s = add_step(mq, STEP_EXCHANGE, x->arguments)) == NULL)
		return;
	s->declare = x->declare;
	s->passive = x->declare == RMQ_FIND;
	s->durable = x->durable;
	s->auto_delete = x->auto_delete;
	s->internal = x->internal;
	added(mq, s, copy_name(mq, &s->exchange, x->name) && copy_name(mq, &s->type, x->type));
}

void
rmq_bind(struct rmq *mq, const struct rmq_binding *b)
{
	struct step *s;

	if (rmq_failed(mq) || (s = add_step(mq, STEP_BIND, b->arguments)) == NULL)
		return;
	added(mq, s, copy_name(mq, &s->queue, b->queue) && copy_name(mq, &s->exchange, b->exchange) &&
	    copy_name(mq, &s->routing_key, b->routing_key));
}

void
rmq_consume(struct rmq *mq, const struct rmq_consumer *c)
{
	struct step *s;

	if (rmq_failed(mq) || (s = add_step(mq, STEP_CONSUME, c->arguments)) == NULL)
		return;
	s->consumer = mq->nconsumers++;
	s->prefetch = c->prefetch;
	s->no_ack = c->no_ack;
	s->exclusive = c->exclusive;
	topology_name_consumer(s);
	added(mq, s, copy_name(mq, &s->queue, c->queue));
}

const char *
rmq_named_queue(const struct rmq *mq)
{
	return mq->named_queue;
}

void
rmq_stop_consuming(struct rmq *mq)
{
	bool told = false;

	if (mq->stopping || mq->state >= SESSION_LEAVING)
		return;
	mq->stopping = true;
	channel_hurry(mq);
	for (size_t i = 0; i < mq->nsteps && mq->state != SESSION_FAILED; i++) {
		struct step *s = mq->steps[i];

		if (s->kind != STEP_CONSUME || !s->asked)
			continue;
		if (s->done && (!more_stop(mq, s) || !topology_cancel(mq, s->tag)))
			return;
		told = true;
	}
	if (!told)
		session_stopped(mq);
}

void
rmq_resume_consuming(struct rmq *mq)
{
	if (!mq->stopped || mq->state >= SESSION_LEAVING)
		return;
	mq->stopping = mq->stopped = false;
	for (size_t i = 0; i < mq->nsteps && mq->state != SESSION_FAILED; i++) {
		struct step *s = mq->steps[i];

		if (s->kind != STEP_CONSUME)
			continue;
		s->done = s->asked = false;
		added(mq, s, true);
	}
}

/*
 * Of queues that were asked for in one flight the broker names the one that it refuses, maybe before its answers about
 * the others are there.
 */
struct step *
steps_meant(struct rmq *mq, struct step *asked, struct rmq_bytes text)
{
	char queue[300];

	for (size_t i = 0; i < mq->nsteps && asked->kind == STEP_CONSUME; i++) {
		struct step *s = mq->steps[i];

		if (s->kind != STEP_CONSUME || s->queue == NULL)
			continue;
		snprintf(queue, sizeof queue, "queue '%s' in vhost", s->queue);
		if (bytes_contain(text, queue))
			return s;
	}
	return asked;
}

static void
free_step(struct step *s)
{
	free(s->queue);
	free(s->exchange);
	free(s->routing_key);
	free(s->type);
	free(s->difference);
	rmq_table_free(s->arguments);
	free(s);
}

void
steps_free(struct rmq *mq)
{
	for (size_t i = 0; i < mq->nsteps; i++)
		free_step(mq->steps[i]);
	free(mq->steps);
}
