/* SPDX-License-Identifier: MIT */
/* Formats: every letter, every escape, what is refused, and what a terminal gets to see. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/format.h"

static struct rmq_delivery delivery;
static struct rmq_properties properties;
static struct record record = { .delivery = &delivery, .properties = &properties, .queue = "tasks" };
static bool escape;

static struct rmq_bytes
bytes(const char *s, size_t len)
{
	return (struct rmq_bytes){ len, s };
}

static int
reset(void **state)
{
	(void)state;
	delivery = (struct rmq_delivery){
		.exchange = rmq_bytes("logs"),
		.routing_key = rmq_bytes("kern.critical"),
		.body = bytes("a\0b", 3),
	};
	properties = (struct rmq_properties){ 0 };
	record.properties = &properties;
	escape = false;
	return 0;
}

/* What the format prints, read back from a file. */
static size_t
print(const char *spec, char *got, size_t size)
{
	FILE *file = tmpfile();
	struct output out;
	struct format f;
	char why[64] = "";
	ssize_t n;

	assert_true(format_compile(&f, spec, why, sizeof(why)));
	output_open(&out, fileno(file), false, 1);
	out.escape = escape;
	format_put(&f, &record, &out);
	output_finish(&out);
	assert_int_equal(out.error, 0);
	n = pread(fileno(file), got, size, 0);
	assert_true(n >= 0);
	output_close(&out);
	format_free(&f);
	fclose(file);
	return (size_t)n;
}

static void
assert_prints(const char *spec, const char *expected, size_t len)
{
	char got[512];
	size_t n = print(spec, got, sizeof(got));

	assert_int_equal(n, len);
	assert_memory_equal(got, expected, len);
}

#define PRINTS(spec, literal) assert_prints(spec, literal, sizeof(literal) - 1)

static void
letters_of_the_delivery(void **state)
{
	(void)state;
	PRINTS("%s", "a\0b");
	PRINTS("%S", "3");
	PRINTS("%r", "kern.critical");
	PRINTS("%e", "logs");
	PRINTS("%q", "tasks");
	PRINTS("%q/%e %r:%s|%S", "tasks/logs kern.critical:a\0b|3");
	PRINTS("%s%s", "a\0ba\0b");
}

static void
letters_of_the_properties(void **state)
{
	struct rmq_table *headers = rmq_table_new();
	struct rmq_error error = { 0 };

	(void)state;
	assert_true(rmq_table_set(headers, "n", RMQ_STRING, "x", &error));
	properties.headers = headers;
	properties.message_id = rmq_bytes("id 1");
	properties.correlation_id = rmq_bytes("17");
	properties.has = RMQ_HAS_TIMESTAMP;
	properties.timestamp = 1795417200;
	PRINTS("%h", "{\"n\":\"x\"}");
	PRINTS("[%i] %c %T", "[id 1] 17 1795417200");
	rmq_table_free(headers);
}

static void
the_envelope_is_a_letter_too(void **state)
{
	(void)state;
	delivery.tag = 7;
	delivery.body = bytes("a\033", 2);
	properties.message_id = rmq_bytes("m");
	PRINTS("%r\\t%j\\n", "kern.critical\t{\"exchange\":\"logs\",\"routing_key\":\"kern.critical\",\"queue\":\"tasks\","
	    "\"redelivered\":false,\"delivery_tag\":7,\"properties\":{\"message_id\":\"m\"},\"payload_bytes\":2,"
	    "\"payload\":\"a\\u001b\",\"payload_encoding\":\"string\"}\n");
	delivery.properties = bytes("\xff\xff", 2);
	record.properties = NULL;
	delivery.body = bytes("", 0);
	PRINTS("%j", "{\"exchange\":\"logs\",\"routing_key\":\"kern.critical\",\"queue\":\"tasks\",\"redelivered\":false,"
	    "\"delivery_tag\":7,\"properties\":{\"$undecodable\":\"//8=\"},\"payload_bytes\":0,\"payload\":\"\","
	    "\"payload_encoding\":\"string\"}");
}

static void
absent_properties_print_nothing(void **state)
{
	(void)state;
	PRINTS("%h|%i|%c|%T|", "{}||||");
	record.properties = NULL;
	PRINTS("%h|%i|%c|%T|", "{}||||");
}

static void
escapes_of_the_format(void **state)
{
	(void)state;
	PRINTS("a\\n\\t\\r\\0\\\\z", "a\n\t\r\0\\z");
	PRINTS("\\x41\\x0a\\xfF", "A\n\xff");
	PRINTS("100%% %S%%", "100% 3%");
	PRINTS("", "");
	PRINTS("no letters", "no letters");
}

static void
only_what_is_shown_is_decoded(void **state)
{
	struct format f;
	char why[64];

	(void)state;
	assert_true(format_compile(&f, "%q %e %r %s %S%%h", why, sizeof(why)));
	assert_false(f.properties);
	format_free(&f);
	assert_true(format_compile(&f, "%s %T", why, sizeof(why)));
	assert_true(f.properties);
	format_free(&f);
}

static void
assert_refused(const char *spec, const char *reason)
{
	struct format f;
	char why[64] = "";

	assert_false(format_compile(&f, spec, why, sizeof(why)));
	assert_string_equal(why, reason);
	format_free(&f);
}

static void
bad_formats_are_named(void **state)
{
	(void)state;
	assert_refused("%s%Z", "unknown %Z");
	assert_refused("a\\qb", "unknown \\q");
	assert_refused("100%", "incomplete %");
	assert_refused("\\", "incomplete \\");
	assert_refused("\\x4", "incomplete \\x");
	assert_refused("\\xg0", "incomplete \\x");
}

static void
a_message_does_not_drive_the_terminal(void **state)
{
	(void)state;
	escape = true;
	delivery.body = bytes("\033[31m\r\0", 7);
	delivery.routing_key = rmq_bytes("k\a");
	PRINTS("%s", "\\033[31m\\r\\0");
	PRINTS("\\x1b[1m%r\\x1b[0m\\n", "\033[1mk\\a\033[0m\n");
}

static void
a_long_text_is_escaped_whole(void **state)
{
	static char body[20000], expected[20000];
	char *got = malloc(30000);
	size_t n;

	(void)state;
	assert_non_null(got);
	memset(body, 'x', sizeof(body));
	memset(expected, 'x', sizeof(expected));
	escape = true;
	delivery.body = bytes(body, sizeof(body));
	n = print("%s", got, 30000);
	assert_int_equal(n, sizeof(expected));
	assert_memory_equal(got, expected, n);
	free(got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(letters_of_the_delivery, reset),
		cmocka_unit_test_setup(letters_of_the_properties, reset),
		cmocka_unit_test_setup(the_envelope_is_a_letter_too, reset),
		cmocka_unit_test_setup(absent_properties_print_nothing, reset),
		cmocka_unit_test_setup(escapes_of_the_format, reset),
		cmocka_unit_test_setup(only_what_is_shown_is_decoded, reset),
		cmocka_unit_test_setup(bad_formats_are_named, reset),
		cmocka_unit_test_setup(a_message_does_not_drive_the_terminal, reset),
		cmocka_unit_test_setup(a_long_text_is_escaped_whole, reset),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
