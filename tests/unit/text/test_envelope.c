/* SPDX-License-Identifier: MIT */
/*
 * JSON envelopes: what they look like, and that a message which went through
 * one has the same bytes again.
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

enum { ROOM = 131072 };

static struct properties_scratch scratch;
static struct rmq_envelope *envelope;
static struct rmq_buffer json;
static uint8_t out[ROOM];

/* Of a delivery whose properties are good. */
static void
write_json(const struct rmq_delivery *d)
{
	struct rmq_properties p;
	struct rmq_error e = { 0 };

	if (!properties_decode(d->properties, &scratch, &p, &e))
		fail_msg("%s", e.text);
	json.len = 0;
	assert_true(rmq_envelope_json(d, NULL, &p, &json));
}

/* In a block of its own size, so that the sanitizer sees the first byte beyond. */
static void
parse_json(void)
{
	struct rmq_error e = { 0 };
	char *copy = malloc(json.len);

	memcpy(copy, json.data, json.len);
	if (!rmq_envelope_parse(envelope, copy, json.len, &e))
		fail_msg("%s in %.*s", e.text, (int)json.len, json.data);
	free(copy);
}

static void
assert_same_bytes(struct rmq_bytes got, struct rmq_bytes wanted)
{
	if (got.len != wanted.len || memcmp(got.data, wanted.data, got.len) != 0)
		fail_msg("changed by %.*s", (int)json.len, json.data);
	assert_non_null(got.data);
}

static void
survives(struct rmq_bytes properties, struct rmq_bytes body)
{
	struct rmq_delivery d = { .tag = 1, .exchange = rmq_bytes(""), .routing_key = BYTES("k\377"),
		.properties = properties, .body = body };
	struct rmq_error e = { 0 };
	ssize_t len;

	write_json(&d);
	parse_json();
	assert_same_bytes(envelope->exchange, d.exchange);
	assert_same_bytes(envelope->routing_key, d.routing_key);
	assert_same_bytes(envelope->body, d.body);
	if ((len = properties_encode(&envelope->properties, out, ROOM, &e)) < 0)
		fail_msg("%s", e.text);
	assert_same_bytes((struct rmq_bytes){ (size_t)len, out }, properties);
}

static void
headers_survive(struct rmq_bytes table)
{
	uint8_t *bytes = malloc(table.len + 2);

	bytes[0] = AMQP_BASIC_HEADERS_FLAG >> 8;
	bytes[1] = 0;
	memcpy(bytes + 2, table.data, table.len);
	survives((struct rmq_bytes){ table.len + 2, bytes }, BYTES(""));
	free(bytes);
}

static void
assert_written(const struct rmq_delivery *d, const char *queue, const struct rmq_properties *p, const char *wanted)
{
	json.len = 0;
	assert_true(rmq_buffer_add(&json, "[", 1));
	assert_true(rmq_envelope_json(d, queue, p, &json));
	assert_true(rmq_buffer_add(&json, "", 1));
	assert_string_equal(json.data + 1, wanted);
}

static void
it_has_the_names_of_the_management_api(void **state)
{
	struct rmq_table *headers = rmq_table_new();
	struct rmq_properties p = { .content_type = rmq_bytes("text/plain"), .content_encoding = rmq_bytes(""),
		.headers = headers, .has = RMQ_HAS_DELIVERY_MODE | RMQ_HAS_PRIORITY | RMQ_HAS_TIMESTAMP,
		.delivery_mode = 2, .priority = 0, .correlation_id = rmq_bytes("c"), .reply_to = rmq_bytes("r"),
		.expiration = rmq_bytes("60000"), .message_id = BYTES("\377\376"), .timestamp = 1700000000,
		.type = rmq_bytes("t"), .user_id = rmq_bytes("u"), .app_id = rmq_bytes("a\n"), .cluster_id = rmq_bytes("z") };
	struct rmq_delivery d = { .tag = UINT64_C(5) << 48 | 7, .redelivered = true, .exchange = rmq_bytes("logs"),
		.routing_key = rmq_bytes("a.b"), .body = rmq_bytes("h\303\251llo") };

	(void)state;
	assert_true(rmq_table_set(headers, "n", RMQ_INT32, "5", NULL));
	assert_written(&d, NULL, &p, "{\"exchange\":\"logs\",\"routing_key\":\"a.b\",\"redelivered\":true,\"delivery_tag\":7,"
	    "\"properties\":{\"content_type\":\"text/plain\",\"content_encoding\":\"\",\"headers\":{\"n\":{\"$int32\":5}},"
	    "\"delivery_mode\":2,\"priority\":0,\"correlation_id\":\"c\",\"reply_to\":\"r\",\"expiration\":\"60000\","
	    "\"message_id\":{\"$binary\":\"//4=\"},\"timestamp\":1700000000,\"type\":\"t\",\"user_id\":\"u\","
	    "\"app_id\":\"a\\n\",\"cluster_id\":\"z\"},"
	    "\"payload_bytes\":6,\"payload\":\"h\303\251llo\",\"payload_encoding\":\"string\"}");
	rmq_table_free(headers);
}

static void
what_is_absent_is_not_written(void **state)
{
	struct rmq_table *headers = rmq_table_new();
	struct rmq_properties none = { 0 }, empty = { .headers = headers };
	struct rmq_delivery d = { .exchange = BYTES("\200"), .routing_key = rmq_bytes(""), .body = BYTES("\0\377") };

	(void)state;
	assert_written(&d, "q\"1", &none, "{\"exchange\":{\"$binary\":\"gA==\"},\"routing_key\":\"\",\"queue\":\"q\\\"1\","
	    "\"redelivered\":false,\"delivery_tag\":0,\"properties\":{},"
	    "\"payload_bytes\":2,\"payload\":\"AP8=\",\"payload_encoding\":\"base64\"}");
	d.body.len = 1;
	assert_written(&d, NULL, &empty, "{\"exchange\":{\"$binary\":\"gA==\"},\"routing_key\":\"\","
	    "\"redelivered\":false,\"delivery_tag\":0,\"properties\":{\"headers\":{}},"
	    "\"payload_bytes\":1,\"payload\":\"\\u0000\",\"payload_encoding\":\"string\"}");
	rmq_table_free(headers);
}

static void
what_cannot_be_decoded_is_shown(void **state)
{
	struct rmq_delivery d = { .exchange = rmq_bytes(""), .routing_key = rmq_bytes("k"), .properties = BYTES("\0\1"),
		.body = { 0, NULL } };
	struct rmq_error e = { 0 };

	(void)state;
	assert_written(&d, NULL, NULL, "{\"exchange\":\"\",\"routing_key\":\"k\",\"redelivered\":false,\"delivery_tag\":0,"
	    "\"properties\":{\"$undecodable\":\"AAE=\"},"
	    "\"payload_bytes\":0,\"payload\":\"\",\"payload_encoding\":\"string\"}");
	assert_false(rmq_envelope_parse(envelope, json.data + 1, json.len - 2, &e));
	assert_int_equal(e.status, RMQ_BAD_RECORD);
	assert_string_equal(e.text, "$undecodable properties cannot be sent");
}

/* How each property is encoded here, in their order from bit 15 on downwards. */
static const struct rmq_bytes fields[] = {
	BYTES("\4t/\303\251"), BYTES("\1\377"), BYTES("\0\0\0\7\1nI\0\0\0\5"), BYTES("\1"), BYTES("\377"),
	BYTES("\3c\0d"), BYTES("\0"), BYTES("\00560000"), BYTES("\0"), BYTES("\377\377\377\377\377\377\377\377"),
	BYTES("\4\"\\\n\x7f"), BYTES("\5guest"), BYTES("\7$binary"), BYTES("\2\355\240"),
};

static void
every_combination_of_properties_survives(void **state)
{
	uint8_t bytes[256];

	(void)state;
	for (unsigned flags = 0; flags < 0x10000; flags += 4) {
		size_t len = 2;

		bytes[0] = (uint8_t)(flags >> 8);
		bytes[1] = (uint8_t)flags;
		for (unsigned i = 0; i < COUNT(fields); i++)
			if (flags & 0x8000u >> i) {
				memcpy(bytes + len, fields[i].data, fields[i].len);
				len += fields[i].len;
			}
		survives((struct rmq_bytes){ len, bytes }, BYTES("body"));
		assert_int_equal(envelope->properties.headers == NULL, !(flags & AMQP_BASIC_HEADERS_FLAG));
	}
}

static void
every_type_survives(void **state)
{
	static const struct rmq_bytes tables[] = {
		BYTES("\0\0\0\0"),
		/* Names: twice, empty, with a NUL, not UTF-8, and the only one with a dollar. */
		BYTES("\0\0\0\x09\1aV\1bV\1aV"), BYTES("\0\0\0\2\0V"), BYTES("\0\0\0\5\3a\0bV"), BYTES("\0\0\0\3\1\377V"),
		BYTES("\0\0\0\7\5$int8V"), BYTES("\0\0\0\x0a\7$binaryt\1"), BYTES("\0\0\0\x0b\7$table$V\0V"),
		BYTES("\0\0\0\x0d\7$binaryS\0\0\0\0"), BYTES("\0\0\0\x11\x0c$undecodablet\1\0V"),
		/* Strings: not UTF-8, a surrogate, with a NUL, empty; and bytes. */
		BYTES("\0\0\0\x09\1aS\0\0\0\2\377\376"), BYTES("\0\0\0\x0a\1aS\0\0\0\3\355\240\200"),
		BYTES("\0\0\0\x0a\1aS\0\0\0\3a\0b"), BYTES("\0\0\0\7\1aS\0\0\0\0"), BYTES("\0\0\0\7\1ax\0\0\0\0"),
		BYTES("\0\0\0\x0a\1ax\0\0\0\3abc"),
		/* Numbers at their limits. */
		BYTES("\0\0\0\x0b\1al\200\0\0\0\0\0\0\0"), BYTES("\0\0\0\x0b\1al\x7f\377\377\377\377\377\377\377"),
		BYTES("\0\0\0\x0b\1aL\200\0\0\0\0\0\0\0"), BYTES("\0\0\0\x0b\1aT\377\377\377\377\377\377\377\377"),
		BYTES("\0\0\0\x0b\1ad\200\0\0\0\0\0\0\0"), BYTES("\0\0\0\x0b\1ad\0\0\0\0\0\0\0\1"),
		BYTES("\0\0\0\x0b\1ad\x7f\357\377\377\377\377\377\377"), BYTES("\0\0\0\7\1af\200\0\0\0"),
		BYTES("\0\0\0\7\1af\0\0\0\1"), BYTES("\0\0\0\7\1af\x7f\x7f\377\377"), BYTES("\0\0\0\x08\1aD\377\377\377\377\377"),
		/* An array of arrays and tables. */
		BYTES("\0\0\0\x1b\1aA\0\0\0\x14" "A\0\0\0\0F\0\0\0\0F\0\0\0\5\2$nt\1"),
	};

	(void)state;
	headers_survive(rich_table());
	for (size_t i = 0; i < COUNT(tables); i++)
		headers_survive(tables[i]);
}

static void
deep_headers_survive(void **state)
{
	uint8_t bytes[1000];
	struct rmq_bytes table;

	(void)state;
	for (int arrays = 0; arrays < 2; arrays++)
		for (size_t levels = 60; levels <= 64; levels++)
			headers_survive(nested(levels, arrays, bytes));
	/* The same with names that only $table can hold. */
	table = nested(64, false, bytes);
	for (size_t i = 0; i < table.len; i++)
		if (bytes[i] == 'n')
			bytes[i] = 0xff;
	headers_survive(table);
}

/* What is between at and end, these four bytes included, is a table or a string. */
static uint8_t *
put_length(uint8_t *at, uint8_t *end)
{
	size_t len = (size_t)(end - at) - 4;

	memcpy(at, (uint8_t[]){ 0, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len }, 4);
	return end;
}

static void
many_and_long_headers_survive(void **state)
{
	static uint8_t bytes[ROOM];
	size_t len = 4;

	(void)state;
	for (unsigned i = 0; i < 10000; i++, len += 4)
		memcpy(bytes + len, (uint8_t[]){ 2, (uint8_t)('!' + i / 120), (uint8_t)('!' + i % 120), 'V' }, 4);
	for (unsigned i = 0; i < 2; i++, len += 257) {
		memset(bytes + len, i == 0 ? 'x' : 0x80, 257);
		bytes[len] = 255;
		bytes[len + 256] = 'V';
	}
	put_length(bytes, bytes + len);
	headers_survive((struct rmq_bytes){ len, bytes });
}

static uint64_t seed = 88172645463325252u;

static unsigned
chance(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 20) % below;
}

static uint8_t *
put_bytes(uint8_t *p, size_t n)
{
	static const char alphabet[] = "abn$\"\\\0\n \377\303\251\200";

	for (size_t i = 0; i < n; i++)
		*p++ = (uint8_t)alphabet[chance(sizeof alphabet - 1)];
	return p;
}

static uint8_t *put_items(uint8_t *, bool named, unsigned depth);

static uint8_t *
put_value(uint8_t *p, unsigned depth)
{
	static const struct {
		char	kind;
		uint8_t	size;
	} kinds[] = {
		{ 'V', 0 }, { 't', 1 }, { 'b', 1 }, { 'B', 1 }, { 's', 2 }, { 'u', 2 }, { 'I', 4 }, { 'i', 4 }, { 'l', 8 },
		{ 'L', 8 }, { 'T', 8 }, { 'D', 5 }, { 'f', 4 }, { 'd', 8 }, { 'S', 0 }, { 'x', 0 }, { 'F', 0 }, { 'A', 0 },
	};
	unsigned i = chance(depth < 8 ? COUNT(kinds) : COUNT(kinds) - 2);
	char kind = kinds[i].kind;

	*p++ = (uint8_t)kind;
	if (kind == 'F' || kind == 'A')
		return put_items(p, kind == 'F', depth + 1);
	if (kind == 'S' || kind == 'x')
		return put_length(p, put_bytes(p + 4, chance(20)));
	for (i = kinds[i].size; i > 0; i--)
		*p++ = (uint8_t)chance(kind == 't' ? 2 : 256);
	if (kind == 'f' || kind == 'd')		/* not an exponent of which all bits are set */
		p[kind == 'f' ? -4 : -8] &= 0xbf;
	return p;
}

static uint8_t *
put_items(uint8_t *at, bool named, unsigned depth)
{
	uint8_t *p = at + 4;

	for (unsigned n = chance(6); n > 0; n--) {
		if (named) {
			*p = (uint8_t)chance(4);
			p = put_bytes(p + 1, *p);
		}
		p = put_value(p, depth);
	}
	return put_length(at, p);
}

static void
headers_by_chance_survive(void **state)
{
	static uint8_t bytes[ROOM];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		uint8_t *end = put_items(bytes, true, 1);

		headers_survive((struct rmq_bytes){ (size_t)(end - bytes), bytes });
	}
}

static void
every_body_survives(void **state)
{
	static char large[1 << 20];
	char bytes[258];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	for (size_t len = 0; len <= sizeof bytes; len++)
		survives(BYTES("\0\0"), (struct rmq_bytes){ len, bytes });
	for (size_t len = 0; len < 8; len++)
		survives(BYTES("\0\0"), (struct rmq_bytes){ len, bytes + 250 });
	survives(BYTES("\0\0"), rmq_bytes("h\303\251 \360\237\220\260\r\n"));
	survives(BYTES("\0\0"), BYTES("\303"));
	survives(BYTES("\0\0"), (struct rmq_bytes){ sizeof large, large });
	memset(large, 'x', sizeof large);
	survives(BYTES("\0\0"), (struct rmq_bytes){ sizeof large, large });
	large[sizeof large - 1] = '\377';
	survives(BYTES("\0\0"), (struct rmq_bytes){ sizeof large, large });
}

static int
set_up(void **state)
{
	(void)state;
	properties_scratch_init(&scratch);
	return (envelope = rmq_envelope_new()) != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	properties_scratch_done(&scratch);
	rmq_envelope_free(envelope);
	rmq_buffer_free(&json);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_the_names_of_the_management_api),
		cmocka_unit_test(what_is_absent_is_not_written),
		cmocka_unit_test(what_cannot_be_decoded_is_shown),
		cmocka_unit_test(every_combination_of_properties_survives),
		cmocka_unit_test(every_type_survives),
		cmocka_unit_test(deep_headers_survive),
		cmocka_unit_test(many_and_long_headers_survive),
		cmocka_unit_test(headers_by_chance_survive),
		cmocka_unit_test(every_body_survives),
	};
	struct rlimit small = { 524288, 524288 };

	setrlimit(RLIMIT_STACK, &small);	/* deep headers must not need a deep stack */
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
