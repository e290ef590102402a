/* SPDX-License-Identifier: MIT */
/* A session that knows what the broker asked for the last time, and says all at once; and what if that is wrong. */

#include <string.h>

#include "peer.h"

static const struct rmq_hint usual = {
	.channel_max = 2047, .frame_max = 131072, .heartbeat = 60, .plain = true
};
static const struct rmq_config eager = { .confirm = true, .name = "test", .hints = &usual, .nhints = 1 };

static void
begin(struct peer *p, const struct rmq_hint *hint, bool listen)
{
	struct rmq_config config = eager;

	config.hints = hint;
	if (listen)
		peer_listen(p, &config);
	else
		peer_open(p, &config);
	rmq_declare_queue(p->mq, &(struct rmq_queue){ .name = "q", .declare = RMQ_MAKE });
	peer_publish(p, "k", rmq_bytes("body"), 7);
	if (listen)
		peer_accept(p);
}

/* The whole flight, before the peer has said a word. */
static void
expect_flight(struct peer *p, unsigned channel_max, unsigned frame_max, unsigned heartbeat)
{
	struct peer_content c = { 0 };
	amqp_connection_start_ok_t *start;
	amqp_connection_tune_ok_t *tune;

	peer_expect_header(p);
	start = peer_expect(p, AMQP_CONNECTION_START_OK_METHOD);
	assert_memory_equal(start->mechanism.bytes, "PLAIN", 5);
	assert_memory_equal(start->response.bytes, "\0guest\0secret", 13);
	tune = peer_expect(p, AMQP_CONNECTION_TUNE_OK_METHOD);
	assert_int_equal(tune->channel_max, channel_max);
	assert_int_equal(tune->frame_max, frame_max);
	assert_int_equal(tune->heartbeat, heartbeat);
	peer_expect(p, AMQP_CONNECTION_OPEN_METHOD);
	peer_expect(p, AMQP_CHANNEL_OPEN_METHOD);
	peer_expect(p, AMQP_CONFIRM_SELECT_METHOD);
	peer_expect(p, AMQP_QUEUE_DECLARE_METHOD);
	peer_expect_publish(p, &c);
	assert_string_equal(c.routing_key, "k");
	peer_content_free(&c);
	peer_expect_nothing(p);
	assert_int_equal(rmq_counts(p->mq).in_doubt, 1);
}

static void
accept_flight(struct peer *p)
{
	peer_ok(p, AMQP_CONNECTION_OPEN_OK_METHOD);
	peer_ok(p, AMQP_CHANNEL_OPEN_OK_METHOD);
	peer_ok(p, AMQP_CONFIRM_SELECT_OK_METHOD);
	peer_declared(p, "q");
	peer_event(p, RMQ_READY);
	peer_ack(p, 1, false);
	peer_counts(p, 1, 0, 0, 0);
}

/* It is the session that hangs up, and comes again. */
static void
expect_retreat(struct peer *p)
{
	peer_turns(p);
	assert_int_equal(p->mq->state, SESSION_CONNECTING);
}

/* The second connection says nothing unasked, and nobody was told of the first. */
static void
expect_order(struct peer *p)
{
	struct peer_content c = { 0 };

	peer_accept(p);
	assert_int_equal(rmq_counts(p->mq).in_doubt, 1);
	peer_expect_header(p);
	peer_expect_nothing(p);
	peer_start(p, "PLAIN");
	peer_expect(p, AMQP_CONNECTION_START_OK_METHOD);
	peer_expect_nothing(p);
	peer_tune(p, 10, 16384, 60);
	peer_expect(p, AMQP_CONNECTION_TUNE_OK_METHOD);
	peer_expect(p, AMQP_CONNECTION_OPEN_METHOD);
	peer_expect(p, AMQP_CHANNEL_OPEN_METHOD);
	peer_expect(p, AMQP_CONFIRM_SELECT_METHOD);
	peer_expect(p, AMQP_QUEUE_DECLARE_METHOD);
	peer_expect_publish(p, &c);
	peer_content_free(&c);
	accept_flight(p);
	assert_int_equal(p->nevents, 1);
}

static void
expect_heard(struct peer *p, unsigned channel_max, unsigned frame_max, unsigned heartbeat)
{
	struct rmq_hint heard;

	assert_true(rmq_hint(p->mq, &heard));
	assert_ptr_equal(heard.uri, &p->uri);
	assert_int_equal(heard.channel_max, channel_max);
	assert_int_equal(heard.frame_max, frame_max);
	assert_int_equal(heard.heartbeat, heartbeat);
	assert_true(heard.plain);
	assert_false(heard.external);
}

static void
test_right(void **state)
{
	struct peer p;
	struct rmq_hint heard;

	(void)state;
	begin(&p, &usual, false);
	expect_flight(&p, 1, 131072, 30);
	assert_false(rmq_hint(p.mq, &heard));
	peer_start(&p, "AMQPLAIN PLAIN");
	peer_tune(&p, 2047, 131072, 60);
	accept_flight(&p);
	assert_string_equal(rmq_server_version(p.mq), "4.0.5");
	expect_heard(&p, 2047, 131072, 60);
	peer_goodbye(&p);
	peer_close(&p);
}

/* What was said is within the new limits. */
static void
test_still_right(void **state)
{
	static const struct { uint16_t channel_max; uint32_t frame_max; uint16_t heartbeat; } now[] = {
		{ 2047, 262144, 60 }, { 0, 0, 0 }, { 1, 131072, 60 }, { 2047, 131072, 1 }, { 65535, 131072, 600 },
	};
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof now / sizeof *now; i++) {
		begin(&p, &usual, false);
		expect_flight(&p, 1, 131072, 30);
		peer_start(&p, "PLAIN");
		peer_tune(&p, now[i].channel_max, now[i].frame_max, now[i].heartbeat);
		accept_flight(&p);
		expect_heard(&p, now[i].channel_max, now[i].frame_max, now[i].heartbeat);
		peer_goodbye(&p);
		peer_close(&p);
	}
}

/* A broker that takes its time is no reason to say it again. */
static void
test_late(void **state)
{
	struct peer p;

	(void)state;
	begin(&p, &usual, true);
	expect_flight(&p, 1, 131072, 30);
	peer_wait(&p, 9000);
	peer_expect_nothing(&p);
	p.chunk = 1;
	peer_start(&p, "PLAIN");
	peer_tune(&p, 2047, 131072, 60);
	accept_flight(&p);
	assert_int_equal(p.nevents, 1);
	peer_goodbye(&p);
	peer_close(&p);
}

static void
test_too_late(void **state)
{
	struct peer p;

	(void)state;
	begin(&p, &usual, true);
	expect_flight(&p, 1, 131072, 30);
	peer_wait(&p, 10001);
	peer_failed(&p, RMQ_UNAVAILABLE, "no answer from 127.0.0.1");
	assert_int_equal(rmq_counts(p.mq).in_doubt, 1);
	peer_close(&p);
}

/* Who says nothing has no longer than in order, so that other hosts have their turn. */
static void
test_silent(void **state)
{
	struct peer p;
	struct rmq_config config = eager;

	(void)state;
	config.first_limit = 60000;
	peer_listen(&p, &config);
	rmq_declare_queue(p.mq, &(struct rmq_queue){ .name = "q", .declare = RMQ_MAKE });
	peer_publish(&p, "k", rmq_bytes("body"), 7);
	peer_accept(&p);
	expect_flight(&p, 1, 131072, 30);
	peer_wait(&p, 10001);
	peer_turn(&p);
	assert_int_equal(p.mq->state, SESSION_WAITING);
	expect_order(&p);
	peer_close(&p);
}

static void
test_smaller_frames(void **state)
{
	struct peer p;

	(void)state;
	begin(&p, &usual, true);
	expect_flight(&p, 1, 131072, 30);
	peer_start(&p, "PLAIN");
	peer_tune(&p, 2047, 65536, 60);
	expect_retreat(&p);
	expect_order(&p);
	expect_heard(&p, 10, 16384, 60);
	peer_close(&p);
}

static void
test_fewer_channels(void **state)
{
	struct peer p;
	struct rmq_config config = eager;
	struct rmq_uri uri = { .heartbeat = -1, .channel_max = 100, .frame_max = -1, .user = (char *)(uintptr_t)"guest",
		.password = (char *)(uintptr_t)"secret", .vhost = (char *)(uintptr_t)"/" };

	(void)state;
	config.uris = &uri;
	peer_listen(&p, &config);
	rmq_declare_queue(p.mq, &(struct rmq_queue){ .name = "q", .declare = RMQ_MAKE });
	peer_publish(&p, "k", rmq_bytes("body"), 7);
	peer_accept(&p);
	expect_flight(&p, 100, 131072, 30);
	peer_start(&p, "PLAIN");
	peer_tune(&p, 99, 131072, 60);
	expect_retreat(&p);
	expect_order(&p);
	peer_close(&p);
}

static const struct {
	const char	*bytes;
	size_t		 len;
} strangers[] = {
	{ "", 0 },
	{ "AMQP\0\0\x09\x01", 8 },
	{ "HTTP/1.1 400 Bad Request\r\n\r\n", 28 },
	{ "\1\0\1\0\0\0\5\0\24\0\13\0\xce", 13 },	/* a frame on the channel */
};

/* Whatever is there now: it hangs up, or speaks something else, and is asked again in order. */
static void
test_strangers(void **state)
{
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
		begin(&p, &usual, true);
		expect_flight(&p, 1, 131072, 30);
		peer_raw(&p, strangers[i].bytes, strangers[i].len);
		if (strangers[i].len == 0)
			peer_hang_up(&p);
		expect_retreat(&p);
		expect_order(&p);
		peer_close(&p);
	}
}

static void
test_closed_after_start(void **state)
{
	struct peer p;

	(void)state;
	begin(&p, &usual, true);
	expect_flight(&p, 1, 131072, 30);
	peer_start(&p, "PLAIN");
	peer_hang_up(&p);
	expect_order(&p);
	peer_close(&p);
}

static void
test_shut_down_in_between(void **state)
{
	struct peer p;

	(void)state;
	begin(&p, &usual, true);
	expect_flight(&p, 1, 131072, 30);
	peer_start(&p, "PLAIN");
	peer_close_connection(&p, 320, "CONNECTION_FORCED");
	expect_order(&p);
	peer_close(&p);
}

/* The guess is spent: what is lost later is found again in order. */
static void
test_once(void **state)
{
	struct peer p;

	(void)state;
	begin(&p, &usual, true);
	expect_flight(&p, 1, 131072, 30);
	peer_start(&p, "PLAIN");
	peer_tune(&p, 2047, 131072, 60);
	accept_flight(&p);
	peer_hang_up(&p);
	peer_event(&p, RMQ_LOST);
	peer_accept(&p);
	peer_expect_header(&p);
	peer_expect_nothing(&p);
	peer_close(&p);
}

/* A refusal is an answer, as clear as in order, and it is not asked for twice. */
static void
test_refused(void **state)
{
	struct peer p;

	(void)state;
	begin(&p, &usual, true);
	expect_flight(&p, 1, 131072, 30);
	peer_start(&p, "PLAIN");
	peer_close_connection(&p, 403, "ACCESS_REFUSED");
	peer_failed(&p, RMQ_DENIED, "cannot log in to 127.0.0.1");
	assert_int_equal(rmq_counts(p.mq).in_doubt, 0);
	peer_close(&p);

	begin(&p, &usual, true);
	expect_flight(&p, 1, 131072, 30);
	peer_start(&p, "PLAIN");
	peer_tune(&p, 2047, 131072, 60);
	peer_close_connection(&p, 530, "NOT_ALLOWED");
	peer_failed(&p, RMQ_DENIED, "cannot open virtual host '/'");
	assert_int_equal(rmq_counts(p.mq).in_doubt, 0);
	peer_close(&p);

	begin(&p, &usual, true);
	expect_flight(&p, 1, 131072, 30);
	peer_start(&p, "EXTERNAL");
	peer_failed(&p, RMQ_DENIED, "does not offer PLAIN");
	assert_int_equal(rmq_counts(p.mq).in_doubt, 0);
	peer_close(&p);
}

/* A refused step is done in another way on the same connection, as after a handshake in order. */
static void
test_missing_queue(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };
	amqp_queue_declare_t *declare;

	(void)state;
	peer_open(&p, &eager);
	rmq_declare_queue(p.mq, &(struct rmq_queue){ .name = "q" });
	peer_publish(&p, "k", rmq_bytes("body"), 7);
	expect_flight(&p, 1, 131072, 30);
	peer_start(&p, "PLAIN");
	peer_tune(&p, 2047, 131072, 60);
	peer_ok(&p, AMQP_CONNECTION_OPEN_OK_METHOD);
	peer_ok(&p, AMQP_CHANNEL_OPEN_OK_METHOD);
	peer_ok(&p, AMQP_CONFIRM_SELECT_OK_METHOD);
	peer_refuse_step(&p, 404, "NOT_FOUND - no queue 'q'", AMQP_QUEUE_DECLARE_METHOD);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_expect(&p, AMQP_CHANNEL_OPEN_METHOD);
	peer_expect(&p, AMQP_CONFIRM_SELECT_METHOD);
	declare = peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD);
	assert_false(declare->passive);
	peer_expect_publish(&p, &c);
	peer_content_free(&c);
	peer_ok(&p, AMQP_CHANNEL_OPEN_OK_METHOD);
	peer_ok(&p, AMQP_CONFIRM_SELECT_OK_METHOD);
	peer_declared(&p, "q");
	peer_event(&p, RMQ_READY);
	peer_ack(&p, 1, false);
	peer_counts(&p, 1, 0, 0, 0);
	peer_close(&p);
}

/* What is no guess to make: a way to log in that was not offered, frames that are too small for some brokers. */
static void
test_no_guess(void **state)
{
	static const struct rmq_hint hints[] = {
		{ .channel_max = 2047, .frame_max = 131072, .heartbeat = 60, .external = true },
		{ .channel_max = 2047, .frame_max = 4096, .heartbeat = 60, .plain = true },
	};
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		begin(&p, &hints[i], true);
		peer_expect_header(&p);
		peer_expect_nothing(&p);
		peer_close(&p);
	}
}

/* A body of its own waits until the way is known to be free. */
static void
test_large_body(void **state)
{
	static const char large[200000];
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &eager);
	peer_publish(&p, "k", (struct rmq_bytes){ sizeof large, large }, 7);
	peer_expect_header(&p);
	peer_expect(&p, AMQP_CONNECTION_START_OK_METHOD);
	peer_expect(&p, AMQP_CONNECTION_TUNE_OK_METHOD);
	peer_expect(&p, AMQP_CONNECTION_OPEN_METHOD);
	peer_expect(&p, AMQP_CHANNEL_OPEN_METHOD);
	peer_expect(&p, AMQP_CONFIRM_SELECT_METHOD);
	peer_expect_nothing(&p);
	peer_start(&p, "PLAIN");
	peer_tune(&p, 2047, 131072, 60);
	peer_ok(&p, AMQP_CONNECTION_OPEN_OK_METHOD);
	peer_ok(&p, AMQP_CHANNEL_OPEN_OK_METHOD);
	peer_ok(&p, AMQP_CONFIRM_SELECT_OK_METHOD);
	peer_event(&p, RMQ_READY);
	peer_expect_publish(&p, &c);
	assert_int_equal(c.body.len, sizeof large);
	assert_int_equal(c.largest, 131072);
	peer_content_free(&c);
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_still_right),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_too_late),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_smaller_frames),
		cmocka_unit_test(test_fewer_channels),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_closed_after_start),
		cmocka_unit_test(test_shut_down_in_between),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_missing_queue),
		cmocka_unit_test(test_no_guess),
		cmocka_unit_test(test_large_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
