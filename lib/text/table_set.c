/* SPDX-License-Identifier: MIT */
/* An entry of a table out of text, JSON included. */

#include "base/error.h"
#include "data/table.h"
#include "data/value.h"
#include "text/json.h"

static bool
read_value(struct rmq_table *t, enum rmq_type type, const char *text, amqp_field_value_t *value, struct rmq_error *e)
{
	if (type == RMQ_JSON)
		return json_read(&(struct json_reader){ &t->pool, RMQ_USAGE, e }, rmq_bytes(text), value);
	return value_parse(value, &t->pool, type, text, e);
}

bool
rmq_table_set(struct rmq_table *t, const char *key, enum rmq_type type, const char *text, struct rmq_error *e)
{
	struct rmq_bytes name = rmq_bytes(key);
	amqp_field_value_t value;

	if (name.len > TABLE_KEY_SIZE)
		return rmq_fail(e, RMQ_USAGE, 0, "a name of %zu bytes is longer than %d", name.len, TABLE_KEY_SIZE);
	if (!read_value(t, type, text, &value, e))
		return false;
	return table_put(t, name, &value) || rmq_no_memory(e);
}
