/* SPDX-License-Identifier: MIT */
/*
 * Encoded tables, above all those that nobody should send.
 */
#include <sys/resource.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tables.h"

static bool
is_malformed(struct rmq_bytes encoded, const char *why)
{
	struct rmq_table *t = rmq_table_new();
	struct rmq_error e = { 0 };
	bool ok = table_decode(t, encoded, &e);

	if (!ok) {
		assert_int_equal(e.status, RMQ_PROTOCOL);
		assert_int_equal(rmq_table_count(t), 0);
	}
	if (!ok && why != NULL)
		assert_non_null(strstr(e.text, why));
	rmq_table_free(t);
	return !ok;
}

static void
nesting_on_the_wire_is_limited(void **state)
{
	static uint8_t out[100000];

	(void)state;
	for (int arrays = 0; arrays < 2; arrays++) {
		assert_false(is_malformed(nested(1, arrays, out), NULL));
		assert_false(is_malformed(nested(64, arrays, out), NULL));
		assert_true(is_malformed(nested(65, arrays, out), "too deep"));
		assert_true(is_malformed(nested(10000, arrays, out), "too deep"));
		assert_true(table_check(nested(3, arrays, out), 3, NULL));
		assert_false(table_check(nested(4, arrays, out), 3, NULL));
		assert_false(table_check(nested(65, arrays, out), 1000, NULL));
	}
}

static void
what_is_received_can_be_sent(void **state)
{
	struct rmq_table *t = rmq_table_new();
	struct rmq_buffer b = { 0 };
	struct rmq_error e = { 0 };
	uint8_t out[1000];

	(void)state;
	for (int arrays = 0; arrays < 2; arrays++) {
		struct rmq_bytes deepest = nested(64, arrays, out);
		struct rmq_table *copy;

		assert_true(table_decode(t, deepest, &e));
		assert_true(table_sendable(t, &e));
		assert_bytes(encode(t), deepest);
		assert_true(rmq_table_json(t, &b));
		copy = rmq_table_copy(t);
		assert_bytes(encode(copy), deepest);
		rmq_table_free(copy);
	}
	rmq_buffer_free(&b);
	rmq_table_free(t);
}

/* Such as neither decoding nor JSON lets through. */
static void
deeper_tables_are_not_sent(void **state)
{
	amqp_table_entry_t entries[64] = { 0 };
	struct rmq_table t = { .table = { 1, entries } };
	struct rmq_error e = { 0 };

	(void)state;
	for (size_t i = 0; i < 63; i++) {
		entries[i].value.kind = AMQP_FIELD_KIND_TABLE;
		entries[i].value.value.table = (amqp_table_t){ 1, &entries[i + 1] };
	}
	entries[63].value.kind = AMQP_FIELD_KIND_VOID;
	assert_true(table_sendable(&t, &e));
	entries[63].value.kind = AMQP_FIELD_KIND_TABLE;
	assert_false(table_sendable(&t, NULL));
	entries[63].value.kind = AMQP_FIELD_KIND_ARRAY;
	assert_false(table_sendable(&t, &e));
	assert_int_equal(e.status, RMQ_BAD_RECORD);
	assert_string_equal(e.text, "headers: nested too deep");
}

static void
a_rich_table_survives(void **state)
{
	struct rmq_table *t = rmq_table_new();
	struct rmq_error e = { 0 };

	(void)state;
	if (!table_decode(t, rich_table(), &e))
		fail_msg("%s", e.text);
	assert_bytes(encode(t), rich_table());
	assert_json(t, "{\"a\":true,\"b\":{\"$int8\":-128},\"c\":{\"$uint8\":255},\"d\":{\"$int16\":258},"
	    "\"e\":{\"$uint16\":258},\"f\":{\"$int32\":16909060},\"g\":{\"$uint32\":16909060},\"h\":72623859790382856,"
	    "\"i\":{\"$uint64\":\"18375252745424078600\"},\"j\":{\"$float\":1.0},\"k\":1.0,\"l\":{\"$decimal\":[2,256]},"
	    "\"m\":\"abc\",\"n\":{\"$bytes\":\"AP8=\"},\"o\":{\"$timestamp\":16909060},\"p\":null,"
	    "\"q\":[null,null,null,true],\"r\":{\"s\":{},\"\":[null]}}");
	rmq_table_free(t);
}

/* Each in a block of its own size, so that the sanitizer sees the first byte beyond. */
static void
check_exact(const uint8_t *bytes, size_t len, bool must_fail)
{
	struct rmq_table *t = rmq_table_new();
	struct rmq_buffer json = { 0 };
	uint8_t *copy = malloc(len + 1);

	memcpy(copy, bytes, len);
	copy = realloc(copy, len > 0 ? len : 1);
	if (table_decode(t, (struct rmq_bytes){ len, copy }, NULL)) {
		assert_false(must_fail);
		assert_true(rmq_table_json(t, &json));
		assert_int_equal(table_encoded_size(t), len);
	}
	rmq_buffer_free(&json);
	rmq_table_free(t);
	free(copy);
}

static void
truncated_tables_are_refused(void **state)
{
	struct rmq_bytes whole = rich_table();
	uint8_t bytes[256];

	(void)state;
	for (size_t len = 0; len < whole.len; len++) {
		memcpy(bytes, whole.data, whole.len);
		check_exact(bytes, len, true);
		/* The outer length agrees: now it is an inner value that is cut. */
		if (len >= 4) {
			bytes[3] = (uint8_t)(len - 4);
			check_exact(bytes, len, false);
		}
	}
	memcpy(bytes, whole.data, whole.len);
	bytes[whole.len] = 0;
	check_exact(bytes, whole.len + 1, true);
	assert_true(is_malformed((struct rmq_bytes){ 0, NULL }, "longer"));
}

static void
changed_bytes_do_no_harm(void **state)
{
	struct rmq_bytes whole = rich_table();
	uint8_t bytes[256];

	(void)state;
	for (size_t at = 0; at < whole.len; at++)
		for (unsigned value = 0; value < 256; value++) {
			memcpy(bytes, whole.data, whole.len);
			bytes[at] = (uint8_t)value;
			check_exact(bytes, whole.len, false);
		}
}

static void
random_bytes_do_no_harm(void **state)
{
	static const char alphabet[] = "tbBsuIilLfdDSxATFV\0\0\0\0\0\1\1\2\3\4\5\10\377";
	uint8_t bytes[64] = { 0 };
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		for (size_t at = 4; at < sizeof bytes; at++) {
			seed = seed * 1103515245u + 12345;
			bytes[at] = (uint8_t)alphabet[(seed >> 16) % (sizeof alphabet - 1)];
		}
		bytes[3] = (uint8_t)((seed >> 16) % 61);
		check_exact(bytes, 4u + bytes[3], false);
	}
}

static void
only_known_types_are_accepted(void **state)
{
	uint8_t bytes[] = { 0, 0, 0, 3, 1, 'n', 0 };

	(void)state;
	for (unsigned kind = 0; kind < 256; kind++) {
		bytes[6] = (uint8_t)kind;
		if (kind == 'V')
			assert_false(is_malformed((struct rmq_bytes){ sizeof bytes, bytes }, NULL));
		else if (kind != 0 && strchr("tbBsuIilLfdDSxATF", (int)kind) != NULL)
			assert_true(is_malformed((struct rmq_bytes){ sizeof bytes, bytes }, "longer"));
		else
			assert_true(is_malformed((struct rmq_bytes){ sizeof bytes, bytes }, "unknown"));
	}
}

static void
lengths_beyond_the_end_are_refused(void **state)
{
	(void)state;
	assert_true(is_malformed(BYTES("\377\377\377\377"), "longer"));
	assert_true(is_malformed(BYTES("\0\0\0\7\1nS\377\377\377\377"), "longer"));
	assert_true(is_malformed(BYTES("\0\0\0\7\1nA\377\377\377\377"), "longer"));
	assert_true(is_malformed(BYTES("\0\0\0\7\1nF\0\0\0\1"), "longer"));
	assert_true(is_malformed(BYTES("\0\0\0\2\5n"), "longer"));
	assert_true(is_malformed(BYTES("\0\0\0\2\1n"), "no value"));
	/* The inner table ends in the middle of its value, which the outer one has in full. */
	assert_true(is_malformed(BYTES("\0\0\0\x0e\1nF\0\0\0\5\1mI\0\0\0\1"), "longer"));
	assert_true(is_malformed(BYTES("\0\0\0\0x"), "follow"));
}

static void
a_large_table_is_no_trouble(void **state)
{
	struct rmq_table *t = rmq_table_new(), *decoded = rmq_table_new();
	struct rmq_buffer b = { 0 };
	struct rmq_error e = { 0 };
	char *value = malloc(200001);
	char name[16];

	(void)state;
	memset(value, 'v', 200000);
	value[200000] = '\0';
	assert_true(rmq_table_set(t, "large", RMQ_STRING, value, &e));
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "k%d", i);
		assert_true(rmq_table_set(t, name, RMQ_VOID, "", &e));
	}
	assert_true(table_decode(decoded, encode(t), &e));
	assert_int_equal(rmq_table_count(decoded), 2001);
	assert_true(rmq_table_json(decoded, &b));
	assert_int_equal(b.data[1], '"');
	rmq_buffer_free(&b);
	rmq_table_free(decoded);
	rmq_table_free(t);
	free(value);
}

/* 40 names: too many for the short way; the last one is there twice. */
static void
duplicates_are_found_among_many(void **state)
{
	uint8_t bytes[4 + 40 * 3] = { 0, 0, 0, 120 };
	struct rmq_table *t = rmq_table_new();
	struct rmq_buffer b = { 0 };

	(void)state;
	for (size_t i = 0; i < 40; i++)
		memcpy(bytes + 4 + i * 3, (uint8_t[]){ 1, (uint8_t)('0' + i), 'V' }, 3);
	assert_true(table_decode(t, (struct rmq_bytes){ sizeof bytes, bytes }, NULL));
	assert_true(rmq_table_json(t, &b));
	assert_memory_equal(b.data, "{\"0\":null,", 10);
	bytes[sizeof bytes - 2] = '0';
	b.len = 0;
	assert_true(table_decode(t, (struct rmq_bytes){ sizeof bytes, bytes }, NULL));
	assert_true(rmq_table_json(t, &b));
	assert_memory_equal(b.data, "{\"$table\":[[\"0\",null],", 22);
	rmq_buffer_free(&b);
	rmq_table_free(t);
}

static void
numbers_without_end_are_shown_but_not_sent(void **state)
{
	static const struct {
		struct rmq_bytes encoded;
		const char	*json;
	} cases[] = {
		{ { 11, "\0\0\0\7\1nf\x7f\xc0\0\0" }, "{\"n\":{\"$float\":\"NaN\"}}" },
		{ { 11, "\0\0\0\7\1nf\xff\x80\0\0" }, "{\"n\":{\"$float\":\"-Infinity\"}}" },
		{ { 15, "\0\0\0\x0b\1nd\x7f\xf8\0\0\0\0\0\0" }, "{\"n\":{\"$double\":\"NaN\"}}" },
		{ { 15, "\0\0\0\x0b\1nd\x7f\xf0\0\0\0\0\0\0" }, "{\"n\":{\"$double\":\"Infinity\"}}" },
	};
	struct rmq_table *t = rmq_table_new();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(table_decode(t, cases[i].encoded, NULL));
		assert_json(t, cases[i].json);
		assert_false(table_sendable(t, NULL));
	}
	rmq_table_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nesting_on_the_wire_is_limited),
		cmocka_unit_test(what_is_received_can_be_sent),
		cmocka_unit_test(deeper_tables_are_not_sent),
		cmocka_unit_test(a_rich_table_survives),
		cmocka_unit_test(truncated_tables_are_refused),
		cmocka_unit_test(changed_bytes_do_no_harm),
		cmocka_unit_test(random_bytes_do_no_harm),
		cmocka_unit_test(only_known_types_are_accepted),
		cmocka_unit_test(lengths_beyond_the_end_are_refused),
		cmocka_unit_test(a_large_table_is_no_trouble),
		cmocka_unit_test(duplicates_are_found_among_many),
		cmocka_unit_test(numbers_without_end_are_shown_but_not_sent),
	};
	struct rlimit small = { 524288, 524288 };

	setrlimit(RLIMIT_STACK, &small);	/* deep input must not need a deep stack */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
