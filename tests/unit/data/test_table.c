/* SPDX-License-Identifier: MIT */
/*
 * Tables: every type from text to bytes to JSON and back.
 */
#include <sys/resource.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"
#include "tables.h"
#include "text/json.h"

/* Sets n, encodes, compares with the wanted bytes, decodes, and encodes and writes what was decoded. */
static void
round_trip(enum rmq_type type, const char *text, struct rmq_bytes wanted, const char *json)
{
	struct rmq_table *t = rmq_table_new(), *decoded = rmq_table_new();
	struct rmq_error e = { 0 };
	char *copy;

	assert_true(rmq_table_set(t, "n", type, text, &e));
	assert_true(table_sendable(t, &e));
	assert_bytes(encode(t), wanted);
	copy = malloc(wanted.len);
	memcpy(copy, wanted.data, wanted.len);
	assert_true(table_decode(decoded, (struct rmq_bytes){ wanted.len, copy }, &e));
	assert_bytes(encode(decoded), wanted);
	assert_json(decoded, json);
	rmq_table_free(decoded);
	rmq_table_free(t);
	free(copy);
}

/* One entry "n": the length of the table, its name, its type and value. */
#define ENTRY(len, value) BYTES("\0\0\0" len "\1n" value)

static void
types_become_bytes_and_json(void **state)
{
	(void)state;
	round_trip(RMQ_STRING, "h\303\251", ENTRY("\x0a", "S\0\0\0\3h\303\251"), "{\"n\":\"h\303\251\"}");
	round_trip(RMQ_STRING, "", ENTRY("\7", "S\0\0\0\0"), "{\"n\":\"\"}");
	round_trip(RMQ_STRING, "\377", ENTRY("\10", "S\0\0\0\1\377"), "{\"n\":{\"$binary\":\"/w==\"}}");
	round_trip(RMQ_BYTES, "ab", ENTRY("\11", "x\0\0\0\2ab"), "{\"n\":{\"$bytes\":\"YWI=\"}}");
	round_trip(RMQ_BOOL, "true", ENTRY("\4", "t\1"), "{\"n\":true}");
	round_trip(RMQ_BOOL, "0", ENTRY("\4", "t\0"), "{\"n\":false}");
	round_trip(RMQ_INT8, "-128", ENTRY("\4", "b\200"), "{\"n\":{\"$int8\":-128}}");
	round_trip(RMQ_UINT8, "255", ENTRY("\4", "B\377"), "{\"n\":{\"$uint8\":255}}");
	round_trip(RMQ_INT16, "-2", ENTRY("\5", "s\377\376"), "{\"n\":{\"$int16\":-2}}");
	round_trip(RMQ_UINT16, "65535", ENTRY("\5", "u\377\377"), "{\"n\":{\"$uint16\":65535}}");
	round_trip(RMQ_INT32, "-2147483648", ENTRY("\7", "I\200\0\0\0"), "{\"n\":{\"$int32\":-2147483648}}");
	round_trip(RMQ_UINT32, "4294967295", ENTRY("\7", "i\377\377\377\377"), "{\"n\":{\"$uint32\":4294967295}}");
	round_trip(RMQ_INT64, "-9223372036854775808", ENTRY("\x0b", "l\200\0\0\0\0\0\0\0"),
	    "{\"n\":-9223372036854775808}");
	round_trip(RMQ_INT64, "5", ENTRY("\x0b", "l\0\0\0\0\0\0\0\5"), "{\"n\":5}");
	round_trip(RMQ_UINT64, "5", ENTRY("\x0b", "L\0\0\0\0\0\0\0\5"), "{\"n\":{\"$uint64\":5}}");
	round_trip(RMQ_UINT64, "18446744073709551615", ENTRY("\x0b", "L\377\377\377\377\377\377\377\377"),
	    "{\"n\":{\"$uint64\":\"18446744073709551615\"}}");
	round_trip(RMQ_FLOAT, "0.1", ENTRY("\7", "f\x3d\xcc\xcc\xcd"), "{\"n\":{\"$float\":0.1}}");
	round_trip(RMQ_DOUBLE, "5", ENTRY("\x0b", "d\x40\x14\0\0\0\0\0\0"), "{\"n\":5.0}");
	round_trip(RMQ_DOUBLE, "-0.0", ENTRY("\x0b", "d\x80\0\0\0\0\0\0\0"), "{\"n\":-0.0}");
	round_trip(RMQ_DOUBLE, "0.30000000000000004", ENTRY("\x0b", "d\x3f\xd3\x33\x33\x33\x33\x33\x34"),
	    "{\"n\":0.30000000000000004}");
	round_trip(RMQ_TIMESTAMP, "1970-01-02T00:00:00Z", ENTRY("\x0b", "T\0\0\0\0\0\1\x51\x80"),
	    "{\"n\":{\"$timestamp\":86400}}");
	round_trip(RMQ_VOID, "", ENTRY("\3", "V"), "{\"n\":null}");
	round_trip(RMQ_VOID, NULL, ENTRY("\3", "V"), "{\"n\":null}");
}

static void
json_becomes_bytes_and_json_again(void **state)
{
	static const char *const texts[] = {
		"true", "false", "null", "0", "-9223372036854775808", "9223372036854775807", "1.5", "1e+300", "4.94065645841247e-324",
		"\"\"", "\"\\u0000\\u0001\\b\\f\\n\\r\\t\\\"\\\\/\\u007f\"", "\"\360\237\220\260\"", "{}", "[]", "[[],{},[[]]]",
		"{\"$int8\":-1}", "{\"$uint8\":255}", "{\"$int16\":-1}", "{\"$uint16\":65535}", "{\"$int32\":5}",
		"{\"$uint32\":4294967295}", "{\"$uint64\":9223372036854775807}", "{\"$uint64\":\"9223372036854775808\"}",
		"{\"$timestamp\":1700000000}", "{\"$timestamp\":\"18446744073709551615\"}", "{\"$float\":1.1}",
		"{\"$float\":3.40282347e+38}", "{\"$decimal\":[2,12345]}", "{\"$decimal\":[255,4294967295]}", "{\"$bytes\":\"\"}",
		"{\"$bytes\":\"AA==\"}", "{\"$bytes\":\"AAE=\"}", "{\"$bytes\":\"+/8A\"}", "{\"$binary\":\"//4=\"}",
		"{\"\":1}", "{\"a\":1,\"$b\":{\"c\":[1,\"2\",3.0,null,true]}}", "{\"$table\":[[\"$x\",1]]}",
		"{\"$table\":[[\"a\",1],[\"a\",2]]}", "{\"$table\":[[\"a\\u0000b\",1]]}",
		"{\"$table\":[[{\"$binary\":\"/w==\"},{\"$table\":[[\"$int8\",\"x\"]]}],[\"k\",null]]}",
	};
	struct rmq_error e = { 0 };
	char wanted[512];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct rmq_table *t = rmq_table_new(), *decoded = rmq_table_new();

		snprintf(wanted, sizeof wanted, "{\"n\":%s}", texts[i]);
		assert_true(rmq_table_set(t, "n", RMQ_JSON, texts[i], &e));
		assert_json(t, wanted);
		assert_true(table_decode(decoded, encode(t), &e));
		assert_json(decoded, wanted);
		rmq_table_free(decoded);
		rmq_table_free(t);
	}
}

static void
bad_values_are_refused(void **state)
{
	static const struct {
		enum rmq_type	 type;
		const char	*text;
	} bad[] = {
		{ RMQ_BOOL, "" }, { RMQ_BOOL, "yes" }, { RMQ_BOOL, "True" },
		{ RMQ_INT8, "128" }, { RMQ_INT8, "-129" }, { RMQ_UINT8, "-1" }, { RMQ_UINT8, "256" },
		{ RMQ_INT16, "32768" }, { RMQ_UINT16, "65536" }, { RMQ_INT32, "2147483648" }, { RMQ_UINT32, "4294967296" },
		{ RMQ_INT64, "9223372036854775808" }, { RMQ_INT64, "" }, { RMQ_INT64, "-" }, { RMQ_INT64, "+1" },
		{ RMQ_INT64, " 1" }, { RMQ_INT64, "1 " }, { RMQ_INT64, "0x10" }, { RMQ_INT64, "1.0" }, { RMQ_INT64, "--1" },
		{ RMQ_UINT64, "18446744073709551616" }, { RMQ_UINT64, "-1" }, { RMQ_UINT64, "" },
		{ RMQ_FLOAT, "1e39" }, { RMQ_FLOAT, "nan" }, { RMQ_FLOAT, "" }, { RMQ_DOUBLE, "inf" }, { RMQ_DOUBLE, "NaN" },
		{ RMQ_DOUBLE, "-Infinity" }, { RMQ_DOUBLE, "1e309" }, { RMQ_DOUBLE, "0x1p3" }, { RMQ_DOUBLE, "1,5" },
		{ RMQ_DOUBLE, " 1" }, { RMQ_DOUBLE, "1e" }, { RMQ_DOUBLE, "." },
		{ RMQ_TIMESTAMP, "" }, { RMQ_TIMESTAMP, "-1" }, { RMQ_TIMESTAMP, "now" }, { RMQ_TIMESTAMP, "2026-11-23" },
		{ RMQ_VOID, "x" },
		{ RMQ_JSON, "" }, { RMQ_JSON, "nul" }, { RMQ_JSON, "{" }, { RMQ_JSON, "1 2" }, { RMQ_JSON, "\"\377\"" },
		{ RMQ_JSON, "{\"a\":1,\"a\":2}" }, { RMQ_JSON, "9223372036854775808" }, { RMQ_JSON, "1e309" },
		{ RMQ_JSON, "{\"$int8\":128}" }, { RMQ_JSON, "{\"$int8\":1.0}" }, { RMQ_JSON, "{\"$int8\":\"1\"}" },
		{ RMQ_JSON, "{\"$uint32\":-1}" }, { RMQ_JSON, "{\"$uint64\":-1}" }, { RMQ_JSON, "{\"$uint64\":\"1x\"}" },
		{ RMQ_JSON, "{\"$uint64\":\"1\\u0000\"}" }, { RMQ_JSON, "{\"$uint64\":\"18446744073709551616\"}" },
		{ RMQ_JSON, "{\"$float\":1e39}" }, { RMQ_JSON, "{\"$float\":\"NaN\"}" }, { RMQ_JSON, "{\"$double\":\"Infinity\"}" },
		{ RMQ_JSON, "{\"$decimal\":[1]}" }, { RMQ_JSON, "{\"$decimal\":[256,1]}" }, { RMQ_JSON, "{\"$decimal\":[1,4294967296]}" },
		{ RMQ_JSON, "{\"$decimal\":1}" }, { RMQ_JSON, "{\"$bytes\":1}" }, { RMQ_JSON, "{\"$bytes\":\"A\"}" },
		{ RMQ_JSON, "{\"$bytes\":\"A===\"}" }, { RMQ_JSON, "{\"$bytes\":\"====\"}" }, { RMQ_JSON, "{\"$bytes\":\"AB==\"}" },
		{ RMQ_JSON, "{\"$bytes\":\"A=A=\"}" }, { RMQ_JSON, "{\"$bytes\":\"A_8A\"}" }, { RMQ_JSON, "{\"$bytes\":\"AA\"}" },
		{ RMQ_JSON, "{\"$bytes\":\"AA\\u0000=\"}" },
		{ RMQ_JSON, "{\"$table\":{}}" }, { RMQ_JSON, "{\"$table\":[1]}" }, { RMQ_JSON, "{\"$table\":[[\"a\"]]}" },
		{ RMQ_JSON, "{\"$table\":[[1,2]]}" }, { RMQ_JSON, "{\"$table\":[[{\"$bytes\":\"AA==\"},2]]}" },
		{ RMQ_JSON, "{\"$table\":[[\"a\",1,2]]}" }, { RMQ_JSON, "{\"$strange\":1}" }, { RMQ_JSON, "{\"$\":1}" },
	};
	struct rmq_table *t = rmq_table_new();

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct rmq_error e = { 0 };

		if (rmq_table_set(t, "n", bad[i].type, bad[i].text, &e))
			fail_msg("accepted: '%s'", bad[i].text);
		assert_int_equal(e.status, RMQ_USAGE);
		assert_int_not_equal(e.text[0], '\0');
	}
	assert_int_equal(rmq_table_count(t), 0);
	rmq_table_free(t);
}

static void
errors_in_json_name_the_place(void **state)
{
	struct rmq_table *t = rmq_table_new();
	struct rmq_error e = { 0 };

	(void)state;
	assert_false(rmq_table_set(t, "n", RMQ_JSON, "{\n  \"a\": ?\n}", &e));
	assert_non_null(strstr(e.text, "line 2 column 8: "));
	rmq_table_free(t);
}

static void
dates_become_seconds(void **state)
{
	static const struct {
		const char	*text;
		uint64_t	 seconds;
	} good[] = {
		{ "0", 0 }, { "1700000000", 1700000000 }, { "18446744073709551615", UINT64_MAX },
		{ "1970-01-01T00:00:00Z", 0 }, { "2026-11-23T07:00:00Z", 1795417200 }, { "2026-11-23t07:00:00z", 1795417200 },
		{ "2026-11-23 07:00:00.123456+00:00", 1795417200 }, { "2026-11-23T08:30:00+01:30", 1795417200 },
		{ "2026-11-22T23:00:00-08:00", 1795417200 }, { "2024-02-29T00:00:00Z", 1709164800 },
		{ "2016-12-31T23:59:60Z", 1483228800 }, { "9999-12-31T23:59:59Z", 253402300799 },
	};
	static const char *const bad[] = {
		"", "x", "2026-11-23", "2026-11-23T07:00:00", "2026-11-23T07:00Z", "2026-02-29T00:00:00Z", "2026-00-10T00:00:00Z",
		"2026-13-10T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+24:00",
		"2026-01-01T00:00:00+00:60", "2026-01-01T00:00:00+0000", "2026-01-01T00:00:00Zx", "2026-01-01T00:00:00+00:00x",
		"1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "-026-01-01T00:00:00Z", "2026-1-01T00:00:00Z", "1e9", "-5",
		"18446744073709551616",
	};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(number_parse_time(good[i].text, &n));
		assert_int_equal(n, good[i].seconds);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (number_parse_time(bad[i], &n))
			fail_msg("accepted: '%s'", bad[i]);
}

static void
types_have_names(void **state)
{
	enum rmq_type type;

	(void)state;
	assert_true(rmq_type_by_name("int", &type) && type == RMQ_INT64);
	assert_true(rmq_type_by_name("int32", &type) && type == RMQ_INT32);
	assert_true(rmq_type_by_name("byte", &type) && type == RMQ_INT8);
	assert_true(rmq_type_by_name("time", &type) && type == RMQ_TIMESTAMP);
	assert_true(rmq_type_by_name("json", &type) && type == RMQ_JSON);
	assert_false(rmq_type_by_name("Int", &type));
	assert_false(rmq_type_by_name("", &type));
}

static void
assert_text(const struct rmq_table *t, const char *name, const char *wanted)
{
	struct rmq_buffer b = { 0 };

	assert_true(rmq_table_get(t, name, &b));
	assert_true(rmq_buffer_add(&b, "", 1));
	assert_string_equal(b.data, wanted);
	rmq_buffer_free(&b);
}

static void
entries_are_set_replaced_and_got(void **state)
{
	struct rmq_table *t = rmq_table_new(), *copy;
	struct rmq_buffer b = { 0 };
	struct rmq_error e = { 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "k%d", i);
		assert_true(rmq_table_set(t, name, RMQ_INT32, name + 1, &e));
	}
	assert_true(rmq_table_set(t, "k7", RMQ_STRING, "seven", &e));
	assert_true(rmq_table_set(t, "", RMQ_DOUBLE, "1.5", &e));
	assert_int_equal(rmq_table_count(t), 101);
	assert_text(t, "k7", "seven");
	assert_text(t, "k99", "99");
	assert_text(t, "", "1.5");
	assert_true(rmq_table_set(t, "v", RMQ_VOID, "", &e));
	assert_false(rmq_table_get(t, "v", &b));
	assert_false(rmq_table_get(t, "K7", &b));
	assert_false(rmq_table_get(NULL, "k7", &b));

	copy = rmq_table_copy(t);
	assert_non_null(copy);
	rmq_table_free(t);
	assert_text(copy, "k7", "seven");
	assert_true(rmq_table_set(copy, "k7", RMQ_UINT64, "18446744073709551615", &e));
	assert_true(rmq_table_set(copy, "more", RMQ_FLOAT, "0.25", &e));
	assert_text(copy, "k7", "18446744073709551615");
	assert_text(copy, "more", "0.25");
	assert_int_equal(rmq_table_count(copy), 103);
	rmq_table_free(copy);

	copy = rmq_table_copy(NULL);
	assert_json(copy, "{}");
	rmq_table_free(copy);
}

static void
entries_are_removed(void **state)
{
	struct rmq_table *t = rmq_table_new();

	(void)state;
	assert_true(table_decode(t, BYTES("\0\0\0\x0f\1aV\1bt\1\1aV\0V\1cV"), NULL));
	rmq_table_remove(t, "x");
	assert_int_equal(rmq_table_count(t), 5);
	rmq_table_remove(t, "a");
	assert_json(t, "{\"b\":true,\"\":null,\"c\":null}");
	rmq_table_remove(t, "c");
	rmq_table_remove(t, "");
	assert_bytes(encode(t), BYTES("\0\0\0\4\1bt\1"));
	assert_true(rmq_table_set(t, "d", RMQ_VOID, "", NULL));
	rmq_table_remove(t, "b");
	rmq_table_remove(t, "d");
	rmq_table_remove(t, "d");
	assert_int_equal(rmq_table_count(t), 0);
	rmq_table_free(t);
}

static void
names_have_255_bytes_at_most(void **state)
{
	struct rmq_table *t = rmq_table_new();
	struct rmq_error e = { 0 };
	char name[257], json[300];

	(void)state;
	memset(name, 'k', 256);
	name[256] = '\0';
	assert_false(rmq_table_set(t, name, RMQ_VOID, "", &e));
	assert_int_equal(e.status, RMQ_USAGE);
	snprintf(json, sizeof json, "{\"%s\":1}", name);
	assert_false(rmq_table_set(t, "n", RMQ_JSON, json, NULL));
	snprintf(json, sizeof json, "{\"$table\":[[\"%s\",1]]}", name);
	assert_false(rmq_table_set(t, "n", RMQ_JSON, json, NULL));
	assert_true(rmq_table_set(t, name + 1, RMQ_VOID, "", &e));
	assert_int_equal(encode(t).len, 4 + 1 + 255 + 1);
	assert_true(table_check(encode(t), 1, &e));
	rmq_table_free(t);
}

static void
nesting_in_json_is_limited(void **state)
{
	static const struct {
		const char	*open, *close;
		int		 levels;
		bool		 good;
	} cases[] = {
		{ "[", "]", 63, true }, { "[", "]", 64, false }, { "[", "]", 10000, false },
		{ "{\"a\":", "}", 63, true }, { "{\"a\":", "}", 64, false }, { "{\"a\":", "}", 10000, false },
		{ "{\"$table\":[[\"a\",", "]]}", 63, true }, { "{\"$table\":[[\"a\",", "]]}", 64, false },
		{ "\"[", "\"", 1, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct rmq_buffer b = { 0 };
		struct rmq_table *t = rmq_table_new();
		struct rmq_error e = { 0 };

		for (int n = 0; n < cases[i].levels; n++)
			assert_true(rmq_buffer_add(&b, cases[i].open, strlen(cases[i].open)));
		assert_true(*cases[i].open == '"' || rmq_buffer_add(&b, "1", 1));
		for (int n = 0; n < cases[i].levels; n++)
			assert_true(rmq_buffer_add(&b, cases[i].close, strlen(cases[i].close)));
		assert_true(rmq_buffer_add(&b, "", 1));
		assert_int_equal(rmq_table_set(t, "n", RMQ_JSON, b.data, &e), cases[i].good);
		assert_true(!cases[i].good || table_sendable(t, &e));
		rmq_table_free(t);
		rmq_buffer_free(&b);
	}
}

static void
reals_read_back_as_the_same_bits(void **state)
{
	uint64_t seed = 88172645463325252u;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct rmq_buffer b = { 0 };
		double d, back;
		float f, fback;
		uint32_t low;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		low = (uint32_t)seed;
		memcpy(&d, &seed, sizeof d);
		memcpy(&f, &low, sizeof f);
		if (d - d != 0 || f - f != 0)
			continue;
		assert_true(number_add_double(&b, d) && rmq_buffer_add(&b, "", 1));
		assert_true(number_parse_double(b.data, &back));
		assert_memory_equal(&d, &back, sizeof d);
		b.len = 0;
		assert_true(number_add_float(&b, f) && rmq_buffer_add(&b, "", 1));
		assert_true(number_parse_float(b.data, &fback));
		assert_memory_equal(&f, &fback, sizeof f);
		rmq_buffer_free(&b);
	}
}

static void
utf8_is_checked(void **state)
{
	static const char *const good[] = {
		"", "a", "\x7f", "\302\200", "\337\277", "\340\240\200", "\355\237\277", "\356\200\200", "\357\277\277",
		"\360\220\200\200", "\364\217\277\277", "12345678\303\251", "1234567\303\251x", "\303\251zzzzzzzz",
	};
	static const char *const bad[] = {
		"\200", "\277", "\300\200", "\301\277", "\302", "\302\101", "\340\200\200", "\340\237\277", "\340\240",
		"\355\240\200", "\355\277\277", "\360\200\200\200", "\360\217\277\277", "\360\220\200", "\364\220\200\200",
		"\365\200\200\200", "\370\200\200\200\200", "\376", "\377", "12345678\377", "1234567\377", "\342\202\50",
	};

	(void)state;
	assert_true(rmq_utf8((struct rmq_bytes){ 0, NULL }));
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(rmq_utf8(rmq_bytes(good[i])));
	for (size_t i = 0; i < COUNT(bad); i++)
		if (rmq_utf8(rmq_bytes(bad[i])))
			fail_msg("bad[%zu] accepted", i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_become_bytes_and_json),
		cmocka_unit_test(json_becomes_bytes_and_json_again),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(errors_in_json_name_the_place),
		cmocka_unit_test(dates_become_seconds),
		cmocka_unit_test(types_have_names),
		cmocka_unit_test(entries_are_set_replaced_and_got),
		cmocka_unit_test(entries_are_removed),
		cmocka_unit_test(names_have_255_bytes_at_most),
		cmocka_unit_test(nesting_in_json_is_limited),
		cmocka_unit_test(reals_read_back_as_the_same_bits),
		cmocka_unit_test(utf8_is_checked),
	};
	struct rlimit small = { 524288, 524288 };

	setrlimit(RLIMIT_STACK, &small);	/* deep input must not need a deep stack */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
