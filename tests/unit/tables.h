/* SPDX-License-Identifier: MIT */
/*
 * What the tests of tables share.
 */
#ifndef TABLES_H
#define TABLES_H

#include "table.h"

/* A string literal with its NULs, without the last one. */
#define BYTES(s) ((struct rmq_bytes){ sizeof(s) - 1, (s) })
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static inline struct rmq_bytes
encode(const struct rmq_table *t)
{
	static uint8_t out[1 << 20];
	amqp_table_t table = *table_amqp(t);
	size_t len = 0;

	assert_int_equal(amqp_encode_table((amqp_bytes_t){ sizeof out, out }, &table, &len), AMQP_STATUS_OK);
	assert_int_equal(len, table_encoded_size(t));
	return (struct rmq_bytes){ len, out };
}

static inline void
assert_bytes(struct rmq_bytes got, struct rmq_bytes wanted)
{
	assert_int_equal(got.len, wanted.len);
	assert_memory_equal(got.data, wanted.data, wanted.len);
}

static inline void
assert_json(const struct rmq_table *t, const char *wanted)
{
	struct rmq_buffer b = { 0 };

	assert_true(rmq_table_json(t, &b));
	assert_true(rmq_buffer_add(&b, "", 1));
	assert_string_equal(b.data, wanted);
	rmq_buffer_free(&b);
}

#endif
