/* SPDX-License-Identifier: MIT */
/*
 * Properties: every combination of them to bytes and back, and the ones that
 * must never reach a broker or librabbitmq.
 */
#include <sys/resource.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/properties.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { NPROPERTIES = 14, ROOM = 131072 };

static struct rmq_table *headers;	/* {"n":5} with an int32 */
static uint8_t out[ROOM];

/* How each property is encoded here, in their order from bit 15 on downwards. */
static const struct {
	size_t		 len;
	const char	*bytes;
} fields[NPROPERTIES] = {
	{ 11, "\12text/plain" }, { 5, "\4gzip" }, { 11, "\0\0\0\7\1nI\0\0\0\5" }, { 1, "\2" }, { 1, "\11" },
	{ 3, "\2c1" }, { 2, "\1r" }, { 6, "\00560000" }, { 1, "\0" }, { 8, "\0\0\0\0\x65\x53\xf1\0" },
	{ 5, "\4kind" }, { 6, "\5guest" }, { 3, "\2my" }, { 3, "\2us" },
};

static struct rmq_properties
properties_for(unsigned flags)
{
	struct rmq_properties p = { 0 };
	struct rmq_bytes *strings[NPROPERTIES] = { &p.content_type, &p.content_encoding, NULL, NULL, NULL,
		&p.correlation_id, &p.reply_to, &p.expiration, &p.message_id, NULL, &p.type, &p.user_id, &p.app_id,
		&p.cluster_id };

	for (unsigned i = 0; i < NPROPERTIES; i++)
		if ((flags & 0x8000u >> i) && strings[i] != NULL)
			*strings[i] = (struct rmq_bytes){ fields[i].len - 1, fields[i].bytes + 1 };
	p.headers = flags & AMQP_BASIC_HEADERS_FLAG ? headers : NULL;
	p.has = (flags & AMQP_BASIC_DELIVERY_MODE_FLAG ? RMQ_HAS_DELIVERY_MODE : 0u) |
	    (flags & AMQP_BASIC_PRIORITY_FLAG ? RMQ_HAS_PRIORITY : 0u) |
	    (flags & AMQP_BASIC_TIMESTAMP_FLAG ? RMQ_HAS_TIMESTAMP : 0u);
	p.delivery_mode = 2;
	p.priority = 9;
	p.timestamp = 1700000000;
	return p;
}

static size_t
encoding_of(unsigned flags, uint8_t *to)
{
	size_t len = 2;

	to[0] = (uint8_t)(flags >> 8);
	to[1] = (uint8_t)flags;
	for (unsigned i = 0; i < NPROPERTIES; i++)
		if (flags & 0x8000u >> i) {
			memcpy(to + len, fields[i].bytes, fields[i].len);
			len += fields[i].len;
		}
	return len;
}

static void
every_combination_survives(void **state)
{
	struct properties_scratch scratch;
	uint8_t wanted[256];

	(void)state;
	properties_scratch_init(&scratch);
	for (unsigned flags = 0; flags < 0x10000; flags += 4) {
		struct rmq_properties p = properties_for(flags), decoded;
		struct rmq_error e = { 0 };
		size_t len = encoding_of(flags, wanted);

		assert_int_equal(properties_encode(&p, out, ROOM, &e), len);
		assert_memory_equal(out, wanted, len);
		assert_true(properties_decode((struct rmq_bytes){ len, wanted }, &scratch, &decoded, &e));
		assert_int_equal(decoded.has, p.has);
		assert_int_equal(decoded.headers == NULL, p.headers == NULL);
		assert_int_equal(decoded.message_id.data == NULL, p.message_id.data == NULL);
		memset(out, 0, len);
		assert_int_equal(properties_encode(&decoded, out, len, &e), len);
		assert_memory_equal(out, wanted, len);
	}
	properties_scratch_done(&scratch);
}

static void
what_is_decoded_is_what_was_sent(void **state)
{
	struct properties_scratch scratch;
	struct rmq_properties p;
	struct rmq_buffer b = { 0 };
	uint8_t encoded[256];
	size_t len = encoding_of(0xfffc, encoded);

	(void)state;
	properties_scratch_init(&scratch);
	assert_true(properties_decode((struct rmq_bytes){ len, encoded }, &scratch, &p, NULL));
	assert_int_equal(p.content_type.len, 10);
	assert_memory_equal(p.content_type.data, "text/plain", 10);
	assert_memory_equal(p.cluster_id.data, "us", 2);
	assert_non_null(p.message_id.data);
	assert_int_equal(p.message_id.len, 0);
	assert_int_equal(p.delivery_mode, 2);
	assert_int_equal(p.priority, 9);
	assert_int_equal(p.timestamp, 1700000000);
	assert_true(rmq_table_get(p.headers, "n", &b));
	assert_memory_equal(b.data, "5", 1);
	rmq_buffer_free(&b);
	properties_scratch_done(&scratch);
}

static void
refused(const struct rmq_properties *p, size_t room, const char *why)
{
	struct rmq_error e = { 0 };

	assert_int_equal(properties_encode(p, out, room, &e), -1);
	assert_int_equal(e.status, RMQ_BAD_RECORD);
	if (strstr(e.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", e.text, why);
}

static void
strings_have_255_bytes_at_most(void **state)
{
	static const char *const names[] = { "content_type", "content_encoding", "correlation_id", "reply_to",
		"message_id", "type", "user_id", "app_id", "cluster_id" };
	char text[256];

	(void)state;
	memset(text, 't', sizeof text);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct rmq_properties p = { 0 };
		struct rmq_bytes *strings[] = { &p.content_type, &p.content_encoding, &p.correlation_id, &p.reply_to,
			&p.message_id, &p.type, &p.user_id, &p.app_id, &p.cluster_id };

		*strings[i] = (struct rmq_bytes){ 255, text };
		assert_int_equal(properties_encode(&p, out, ROOM, NULL), 2 + 1 + 255);
		strings[i]->len = 256;
		refused(&p, ROOM, names[i]);
	}
}

static void
what_brokers_refuse_is_refused(void **state)
{
	static const char *const expirations[] = { "", "-1", "1.5", "10s", " 1", "315360000001",
		"99999999999999999999999999" };
	struct rmq_properties p = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(expirations); i++) {
		p.expiration = rmq_bytes(expirations[i]);
		refused(&p, ROOM, "expiration");
	}
	p.expiration = rmq_bytes("0315360000000");
	assert_int_equal(properties_encode(&p, out, ROOM, NULL), 2 + 1 + 13);
	p = (struct rmq_properties){ .has = RMQ_HAS_DELIVERY_MODE, .delivery_mode = 3 };
	refused(&p, ROOM, "delivery_mode");
	p.delivery_mode = 0;
	refused(&p, ROOM, "delivery_mode");
	p.has = 0;
	assert_int_equal(properties_encode(&p, out, ROOM, NULL), 2);
}

/* Headers that arrived can be such that they must not be sent. */
static void
headers_that_brokers_refuse_are_refused(void **state)
{
	struct rmq_table *t = rmq_table_new();
	struct rmq_properties p = { .headers = t };

	(void)state;
	assert_true(table_decode(t, (struct rmq_bytes){ 15, "\0\0\0\x0b\1nd\x7f\xf8\0\0\0\0\0\0" }, NULL));
	refused(&p, ROOM, "headers: a number is not finite");
	rmq_table_free(t);
}

static void
room_is_kept(void **state)
{
	struct rmq_properties p = properties_for(0xfffc);
	struct rmq_table *t = rmq_table_new();
	size_t whole = encoding_of(0xfffc, out);
	char *large = malloc(200001);

	(void)state;
	for (size_t room = 0; room < whole; room++) {
		out[room] = 0xaa;
		refused(&p, room, "fit");
		assert_int_equal(out[room], 0xaa);
	}
	memset(large, 'v', 200000);
	large[200000] = '\0';
	assert_true(rmq_table_set(t, "large", RMQ_STRING, large, NULL));
	p = (struct rmq_properties){ .headers = t };
	refused(&p, ROOM, "headers of 200015 bytes");
	rmq_table_free(t);
	free(large);
}

/* In a block of its own size, so that the sanitizer sees the first byte beyond. */
static bool
decodes(const uint8_t *bytes, size_t len)
{
	struct properties_scratch scratch;
	struct rmq_properties p;
	struct rmq_error e = { 0 };
	uint8_t *copy = malloc(len > 0 ? len : 1);
	bool ok;

	if (len > 0)
		memcpy(copy, bytes, len);
	properties_scratch_init(&scratch);
	ok = properties_decode((struct rmq_bytes){ len, copy }, &scratch, &p, &e);
	if (!ok) {
		assert_int_equal(e.status, RMQ_PROTOCOL);
		assert_null(p.headers);
		assert_null(p.content_type.data);
	} else
		assert_true(p.headers == NULL || rmq_table_count(p.headers) < 10);
	properties_scratch_done(&scratch);
	free(copy);
	return ok;
}

static void
malformed_properties_are_refused(void **state)
{
	uint8_t bytes[256];
	size_t whole = encoding_of(0xfffc, bytes);

	(void)state;
	assert_true(decodes(bytes, whole));
	for (size_t len = 0; len < whole; len++)
		assert_false(decodes(bytes, len));
	bytes[whole] = 0;
	assert_false(decodes(bytes, whole + 1));
	for (unsigned flags = 0; flags < 0x10000; flags += 0x104)
		for (size_t len = encoding_of(flags, bytes) - 1; len > 0; len--)
			assert_false(decodes(bytes, len));
	for (unsigned bit = 1; bit <= 3; bit++) {
		whole = encoding_of(0x8000 | bit, bytes);
		assert_false(decodes(bytes, whole));
	}
	assert_false(decodes((const uint8_t *)"\x20\0\377\377\377\377", 6));
	assert_false(decodes((const uint8_t *)"\x20\0\0\0\0\3\1nU", 9));
}

static void
changed_bytes_do_no_harm(void **state)
{
	uint8_t bytes[256];
	size_t whole = encoding_of(0xfffc, bytes);

	(void)state;
	for (size_t at = 0; at < whole; at++)
		for (unsigned value = 0; value < 256; value++) {
			encoding_of(0xfffc, bytes);
			bytes[at] = (uint8_t)value;
			decodes(bytes, whole);
		}
}

/* What one message had does not show in the next one. */
static void
a_scratch_serves_many_messages(void **state)
{
	struct properties_scratch scratch;
	struct rmq_properties p;
	uint8_t bytes[256];

	(void)state;
	properties_scratch_init(&scratch);
	for (int i = 0; i < 1000; i++) {
		assert_true(properties_decode((struct rmq_bytes){ encoding_of(0xfffc, bytes), bytes }, &scratch, &p, NULL));
		assert_int_equal(rmq_table_count(p.headers), 1);
		assert_true(properties_decode((struct rmq_bytes){ 2, "\0\0" }, &scratch, &p, NULL));
		assert_null(p.headers);
		assert_int_equal(p.has, 0);
		assert_int_equal(p.delivery_mode, 0);
		assert_false(properties_decode((struct rmq_bytes){ 2, "\0\1" }, &scratch, &p, NULL));
		assert_null(p.headers);
	}
	assert_int_equal(scratch.headers.pool.pages.num_blocks, 1);
	properties_scratch_done(&scratch);
}

static int
make_headers(void **state)
{
	(void)state;
	headers = rmq_table_new();
	return headers != NULL && rmq_table_set(headers, "n", RMQ_INT32, "5", NULL) ? 0 : -1;
}

static int
free_headers(void **state)
{
	(void)state;
	rmq_table_free(headers);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_combination_survives),
		cmocka_unit_test(what_is_decoded_is_what_was_sent),
		cmocka_unit_test(strings_have_255_bytes_at_most),
		cmocka_unit_test(what_brokers_refuse_is_refused),
		cmocka_unit_test(headers_that_brokers_refuse_are_refused),
		cmocka_unit_test(room_is_kept),
		cmocka_unit_test(malformed_properties_are_refused),
		cmocka_unit_test(changed_bytes_do_no_harm),
		cmocka_unit_test(a_scratch_serves_many_messages),
	};
	struct rlimit small = { 524288, 524288 };

	setrlimit(RLIMIT_STACK, &small);	/* deep headers must not need a deep stack */
	return cmocka_run_group_tests(tests, make_headers, free_headers);
}
