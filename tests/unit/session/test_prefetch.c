/* SPDX-License-Identifier: MIT */
/* Prefetch that follows the work: consumers that come and go beside the first. */
#include <string.h>

#include "peer.h"

static void
consumer_ready(struct peer *p)
{
	peer_open(p, &(struct rmq_config){ 0 });
	rmq_consume(p->mq, &(struct rmq_consumer){ .queue = "q", .prefetch = 1 });
	peer_handshake(p);
	peer_channel(p);
	peer_consumed(p, "c0");
	peer_event(p, RMQ_READY);
}

static void
cancelled_more(struct peer *p, const char *tag)
{
	amqp_basic_cancel_t *cancel = peer_expect(p, AMQP_BASIC_CANCEL_METHOD);
	amqp_basic_cancel_ok_t ok = { peer_string(tag) };

	assert_int_equal(cancel->consumer_tag.len, strlen(tag));
	assert_memory_equal(cancel->consumer_tag.bytes, tag, strlen(tag));
	peer_send(p, AMQP_BASIC_CANCEL_OK_METHOD, &ok);
}

/* Another consumer brings what is missing, and its messages are those of the first. */
static void
test_more_prefetch(void **state)
{
	struct peer p;
	uint64_t tag;

	(void)state;
	consumer_ready(&p);
	rmq_prefetch(p.mq, 0, 40);
	assert_int_equal(((amqp_basic_qos_t *)peer_expect(&p, AMQP_BASIC_QOS_METHOD))->prefetch_count, 40 - 1);
	peer_expect(&p, AMQP_BASIC_CONSUME_METHOD);
	peer_ok(&p, AMQP_BASIC_QOS_OK_METHOD);
	peer_ok(&p, AMQP_BASIC_CONSUME_OK_METHOD);
	peer_no_event(&p);
	peer_deliver(&p, 1, "c0-1", rmq_bytes("x"), 10);
	assert_int_equal(p.mq->nawaited, 0);
	tag = peer_event(&p, RMQ_DELIVERED)->tag;
	rmq_prefetch(p.mq, 0, 40);
	peer_expect_nothing(&p);
	rmq_prefetch(p.mq, 0, 1);
	cancelled_more(&p, "c0-1");
	peer_deliver(&p, 2, "c0-1", rmq_bytes("late"), 10);
	assert_int_equal(peer_event(&p, RMQ_DELIVERED)->consumer, 0);
	assert_true(rmq_ack(p.mq, tag, false));
	peer_expect(&p, AMQP_BASIC_ACK_METHOD);
	peer_goodbye(&p);
	peer_close(&p);
}

/* A cancel does not overtake consume-ok, and at the end the last consumer goes first. */
static void
test_less_prefetch(void **state)
{
	struct peer p;

	(void)state;
	consumer_ready(&p);
	rmq_prefetch(p.mq, 0, 20);
	rmq_prefetch(p.mq, 0, 1);
	peer_expect(&p, AMQP_BASIC_QOS_METHOD);
	peer_expect(&p, AMQP_BASIC_CONSUME_METHOD);
	peer_ok(&p, AMQP_BASIC_QOS_OK_METHOD);
	peer_expect_nothing(&p);
	peer_ok(&p, AMQP_BASIC_CONSUME_OK_METHOD);
	cancelled_more(&p, "c0-1");
	rmq_prefetch(p.mq, 0, 12);
	peer_consumed(&p, "c0-2");
	peer_turns(&p);
	rmq_stop_consuming(p.mq);
	cancelled_more(&p, "c0-2");
	peer_no_event(&p);
	cancelled_more(&p, "c0");
	peer_event(&p, RMQ_STOPPED);
	rmq_resume_consuming(p.mq);
	peer_consumed(&p, "c0");
	peer_consumed(&p, "c0-3");
	peer_event(&p, RMQ_SUBSCRIBED);
	peer_goodbye(&p);
	peer_close(&p);
}

/* The queue answers a cancel, and the channel the prefetch that was set after it. */
static void
test_late_cancel(void **state)
{
	amqp_basic_cancel_ok_t ok = { peer_string("c0-1") };
	struct peer p;

	(void)state;
	consumer_ready(&p);
	rmq_prefetch(p.mq, 0, 20);
	peer_consumed(&p, "c0-1");
	peer_turns(&p);
	rmq_prefetch(p.mq, 0, 1);
	rmq_prefetch(p.mq, 0, 30);
	peer_expect(&p, AMQP_BASIC_CANCEL_METHOD);
	peer_expect(&p, AMQP_BASIC_QOS_METHOD);
	peer_expect(&p, AMQP_BASIC_CONSUME_METHOD);
	peer_ok(&p, AMQP_BASIC_QOS_OK_METHOD);
	peer_send(&p, AMQP_BASIC_CANCEL_OK_METHOD, &ok);
	peer_ok(&p, AMQP_BASIC_CONSUME_OK_METHOD);
	peer_no_event(&p);
	assert_int_equal(p.mq->nawaited, 0);
	peer_goodbye(&p);
	peer_close(&p);
}

static struct rmq_bytes
failure_after_consume_ok(struct peer *p, const char *tag)
{
	amqp_basic_consume_ok_t again = { peer_string(tag) };

	consumer_ready(p);
	peer_send(p, AMQP_BASIC_CONSUME_OK_METHOD, &again);
	peer_turns(p);
	return rmq_bytes(rmq_error(p->mq)->text);
}

/* That a consumer is there may be said twice, but not of one that nobody asked for. */
static void
test_repeated_consume_ok(void **state)
{
	struct peer p;

	(void)state;
	assert_int_equal(failure_after_consume_ok(&p, "c0").len, 0);
	peer_deliver(&p, 1, "c0", rmq_bytes("x"), 10);
	peer_event(&p, RMQ_DELIVERED);
	peer_goodbye(&p);
	peer_close(&p);
	assert_string_equal(failure_after_consume_ok(&p, "c7").data, "broken AMQP: unexpected reply 60.21");
	peer_close(&p);
}

/* What comes of a prefetch that was larger is no fault of the broker. */
static void
test_larger_before(void **state)
{
	struct peer p;

	(void)state;
	consumer_ready(&p);
	rmq_prefetch(p.mq, 0, 20);
	rmq_prefetch(p.mq, 0, 1);
	assert_int_equal(topology_prefetch(p.mq), 20);
	rmq_close(p.mq);
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_more_prefetch),
		cmocka_unit_test(test_less_prefetch),
		cmocka_unit_test(test_late_cancel),
		cmocka_unit_test(test_repeated_consume_ok),
		cmocka_unit_test(test_larger_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
