/* SPDX-License-Identifier: MIT */
/*
 * worker --setup
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broker/connect.h"
#include "broker/loop.h"
#include "broker/status.h"
#include "message/declare.h"
#include "tool/tool.h"
#include "worker/retry/policy.h"
#include "worker/retry/setup.h"

struct setup {
	struct rmq	*mq;
	const char	*queue, *type;	/* main, and of what kind it is to be */
	char		 dead[POLICY_NAME];
};

static void
set(struct rmq_table *table, const char *name, enum rmq_type type, const char *text)
{
	struct rmq_error error = { 0 };

	if (!rmq_table_set(table, name, type, text, &error))
		tool_fail(EX_OSERR, "cannot declare queues: %s", error.text);
}

static void
set_unless_given(struct rmq_table *table, const char *name, enum rmq_type type, const char *text)
{
	struct rmq_buffer given = { 0 };

	if (!rmq_table_get(table, name, &given))
		set(table, name, type, text);
	rmq_buffer_free(&given);
}

static struct rmq_table *
new_table(const struct rmq_table *from)
{
	struct rmq_table *table = rmq_table_copy(from);

	if (table == NULL)
		tool_fail(EX_OSERR, "cannot declare queues: out of memory");
	return table;
}

/* https://www.rabbitmq.com/docs/quorum-queues#dead-lettering */
static void
set_safe_dead_lettering(struct rmq_table *table)
{
	set_unless_given(table, "x-dead-letter-strategy", RMQ_STRING, "at-least-once");
	set_unless_given(table, "x-overflow", RMQ_STRING, "reject-publish");
}

static const char *
retry_type(void)
{
	return policy_options.retry_type == RETRY_CLASSIC ? "classic" : "quorum";
}

/* Readers of the dead may come and go: none of that counts. */
static void
declare_dead(struct setup *s)
{
	struct rmq_table *table = new_table(NULL);

	set(table, "x-queue-type", RMQ_STRING, retry_type());
	if (policy_options.retry_type == RETRY_QUORUM)
		set(table, "x-delivery-limit", RMQ_INT64, "1000000");
	rmq_declare_queue(s->mq, &(struct rmq_queue){ .name = s->dead, .declare = RMQ_MAKE, .arguments = table });
	rmq_table_free(table);
}

static void
set_return(struct rmq_table *table, const char *queue, int64_t delay)
{
	char ttl[24];

	snprintf(ttl, sizeof ttl, "%" PRId64, delay);
	set(table, "x-message-ttl", RMQ_INT64, ttl);
	set(table, "x-dead-letter-exchange", RMQ_STRING, "");
	set(table, "x-dead-letter-routing-key", RMQ_STRING, queue);
	set_safe_dead_lettering(table);
}

static void
declare_retry(struct setup *s, int64_t delay)
{
	struct rmq_table *table = new_table(NULL);
	char name[POLICY_NAME];

	policy_queue(s->queue, delay, name);
	set(table, "x-queue-type", RMQ_STRING, retry_type());
	if (policy_options.retry_type == RETRY_QUORUM)
		set_return(table, s->queue, delay);
	rmq_declare_queue(s->mq, &(struct rmq_queue){ .name = name, .declare = RMQ_MAKE, .arguments = table });
	rmq_table_free(table);
}

static void
declare_main(struct setup *s, enum rmq_declare how)
{
	struct rmq_table *table = new_table(declare_options.arguments);

	set_unless_given(table, "x-queue-type", RMQ_STRING, s->type);
	set_unless_given(table, "x-dead-letter-exchange", RMQ_STRING, "");
	set_unless_given(table, "x-dead-letter-routing-key", RMQ_STRING, s->dead);
	if (strcmp(s->type, "quorum") == 0) {
		set_unless_given(table, "x-delivery-limit", RMQ_INT64, "20");
		set_safe_dead_lettering(table);
	}
	rmq_declare_queue(s->mq, &(struct rmq_queue){
	    .name = s->queue, .declare = how, .no_stream = true, .arguments = table });
	rmq_table_free(table);
}

/* Until all is declared, or the session has failed. */
static bool
carry_out(struct setup *s)
{
	struct rmq_event e;
	bool done = false;

	while (!done && !rmq_failed(s->mq)) {
		while (rmq_next(s->mq, &e)) {
			if (e.type == RMQ_READY)
				rmq_close(s->mq);
			done = done || e.type == RMQ_CLOSED;
		}
		if (!done && !rmq_failed(s->mq))
			loop_wait(&s->mq, 1, NULL, 0, -1);
	}
	return done;
}

static int
failed(const struct setup *s)
{
	const struct rmq_error *error = rmq_error(s->mq);

	tool_warn("%s", error->text);
	return status_of(error->status);
}

/* A queue that was there before is used as it is, but its user should know what it does with what it gives up. */
static void
compare_main(struct setup *s, const struct rmq_config *config)
{
	enum rmq_declare how = declare_how(s->queue, RMQ_MAKE);

	if (how != RMQ_MAKE)
		return;
	s->mq = connect_open(config);
	declare_main(s, RMQ_MAKE);
	if (!carry_out(s))
		tool_warn("warning: '%s' was there before and stays as it is; what it gives up may be dropped: %s",
		    s->queue,
		    rmq_error(s->mq)->text);
	rmq_free(s->mq);
}

/* What --queue-type or --arg say. */
static const char *
type_of_main(void)
{
	static struct rmq_buffer text;

	if (!rmq_table_get(declare_options.arguments, "x-queue-type", &text) || !rmq_buffer_add(&text, "", 1))
		return "quorum";
	return text.data;
}

static void
check_names(struct setup *s)
{
	bool fit = policy_queue(s->queue, POLICY_DEAD, s->dead);
	char name[POLICY_NAME];
	int64_t delay;

	for (size_t i = 0; fit && (delay = policy_queued_delay(i)) != POLICY_DEAD; i++)
		fit = policy_queue(s->queue, delay, name);
	if (!fit)
		tool_usage("--queue: too long for --setup");
}

int
setup(const struct rmq_config *config, const char *queue)
{
	struct setup s = { .queue = queue, .type = type_of_main() };
	int64_t delay;
	int status = EX_OK;

	if (strcmp(s.type, "stream") == 0 || declare_options.exclusive)
		tool_usage("--setup cannot make an exclusive queue or a stream");
	check_names(&s);
	s.mq = connect_open(config);
	declare_dead(&s);
	for (size_t i = 0; (delay = policy_queued_delay(i)) != POLICY_DEAD; i++)
		declare_retry(&s, delay);
	declare_main(&s, declare_how(queue, RMQ_FIND_OR_MAKE));
	if (!carry_out(&s))
		status = failed(&s);
	rmq_free(s.mq);
	if (status == EX_OK)
		compare_main(&s, config);
	return status;
}
