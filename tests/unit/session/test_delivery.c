/* SPDX-License-Identifier: MIT */
/* Messages that come in, however a broker cuts them. */

#include <sys/socket.h>

#include <string.h>

#include "peer.h"

static const uint8_t beat[] = { FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END };
static char large[3 << 20];

static int
fill_large(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (char)(i * 31 + (i >> 12));
	return 0;
}

static void
consume(struct peer *p, size_t chunk, size_t max_message)
{
	peer_open(p, &(struct rmq_config){ .max_message = max_message });
	rmq_consume(p->mq, &(struct rmq_consumer){ .queue = "q", .prefetch = 10 });
	peer_handshake(p);
	peer_channel(p);
	peer_consumed(p, "c0");
	peer_event(p, RMQ_READY);
	p->chunk = chunk;
}

static void
expect_body(struct peer *p, struct rmq_bytes body)
{
	struct peer_event *ev = peer_event(p, RMQ_DELIVERED);

	assert_int_equal(ev->body.len, body.len);
	if (body.len > 0)
		assert_memory_equal(ev->body.data, body.data, body.len);
	assert_string_equal(ev->exchange, "logs");
	assert_string_equal(ev->routing_key, "a.b");
	assert_int_equal(ev->consumer, 0);
	assert_int_equal(ev->properties.len, 2);
}

/* Bodies of none, one and many frames, written at once or byte by byte. */
static void
test_cuts(void **state)
{
	static const size_t chunks[] = { 0, 1, 2, 3, 7, 50 };
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
		consume(&p, chunks[i], 0);
		peer_deliver(&p, 1, "c0", (struct rmq_bytes){ 0, "" }, 1);
		peer_deliver(&p, 2, "c0", rmq_bytes("one frame"), 100);
		peer_deliver(&p, 3, "c0", rmq_bytes("many frames"), 2);
		peer_deliver(&p, 4, "c0", rmq_bytes("x"), 1);
		expect_body(&p, (struct rmq_bytes){ 0, "" });
		expect_body(&p, rmq_bytes("one frame"));
		expect_body(&p, rmq_bytes("many frames"));
		expect_body(&p, rmq_bytes("x"));
		peer_no_event(&p);
		peer_close(&p);
	}
}

/* The stream is cut in two at every byte. */
static void
test_every_offset(void **state)
{
	struct peer p;
	struct rmq_buffer stream = { 0 };

	(void)state;
	consume(&p, 0, 0);
	p.sent.len = 0;
	peer_deliver(&p, 1, "c0", rmq_bytes("first"), 100);
	peer_deliver(&p, 2, "c0", rmq_bytes("second"), 4);
	assert_true(rmq_buffer_add(&stream, p.sent.data, p.sent.len));
	peer_close(&p);
	for (size_t cut = 0; cut <= stream.len; cut++) {
		consume(&p, 0, 0);
		peer_raw(&p, stream.data, cut);
		peer_turn(&p);
		peer_raw(&p, stream.data + cut, stream.len - cut);
		expect_body(&p, rmq_bytes("first"));
		expect_body(&p, rmq_bytes("second"));
		peer_close(&p);
	}
	rmq_buffer_free(&stream);
}

static void
test_large(void **state)
{
	static const size_t sizes[] = { 131063, 131064, 131065, 262128, 262129, sizeof large };
	struct peer p;

	(void)state;
	consume(&p, 0, 0);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		peer_deliver(&p, i + 1, "c0", (struct rmq_bytes){ sizes[i], large }, 131064);
		expect_body(&p, (struct rmq_bytes){ sizes[i], large });
	}
	peer_close(&p);
}

/* What a little fills is not made larger; what is filled again and again is, but not without end. */
static void
test_busy(void **state)
{
	static uint8_t beats[400000];
	struct peer p;
	int room = sizeof beats / 2;
	size_t first;

	(void)state;
	for (size_t i = 0; i < sizeof beats; i += sizeof beat)
		memcpy(beats + i, beat, sizeof beat);
	consume(&p, 0, 0);
	assert_int_equal(setsockopt(p.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
	first = p.mq->connection.in_size;
	peer_raw(&p, beats, first / 2);
	peer_turns(&p);
	assert_int_equal(p.mq->connection.in_size, first);
	for (int i = 0; i < 10; i++)
		peer_raw(&p, beats, sizeof beats);
	peer_turns(&p);
	assert_in_range(p.mq->connection.in_size, 2 * first, 4 * first);
	peer_deliver(&p, 1, "c0", rmq_bytes("still whole"), 100);
	expect_body(&p, rmq_bytes("still whole"));
	peer_close(&p);
}

/* Only a body of several frames has a buffer of its own; whoever takes it keeps it beyond the next message. */
static void
test_taken(void **state)
{
	struct peer p;

	(void)state;
	consume(&p, 0, 0);
	p.takes = true;
	for (uint64_t tag = 1; tag < 4; tag++) {
		peer_deliver(&p, tag, "c0", (struct rmq_bytes){ sizeof large, large }, 131064);
		expect_body(&p, (struct rmq_bytes){ sizeof large, large });
		assert_int_equal(p.taken.len, sizeof large);
		assert_memory_equal(p.taken.data, large, sizeof large);
	}
	peer_deliver(&p, 4, "c0", rmq_bytes("small"), 100);
	expect_body(&p, rmq_bytes("small"));
	assert_null(p.taken.data);
	peer_deliver(&p, 5, "c0", (struct rmq_bytes){ 0, "" }, 100);
	expect_body(&p, (struct rmq_bytes){ 0, "" });
	assert_null(p.taken.data);
	peer_close(&p);
}

/* Header and body may be as large as frames are: all three must find room. */
static void
test_large_header(void **state)
{
	static uint8_t header[131064];
	amqp_basic_deliver_t deliver = { .consumer_tag = peer_string("c0"), .delivery_tag = 1 };
	struct peer p;
	struct peer_event *ev;

	(void)state;
	codec_put_u16(header, AMQP_BASIC_CLASS);
	codec_put_u64(header + 4, 131064);
	consume(&p, 0, 0);
	peer_send(&p, AMQP_BASIC_DELIVER_METHOD, &deliver);
	peer_frame(&p, FRAME_HEADER, CHANNEL, header, sizeof header);
	peer_frame(&p, FRAME_BODY, CHANNEL, large, 131064);
	ev = peer_event(&p, RMQ_DELIVERED);
	assert_int_equal(ev->body.len, 131064);
	assert_memory_equal(ev->body.data, large, 131064);
	assert_int_equal(ev->properties.len, 131064 - 12);
	peer_close(&p);
}

/* Heartbeats, and what else is said on channel 0, may come between the frames of a message. */
static void
test_between_frames(void **state)
{
	amqp_basic_deliver_t deliver = {
		.consumer_tag = peer_string("c0"), .delivery_tag = 1, .exchange = peer_string("logs"),
		.routing_key = peer_string("a.b"),
	};
	amqp_connection_blocked_t blocked = { peer_string("why") };
	struct peer p;

	(void)state;
	for (size_t chunk = 0; chunk < 2; chunk++) {
		consume(&p, chunk, 0);
		peer_raw(&p, beat, sizeof beat);
		peer_send(&p, AMQP_BASIC_DELIVER_METHOD, &deliver);
		peer_raw(&p, beat, sizeof beat);
		peer_header(&p, AMQP_BASIC_CLASS, 4);
		peer_send(&p, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
		peer_frame(&p, FRAME_BODY, CHANNEL, "ab", 2);
		peer_raw(&p, beat, sizeof beat);
		peer_frame(&p, FRAME_BODY, CHANNEL, "cd", 2);
		peer_event(&p, RMQ_BLOCKED);
		expect_body(&p, rmq_bytes("abcd"));
		peer_close(&p);
	}
}

static void
test_empty_body_frames(void **state)
{
	amqp_basic_deliver_t deliver = {
		.consumer_tag = peer_string("c0"), .delivery_tag = 1, .exchange = peer_string("logs"),
		.routing_key = peer_string("a.b"),
	};
	struct peer p;

	(void)state;
	consume(&p, 0, 0);
	peer_send(&p, AMQP_BASIC_DELIVER_METHOD, &deliver);
	peer_header(&p, AMQP_BASIC_CLASS, 2);
	for (int i = 0; i < 5; i++)
		peer_frame(&p, FRAME_BODY, CHANNEL, "", 0);
	peer_frame(&p, FRAME_BODY, CHANNEL, "ab", 2);
	expect_body(&p, rmq_bytes("ab"));
	peer_frame(&p, FRAME_BODY, CHANNEL, "", 0);
	peer_failed(&p, RMQ_PROTOCOL, "not begun");
	peer_close(&p);
}

static void
test_limit(void **state)
{
	struct peer p;
	amqp_basic_deliver_t deliver = { .consumer_tag = peer_string("c0"), .delivery_tag = 1 };

	(void)state;
	consume(&p, 0, 1000);
	peer_deliver(&p, 1, "c0", (struct rmq_bytes){ 1000, large }, 131064);
	peer_event(&p, RMQ_DELIVERED);
	peer_deliver(&p, 2, "c0", (struct rmq_bytes){ 1001, large }, 131064);
	peer_failed(&p, RMQ_BAD_RECORD, "1001 bytes");
	peer_close(&p);

	consume(&p, 0, 0);
	peer_send(&p, AMQP_BASIC_DELIVER_METHOD, &deliver);
	peer_header(&p, AMQP_BASIC_CLASS, (uint64_t)1 << 40);
	peer_failed(&p, RMQ_BAD_RECORD, "1099511627776 bytes");
	peer_close(&p);
}

/* Nothing is allocated because it was announced. */
static void
test_announced_only(void **state)
{
	struct peer p;
	amqp_basic_deliver_t deliver = { .consumer_tag = peer_string("c0"), .delivery_tag = 1 };

	(void)state;
	consume(&p, 0, SIZE_MAX);
	peer_send(&p, AMQP_BASIC_DELIVER_METHOD, &deliver);
	peer_header(&p, AMQP_BASIC_CLASS, (uint64_t)1 << 30);
	peer_frame(&p, FRAME_BODY, CHANNEL, large, 1000);
	peer_no_event(&p);
	assert_in_range(p.mq->content.body.size, 1000, 4096);
	peer_wait(&p, 60500);
	peer_event(&p, RMQ_LOST);
	peer_failed(&p, RMQ_UNAVAILABLE, "nothing heard");
	peer_close(&p);
}

static void
test_tags(void **state)
{
	struct peer p;
	uint64_t tag;

	(void)state;
	consume(&p, 0, 0);
	for (uint64_t i = 1; i <= 3; i++) {
		peer_deliver(&p, i, "c0", rmq_bytes("x"), 10);
		tag = peer_event(&p, RMQ_DELIVERED)->tag;
		assert_true(i == 1 ? rmq_ack(p.mq, tag, true) :
		    i == 2 ? rmq_nack(p.mq, tag, false, true) : rmq_reject(p.mq, tag, false));
	}
	assert_true(((amqp_basic_ack_t *)peer_expect(&p, AMQP_BASIC_ACK_METHOD))->multiple);
	assert_true(((amqp_basic_nack_t *)peer_expect(&p, AMQP_BASIC_NACK_METHOD))->requeue);
	assert_false(((amqp_basic_reject_t *)peer_expect(&p, AMQP_BASIC_REJECT_METHOD))->requeue);
	peer_close(&p);
}

static void
consume_tcp(struct peer *p, bool twice)
{
	peer_listen(p, &(struct rmq_config){ .retry_limit = -1 });
	rmq_consume(p->mq, &(struct rmq_consumer){ .queue = "q" });
	if (twice)
		rmq_consume(p->mq, &(struct rmq_consumer){ .queue = "r" });
	peer_accept(p);
	peer_handshake(p);
	peer_channel(p);
	peer_consumed(p, "c0");
}

/* A tag is good for one connection. */
static void
test_tags_after_a_loss(void **state)
{
	struct peer p;
	uint64_t old, tag;

	(void)state;
	consume_tcp(&p, false);
	peer_event(&p, RMQ_READY);
	peer_deliver(&p, 1, "c0", rmq_bytes("x"), 10);
	old = peer_event(&p, RMQ_DELIVERED)->tag;
	peer_hang_up(&p);
	peer_event(&p, RMQ_LOST);
	assert_false(rmq_ack(p.mq, old, false));
	peer_accept(&p);
	peer_handshake(&p);
	assert_false(rmq_nack(p.mq, old, false, true));
	peer_channel(&p);
	peer_consumed(&p, "c0");
	peer_event(&p, RMQ_READY);
	peer_deliver(&p, 1, "c0", rmq_bytes("x"), 10);
	tag = peer_event(&p, RMQ_DELIVERED)->tag;
	assert_true(tag != old);
	assert_false(rmq_ack(p.mq, old, false));
	assert_false(rmq_reject(p.mq, old, false));
	assert_true(rmq_ack(p.mq, tag, false));
	assert_int_equal(((amqp_basic_ack_t *)peer_expect(&p, AMQP_BASIC_ACK_METHOD))->delivery_tag, 1);
	peer_expect_nothing(&p);
	peer_close(&p);
}

/* The first consumer works already while the second is not there yet. */
static void
test_tags_before_ready(void **state)
{
	struct peer p;
	uint64_t old;

	(void)state;
	consume_tcp(&p, true);
	peer_deliver(&p, 1, "c0", rmq_bytes("x"), 10);
	old = peer_event(&p, RMQ_DELIVERED)->tag;
	peer_hang_up(&p);
	peer_turns(&p);
	assert_false(rmq_ack(p.mq, old, false));
	peer_accept(&p);
	peer_handshake(&p);
	peer_channel(&p);
	peer_consumed(&p, "c0");
	peer_turns(&p);
	assert_false(rmq_ack(p.mq, old, false));
	peer_close(&p);
}

/* The library remembers nothing of what an acknowledgement was for, and need not. */
static void
test_interleaved_consumers(void **state)
{
	struct peer p;
	static const char *const tags[] = { "c0", "c1" };

	(void)state;
	peer_open(&p, &(struct rmq_config){ 0 });
	rmq_consume(p.mq, &(struct rmq_consumer){ .queue = "q" });
	rmq_consume(p.mq, &(struct rmq_consumer){ .queue = "r" });
	peer_handshake(&p);
	peer_channel(&p);
	peer_consumed(&p, "c0");
	peer_consumed(&p, "c1");
	peer_event(&p, RMQ_READY);
	for (unsigned i = 0; i < 20; i++) {
		peer_deliver(&p, i + 1, tags[i % 2], rmq_bytes("abc"), 1 + i % 3);
		assert_int_equal(peer_event(&p, RMQ_DELIVERED)->consumer, i % 2);
	}
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_every_offset),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_large_header),
		cmocka_unit_test(test_between_frames),
		cmocka_unit_test(test_empty_body_frames),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_announced_only),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_tags_after_a_loss),
		cmocka_unit_test(test_tags_before_ready),
		cmocka_unit_test(test_interleaved_consumers),
	};

	return cmocka_run_group_tests(tests, fill_large, NULL);
}
