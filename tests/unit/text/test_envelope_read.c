/* SPDX-License-Identifier: MIT */
/*
 * JSON envelopes that people and other programs write: what is taken from
 * them, and what is refused in which words.
 */
#include <sys/resource.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/properties.h"
#include "tables.h"

static struct rmq_envelope *envelope;

/* In a block of its own size, so that the sanitizer sees the first byte beyond. */
static bool
parse(struct rmq_bytes text, struct rmq_error *e)
{
	char *copy = malloc(text.len + 1);
	bool ok;

	*e = (struct rmq_error){ 0 };
	memcpy(copy, text.data, text.len);
	copy = realloc(copy, text.len > 0 ? text.len : 1);
	ok = rmq_envelope_parse(envelope, copy, text.len, e);
	free(copy);
	if (!ok) {
		assert_int_equal(e->status, RMQ_BAD_RECORD);
		assert_null(envelope->exchange.data);
		assert_null(envelope->body.data);
		assert_null(envelope->properties.headers);
		assert_int_equal(envelope->properties.has, 0);
	}
	return ok;
}

static void
accepted(const char *text)
{
	struct rmq_error e;

	if (!parse(rmq_bytes(text), &e))
		fail_msg("%s: %s", text, e.text);
}

static void
refused_bytes(struct rmq_bytes text, const char *why)
{
	struct rmq_error e;

	if (parse(text, &e))
		fail_msg("accepted: %.*s", (int)text.len, (const char *)text.data);
	if (strstr(e.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", e.text, why);
}

static void
refused(const char *text, const char *why)
{
	refused_bytes(rmq_bytes(text), why);
}

static void
a_payload_is_enough(void **state)
{
	(void)state;
	accepted("{\"payload\":\"hi\"}");
	assert_bytes(envelope->body, BYTES("hi"));
	assert_null(envelope->exchange.data);
	assert_null(envelope->routing_key.data);
	assert_null(envelope->properties.headers);
	assert_null(envelope->properties.content_type.data);
	assert_int_equal(envelope->properties.has, 0);
	accepted(" {\n\"payload\" : \"\" , \"exchange\":\"\", \"routing_key\":\"\"}\r\n");
	assert_non_null(envelope->body.data);
	assert_int_equal(envelope->body.len, 0);
	assert_non_null(envelope->exchange.data);
	assert_non_null(envelope->routing_key.data);
}

static void
what_the_management_api_writes_is_taken(void **state)
{
	(void)state;
	accepted("{\"payload_bytes\":3,\"redelivered\":true,\"exchange\":\"e\",\"routing_key\":\"r\",\"message_count\":2,"
	    "\"properties\":{\"type\":\"t\",\"priority\":9,\"delivery_mode\":1,\"headers\":{\"n\":5,\"r\":1.5,\"s\":\"x\","
	    "\"a\":[1,{}],\"v\":null}},\"payload\":\"YWJj\",\"payload_encoding\":\"base64\"}");
	assert_bytes(envelope->exchange, BYTES("e"));
	assert_bytes(envelope->routing_key, BYTES("r"));
	assert_bytes(envelope->body, BYTES("abc"));
	assert_bytes(envelope->properties.type, BYTES("t"));
	assert_int_equal(envelope->properties.has, RMQ_HAS_PRIORITY | RMQ_HAS_DELIVERY_MODE);
	assert_int_equal(envelope->properties.priority, 9);
	assert_int_equal(envelope->properties.delivery_mode, 1);
	assert_bytes(encode(envelope->properties.headers), BYTES("\0\0\0\x36\1nl\0\0\0\0\0\0\0\5\1rd\x3f\xf8\0\0\0\0\0\0"
	    "\1sS\0\0\0\1x\1aA\0\0\0\x0el\0\0\0\0\0\0\0\1F\0\0\0\0\1vV"));
	accepted("{\"payload\":\"x\",\"properties\":[],\"delivery_tag\":1,\"queue\":\"q\"}");
	accepted("{\"payload\":\"x\",\"properties\":{}}");
	assert_null(envelope->properties.headers);
	accepted("{\"payload\":\"x\",\"properties\":{\"headers\":{}}}");
	assert_non_null(envelope->properties.headers);
	assert_int_equal(rmq_table_count(envelope->properties.headers), 0);
}

static void
typed_values_are_taken_everywhere(void **state)
{
	(void)state;
	accepted("{\"payload\":\"\\u0000\\ud83d\\udc30\",\"exchange\":{\"$binary\":\"/w==\"},\"routing_key\":\"a\\u0000b\","
	    "\"properties\":{\"app_id\":{\"$binary\":\"\"},\"timestamp\":\"18446744073709551615\","
	    "\"headers\":{\"$table\":[[\"$\",{\"$uint8\":1}],[{\"$binary\":\"/w==\"},{\"$table\":[]}]]}}}");
	assert_bytes(envelope->body, BYTES("\0\360\237\220\260"));
	assert_bytes(envelope->exchange, BYTES("\377"));
	assert_bytes(envelope->routing_key, BYTES("a\0b"));
	assert_non_null(envelope->properties.app_id.data);
	assert_int_equal(envelope->properties.app_id.len, 0);
	assert_true(envelope->properties.timestamp == UINT64_MAX);
	assert_bytes(encode(envelope->properties.headers), BYTES("\0\0\0\x0b\1$B\1\1\377F\0\0\0\0"));
}

static void
what_is_no_json_is_refused_with_its_place(void **state)
{
	(void)state;
	refused("", "column 0: ");
	refused(" ", "column 1: ");
	refused("{\"payload\":?}", "column 12: ");
	refused("{\"payload\":\n \"x\",\n}", "line 3 column 1: ");
	refused("{\"payload\":\"x\"} x", "column 17: end of file expected");
	refused("{\"payload\":\"x\"}{\"payload\":\"y\"}", "column 16: end of file expected");
	refused("{\"payload\":\"x\",\"payload\":\"x\"}", "column 24: duplicate object key");
	refused("{\"payload\":\"x\",\"properties\":{\"headers\":{\"a\":1,\"a\":1}}}", "duplicate object key");
	refused("{\"payload\":\"\\ud800\"}", "invalid Unicode");
	refused("{\"payload\":\"\\udc00x\"}", "invalid Unicode");
	refused("{\"payload\":\"\377\"}", "unable to decode byte 0xff");
	refused("{\"payload\":\"\355\240\200\"}", "unable to decode byte 0xed");
	refused("{\"payload\":\"a\nb\"}", "unexpected newline");
	refused("{\"payload\":\"a\033b\"}", "control character 0x1b");
	refused_bytes(BYTES("{\"payload\":\"a\0b\"}"), "control character 0x0");
	refused_bytes(BYTES("{\"payload\":\"a\"}\0"), "end of file expected");
	refused("{\"payload\":\"x\",\"\\u0000\":1}", "NUL byte in object key");
	refused("{\"payload\":\"x\",\"properties\":{\"headers\":{\"a\\u0000\":1}}}", "NUL byte in object key");
	refused("{\"payload\":\"x\",\"properties\":{\"headers\":{\"n\":NaN}}}", "invalid token near 'NaN'");
	refused("{\"payload\":\"x\",\"properties\":{\"headers\":{\"n\":1e999}}}", "real number overflow");
	refused("{\"payload\":\"x\",\"properties\":{\"headers\":{\"n\":9223372036854775808}}}", "too big integer");
	refused("{\"payload\":\"x\",\"delivery_tag\":99999999999999999999}", "too big integer");
	refused("{\"payload\":\"x\",\"properties\":{\"headers\":{\"n\":-99999999999999999999}}}", "too big negative integer");
	refused("\357\273\277{\"payload\":\"x\"}", "column 1: ");
	refused("{'payload':'x'}", "column 2: ");
}

static void
unknown_names_are_refused(void **state)
{
	(void)state;
	refused("{}", "there is no payload");
	refused("{\"exchange\":\"e\"}", "there is no payload");
	refused("[]", "a message is a JSON object");
	refused("\"payload\"", "a message is a JSON object");
	refused("null", "a message is a JSON object");
	refused("{\"payload\":\"x\",\"routing-key\":\"k\"}", "unknown member 'routing-key'");
	refused("{\"payload\":\"x\",\"headers\":{}}", "unknown member 'headers'");
	refused("{\"payload\":\"x\",\"\":{}}", "unknown member ''");
	refused("{\"payload\":\"x\",\"properties\":{\"content-type\":\"t\"}}", "unknown property 'content-type'");
	refused("{\"payload\":\"x\",\"properties\":{\"\":\"t\"}}", "unknown property ''");
	refused("{\"payload\":\"x\",\"properties\":{\"$binary\":\"\"}}", "unknown property '$binary'");
	refused("{\"payload\":\"x\",\"properties\":{\"$undecodable\":\"AAE=\"}}", "$undecodable properties cannot be sent");
	refused("{\"payload\":\"x\",\"properties\":{\"headers\":{\"h\":{\"$strange\":1}}}}", "unknown type $strange");
}

static void
other_types_are_refused(void **state)
{
	static const struct {
		const char *members, *why;
	} cases[] = {
		{ "\"exchange\":null", "exchange takes a string" },
		{ "\"exchange\":{}", "exchange takes a string" },
		{ "\"exchange\":{\"$bytes\":\"\"}", "exchange takes a string" },
		{ "\"exchange\":{\"$binary\":\"\",\"x\":1}", "exchange takes a string" },
		{ "\"exchange\":{\"$binary\":1}", "$binary takes a string of base64" },
		{ "\"routing_key\":1", "routing_key takes a string" },
		{ "\"routing_key\":{\"$binary\":\"=\"}", "$binary takes a string of base64" },
		{ "\"redelivered\":\"no\"", "redelivered takes true or false" },
		{ "\"delivery_tag\":\"1\"", "delivery_tag takes an integer" },
		{ "\"delivery_tag\":-1", "delivery_tag takes an integer" },
		{ "\"message_count\":1.0", "message_count takes an integer" },
		{ "\"queue\":[]", "queue takes a string" },
		{ "\"properties\":null", "properties takes an object" },
		{ "\"properties\":[1]", "properties takes an object" },
		{ "\"properties\":\"\"", "properties takes an object" },
		{ "\"properties\":{\"headers\":[]}", "headers takes an object" },
		{ "\"properties\":{\"headers\":null}", "headers takes an object" },
		{ "\"properties\":{\"headers\":{\"$int8\":1}}", "headers takes an object" },
		{ "\"properties\":{\"headers\":{\"n\":{\"$int8\":128}}}", "$int8 takes an integer from -128 to 127" },
		{ "\"properties\":{\"content_type\":5}", "content_type takes a string" },
		{ "\"properties\":{\"expiration\":60000}", "expiration takes a string" },
		{ "\"properties\":{\"delivery_mode\":\"2\"}", "delivery_mode takes an integer from 0 to 255" },
		{ "\"properties\":{\"delivery_mode\":2.0}", "delivery_mode takes an integer from 0 to 255" },
		{ "\"properties\":{\"priority\":256}", "priority takes an integer from 0 to 255" },
		{ "\"properties\":{\"priority\":-1}", "priority takes an integer from 0 to 255" },
		{ "\"properties\":{\"timestamp\":-1}", "timestamp takes an integer from 0" },
		{ "\"properties\":{\"timestamp\":1.5}", "timestamp takes an integer from 0" },
		{ "\"properties\":{\"timestamp\":\"now\"}", "timestamp takes an integer from 0" },
		{ "\"payload_encoding\":\"utf8\"", "payload_encoding takes \"string\" or \"base64\"" },
		{ "\"payload_encoding\":\"string\\u0000\"", "payload_encoding takes" },
		{ "\"payload_encoding\":null", "payload_encoding takes" },
		{ "\"payload_encoding\":\"base64\"", "payload takes a string of base64" },
		{ "\"payload_bytes\":\"1\"", "payload_bytes takes an integer" },
		{ "\"payload_bytes\":2", "payload has 1 bytes, payload_bytes says 2" },
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(text, sizeof text, "{\"payload\":\"x\",%s}", cases[i].members);
		refused(text, cases[i].why);
	}
	refused("{\"payload\":1}", "payload takes a string");
	refused("{\"payload\":{\"$binary\":\"\"}}", "payload takes a string");
	refused("{\"payload\":null,\"payload_encoding\":\"base64\"}", "payload takes a string of base64");
}

static void
bad_base64_is_refused(void **state)
{
	static const char *const bad[] = { "A", "AA", "AAA", "AAAAA", "=", "====", "A===", "AA=A", "AA==AA==", "AB==", "AAB=",
		"AA= ", " AA=", "AA\\n=", "A_-A", "AA\\u0000=", "\303\251AA" };
	char text[100];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof text, "{\"payload\":\"%s\",\"payload_encoding\":\"base64\"}", bad[i]);
		refused(text, "payload takes a string of base64");
	}
}

static void
strings_have_255_bytes_at_most(void **state)
{
	static const char *const members[][2] = {
		{ "\"exchange\":", "" }, { "\"routing_key\":", "" }, { "\"properties\":{\"app_id\":", "}" },
	};
	char text[400], value[257];

	(void)state;
	memset(value, 'v', 256);
	value[256] = '\0';
	for (size_t i = 0; i < COUNT(members); i++) {
		snprintf(text, sizeof text, "{\"payload\":\"x\",%s\"%s\"%s}", members[i][0], value, members[i][1]);
		refused(text, "of 256 bytes is longer than 255");
		snprintf(text, sizeof text, "{\"payload\":\"x\",%s\"%s\"%s}", members[i][0], value + 1, members[i][1]);
		accepted(text);
	}
}

/* A message whose headers have levels values in one another. */
static struct rmq_buffer
deep_headers(const char *open, const char *close, int levels)
{
	struct rmq_buffer b = { 0 };

	assert_true(rmq_buffer_add(&b, "{\"payload\":\"x\",\"properties\":{\"headers\":{\"n\":", 44));
	for (int n = 0; n < levels; n++)
		assert_true(rmq_buffer_add(&b, open, strlen(open)));
	assert_true(rmq_buffer_add(&b, "1", 1));
	for (int n = 0; n < levels; n++)
		assert_true(rmq_buffer_add(&b, close, strlen(close)));
	assert_true(rmq_buffer_add(&b, "}}}", 3));
	return b;
}

static void
nesting_is_limited(void **state)
{
	static const char *const forms[][2] = {
		{ "[", "]" }, { "{\"a\":", "}" }, { "{\"$table\":[[\"a\",", "]]}" },
	};
	static const int levels[] = { 63, 64, 2049, 100000 };

	(void)state;
	for (size_t form = 0; form < COUNT(forms); form++)
		for (size_t i = 0; i < COUNT(levels); i++) {
			struct rmq_buffer b = deep_headers(forms[form][0], forms[form][1], levels[i]);
			struct rmq_error e;

			if (levels[i] == 63)
				assert_true(parse((struct rmq_bytes){ b.len, b.data }, &e));
			else
				refused_bytes((struct rmq_bytes){ b.len, b.data }, levels[i] == 64 ?
				    "more than 64 tables and arrays in one another" : "nested too deep");
			rmq_buffer_free(&b);
		}
}

static const char whole[] = "{\"exchange\":\"e\",\"routing_key\":{\"$binary\":\"/w==\"},\"redelivered\":false,"
    "\"delivery_tag\":7,\"properties\":{\"content_type\":\"t\",\"headers\":{\"a\":[1,{\"$float\":1.5},"
    "{\"$table\":[[\"$k\",{\"$decimal\":[1,2]}]]}],\"b\":{\"$bytes\":\"AAE=\"}},\"delivery_mode\":2,"
    "\"timestamp\":\"9\"},\"payload_bytes\":2,\"payload\":\"AP8=\",\"payload_encoding\":\"base64\"}";

static void
truncated_texts_are_refused(void **state)
{
	struct rmq_error e;

	(void)state;
	accepted(whole);
	for (size_t len = 0; len < sizeof whole - 1; len++)
		assert_false(parse((struct rmq_bytes){ len, whole }, &e));
}

static void
changed_bytes_do_no_harm(void **state)
{
	static const char other[] = "\"\\{}[]:,$0-9aA=\n \377";
	char text[sizeof whole];
	struct rmq_error e;

	(void)state;
	for (size_t at = 0; at < sizeof whole - 1; at++)
		for (size_t i = 0; i < sizeof other; i++) {
			memcpy(text, whole, sizeof whole);
			text[at] = other[i];
			parse((struct rmq_bytes){ sizeof whole - 1, text }, &e);
		}
}

/* What one message had does not show in the next one. */
static void
an_envelope_serves_many_messages(void **state)
{
	(void)state;
	for (int i = 0; i < 500; i++) {
		accepted(whole);
		assert_int_equal(rmq_table_count(envelope->properties.headers), 2);
		accepted("{\"payload\":\"x\"}");
		assert_null(envelope->properties.headers);
		assert_null(envelope->exchange.data);
		assert_int_equal(envelope->properties.has, 0);
		refused("{\"payload\":\"x\",\"properties\":{\"type\":\"t\",\"headers\":{\"a\":1},\"priority\":1},\"x\":1}", "'x'");
	}
}

static int
set_up(void **state)
{
	(void)state;
	return (envelope = rmq_envelope_new()) != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	rmq_envelope_free(envelope);
	rmq_envelope_free(NULL);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_payload_is_enough),
		cmocka_unit_test(what_the_management_api_writes_is_taken),
		cmocka_unit_test(typed_values_are_taken_everywhere),
		cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
		cmocka_unit_test(unknown_names_are_refused),
		cmocka_unit_test(other_types_are_refused),
		cmocka_unit_test(bad_base64_is_refused),
		cmocka_unit_test(strings_have_255_bytes_at_most),
		cmocka_unit_test(nesting_is_limited),
		cmocka_unit_test(truncated_texts_are_refused),
		cmocka_unit_test(changed_bytes_do_no_harm),
		cmocka_unit_test(an_envelope_serves_many_messages),
	};
	struct rlimit small = { 524288, 524288 };

	setrlimit(RLIMIT_STACK, &small);	/* deep input must not need a deep stack */
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
