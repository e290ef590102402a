/* SPDX-License-Identifier: MIT */
/*
 * The subscription of a worker, and the time that it asks the broker for.
 *
 * Since RabbitMQ 4.3 a consumer of a quorum queue may say how long it takes to
 * acknowledge: https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"
#include "worker/worker.h"

#define ARGUMENT "x-consumer-timeout"
enum { BREAKER_TIME = 5 * 60 * 1000, MARGIN = 60 * 1000 };	/* ms */

/* A message is in hand for some attempts, while others' commands run, and maybe while the breaker is open. */
static int64_t
longest_in_hand(const struct worker *w)
{
	int64_t one = policy_options.job_timeout + policy_options.kill_after, all = one, delay;
	unsigned attempt = 1;

	while (attempt <= POLICY_DELAYS && policy_held(delay = policy_delay(attempt++)))
		all += delay + one;
	return all * (int64_t)((w->hold + w->jobs - 1) / w->jobs) + BREAKER_TIME + MARGIN;
}

static bool
may_ask_for_time(const struct worker *w)
{
	char *rest;
	unsigned long major, minor;

	if (policy_options.job_timeout == 0 || w->no_time_to_ask_for)
		return false;
	major = strtoul(rmq_server_version(w->mq), &rest, 10);
	minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;
	return major > 4 || (major == 4 && minor >= 3);
}

static struct rmq_table *
arguments(struct worker *w)
{
	struct rmq_error error = { 0 };
	struct rmq_table *table;
	char text[24];

	if (!may_ask_for_time(w))
		return NULL;
	snprintf(text, sizeof text, "%" PRId64, longest_in_hand(w));
	if ((table = rmq_table_new()) == NULL || !rmq_table_set(table, ARGUMENT, RMQ_INT64, text, &error))
		tool_fail(EX_OSERR, "cannot subscribe: out of memory");
	w->asked_for_time = true;
	return table;
}

void
worker_subscribe(struct worker *w)
{
	struct rmq_table *table = arguments(w);
	const struct work_queue *q;

	QUEUES_FOREACH(q, w)
		rmq_consume(w->mq, &(struct rmq_consumer){
		    .queue = q->name, .prefetch = (uint16_t)q->hold, .arguments = table });
	rmq_table_free(table);
	w->subscribed = w->consuming = true;
	w->active = rmq_now();
}

/* Only quorum queues know it, and of what kind a queue is the broker tells by refusing it. */
bool
worker_refused_time(struct worker *w)
{
	if (!w->asked_for_time || w->taken > 0 || strstr(rmq_error(w->mq)->text, ARGUMENT) == NULL)
		return false;
	w->asked_for_time = false;
	w->no_time_to_ask_for = true;
	return true;
}
