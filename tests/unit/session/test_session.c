/* SPDX-License-Identifier: MIT */
/* A session that is up: heartbeats, alarms, the goodbye. */

#include <string.h>

#include "peer.h"

static const struct rmq_config publishing = { .confirm = true };

static void
with_heartbeat(struct peer *p, uint16_t theirs)
{
	peer_open(p, &(struct rmq_config){ .confirm = true, .heartbeat = 1000 });
	peer_expect_header(p);
	peer_start(p, "PLAIN");
	peer_expect(p, AMQP_CONNECTION_START_OK_METHOD);
	peer_tune(p, 0, 0, theirs);
	assert_int_equal(((amqp_connection_tune_ok_t *)peer_expect(p, AMQP_CONNECTION_TUNE_OK_METHOD))->heartbeat, 1);
	peer_expect(p, AMQP_CONNECTION_OPEN_METHOD);
	peer_ok(p, AMQP_CONNECTION_OPEN_OK_METHOD);
	peer_channel(p);
	peer_event(p, RMQ_READY);
}

static void
test_heartbeat_is_sent(void **state)
{
	struct peer p;
	static const uint8_t beat[] = { FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END };

	(void)state;
	with_heartbeat(&p, 60);
	peer_expect_nothing(&p);
	for (int i = 0; i < 8; i++) {
		assert_in_range(rmq_wait_ms(p.mq), 0, 500);
		peer_wait(&p, 510);
		peer_expect_heartbeat(&p);
		peer_raw(&p, beat, sizeof beat);
		peer_expect_nothing(&p);
	}
	peer_goodbye(&p);
	peer_close(&p);
}

static void
test_dead_peer(void **state)
{
	struct peer p;

	(void)state;
	with_heartbeat(&p, 60);
	peer_wait(&p, 1500);
	peer_no_event(&p);
	peer_wait(&p, 600);
	assert_string_equal(rmq_trouble(p.mq), "");
	assert_in_range(rmq_now() - peer_event(&p, RMQ_LOST)->heard_at, 2000, 2600);
	peer_failed(&p, RMQ_UNAVAILABLE, "nothing heard");
	peer_close(&p);
}

/* Also while the other side takes nothing, and a record is half written. */
static void
test_dead_peer_that_reads_nothing(void **state)
{
	static char large[1 << 20];
	struct peer p;

	(void)state;
	with_heartbeat(&p, 60);
	p.deaf = true;
	peer_publish(&p, "k", (struct rmq_bytes){ sizeof large, large }, 1);
	peer_turns(&p);
	peer_wait(&p, 2100);
	peer_event(&p, RMQ_LOST);
	peer_failed(&p, RMQ_UNAVAILABLE, "nothing heard");
	assert_int_equal(rmq_counts(p.mq).unsettled, 1);
	peer_close(&p);
}

/* What the broker said before it hung up is the reason, even if our next write fails first. */
static void
test_last_words(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, &publishing);
	peer_ready(&p);
	peer_close_connection(&p, 320, "CONNECTION_FORCED - bye");
	peer_hang_up(&p);
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	peer_failed(&p, RMQ_UNAVAILABLE, "CONNECTION_FORCED - bye");
	peer_close(&p);
}

static void
test_blocked(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };
	amqp_connection_blocked_t blocked = { peer_string("low on memory") };

	(void)state;
	peer_open(&p, &publishing);
	peer_ready(&p);
	peer_send(&p, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
	assert_string_equal(peer_event(&p, RMQ_BLOCKED)->text, "low on memory");
	assert_false(rmq_can_publish(p.mq));
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	peer_expect_nothing(&p);
	peer_send(&p, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
	peer_no_event(&p);
	peer_ok(&p, AMQP_CONNECTION_UNBLOCKED_METHOD);
	peer_event(&p, RMQ_UNBLOCKED);
	assert_true(rmq_can_publish(p.mq));
	peer_expect_publish(&p, &c);
	peer_ack(&p, 1, false);
	peer_counts(&p, 1, 0, 0, 0);
	peer_goodbye(&p);
	peer_content_free(&c);
	peer_close(&p);
}

static const uint8_t beat[] = { FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END };

static void
wait_blocked(struct peer *p, int secs)
{
	for (int i = 0; i < secs && !rmq_failed(p->mq); i++) {
		peer_wait(p, 1000);
		peer_raw(p, beat, sizeof beat);
		peer_turns(p);
	}
}

static void
test_blocked_for_too_long(void **state)
{
	struct peer p;
	amqp_connection_blocked_t blocked = { peer_string("low on disk") };

	(void)state;
	peer_open(&p, &publishing);
	peer_ready(&p);
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	peer_send(&p, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
	peer_event(&p, RMQ_BLOCKED);
	wait_blocked(&p, 61);
	peer_failed(&p, RMQ_UNAVAILABLE, "takes no messages: low on disk");
	peer_close(&p);
}

/* RabbitMQ takes the record over which it says that it is blocked: with that confirmed, there is nothing to wait for. */
static void
test_blocked_without_work(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };
	amqp_connection_blocked_t blocked = { peer_string("low on disk") };

	(void)state;
	peer_open(&p, &publishing);
	peer_ready(&p);
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	peer_expect_publish(&p, &c);
	peer_send(&p, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
	peer_event(&p, RMQ_BLOCKED);
	peer_ack(&p, 1, false);
	wait_blocked(&p, 90);
	peer_counts(&p, 1, 0, 0, 0);
	assert_false(rmq_failed(p.mq));
	peer_publish(&p, "k", rmq_bytes("x"), 2);
	wait_blocked(&p, 55);
	assert_false(rmq_failed(p.mq));
	wait_blocked(&p, 6);
	peer_failed(&p, RMQ_UNAVAILABLE, "takes no messages: low on disk");
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_channel_flow(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };
	amqp_channel_flow_t off = { 0 }, on = { 1 };

	(void)state;
	peer_open(&p, &publishing);
	peer_ready(&p);
	peer_send(&p, AMQP_CHANNEL_FLOW_METHOD, &off);
	assert_false(((amqp_channel_flow_ok_t *)peer_expect(&p, AMQP_CHANNEL_FLOW_OK_METHOD))->active);
	assert_false(rmq_can_publish(p.mq));
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	peer_expect_nothing(&p);
	peer_send(&p, AMQP_CHANNEL_FLOW_METHOD, &on);
	assert_true(((amqp_channel_flow_ok_t *)peer_expect(&p, AMQP_CHANNEL_FLOW_OK_METHOD))->active);
	peer_expect_publish(&p, &c);
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_goodbye(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, &publishing);
	peer_ready(&p);
	peer_goodbye(&p);
	peer_no_event(&p);
	peer_close(&p);
}

/* Confirms come first; a broker that does not answer is left after two seconds. */
static void
test_goodbye_without_answer(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &publishing);
	peer_ready(&p);
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	rmq_close(p.mq);
	peer_expect_publish(&p, &c);
	peer_expect_nothing(&p);
	peer_ack(&p, 1, false);
	peer_expect(&p, AMQP_CONNECTION_CLOSE_METHOD);
	peer_wait(&p, 1500);
	peer_no_event(&p);
	peer_wait(&p, 600);
	peer_event(&p, RMQ_CLOSED);
	assert_false(rmq_failed(p.mq));
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_goodbye_before_ready(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, &publishing);
	rmq_close(p.mq);
	peer_event(&p, RMQ_CLOSED);
	peer_close(&p);
}

static void
test_nothing_after_failure(void **state)
{
	struct peer p;
	struct rmq_error e = { 0 };
	struct rmq_message m = { .body = rmq_bytes("x"), .cookie = 1 };

	(void)state;
	peer_open(&p, &publishing);
	peer_hang_up(&p);
	peer_failed(&p, RMQ_UNAVAILABLE, "");
	assert_false(rmq_can_publish(p.mq));
	rmq_publish(p.mq, &m, &e);
	rmq_declare_queue(p.mq, &(struct rmq_queue){ .name = "q" });
	rmq_consume(p.mq, &(struct rmq_consumer){ .queue = "q" });
	rmq_stop_consuming(p.mq);
	rmq_close(p.mq);
	assert_false(rmq_ack(p.mq, 1, false));
	assert_int_equal(rmq_wait_ms(p.mq), -1);
	peer_no_event(&p);
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heartbeat_is_sent),
		cmocka_unit_test(test_dead_peer),
		cmocka_unit_test(test_dead_peer_that_reads_nothing),
		cmocka_unit_test(test_last_words),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_blocked_for_too_long),
		cmocka_unit_test(test_blocked_without_work),
		cmocka_unit_test(test_channel_flow),
		cmocka_unit_test(test_goodbye),
		cmocka_unit_test(test_goodbye_without_answer),
		cmocka_unit_test(test_goodbye_before_ready),
		cmocka_unit_test(test_nothing_after_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
