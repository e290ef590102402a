/* SPDX-License-Identifier: MIT */
/*
 * The history of dead-lettered messages, as brokers write it into x-death: one
 * table for each pair of queue and reason, the latest death in front.
 * https://www.rabbitmq.com/docs/dlx#effects
 */
#include <string.h>

#include "data/table.h"

static const amqp_array_t *
get_array(const amqp_table_t *t, const char *name)
{
	static const amqp_array_t none;
	const amqp_table_entry_t *entry = table_find(t, rmq_bytes(name));

	return entry != NULL && entry->value.kind == AMQP_FIELD_KIND_ARRAY ? &entry->value.value.array : &none;
}

static bool
has_string(const amqp_table_t *t, const char *name, struct rmq_bytes wanted)
{
	struct rmq_bytes got;

	return table_string(t, name, &got) && got.len == wanted.len && memcmp(got.data, wanted.data, got.len) == 0;
}

/* A queue that saw it die again comes to the front: only other headers tell which was the first. */
static bool
is_first(const amqp_table_t *death, const amqp_table_t *headers)
{
	struct rmq_bytes queue, reason;

	return (!table_string(headers, "x-first-death-queue", &queue) || has_string(death, "queue", queue)) &&
	    (!table_string(headers, "x-first-death-reason", &reason) || has_string(death, "reason", reason));
}

/* NULL: none. */
static const amqp_table_t *
first_death(const amqp_table_t *headers)
{
	const amqp_array_t *deaths = get_array(headers, "x-death");

	for (int i = deaths->num_entries - 1; i >= 0; i--) {
		const amqp_field_value_t *v = &deaths->entries[i];

		if (v->kind == AMQP_FIELD_KIND_TABLE && is_first(&v->value.table, headers))
			return &v->value.table;
	}
	return NULL;
}

/* The keys of the CC header follow the routing key. */
static bool
tell(const amqp_table_t *death, struct rmq_bytes *exchange, struct rmq_bytes *routing_key, struct rmq_bytes *queue)
{
	const amqp_array_t *keys;

	if (death == NULL || !table_string(death, "exchange", exchange) || !table_string(death, "queue", queue))
		return false;
	keys = get_array(death, "routing-keys");
	if (keys->num_entries == 0 || keys->entries[0].kind != AMQP_FIELD_KIND_UTF8)
		return false;
	*routing_key = bytes_from_amqp(keys->entries[0].value.bytes);
	return true;
}

bool
rmq_table_death(const struct rmq_table *t, struct rmq_bytes *exchange, struct rmq_bytes *routing_key,
    struct rmq_bytes *queue)
{
	return tell(first_death(table_amqp(t)), exchange, routing_key, queue);
}

bool
rmq_table_last_death(const struct rmq_table *t, struct rmq_bytes *exchange, struct rmq_bytes *routing_key,
    struct rmq_bytes *queue)
{
	const amqp_array_t *deaths = get_array(table_amqp(t), "x-death");

	return deaths->num_entries > 0 && deaths->entries[0].kind == AMQP_FIELD_KIND_TABLE &&
	    tell(&deaths->entries[0].value.table, exchange, routing_key, queue);
}

void
rmq_table_scrub(struct rmq_table *t)
{
	static const char *const names[] = {
		"x-death", "x-first-death-exchange", "x-first-death-queue", "x-first-death-reason",
		"x-last-death-exchange", "x-last-death-queue", "x-last-death-reason",
		"x-delivery-count", "x-acquired-count", "CC", "BCC"
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		rmq_table_remove(t, names[i]);
}
