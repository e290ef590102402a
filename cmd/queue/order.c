/* SPDX-License-Identifier: MIT */
/* queue delete, queue purge, queue stat */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queue/queue.h"
#include "tool/escape.h"
#include "tool/tool.h"

enum { ONE_SHOT = 10000, NOT_IMPLEMENTED = 540 };

static bool if_empty, if_unused, json;

const struct opt queue_delete_options[] = {
	{ .help = "For delete" },
	{ 0, "if-empty", NULL, opt_flag, &if_empty, "only if no message is ready in it" },
	{ 0, "if-unused", NULL, opt_flag, &if_unused, "only if it has no consumer" },
	{ 0 }
};

const struct opt queue_stat_options[] = {
	{ .help = "For stat" },
	{ 'J', "json", NULL, opt_flag, &json, "print a JSON object a line" },
	{ 0 }
};

/* A queue of another type cannot do it, and the broker closes the whole connection to say so. */
static int
no_answer(struct queue_session *s, const char *verb, const char *name, const char *why)
{
	if (!rmq_failed(s->mq) || rmq_error(s->mq)->code != NOT_IMPLEMENTED)
		return queue_unanswered(s, verb, name, EX_TEMPFAIL);
	tool_warn("cannot %s queue '%s': %s", verb, name, why);
	return EX_CONFIG;
}

int
queue_delete(char **operands)
{
	const char *name = operands[0];
	struct queue_session s;
	struct rmq_event e;
	int status = EX_OK;

	queue_open(&s, ONE_SHOT);
	rmq_delete_queue(s.mq, name, if_unused, if_empty);
	if (!queue_answer(&s, &e))
		status = no_answer(&s, "delete", name,
		    "a quorum queue cannot be asked for --if-empty or --if-unused");
	else if (e.code != 0)
		status = queue_refused("delete", name, &e);
	return queue_close(&s, status);
}

int
queue_purge(char **operands)
{
	const char *name = operands[0];
	struct queue_session s;
	struct rmq_event e;
	int status = EX_OK;

	queue_open(&s, ONE_SHOT);
	rmq_purge_queue(s.mq, name);
	if (!queue_answer(&s, &e))
		status = no_answer(&s, "purge", name, "a stream cannot be purged");
	else if (e.code != 0)
		status = queue_refused("purge", name, &e);
	else
		printf("%" PRIu32 "\n", e.messages);
	return queue_close(&s, status);
}

static bool
set_number(struct rmq_table *t, const char *name, uint32_t n)
{
	struct rmq_error error;
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32, n);
	return rmq_table_set(t, name, RMQ_INT64, text, &error);
}

static void
print_json(const char *name, const struct rmq_event *e)
{
	struct rmq_table *t = rmq_table_new();
	struct rmq_buffer line = { 0 };
	struct rmq_error error;

	if (t == NULL || !rmq_table_set(t, "queue", RMQ_STRING, name, &error) ||
	    !set_number(t, "messages", e->messages) || !set_number(t, "consumers", e->consumers) ||
	    !rmq_table_json(t, &line))
		tool_fail(EX_OSERR, "cannot print what is in queue '%s': out of memory", name);
	printf("%.*s\n", (int)line.len, line.data);
	rmq_buffer_free(&line);
	rmq_table_free(t);
}

/* The name comes from our own command line, so it is escaped only where it could do harm. */
static void
print_text(const char *name, const struct rmq_event *e)
{
	char *safe = isatty(STDOUT_FILENO) ? escape(name, strlen(name)) : NULL;

	printf("%s %" PRIu32 " %" PRIu32 "\n", safe != NULL ? safe : name, e->messages, e->consumers);
	free(safe);
}

int
queue_stat(char **operands)
{
	struct queue_session s;
	struct rmq_event e;
	int status = EX_OK, refused, unanswered;

	queue_open(&s, ONE_SHOT);
	for (; *operands != NULL; operands++) {
		rmq_look_at_queue(s.mq, *operands);
		if (!queue_answer(&s, &e)) {
			unanswered = queue_unanswered(&s, "find", *operands, EX_UNAVAILABLE);
			status = unanswered != EX_OK ? unanswered : status;
			break;
		}
		if (e.code == 0) {
			(json ? print_json : print_text)(*operands, &e);
			continue;
		}
		refused = queue_refused("find", *operands, &e);
		status = status == EX_OK ? refused : status;
	}
	return queue_close(&s, status);
}
