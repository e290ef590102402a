/* SPDX-License-Identifier: MIT */
/* See origin.h. */

#include <string.h>

#include "move/origin.h"

static bool
same(struct rmq_bytes a, struct rmq_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* As `worker --setup' calls it. */
static bool
is_dead_queue_of(const char *name, struct rmq_bytes queue)
{
	static const char suffix[] = ".dead";

	return strlen(name) == queue.len + strlen(suffix) && memcmp(name, queue.data, queue.len) == 0 &&
	    strcmp(name + queue.len, suffix) == 0;
}

static bool
worker_told(struct origin *o, const struct rmq_table *headers, const char *source)
{
	return rmq_table_string(headers, "x-origin-queue", &o->queue) &&
	    rmq_table_string(headers, "x-origin-exchange", &o->exchange) &&
	    rmq_table_string(headers, "x-origin-routing-key", &o->routing_key) &&
	    is_dead_queue_of(source, o->queue);
}

static bool
agrees(struct origin *o, const struct rmq_table *headers, bool to_queue)
{
	struct rmq_bytes exchange, key;

	return rmq_table_last_death(headers, &exchange, &key, &o->last) && same(o->last, o->queue) &&
	    (to_queue || (same(exchange, o->exchange) && same(key, o->routing_key)));
}

enum origin_kind
origin_find(struct origin *o, const struct origin_question *q, const struct rmq_table *headers)
{
	*o = (struct origin){ 0 };
	if (headers == NULL)
		return ORIGIN_UNKNOWN;
	if (worker_told(o, headers, q->source))
		return ORIGIN_WORKER;
	if (!rmq_table_death(headers, &o->exchange, &o->routing_key, &o->queue))
		return ORIGIN_UNKNOWN;
	return q->forgeable && !agrees(o, headers, q->to_queue) ? ORIGIN_DOUBTED : ORIGIN_BROKER;
}

bool
origin_restore(struct rmq_table *headers, bool to_queue, struct rmq_error *error)
{
	static const char *const of_failures[] = { "x-first-failed-at", "x-last-failed-at", "x-last-exit",
	    "x-last-signal", "x-last-error", "x-dead-reason", "x-attempt" };
	static const char *const of_origin[] = { "x-origin-exchange", "x-origin-routing-key", "x-origin-queue" };

	for (size_t i = 0; i < sizeof of_failures / sizeof *of_failures; i++)
		rmq_table_remove(headers, of_failures[i]);
	if (to_queue)
		return rmq_table_set(headers, "x-attempt", RMQ_INT32, "0", error);
	for (size_t i = 0; i < sizeof of_origin / sizeof *of_origin; i++)
		rmq_table_remove(headers, of_origin[i]);
	return true;
}
