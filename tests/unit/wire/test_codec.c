/* SPDX-License-Identifier: MIT */
/* Frames, and the methods in them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/codec.h"

/* Each call gets bytes of exactly their length, so that a sanitizer sees a read behind them. */
static int
frame_of(struct frame *f, const void *bytes, size_t len, size_t frame_max, struct rmq_error *e)
{
	char *copy = malloc(len == 0 ? 1 : len);
	int n;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	*e = (struct rmq_error){ 0 };
	n = codec_frame(f, copy, len, frame_max, e);
	if (n == 1)
		assert_in_range(f->size, FRAME_OVERHEAD, len);
	free(copy);
	return n;
}

static void
test_frame_grows(void **state)
{
	static const char bytes[] = "\x01\x00\x07\x00\x00\x00\x04""abcd\xce";
	struct rmq_error e;
	struct frame f;

	(void)state;
	for (size_t len = 1; len < 12; len++)
		assert_int_equal(frame_of(&f, bytes, len, 4096, &e), 0);
	assert_int_equal(frame_of(&f, bytes, 12, 4096, &e), 1);
	assert_int_equal(f.type, FRAME_METHOD);
	assert_int_equal(f.channel, 7);
	assert_int_equal(f.payload.len, 4);
	assert_int_equal(f.size, 12);
	assert_int_equal(frame_of(&f, "\x08\0\0\0\0\0\0\xce", 8, 4096, &e), 1);
	assert_int_equal(f.type, FRAME_HEARTBEAT);
	assert_int_equal(f.payload.len, 0);
}

static void
test_frame_limits(void **state)
{
	uint8_t start[FRAME_START];
	struct rmq_error e;
	struct frame f;

	(void)state;
	codec_frame_start(start, FRAME_BODY, 1, 4096 - FRAME_OVERHEAD);
	assert_int_equal(frame_of(&f, start, sizeof start, 4096, &e), 0);
	codec_frame_start(start, FRAME_BODY, 1, 4096 - FRAME_OVERHEAD + 1);
	assert_int_equal(frame_of(&f, start, sizeof start, 4096, &e), -1);
	assert_int_equal(e.status, RMQ_PROTOCOL);
	codec_frame_start(start, FRAME_BODY, 1, (size_t)1 << 31);
	assert_int_equal(frame_of(&f, start, sizeof start, 131072, &e), -1);
	codec_frame_start(start, FRAME_BODY, 1, UINT32_MAX);
	assert_int_equal(frame_of(&f, start, sizeof start, 131072, &e), -1);
}

static void
test_frame_marks(void **state)
{
	struct rmq_error e;
	struct frame f;

	(void)state;
	assert_int_equal(frame_of(&f, "\x01\0\1\0\0\0\1a\xcd", 9, 4096, &e), -1);
	assert_non_null(strstr(e.text, "end mark"));
	for (int type = 0; type < 256; type++) {
		char bytes[8] = { (char)type, 0, 0, 0, 0, 0, 0, (char)0xce };
		bool known = type == 1 || type == 2 || type == 3 || type == 8;

		assert_int_equal(frame_of(&f, bytes, 8, 4096, &e), known ? 1 : -1);
		if (!known)
			assert_int_equal(e.status, RMQ_PROTOCOL);
	}
}

static void
test_methods(void **state)
{
	struct rmq_buffer out = { 0 };
	struct rmq_error e = { 0 };
	amqp_basic_ack_t ack = { 77, 1 }, *back;
	amqp_pool_t pool;
	struct frame f;
	void *method;

	(void)state;
	init_amqp_pool(&pool, 4096);
	assert_true(codec_put_method(&out, 1, AMQP_BASIC_ACK_METHOD, &ack, &e));
	assert_int_equal(frame_of(&f, out.data, out.len, 4096, &e), 1);
	assert_int_equal(codec_frame(&f, out.data, out.len, 4096, &e), 1);
	assert_int_equal(codec_method_id(f.payload), AMQP_BASIC_ACK_METHOD);
	assert_true(codec_get_method(f.payload, &pool, &method, &e));
	back = method;
	assert_int_equal(back->delivery_tag, 77);
	assert_true(back->multiple);
	for (size_t len = 0; len < f.payload.len; len++) {
		char *copy = malloc(len == 0 ? 1 : len);

		memcpy(copy, f.payload.data, len);
		e = (struct rmq_error){ 0 };
		assert_false(codec_get_method((struct rmq_bytes){ len, copy }, &pool, &method, &e));
		assert_int_equal(e.status, RMQ_PROTOCOL);
		free(copy);
	}
	rmq_buffer_free(&out);
	empty_amqp_pool(&pool);
}

/* A string of 256 bytes cannot be said; a long one of any length that a frame holds can. */
static void
test_method_sizes(void **state)
{
	static char name[60000];
	amqp_queue_declare_t d = { .queue = { 256, name } };
	amqp_connection_secure_ok_t secure = { { sizeof name, name } };
	struct rmq_buffer out = { 0 };
	struct rmq_error e = { 0 };

	(void)state;
	assert_false(codec_put_method(&out, 1, AMQP_QUEUE_DECLARE_METHOD, &d, &e));
	assert_int_equal(e.status, RMQ_USAGE);
	assert_int_equal(out.len, 0);
	assert_true(codec_put_method(&out, 0, AMQP_CONNECTION_SECURE_OK_METHOD, &secure, &e));
	assert_int_equal(out.len, sizeof name + 4 + 4 + FRAME_OVERHEAD);
	rmq_buffer_free(&out);
}

static void
test_headers(void **state)
{
	uint8_t bytes[14] = { 0, 60, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 };
	struct rmq_error e = { 0 };
	struct content_header h;

	(void)state;
	assert_true(codec_get_header((struct rmq_bytes){ sizeof bytes, bytes }, &h, &e));
	assert_true(h.body_size == (uint64_t)1 << 40);
	assert_int_equal(h.properties.len, 2);
	for (size_t len = 0; len < sizeof bytes; len++)
		assert_false(codec_get_header((struct rmq_bytes){ len, bytes }, &h, NULL));
	bytes[1] = 61;
	assert_false(codec_get_header((struct rmq_bytes){ sizeof bytes, bytes }, &h, &e));
	assert_int_equal(e.status, RMQ_PROTOCOL);
}

static void
test_numbers(void **state)
{
	uint8_t bytes[8];

	(void)state;
	codec_put_u64(bytes, 0x0102030405060708);
	assert_memory_equal(bytes, "\1\2\3\4\5\6\7\x08", 8);
	assert_true(codec_u64(bytes) == 0x0102030405060708);
	codec_put_u32(bytes, UINT32_MAX);
	assert_true(codec_u32(bytes) == UINT32_MAX);
	codec_put_u16(bytes, 0x8001);
	assert_int_equal(codec_u16(bytes), 0x8001);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame_grows),
		cmocka_unit_test(test_frame_limits),
		cmocka_unit_test(test_frame_marks),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_method_sizes),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
