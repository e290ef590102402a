/* SPDX-License-Identifier: MIT */
/*
 * Tables: their life and their entries.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "data/table.h"
#include "data/value.h"

enum { PAGE = 4096 };

void
table_init(struct rmq_table *t)
{
	*t = (struct rmq_table){ 0 };
	init_amqp_pool(&t->pool, PAGE);
}

void
table_clear(struct rmq_table *t)
{
	recycle_amqp_pool(&t->pool);
	t->table = amqp_empty_table;
	t->room = 0;
}

void
table_done(struct rmq_table *t)
{
	table_clear(t);
	empty_amqp_pool(&t->pool);
}

struct rmq_table *
rmq_table_new(void)
{
	struct rmq_table *t = malloc(sizeof *t);

	if (t != NULL)
		table_init(t);
	return t;
}

void
rmq_table_free(struct rmq_table *t)
{
	if (t == NULL)
		return;
	table_done(t);
	free(t);
}

const amqp_table_t *
table_amqp(const struct rmq_table *t)
{
	return t == NULL ? &amqp_empty_table : &t->table;
}

size_t
rmq_table_count(const struct rmq_table *t)
{
	return (size_t)table_amqp(t)->num_entries;
}

const amqp_table_entry_t *
table_find(const amqp_table_t *t, struct rmq_bytes name)
{
	for (int i = 0; i < t->num_entries; i++) {
		amqp_bytes_t key = t->entries[i].key;

		if (key.len == name.len && memcmp(key.bytes, name.data, key.len) == 0)
			return &t->entries[i];
	}
	return NULL;
}

/* The old array stays in the pool: doubling wastes as much as it uses. */
static bool
make_room(struct rmq_table *t)
{
	int room = t->table.num_entries < 8 ? 8 : t->table.num_entries * 2;
	amqp_table_entry_t *entries;

	if (t->table.num_entries < t->room)
		return true;
	entries = amqp_pool_alloc(&t->pool, (size_t)room * sizeof *entries);
	if (entries == NULL)
		return false;
	if (t->table.num_entries > 0)
		memcpy(entries, t->table.entries, (size_t)t->table.num_entries * sizeof *entries);
	t->table.entries = entries;
	t->room = room;
	return true;
}

static bool
append(struct rmq_table *t, struct rmq_bytes name, const amqp_field_value_t *value)
{
	amqp_field_value_t key;

	if (!make_room(t) || !value_set_bytes(&key, &t->pool, name))
		return false;
	t->table.entries[t->table.num_entries++] =
	    (amqp_table_entry_t){ .key = key.value.bytes, .value = *value };
	return true;
}

bool
table_put(struct rmq_table *t, struct rmq_bytes name, const amqp_field_value_t *value)
{
	const amqp_table_entry_t *old = table_find(&t->table, name);

	if (old == NULL)
		return append(t, name, value);
	t->table.entries[old - t->table.entries].value = *value;
	return true;
}

/* A table that arrived can have a name twice. */
void
rmq_table_remove(struct rmq_table *t, const char *name)
{
	const amqp_table_entry_t *entry;
	int at;

	while ((entry = table_find(&t->table, rmq_bytes(name))) != NULL) {
		at = (int)(entry - t->table.entries);
		t->table.num_entries--;
		memmove(&t->table.entries[at], entry + 1,
		    (size_t)(t->table.num_entries - at) * sizeof *entry);
	}
}

bool
table_string(const amqp_table_t *t, const char *name, struct rmq_bytes *out)
{
	const amqp_table_entry_t *entry = table_find(t, rmq_bytes(name));

	if (entry == NULL || entry->value.kind != AMQP_FIELD_KIND_UTF8)
		return false;
	*out = bytes_from_amqp(entry->value.value.bytes);
	return true;
}

bool
rmq_table_string(const struct rmq_table *t, const char *name, struct rmq_bytes *out)
{
	return table_string(table_amqp(t), name, out);
}

bool
rmq_table_get(const struct rmq_table *t, const char *name, struct rmq_buffer *text)
{
	const amqp_table_entry_t *entry = table_find(table_amqp(t), rmq_bytes(name));

	if (entry == NULL)
		return false;
	switch (entry->value.kind) {
	case AMQP_FIELD_KIND_UTF8:
	case AMQP_FIELD_KIND_BYTES:
		return rmq_buffer_add(text, entry->value.value.bytes.bytes, entry->value.value.bytes.len);
	case AMQP_FIELD_KIND_U64:
	case AMQP_FIELD_KIND_TIMESTAMP:
		return rmq_buffer_add_decimal(text, entry->value.value.u64);
	case AMQP_FIELD_KIND_F32:
		return number_add_float(text, entry->value.value.f32);
	case AMQP_FIELD_KIND_F64:
		return number_add_double(text, entry->value.value.f64);
	default:
		return integer_type_by_kind(entry->value.kind) != NULL &&
		    number_add_integer(text, value_integer(&entry->value));
	}
}
