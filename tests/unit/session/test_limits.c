/* SPDX-License-Identifier: MIT */
/* What a broker could do for ever: it costs little memory, few words and little of its own time, and ends. */

#include <string.h>

#include "peer.h"

static void
beat(struct peer *p)
{
	static const uint8_t frame[] = { FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END };

	peer_raw(p, frame, sizeof frame);
}

/* A consumer of "q" with a prefetch, and a second one if it is not 0. */
static void
consume(struct peer *p, uint16_t prefetch, uint16_t second)
{
	peer_open(p, &(struct rmq_config){ .heartbeat = 3600000 });
	rmq_consume(p->mq, &(struct rmq_consumer){ .queue = "q", .prefetch = prefetch });
	if (second > 0)
		rmq_consume(p->mq, &(struct rmq_consumer){ .queue = "q", .prefetch = second });
	peer_handshake(p);
	peer_channel(p);
	peer_consumed(p, "c0");
	if (second > 0)
		peer_consumed(p, "c1");
	peer_event(p, RMQ_READY);
}

/* The number of messages that are taken before the session fails, none acknowledged. */
static unsigned
taken(struct peer *p, unsigned most)
{
	unsigned n = 0;

	for (; n < most && !rmq_failed(p->mq); n++) {
		peer_deliver(p, n + 1, "c0", rmq_bytes("x"), 10);
		peer_turns(p);
	}
	return n;
}

static void
test_more_than_the_prefetch(void **state)
{
	struct peer p;

	(void)state;
	consume(&p, 1, 0);
	assert_in_range(taken(&p, 5000), 200, 400);
	peer_failed(&p, RMQ_PROTOCOL, "with a prefetch of 1");
	peer_close(&p);
	consume(&p, 1, 99);
	assert_in_range(taken(&p, 5000), 1600, 2000);
	peer_failed(&p, RMQ_PROTOCOL, "with a prefetch of 100");
	peer_close(&p);
}

/* What is settled counts no more, in whatever order. */
static void
test_as_much_as_the_prefetch(void **state)
{
	struct peer p;
	uint64_t tag[3];

	(void)state;
	consume(&p, 1, 0);
	for (unsigned i = 0; i < 600; i++) {
		for (unsigned j = 0; j < 3; j++) {
			peer_deliver(&p, 3 * i + j + 1, "c0", rmq_bytes("x"), 10);
			tag[j] = peer_event(&p, RMQ_DELIVERED)->tag;
		}
		assert_true(rmq_ack(p.mq, tag[1], false));
		if (i % 2 == 0)
			assert_true(rmq_nack(p.mq, tag[2], true, true));
		else
			assert_true(rmq_reject(p.mq, tag[0], true) && rmq_ack(p.mq, tag[2], false));
		assert_int_equal(p.mq->held.count, 0);
	}
	assert_in_range(p.mq->held.size, 1, 64);
	peer_close(&p);
}

/* The first one is in hand for a long time: what was settled behind it takes no room for ever. */
static void
test_one_in_hand_for_long(void **state)
{
	struct peer p;

	(void)state;
	consume(&p, 2, 0);
	peer_deliver(&p, 1, "c0", rmq_bytes("x"), 10);
	peer_event(&p, RMQ_DELIVERED);
	for (unsigned i = 2; i < 1000; i++) {
		peer_deliver(&p, i, "c0", rmq_bytes("x"), 10);
		rmq_ack(p.mq, peer_event(&p, RMQ_DELIVERED)->tag, false);
	}
	assert_int_equal(p.mq->held.count, 1);
	assert_in_range(p.mq->held.size, 1, 64);
	peer_close(&p);
}

static void
test_tags_in_disorder(void **state)
{
	static const uint64_t tags[] = { 5, 4, 0, (uint64_t)1 << 48, UINT64_MAX };
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
		consume(&p, 10, 0);
		peer_deliver(&p, 5, "c0", rmq_bytes("x"), 10);
		peer_event(&p, RMQ_DELIVERED);
		peer_deliver(&p, tags[i], "c0", rmq_bytes("x"), 10);
		peer_failed(&p, RMQ_PROTOCOL, "after 5");
		peer_close(&p);
	}
}

/* It wants to be answered again and again, and does not listen. */
static void
test_answers_that_nobody_reads(void **state)
{
	static uint8_t flow[13 * 1000];
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof flow; i += 13)
		memcpy(flow + i, "\x01\x00\x01\x00\x00\x00\x05\x00\x14\x00\x14\x01\xce", 13);
	peer_open(&p, &(struct rmq_config){ 0 });
	peer_ready(&p);
	p.deaf = true;
	for (int i = 0; i < 500; i++) {
		peer_raw(&p, flow, sizeof flow);
		peer_turns(&p);
	}
	assert_in_range(p.mq->connection.out.size, 1, 4 << 20);
	assert_false(rmq_failed(p.mq));
	peer_wait(&p, 61000);
	peer_turns(&p);
	peer_failed(&p, RMQ_UNAVAILABLE, "it read nothing for 6");
	peer_close(&p);
}

/* What takes its messages back as soon as there is a subscription is asked for another one less and less often. */
static void
test_taken_back_for_ever(void **state)
{
	amqp_basic_cancel_t cancel = { .consumer_tag = peer_string("c0"), .nowait = 1 };
	struct peer p;
	int64_t slept = 0;

	(void)state;
	consume(&p, 1, 0);
	for (int i = 0; i < 12; i++) {
		cancel.consumer_tag = peer_string(p.mq->steps[0]->tag);
		peer_send(&p, AMQP_BASIC_CANCEL_METHOD, &cancel);
		assert_true(peer_event(&p, RMQ_LOST)->taken_back);
		peer_expect(&p, AMQP_CHANNEL_CLOSE_METHOD);
		peer_ok(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
		for (peer_turns(&p); p.mq->state == SESSION_RESTING; peer_turns(&p)) {
			peer_wait(&p, 100);
			slept += 100;
		}
		peer_channel(&p);
		peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD);
		peer_declared(&p, "q");
		peer_consumed(&p, p.mq->steps[0]->tag);
		peer_event(&p, RMQ_READY);
	}
	assert_in_range(slept, 3000, 300000);
	peer_wait(&p, 6000);
	peer_send(&p, AMQP_BASIC_CANCEL_METHOD, &(amqp_basic_cancel_t){ peer_string(p.mq->steps[0]->tag), 1 });
	peer_event(&p, RMQ_LOST);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_METHOD);
	peer_ok(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_channel(&p);
	peer_close(&p);
}

/* Who wants to go does not wait for another channel. */
static void
test_goodbye_between_channels(void **state)
{
	amqp_basic_cancel_t cancel = { .nowait = 1 };
	struct peer p;

	(void)state;
	consume(&p, 1, 0);
	p.mq->relapses = 20;
	cancel.consumer_tag = peer_string("c0");
	peer_send(&p, AMQP_BASIC_CANCEL_METHOD, &cancel);
	peer_event(&p, RMQ_LOST);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_METHOD);
	peer_ok(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_turns(&p);
	rmq_close(p.mq);
	peer_expect(&p, AMQP_CONNECTION_CLOSE_METHOD);
	peer_ok(&p, AMQP_CONNECTION_CLOSE_OK_METHOD);
	peer_event(&p, RMQ_CLOSED);
	peer_close(&p);
}

/* Alarms that come and go are told of now and then, and end the session if nothing is confirmed between them. */
static void
test_alarms_for_ever(void **state)
{
	struct peer p;
	int i, told = 0;

	(void)state;
	peer_open(&p, &(struct rmq_config){ .confirm = true });
	peer_ready(&p);
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	for (i = 0; i < 700 && !rmq_failed(p.mq); i++) {
		peer_send(&p, AMQP_CONNECTION_BLOCKED_METHOD, &(amqp_connection_blocked_t){ peer_string("low") });
		peer_turns(&p);
		peer_ok(&p, AMQP_CONNECTION_UNBLOCKED_METHOD);
		peer_turns(&p);
		peer_wait(&p, 50);
		peer_send(&p, AMQP_CONNECTION_BLOCKED_METHOD, &(amqp_connection_blocked_t){ peer_string("low") });
		peer_turns(&p);
		peer_wait(&p, 50);
	}
	for (; p.first_event < p.nevents; p.first_event++)
		told += p.events[p.first_event].type == RMQ_BLOCKED;
	peer_failed(&p, RMQ_UNAVAILABLE, "takes no messages: low");
	assert_in_range(i, 550, 650);
	assert_in_range(told, 2, 65);
	peer_close(&p);
}

/* After the alarm the confirm has its time anew, and no more than that. */
static void
test_no_confirm_after_an_alarm(void **state)
{
	struct peer_content c = { 0 };
	struct peer p;
	int i;

	(void)state;
	peer_open(&p, &(struct rmq_config){ .confirm = true });
	peer_ready(&p);
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	peer_expect_publish(&p, &c);
	peer_content_free(&c);
	peer_send(&p, AMQP_CONNECTION_BLOCKED_METHOD, &(amqp_connection_blocked_t){ peer_string("low") });
	peer_event(&p, RMQ_BLOCKED);
	peer_ok(&p, AMQP_CONNECTION_UNBLOCKED_METHOD);
	peer_event(&p, RMQ_UNBLOCKED);
	for (i = 0; i < 40 && !rmq_failed(p.mq); i++) {
		peer_wait(&p, 1000);
		beat(&p);
		peer_turns(&p);
	}
	peer_failed(&p, RMQ_UNAVAILABLE, "no confirm came in time");
	peer_close(&p);
}

static void
test_flow_off_for_ever(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, &(struct rmq_config){ .confirm = true });
	peer_ready(&p);
	peer_send(&p, AMQP_CHANNEL_FLOW_METHOD, &(amqp_channel_flow_t){ 0 });
	assert_string_equal(peer_event(&p, RMQ_BLOCKED)->text, "channel.flow");
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	for (int i = 0; i < 61 && !rmq_failed(p.mq); i++) {
		peer_wait(&p, 1000);
		beat(&p);
		peer_turns(&p);
	}
	peer_failed(&p, RMQ_UNAVAILABLE, "takes no messages: channel.flow");
	peer_close(&p);
}

/* The order is given again after a loss, but not for ever. */
static void
test_order_without_answer(void **state)
{
	struct peer p;
	int connections = 1;

	(void)state;
	peer_listen(&p, &(struct rmq_config){ .retry_limit = 10000 });
	rmq_purge_queue(p.mq, "q");
	peer_accept(&p);
	peer_ready(&p);
	for (int i = 0; i < 200 && !rmq_failed(p.mq); i++) {
		peer_wait(&p, 1000);
		beat(&p);
		peer_turns(&p);
		if (p.mq->state == SESSION_WAITING || p.mq->state == SESSION_CONNECTING) {
			peer_event(&p, RMQ_LOST);
			peer_accept(&p);
			peer_ready(&p);
			connections++;
		}
	}
	peer_failed(&p, RMQ_UNAVAILABLE, "a reply did not come in time");
	assert_int_equal(connections, 2);
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_more_than_the_prefetch),
		cmocka_unit_test(test_as_much_as_the_prefetch),
		cmocka_unit_test(test_one_in_hand_for_long),
		cmocka_unit_test(test_tags_in_disorder),
		cmocka_unit_test(test_answers_that_nobody_reads),
		cmocka_unit_test(test_taken_back_for_ever),
		cmocka_unit_test(test_goodbye_between_channels),
		cmocka_unit_test(test_alarms_for_ever),
		cmocka_unit_test(test_no_confirm_after_an_alarm),
		cmocka_unit_test(test_flow_off_for_ever),
		cmocka_unit_test(test_order_without_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
