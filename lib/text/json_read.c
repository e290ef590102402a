/* SPDX-License-Identifier: MIT */
/*
 * JSON to values of a table.  jansson reads the text; the depth is checked
 * here.
 */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "data/table.h"
#include "data/value.h"
#include "text/json.h"

/* A table written as {"$table":[[name, value]]} takes three levels of JSON. */
enum { JSON_DEPTH = 4 * TABLE_DEPTH_SENT };

/* Room for n entries, never NULL for none of them; NULL: no memory. */
static void *
allocate(const struct json_reader *r, size_t n, size_t size)
{
	void *entries = n < INT32_MAX / size ? amqp_pool_alloc(r->pool, (n + 1) * size) : NULL;

	if (entries == NULL)
		rmq_no_memory(r->error);
	return entries;
}

static bool
base64_value(const struct json_reader *r, const char *key, json_t *json, uint8_t kind,
    amqp_field_value_t *v)
{
	struct rmq_bytes bytes;

	if (!json_read_base64(r, key, json, &bytes))
		return false;
	v->kind = kind;
	v->value.bytes = bytes_to_amqp(bytes);
	return true;
}

static bool
unsigned_value(const struct json_reader *r, const char *key, json_t *json, uint8_t kind,
    amqp_field_value_t *v)
{
	v->kind = kind;
	return json_read_unsigned(r, key, json, &v->value.u64);
}

/* NaN and infinities have a spelling in JSON, but brokers close the connection on them. */
static bool
real_value(const struct json_reader *r, const char *key, json_t *json, uint8_t kind,
    amqp_field_value_t *v)
{
	double n = json_number_value(json);

	v->kind = kind;
	if (kind == AMQP_FIELD_KIND_F32)
		v->value.f32 = (float)n;
	else
		v->value.f64 = n;
	return (json_is_number(json) && value_is_finite(v)) || json_refuse(r, key, "a finite number");
}

static bool
decimal_value(const struct json_reader *r, const char *key, json_t *json, amqp_field_value_t *v)
{
	json_t *scale = json_array_get(json, 0), *digits = json_array_get(json, 1);

	v->kind = AMQP_FIELD_KIND_DECIMAL;
	if (json_array_size(json) != 2 || !json_is_integer(scale) || !json_is_integer(digits) ||
	    json_integer_value(scale) < 0 || json_integer_value(scale) > UINT8_MAX ||
	    json_integer_value(digits) < 0 || json_integer_value(digits) > UINT32_MAX)
		return json_refuse(r, key, "[scale, value], at most 255 and 4294967295");
	v->value.decimal.decimals = (uint8_t)json_integer_value(scale);
	v->value.decimal.value = (uint32_t)json_integer_value(digits);
	return true;
}

static bool
check_depth(const struct json_reader *r, unsigned depth)
{
	return depth <= TABLE_DEPTH_SENT ||
	    rmq_fail(r->error, r->bad, 0, "more than %d tables and arrays in one another",
		TABLE_DEPTH_SENT);
}

static bool
entry_key(const struct json_reader *r, struct rmq_bytes key, amqp_table_entry_t *entry)
{
	amqp_field_value_t copy;

	if (key.len > TABLE_KEY_SIZE)
		return rmq_fail(r->error, r->bad, 0, "a name of %zu bytes is longer than %d",
		    key.len, TABLE_KEY_SIZE);
	if (!value_set_bytes(&copy, r->pool, key))
		return rmq_no_memory(r->error);
	entry->key = copy.value.bytes;
	return true;
}

/* One [name, value] of a $table. */
static bool
pair_entry(const struct json_reader *r, json_t *pair, unsigned depth, amqp_table_entry_t *entry)
{
	struct rmq_bytes name;

	if (json_array_size(pair) != 2)
		return json_refuse(r, "$table", "[[name, value], ...]");
	return json_read_bytes(r, "a name in $table", json_array_get(pair, 0), &name) &&
	    entry_key(r, name, entry) &&
	    json_read_value(r, json_array_get(pair, 1), depth, &entry->value);
}

static bool
pairs_value(const struct json_reader *r, json_t *pairs, unsigned depth, amqp_field_value_t *v)
{
	size_t n = json_array_size(pairs);
	amqp_table_t *t = &v->value.table;

	v->kind = AMQP_FIELD_KIND_TABLE;
	if (!json_is_array(pairs))
		return json_refuse(r, "$table", "[[name, value], ...]");
	if (!check_depth(r, depth) || (t->entries = allocate(r, n, sizeof t->entries[0])) == NULL)
		return false;
	t->num_entries = (int)n;
	for (size_t i = 0; i < n; i++)
		if (!pair_entry(r, json_array_get(pairs, i), depth, &t->entries[i]))
			return false;
	return true;
}

static bool
object_value(const struct json_reader *r, json_t *object, unsigned depth, amqp_field_value_t *v)
{
	size_t n = json_object_size(object);
	amqp_table_t *t = &v->value.table;
	amqp_table_entry_t *entry;
	const char *key;
	json_t *json;

	v->kind = AMQP_FIELD_KIND_TABLE;
	if (!check_depth(r, depth) || (entry = allocate(r, n, sizeof *entry)) == NULL)
		return false;
	*t = (amqp_table_t){ (int)n, entry };
	json_object_foreach(object, key, json) {
		if (!entry_key(r, rmq_bytes(key), entry) || !json_read_value(r, json, depth, &entry->value))
			return false;
		entry++;
	}
	return true;
}

static bool
array_value(const struct json_reader *r, json_t *array, unsigned depth, amqp_field_value_t *v)
{
	size_t n = json_array_size(array);
	amqp_array_t *a = &v->value.array;

	v->kind = AMQP_FIELD_KIND_ARRAY;
	if (!check_depth(r, depth) || (a->entries = allocate(r, n, sizeof a->entries[0])) == NULL)
		return false;
	a->num_entries = (int)n;
	for (size_t i = 0; i < n; i++)
		if (!json_read_value(r, json_array_get(array, i), depth, &a->entries[i]))
			return false;
	return true;
}

/* {"$int8":5} and the like. */
static bool
typed_value(const struct json_reader *r, const char *key, json_t *json, unsigned depth,
    amqp_field_value_t *v)
{
	const struct integer_type *type = integer_type_by_name(key + 1);

	if (type != NULL)
		return json_read_integer(r, key, json, type, v);
	if (strcmp(key, "$binary") == 0)
		return base64_value(r, key, json, AMQP_FIELD_KIND_UTF8, v);
	if (strcmp(key, "$bytes") == 0)
		return base64_value(r, key, json, AMQP_FIELD_KIND_BYTES, v);
	if (strcmp(key, "$uint64") == 0)
		return unsigned_value(r, key, json, AMQP_FIELD_KIND_U64, v);
	if (strcmp(key, "$timestamp") == 0)
		return unsigned_value(r, key, json, AMQP_FIELD_KIND_TIMESTAMP, v);
	if (strcmp(key, "$float") == 0)
		return real_value(r, key, json, AMQP_FIELD_KIND_F32, v);
	if (strcmp(key, "$double") == 0)
		return real_value(r, key, json, AMQP_FIELD_KIND_F64, v);
	if (strcmp(key, "$decimal") == 0)
		return decimal_value(r, key, json, v);
	if (strcmp(key, "$table") == 0)
		return pairs_value(r, json, depth, v);
	return rmq_fail(r->error, r->bad, 0, "unknown type %s", key);
}

static bool
table_value(const struct json_reader *r, json_t *json, unsigned depth, amqp_field_value_t *v)
{
	void *only = json_object_iter(json);

	if (json_object_size(json) == 1 && *json_object_iter_key(only) == '$')
		return typed_value(r, json_object_iter_key(only), json_object_iter_value(only),
		    depth, v);
	return object_value(r, json, depth, v);
}

static bool
string_value(const struct json_reader *r, const json_t *json, amqp_field_value_t *v)
{
	v->kind = AMQP_FIELD_KIND_UTF8;
	return value_set_bytes(v, r->pool,
	    (struct rmq_bytes){ json_string_length(json), json_string_value(json) }) || rmq_no_memory(r->error);
}

bool
json_read_value(const struct json_reader *r, json_t *json, unsigned depth, amqp_field_value_t *v)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return table_value(r, json, depth + 1, v);
	case JSON_ARRAY:
		return array_value(r, json, depth + 1, v);
	case JSON_STRING:
		return string_value(r, json, v);
	case JSON_INTEGER:
		v->kind = AMQP_FIELD_KIND_I64;
		v->value.i64 = json_integer_value(json);
		return true;
	case JSON_REAL:
		v->kind = AMQP_FIELD_KIND_F64;
		v->value.f64 = json_real_value(json);
		return true;
	case JSON_TRUE:
	case JSON_FALSE:
		v->kind = AMQP_FIELD_KIND_BOOLEAN;
		v->value.boolean = json_is_true(json);
		return true;
	default:
		v->kind = AMQP_FIELD_KIND_VOID;
		return true;
	}
}

/* Where the text is wrong; a text is one line as a rule, which its reader has a number for. */
static bool
misplaced(const struct json_reader *r, unsigned line, unsigned column, const char *what)
{
	if (line == 1)
		return rmq_fail(r->error, r->bad, 0, "column %u: %s", column, what);
	return rmq_fail(r->error, r->bad, 0, "line %u column %u: %s", line, column, what);
}

/* jansson recurses into the text, 2048 levels deep; so deep our stack need not be. */
static bool
check_nesting(const struct json_reader *r, struct rmq_bytes text)
{
	const char *p = text.data, *line = p;
	unsigned depth = 0, lines = 1;
	bool quoted = false;

	for (size_t i = 0; i < text.len; i++) {
		if (p[i] == '\n') {
			lines++;
			line = p + i + 1;
		} else if (quoted && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			quoted = !quoted;
		else if (!quoted && (p[i] == '[' || p[i] == '{') && ++depth > JSON_DEPTH)
			return misplaced(r, lines, (unsigned)(p + i - line + 1), "nested too deep");
		else if (!quoted && (p[i] == ']' || p[i] == '}') && depth > 0)
			depth--;
	}
	return true;
}

#define FLAGS	(JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY)

json_t *
json_open(const struct json_reader *r, struct rmq_bytes text)
{
	json_error_t why = { .text = "" };
	json_t *json;

	if (!check_nesting(r, text))
		return NULL;
	json = json_loadb(text.data, text.len, FLAGS, &why);
	/* Memory that it did not get jansson may call a mistake in the text: what is wrong is so twice. */
	if (json == NULL)
		json = json_loadb(text.data, text.len, FLAGS, &why);
	/* What jansson says nothing about is the memory that it did not get. */
	if (json == NULL && *why.text == '\0')
		rmq_no_memory(r->error);
	else if (json == NULL)
		misplaced(r, (unsigned)why.line, (unsigned)why.column, why.text);
	return json;
}

bool
json_read(const struct json_reader *r, struct rmq_bytes text, amqp_field_value_t *v)
{
	json_t *json = json_open(r, text);
	bool ok;

	if (json == NULL)
		return false;
	ok = json_read_value(r, json, 1, v);
	json_decref(json);
	return ok;
}
