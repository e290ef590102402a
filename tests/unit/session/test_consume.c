/* SPDX-License-Identifier: MIT */
/* Consumers: how they begin, are ended, begin again and stop. */

#include <poll.h>
#include <string.h>

#include "peer.h"

static const struct rmq_config consuming = { 0 };

static void
consumer_ready(struct peer *p)
{
	peer_open(p, &consuming);
	rmq_consume(p->mq, &(struct rmq_consumer){ .queue = "q", .prefetch = 1 });
	peer_handshake(p);
	peer_channel(p);
	peer_consumed(p, "c0");
	peer_event(p, RMQ_READY);
}

static void
cancel(struct peer *p, const char *tag)
{
	amqp_basic_cancel_t said = { .consumer_tag = peer_string(tag), .nowait = 1 };

	peer_send(p, AMQP_BASIC_CANCEL_METHOD, &said);
}

static void
test_cancelled_by_the_broker(void **state)
{
	struct peer p;
	uint64_t tag;

	(void)state;
	consumer_ready(&p);
	peer_deliver(&p, 1, "c0", rmq_bytes("x"), 10);
	tag = peer_event(&p, RMQ_DELIVERED)->tag;
	cancel(&p, "c0");
	assert_true(peer_event(&p, RMQ_LOST)->taken_back);
	assert_false(rmq_ack(p.mq, tag, false));
	peer_expect(&p, AMQP_CHANNEL_CLOSE_METHOD);
	cancel(&p, "c0");
	peer_deliver(&p, 2, "c0", rmq_bytes("late"), 10);
	peer_ok(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_channel(&p);
	assert_true(((amqp_queue_declare_t *)peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD))->passive);
	peer_declared(&p, "q");
	peer_consumed(&p, "c0");
	peer_event(&p, RMQ_READY);
	peer_deliver(&p, 1, "c0", rmq_bytes("y"), 10);
	assert_false(rmq_ack(p.mq, tag, false));
	assert_true(rmq_ack(p.mq, peer_event(&p, RMQ_DELIVERED)->tag, false));
	peer_expect(&p, AMQP_BASIC_ACK_METHOD);
	cancel(&p, "c0");
	peer_event(&p, RMQ_LOST);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_METHOD);
	peer_ok(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_expect_nothing(&p);
	peer_wait(&p, 2000);
	peer_channel(&p);
	peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD);
	peer_refuse_step(&p, 404, "NOT_FOUND - no queue 'q' in vhost '/'", AMQP_QUEUE_DECLARE_METHOD);
	peer_failed(&p, RMQ_NO_DESTINATION, "consume from queue 'q': NOT_FOUND");
	peer_close(&p);
}

/* The clock is set back meanwhile, so that the test may be slow. */
static void
test_more_is_no_news(void **state)
{
	struct peer p;

	(void)state;
	consumer_ready(&p);
	assert_int_equal(rmq_events(p.mq), POLLIN);
	peer_deliver(&p, 1, "c0", rmq_bytes("x"), 10);
	peer_event(&p, RMQ_DELIVERED);
	rmq_stocked(p.mq, true);
	peer_wait(&p, -60000);
	peer_deliver(&p, 2, "c0", rmq_bytes("y"), 10);
	peer_no_event(&p);
	assert_int_equal(rmq_events(p.mq), 0);
	assert_in_range(rmq_wait_ms(p.mq), 1, 60000 + RMQ_REST_MS);
	peer_wait(&p, 60000 + RMQ_REST_MS);
	peer_event(&p, RMQ_DELIVERED);
	peer_wait(&p, -60000);
	assert_int_equal(rmq_events(p.mq), 0);
	rmq_stocked(p.mq, false);
	assert_int_equal(rmq_events(p.mq), POLLIN);
	peer_close(&p);
}

static uint64_t
delivered(struct peer *p, uint64_t tag)
{
	peer_deliver(p, tag, "c0", rmq_bytes("x"), 10);
	return peer_event(p, RMQ_DELIVERED)->tag;
}

static void
test_acknowledgements_travel_together(void **state)
{
	struct peer p;
	uint64_t tags[3];

	(void)state;
	consumer_ready(&p);
	for (unsigned i = 0; i < 3; i++)
		tags[i] = delivered(&p, i + 1);
	rmq_stocked(p.mq, true);
	peer_wait(&p, -60000);
	assert_true(rmq_ack(p.mq, tags[0], false) && rmq_ack(p.mq, tags[1], false));
	peer_expect_nothing(&p);
	assert_in_range(rmq_wait_ms(p.mq), 1, 60000 + RMQ_REST_MS);
	peer_wait(&p, 60000 + RMQ_REST_MS);
	peer_expect(&p, AMQP_BASIC_ACK_METHOD);
	peer_expect(&p, AMQP_BASIC_ACK_METHOD);
	peer_wait(&p, -60000);
	assert_true(rmq_ack(p.mq, tags[2], false));
	peer_expect_nothing(&p);
	rmq_stocked(p.mq, false);
	peer_expect(&p, AMQP_BASIC_ACK_METHOD);
	peer_close(&p);
}

/* The last ones before the goodbye, too. */
static void
test_goodbye_waits_for_nothing(void **state)
{
	struct peer p;
	uint64_t tag;

	(void)state;
	consumer_ready(&p);
	tag = delivered(&p, 1);
	rmq_stocked(p.mq, true);
	peer_wait(&p, -60000);
	assert_true(rmq_ack(p.mq, tag, false));
	peer_expect_nothing(&p);
	rmq_close(p.mq);
	peer_expect(&p, AMQP_BASIC_ACK_METHOD);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_METHOD);
	peer_close(&p);
}

static void
test_rest_of_a_message_is_read(void **state)
{
	static const uint8_t half[] = { FRAME_METHOD, 0, 1, 0, 0 };
	struct peer p;

	(void)state;
	consumer_ready(&p);
	peer_raw(&p, half, sizeof half);
	peer_turns(&p);
	rmq_stocked(p.mq, true);
	peer_wait(&p, -60000);
	assert_int_equal(rmq_events(p.mq), POLLIN);
	peer_close(&p);
}

/* Ours and the broker's cancel meet: no consumer is left, and that is what was wanted. */
static void
test_cancelled_while_stopping(void **state)
{
	amqp_basic_cancel_ok_t ok = { peer_string("c0") };
	struct peer p;

	(void)state;
	peer_open(&p, &consuming);
	rmq_declare_queue(p.mq, &(struct rmq_queue){ 0 });
	rmq_consume(p.mq, &(struct rmq_consumer){ 0 });
	peer_handshake(&p);
	peer_channel(&p);
	peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD);
	peer_declared(&p, "amq.gen-1");
	peer_consumed(&p, "c0");
	peer_event(&p, RMQ_READY);
	rmq_stop_consuming(p.mq);
	cancel(&p, "c0");
	peer_expect(&p, AMQP_BASIC_CANCEL_METHOD);
	peer_send(&p, AMQP_BASIC_CANCEL_OK_METHOD, &ok);
	peer_event(&p, RMQ_LOST);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_METHOD);
	peer_ok(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_channel(&p);
	peer_event(&p, RMQ_STOPPED);
	peer_event(&p, RMQ_READY);
	peer_goodbye(&p);
	peer_close(&p);
}

/* The broker closes the channel that we are closing. */
static void
test_cancelled_and_closed(void **state)
{
	struct peer p;

	(void)state;
	consumer_ready(&p);
	cancel(&p, "c0");
	peer_event(&p, RMQ_LOST);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_METHOD);
	peer_refuse_step(&p, 406, "PRECONDITION_FAILED - unknown delivery tag 7", AMQP_BASIC_ACK_METHOD);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_ok(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_channel(&p);
	peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD);
	peer_declared(&p, "q");
	peer_consumed(&p, "c0");
	peer_event(&p, RMQ_READY);
	peer_close(&p);
}

static void
test_consumer_timeout(void **state)
{
	struct peer p;
	uint64_t tag;

	(void)state;
	consumer_ready(&p);
	peer_deliver(&p, 1, "c0", rmq_bytes("x"), 10);
	tag = peer_event(&p, RMQ_DELIVERED)->tag;
	peer_refuse_step(&p, 406, "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout "
	    "value used: 1800000 ms.", 0);
	peer_event(&p, RMQ_LOST);
	assert_false(rmq_ack(p.mq, tag, false));
	peer_expect(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_channel(&p);
	peer_consumed(&p, "c0");
	peer_event(&p, RMQ_READY);
	assert_false(rmq_ack(p.mq, tag, false));
	peer_expect_nothing(&p);
	peer_close(&p);

	consumer_ready(&p);
	peer_refuse_step(&p, 406, "PRECONDITION_FAILED - unknown delivery tag 7", AMQP_BASIC_ACK_METHOD);
	peer_failed(&p, RMQ_PROTOCOL, "unknown delivery tag 7");
	peer_close(&p);
}

/* It has a new name on each connection, and the binding and the consumer go with it. */
static void
test_queue_named_by_the_broker(void **state)
{
	static const char *const names[] = { "amq.gen-first", "amq.gen-second" };
	struct peer p;
	amqp_queue_declare_t *d;

	(void)state;
	peer_listen(&p, &(struct rmq_config){ .retry_limit = -1 });
	rmq_declare_queue(p.mq, &(struct rmq_queue){ 0 });
	rmq_bind(p.mq, &(struct rmq_binding){ .exchange = "logs", .routing_key = "k" });
	rmq_consume(p.mq, &(struct rmq_consumer){ 0 });
	assert_string_equal(rmq_named_queue(p.mq), "");
	for (int i = 0; i < 2; i++) {
		peer_accept(&p);
		peer_handshake(&p);
		peer_channel(&p);
		d = peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD);
		assert_int_equal(d->queue.len, 0);
		assert_true(d->exclusive);
		assert_false(d->durable);
		peer_declared(&p, names[i]);
		assert_int_equal(((amqp_queue_bind_t *)peer_expect(&p, AMQP_QUEUE_BIND_METHOD))->queue.len, 0);
		peer_ok(&p, AMQP_QUEUE_BIND_OK_METHOD);
		peer_consumed(&p, "c0");
		peer_event(&p, RMQ_READY);
		assert_string_equal(rmq_named_queue(p.mq), names[i]);
		peer_hang_up(&p);
		peer_event(&p, RMQ_LOST);
	}
	peer_close(&p);
}

static void
test_queue_named_by_the_broker_deleted(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, &consuming);
	rmq_declare_queue(p.mq, &(struct rmq_queue){ 0 });
	rmq_consume(p.mq, &(struct rmq_consumer){ 0 });
	peer_handshake(&p);
	peer_channel(&p);
	peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD);
	peer_declared(&p, "amq.gen-1");
	peer_consumed(&p, "c0");
	peer_event(&p, RMQ_READY);
	cancel(&p, "c0");
	peer_event(&p, RMQ_LOST);
	peer_failed(&p, RMQ_NO_DESTINATION, "amq.gen-1");
	peer_close(&p);
}

/* Our own lost connection may still hold an exclusive queue. */
static void
test_locked_after_a_loss(void **state)
{
	struct peer p;

	(void)state;
	peer_listen(&p, &(struct rmq_config){ .retry_limit = -1 });
	rmq_declare_queue(p.mq, &(struct rmq_queue){ .name = "q", .exclusive = true });
	for (int i = 0; i < 3; i++) {
		peer_accept(&p);
		peer_handshake(&p);
		peer_channel(&p);
		peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD);
		if (i == 1) {
			peer_refuse_step(&p, 405, "RESOURCE_LOCKED", AMQP_QUEUE_DECLARE_METHOD);
			peer_turns(&p);
			continue;
		}
		peer_declared(&p, "q");
		peer_event(&p, RMQ_READY);
		peer_hang_up(&p);
		peer_event(&p, RMQ_LOST);
	}
	peer_close(&p);
}

/* Only channel.close-ok proves that acknowledgements were taken. */
static void
test_consumer_goodbye(void **state)
{
	struct peer p;

	(void)state;
	consumer_ready(&p);
	peer_goodbye(&p);
	peer_close(&p);

	consumer_ready(&p);
	rmq_close(p.mq);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_METHOD);
	peer_wait(&p, 2100);
	peer_failed(&p, RMQ_UNCONFIRMED, "no answer");
	peer_close(&p);

	consumer_ready(&p);
	rmq_close(p.mq);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_METHOD);
	peer_hang_up(&p);
	peer_failed(&p, RMQ_UNCONFIRMED, "acknowledgements");
	peer_close(&p);

	consumer_ready(&p);
	rmq_close(p.mq);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_METHOD);
	peer_deliver(&p, 1, "c0", rmq_bytes("late"), 2);
	peer_ok(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_expect(&p, AMQP_CONNECTION_CLOSE_METHOD);
	peer_hang_up(&p);
	peer_event(&p, RMQ_CLOSED);
	peer_close(&p);
}

static void
test_stop_consuming(void **state)
{
	struct peer p;
	amqp_basic_cancel_ok_t ok = { peer_string("c0") };
	uint64_t tag;

	(void)state;
	consumer_ready(&p);
	peer_deliver(&p, 1, "c0", rmq_bytes("x"), 8);
	tag = peer_event(&p, RMQ_DELIVERED)->tag;
	rmq_stop_consuming(p.mq);
	peer_expect(&p, AMQP_BASIC_CANCEL_METHOD);
	peer_deliver(&p, 2, "c0", rmq_bytes("y"), 8);
	peer_event(&p, RMQ_DELIVERED);
	peer_no_event(&p);
	peer_send(&p, AMQP_BASIC_CANCEL_OK_METHOD, &ok);
	peer_event(&p, RMQ_STOPPED);
	rmq_stop_consuming(p.mq);
	peer_no_event(&p);
	assert_true(rmq_ack(p.mq, tag, false));
	assert_int_equal(((amqp_basic_ack_t *)peer_expect(&p, AMQP_BASIC_ACK_METHOD))->delivery_tag, 1);
	peer_goodbye(&p);
	peer_close(&p);
}

/* A consumer that begins after RMQ_READY has an event of its own. */
static void
test_resume_consuming(void **state)
{
	amqp_basic_cancel_ok_t ok = { peer_string("c0") };
	struct peer p;

	(void)state;
	consumer_ready(&p);
	rmq_stop_consuming(p.mq);
	peer_expect(&p, AMQP_BASIC_CANCEL_METHOD);
	rmq_resume_consuming(p.mq);
	peer_send(&p, AMQP_BASIC_CANCEL_OK_METHOD, &ok);
	peer_event(&p, RMQ_STOPPED);
	peer_expect_nothing(&p);
	rmq_resume_consuming(p.mq);
	peer_no_event(&p);
	peer_consumed(&p, "c0");
	peer_event(&p, RMQ_SUBSCRIBED);
	rmq_consume(p.mq, &(struct rmq_consumer){ .queue = "r" });
	peer_consumed(&p, "c1");
	peer_event(&p, RMQ_SUBSCRIBED);
	peer_goodbye(&p);
	peer_close(&p);
}

static void
test_stop_two(void **state)
{
	amqp_basic_cancel_ok_t first = { peer_string("c0") }, second = { peer_string("c1") };
	struct peer p;

	(void)state;
	peer_open(&p, &consuming);
	rmq_consume(p.mq, &(struct rmq_consumer){ .queue = "q" });
	rmq_consume(p.mq, &(struct rmq_consumer){ .queue = "r" });
	peer_handshake(&p);
	peer_channel(&p);
	peer_consumed(&p, "c0");
	peer_consumed(&p, "c1");
	peer_event(&p, RMQ_READY);
	rmq_stop_consuming(p.mq);
	rmq_bind(p.mq, &(struct rmq_binding){ .queue = "q", .exchange = "x" });
	peer_send(&p, AMQP_BASIC_CANCEL_OK_METHOD, &first);
	peer_no_event(&p);
	peer_send(&p, AMQP_BASIC_CANCEL_OK_METHOD, &second);
	peer_event(&p, RMQ_STOPPED);
	peer_close(&p);
}

/* Who stops does not wait for half a minute: neither for a cancel, nor for what was asked before. */
static void
test_stop_unanswered(void **state)
{
	struct peer p;

	(void)state;
	for (int asked = 0; asked < 2; asked++) {
		consumer_ready(&p);
		if (asked == 1)
			rmq_look_at_queue(p.mq, "q");
		rmq_stop_consuming(p.mq);
		peer_turns(&p);
		peer_wait(&p, 4500);
		peer_no_event(&p);
		peer_wait(&p, 600);
		assert_string_equal(peer_event(&p, RMQ_LOST)->text + strlen("no answer from the broker: "),
		    "a reply did not come in time");
		peer_event(&p, RMQ_STOPPED);
		peer_close(&p);
	}
}

/* The broker closes the channel before it has heard of the cancel. */
static void
test_stop_and_channel_closed(void **state)
{
	struct peer p;

	(void)state;
	consumer_ready(&p);
	rmq_stop_consuming(p.mq);
	peer_expect(&p, AMQP_BASIC_CANCEL_METHOD);
	peer_refuse_step(&p, 406, "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out", 0);
	peer_event(&p, RMQ_LOST);
	peer_event(&p, RMQ_STOPPED);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_channel(&p);
	peer_event(&p, RMQ_READY);
	peer_expect_nothing(&p);
	peer_goodbye(&p);
	peer_close(&p);
}

static void
test_channel_closed_before_the_goodbye(void **state)
{
	struct peer p;

	(void)state;
	consumer_ready(&p);
	rmq_close(p.mq);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_METHOD);
	peer_refuse_step(&p, 406, "PRECONDITION_FAILED - unknown delivery tag 7", AMQP_BASIC_ACK_METHOD);
	peer_failed(&p, RMQ_UNCONFIRMED, "closed the channel");
	peer_close(&p);
}

static void
test_stop_without_answer(void **state)
{
	static const uint8_t beat[] = { FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END };
	struct peer p;

	(void)state;
	consumer_ready(&p);
	rmq_stop_consuming(p.mq);
	peer_expect(&p, AMQP_BASIC_CANCEL_METHOD);
	for (int i = 0; i < 31; i++) {
		peer_wait(&p, 1000);
		peer_raw(&p, beat, sizeof beat);
		peer_turns(&p);
	}
	peer_event(&p, RMQ_LOST);
	peer_event(&p, RMQ_STOPPED);
	peer_failed(&p, RMQ_UNAVAILABLE, "no answer");
	peer_close(&p);
}

/* The consumers are not there yet, but asked for: a cancel must not overtake consume-ok. */
static void
test_stop_while_setting_up(void **state)
{
	struct peer p;
	amqp_basic_consume_ok_t there = { peer_string("c0") };
	amqp_basic_cancel_ok_t gone = { peer_string("c0") };

	(void)state;
	peer_open(&p, &consuming);
	rmq_consume(p.mq, &(struct rmq_consumer){ .queue = "q" });
	peer_handshake(&p);
	peer_expect(&p, AMQP_CHANNEL_OPEN_METHOD);
	rmq_stop_consuming(p.mq);
	peer_no_event(&p);
	peer_ok(&p, AMQP_CHANNEL_OPEN_OK_METHOD);
	peer_expect(&p, AMQP_BASIC_QOS_METHOD);
	peer_expect(&p, AMQP_BASIC_CONSUME_METHOD);
	peer_ok(&p, AMQP_BASIC_QOS_OK_METHOD);
	peer_expect_nothing(&p);
	peer_send(&p, AMQP_BASIC_CONSUME_OK_METHOD, &there);
	peer_deliver(&p, 1, "c0", rmq_bytes("x"), 8);
	peer_expect(&p, AMQP_BASIC_CANCEL_METHOD);
	peer_send(&p, AMQP_BASIC_CANCEL_OK_METHOD, &gone);
	peer_event(&p, RMQ_DELIVERED);
	peer_event(&p, RMQ_STOPPED);
	peer_event(&p, RMQ_READY);
	peer_close(&p);
}

/* One consumer is there, the other one is asked for. */
static void
test_stop_one_that_is_not_there(void **state)
{
	amqp_basic_cancel_ok_t first = { peer_string("c0") }, second = { peer_string("c1") };
	amqp_basic_cancel_t *cancel;
	struct peer p;

	(void)state;
	consumer_ready(&p);
	rmq_consume(p.mq, &(struct rmq_consumer){ .queue = "r" });
	rmq_stop_consuming(p.mq);
	peer_expect(&p, AMQP_BASIC_QOS_METHOD);
	peer_expect(&p, AMQP_BASIC_CONSUME_METHOD);
	peer_expect(&p, AMQP_BASIC_CANCEL_METHOD);
	peer_ok(&p, AMQP_BASIC_QOS_OK_METHOD);
	peer_send(&p, AMQP_BASIC_CANCEL_OK_METHOD, &first);
	peer_no_event(&p);
	peer_ok(&p, AMQP_BASIC_CONSUME_OK_METHOD);
	cancel = peer_expect(&p, AMQP_BASIC_CANCEL_METHOD);
	assert_memory_equal(cancel->consumer_tag.bytes, "c1", 2);
	peer_no_event(&p);
	peer_send(&p, AMQP_BASIC_CANCEL_OK_METHOD, &second);
	peer_event(&p, RMQ_STOPPED);
	peer_goodbye(&p);
	peer_close(&p);
}

static void
test_stop_before_connected(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, &consuming);
	rmq_consume(p.mq, &(struct rmq_consumer){ .queue = "q" });
	rmq_stop_consuming(p.mq);
	peer_event(&p, RMQ_STOPPED);
	peer_ready(&p);
	peer_expect_nothing(&p);
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cancelled_by_the_broker),
		cmocka_unit_test(test_more_is_no_news),
		cmocka_unit_test(test_acknowledgements_travel_together),
		cmocka_unit_test(test_goodbye_waits_for_nothing),
		cmocka_unit_test(test_rest_of_a_message_is_read),
		cmocka_unit_test(test_cancelled_while_stopping),
		cmocka_unit_test(test_cancelled_and_closed),
		cmocka_unit_test(test_consumer_timeout),
		cmocka_unit_test(test_queue_named_by_the_broker),
		cmocka_unit_test(test_queue_named_by_the_broker_deleted),
		cmocka_unit_test(test_locked_after_a_loss),
		cmocka_unit_test(test_consumer_goodbye),
		cmocka_unit_test(test_stop_consuming),
		cmocka_unit_test(test_resume_consuming),
		cmocka_unit_test(test_stop_two),
		cmocka_unit_test(test_stop_and_channel_closed),
		cmocka_unit_test(test_stop_unanswered),
		cmocka_unit_test(test_channel_closed_before_the_goodbye),
		cmocka_unit_test(test_stop_without_answer),
		cmocka_unit_test(test_stop_while_setting_up),
		cmocka_unit_test(test_stop_one_that_is_not_there),
		cmocka_unit_test(test_stop_before_connected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
