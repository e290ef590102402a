/* SPDX-License-Identifier: MIT */
/*
 * Tables to bytes and back: everything that librabbitmq does not check itself
 * is checked here first, both on the way out and on the way in.
 */
#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "data/table.h"
#include "data/value.h"

/* Bytes of a value of fixed size, type letter not included; -1: another kind of type. */
static int
fixed_size(uint8_t kind)
{
	switch (kind) {
	case AMQP_FIELD_KIND_VOID:
		return 0;
	case AMQP_FIELD_KIND_BOOLEAN:
	case AMQP_FIELD_KIND_I8:
	case AMQP_FIELD_KIND_U8:
		return 1;
	case AMQP_FIELD_KIND_I16:
	case AMQP_FIELD_KIND_U16:
		return 2;
	case AMQP_FIELD_KIND_I32:
	case AMQP_FIELD_KIND_U32:
	case AMQP_FIELD_KIND_F32:
		return 4;
	case AMQP_FIELD_KIND_DECIMAL:
		return 5;
	case AMQP_FIELD_KIND_I64:
	case AMQP_FIELD_KIND_U64:
	case AMQP_FIELD_KIND_F64:
	case AMQP_FIELD_KIND_TIMESTAMP:
		return 8;
	default:
		return -1;
	}
}

static size_t table_size(const amqp_table_t *);

static size_t
value_size(const amqp_field_value_t *v)
{
	int fixed = fixed_size(v->kind);
	size_t size = 1 + 4;

	if (fixed >= 0)
		return 1 + (size_t)fixed;
	if (v->kind == AMQP_FIELD_KIND_TABLE)
		return 1 + table_size(&v->value.table);
	if (v->kind != AMQP_FIELD_KIND_ARRAY)
		return size + v->value.bytes.len;
	for (int i = 0; i < v->value.array.num_entries; i++)
		size += value_size(&v->value.array.entries[i]);
	return size;
}

static size_t
table_size(const amqp_table_t *t)
{
	size_t size = 4;

	for (int i = 0; i < t->num_entries; i++)
		size += 1 + t->entries[i].key.len + value_size(&t->entries[i].value);
	return size;
}

size_t
table_encoded_size(const struct rmq_table *t)
{
	return table_size(table_amqp(t));
}

static const char *table_fault(const amqp_table_t *, unsigned depth);

/* What a broker would not take; NULL: nothing. */
static const char *
value_fault(const amqp_field_value_t *v, unsigned depth)
{
	const char *fault = NULL;

	if (v->kind == AMQP_FIELD_KIND_TABLE)
		return table_fault(&v->value.table, depth + 1);
	if (v->kind != AMQP_FIELD_KIND_ARRAY)
		return value_is_finite(v) ? NULL : "a number is not finite";
	if (depth >= TABLE_DEPTH_SENT)
		return "nested too deep";
	for (int i = 0; i < v->value.array.num_entries && fault == NULL; i++)
		fault = value_fault(&v->value.array.entries[i], depth + 1);
	return fault;
}

static const char *
table_fault(const amqp_table_t *t, unsigned depth)
{
	const char *fault = NULL;

	if (depth > TABLE_DEPTH_SENT)
		return "nested too deep";
	for (int i = 0; i < t->num_entries && fault == NULL; i++)
		fault = t->entries[i].key.len > TABLE_KEY_SIZE ?
		    "a name is longer than 255 bytes" : value_fault(&t->entries[i].value, depth);
	return fault;
}

bool
table_sendable(const struct rmq_table *t, struct rmq_error *e)
{
	const char *fault = table_fault(table_amqp(t), 1);

	return fault == NULL || rmq_fail(e, RMQ_BAD_RECORD, 0, "headers: %s", fault);
}

/* A walk over an encoded table, without recursion; fault says why it stopped. */
struct scan {
	const uint8_t	*at;
	struct level {
		const uint8_t	*end;
		bool		 named;		/* a table, not an array */
	}		 levels[TABLE_DEPTH_RECEIVED + 1];
	unsigned	 depth, max_depth;
	const char	*fault;
};

static bool
stop(struct scan *s, const char *fault)
{
	s->fault = fault;
	return false;
}

static bool
skip(struct scan *s, size_t len)
{
	if (len > (size_t)(s->levels[s->depth].end - s->at))
		return stop(s, "a value is longer than what it is in");
	s->at += len;
	return true;
}

static bool
scan_length(struct scan *s, size_t *len)
{
	const uint8_t *p = s->at;

	if (!skip(s, 4))
		return false;
	*len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	return true;
}

static bool
enter(struct scan *s, bool named)
{
	const uint8_t *begin;
	size_t len;

	if (s->depth == s->max_depth)
		return stop(s, "nested too deep");
	if (!scan_length(s, &len))
		return false;
	begin = s->at;
	if (!skip(s, len))
		return false;
	s->levels[++s->depth] = (struct level){ begin + len, named };
	s->at = begin;
	return true;
}

static bool
scan_value(struct scan *s)
{
	uint8_t kind = *s->at;
	size_t len;

	if (!skip(s, 1))
		return false;
	switch (kind) {
	case AMQP_FIELD_KIND_TABLE:
	case AMQP_FIELD_KIND_ARRAY:
		return enter(s, kind == AMQP_FIELD_KIND_TABLE);
	case AMQP_FIELD_KIND_UTF8:
	case AMQP_FIELD_KIND_BYTES:
		return scan_length(s, &len) && skip(s, len);
	default:
		if (fixed_size(kind) < 0)
			return stop(s, "a type is unknown");
		return skip(s, (size_t)fixed_size(kind));
	}
}

static bool
scan_step(struct scan *s)
{
	const struct level *level = &s->levels[s->depth];

	if (s->at == level->end) {
		s->depth--;
		return true;
	}
	if (level->named && !skip(s, 1 + (size_t)*s->at))
		return false;
	if (s->at == level->end)
		return stop(s, "a name has no value");
	return scan_value(s);
}

bool
table_check(struct rmq_bytes encoded, unsigned max_depth, struct rmq_error *e)
{
	const uint8_t *begin = encoded.len == 0 ? (const uint8_t *)"" : encoded.data;
	const uint8_t *end = begin + encoded.len;
	struct scan s;

	s.at = begin;
	s.depth = 0;
	s.max_depth = max_depth < TABLE_DEPTH_RECEIVED ? max_depth : TABLE_DEPTH_RECEIVED;
	s.fault = NULL;
	s.levels[0] = (struct level){ end, false };
	if (enter(&s, true))
		while (s.depth > 0 && scan_step(&s))
			;
	if (s.fault == NULL && s.at != end)
		s.fault = "bytes follow it";
	return s.fault == NULL ||
	    rmq_fail(e, RMQ_PROTOCOL, 0, "malformed table at byte %zu: %s",
		(size_t)(s.at - begin), s.fault);
}

bool
table_decode(struct rmq_table *t, struct rmq_bytes encoded, struct rmq_error *e)
{
	size_t offset = 0;
	int r;

	table_clear(t);
	if (!table_check(encoded, TABLE_DEPTH_RECEIVED, e))
		return false;
	r = amqp_decode_table(bytes_to_amqp(encoded), &t->pool, &t->table, &offset);
	if (r == AMQP_STATUS_OK) {
		t->room = t->table.num_entries;
		return true;
	}
	t->table = amqp_empty_table;
	if (r == AMQP_STATUS_NO_MEMORY)
		return rmq_no_memory(e);
	return rmq_fail(e, RMQ_PROTOCOL, 0, "malformed table: %s", amqp_error_string2(r));
}

/*
 * By way of the encoding, which then belongs to the copy; librabbitmq's own
 * copying refuses empty names.
 */
struct rmq_table *
rmq_table_copy(const struct rmq_table *t)
{
	struct rmq_table *copy = rmq_table_new();
	amqp_table_t from = *table_amqp(t);
	amqp_bytes_t encoded;
	size_t offset = 0;

	if (copy == NULL)
		return NULL;
	amqp_pool_alloc_bytes(&copy->pool, table_encoded_size(t), &encoded);
	if (encoded.bytes != NULL && amqp_encode_table(encoded, &from, &offset) == AMQP_STATUS_OK) {
		offset = 0;
		if (amqp_decode_table(encoded, &copy->pool, &copy->table, &offset) == AMQP_STATUS_OK) {
			copy->room = copy->table.num_entries;
			return copy;
		}
	}
	rmq_table_free(copy);
	return NULL;
}
