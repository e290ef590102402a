/* SPDX-License-Identifier: MIT */
/*
 * What the tests of tables share.
 */
#ifndef TABLES_H
#define TABLES_H

#include "data/table.h"

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

/* levels tables ("n") or arrays in one another; the outermost is always a table. */
static inline struct rmq_bytes
nested(size_t levels, bool arrays, uint8_t *out)
{
	size_t per_level = arrays ? 5 : 7, len = 4 + (levels - 1) * per_level + (arrays && levels > 1 ? 2 : 0);
	uint8_t *p = out;

	for (size_t i = 0; i < levels; i++) {
		size_t left;

		if (i > 0) {
			if (!arrays || i == 1) {
				*p++ = 1;
				*p++ = 'n';
			}
			*p++ = arrays ? 'A' : 'F';
		}
		left = len - (size_t)(p - out) - 4;
		for (int shift = 24; shift >= 0; shift -= 8)
			*p++ = (uint8_t)(left >> shift);
	}
	assert_int_equal(p - out, len);
	return (struct rmq_bytes){ len, out };
}

/* Every type, tables and arrays in one another: what the hostile tests start from. */
static inline struct rmq_bytes
rich_table(void)
{
	return BYTES("\0\0\0\x96" "\1at\1" "\1bb\200" "\1cB\377" "\1ds\1\2" "\1eu\1\2" "\1fI\1\2\3\4" "\1gi\1\2\3\4"
	    "\1hl\1\2\3\4\5\6\7\10" "\1iL\377\2\3\4\5\6\7\10" "\1jf\x3f\x80\0\0" "\1kd\x3f\xf0\0\0\0\0\0\0"
	    "\1lD\2\0\0\1\0" "\1mS\0\0\0\3abc" "\1nx\0\0\0\2\0\377" "\1oT\0\0\0\0\1\2\3\4" "\1pV"
	    "\1qA\0\0\0\5VVVt\1" "\1rF\0\0\0\x0e" "\1sF\0\0\0\0" "\0A\0\0\0\1V");
}

#endif
