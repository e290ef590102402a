/* SPDX-License-Identifier: MIT */
/* What a session does again: on a new channel, on a new connection, and what it never does again. */

#include <string.h>

#include "peer.h"

static char large[12 << 20];

static void
reach(struct peer *p)
{
	peer_accept(p);
	peer_handshake(p);
	peer_channel(p);
	peer_event(p, RMQ_READY);
}

/* What was confirmed is not sent again, all else is, in its order and with new tags. */
static void
test_unsettled_again(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };
	char key[] = "k0";

	(void)state;
	peer_listen(&p, &(struct rmq_config){ .confirm = true });
	reach(&p);
	for (uint64_t i = 1; i <= 6; i++) {
		key[1] = (char)('0' + i);
		peer_publish(&p, key, i == 4 ? (struct rmq_bytes){ 100000, large } : rmq_bytes(key), i);
	}
	for (int i = 0; i < 6; i++)
		peer_expect_publish(&p, &c);
	peer_return(&p, 312, "logs", "k5", rmq_bytes("k5"));
	peer_event(&p, RMQ_RETURNED);
	peer_ack(&p, 2, true);
	peer_ack(&p, 6, false);
	peer_counts(&p, 3, 0, 0, 3);
	assert_int_equal(rmq_counts(p.mq).settled_through, 2);
	peer_hang_up(&p);
	peer_event(&p, RMQ_LOST);
	peer_publish(&p, "k7", rmq_bytes("k7"), 7);
	reach(&p);
	for (int i = 3; i <= 7; i++) {
		if (i == 6)
			continue;
		peer_expect_publish(&p, &c);
		assert_int_equal(c.routing_key[1], '0' + i);
	}
	peer_expect_nothing(&p);
	assert_int_equal(rmq_counts(p.mq).in_doubt, 4);
	peer_ack(&p, 1, false);
	peer_counts(&p, 4, 0, 0, 3);
	assert_int_equal(rmq_counts(p.mq).settled_through, 3);
	peer_ack(&p, 4, true);
	peer_counts(&p, 7, 0, 0, 0);
	peer_goodbye(&p);
	peer_content_free(&c);
	peer_close(&p);
}

/* A record that was half written begins anew. */
static void
test_half_written(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	memset(large, 'l', sizeof large);
	peer_listen(&p, &(struct rmq_config){ .confirm = true });
	reach(&p);
	p.deaf = true;
	peer_publish(&p, "k", (struct rmq_bytes){ sizeof large, large }, 1);
	peer_turns(&p);
	assert_int_equal(rmq_counts(p.mq).in_doubt, 0);
	p.deaf = false;
	peer_hang_up(&p);
	peer_event(&p, RMQ_LOST);
	reach(&p);
	peer_expect_publish(&p, &c);
	assert_int_equal(c.body.len, sizeof large);
	assert_memory_equal(c.body.data, large, sizeof large);
	peer_ack(&p, 1, false);
	peer_counts(&p, 1, 0, 0, 0);
	peer_content_free(&c);
	peer_close(&p);
}

/* Once on the wire of a connection that was lost without a word, a record may have got anywhere. */
static void
test_doubt_before_ready(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &(struct rmq_config){ .confirm = true });
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	peer_handshake(&p);
	peer_channel(&p);
	peer_expect_publish(&p, &c);
	peer_content_free(&c);
	peer_close(&p);

	peer_open(&p, &(struct rmq_config){ .confirm = true });
	rmq_declare_queue(p.mq, &(struct rmq_queue){ .name = "q", .declare = RMQ_MAKE });
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	peer_handshake(&p);
	peer_channel(&p);
	peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD);
	peer_expect_publish(&p, &c);
	peer_hang_up(&p);
	peer_failed(&p, RMQ_UNAVAILABLE, "");
	assert_int_equal(rmq_counts(p.mq).in_doubt, 1);
	peer_content_free(&c);
	peer_close(&p);
}

/* The broker closed the connection over the declare: what came behind it was thrown away. */
static void
test_no_doubt_behind_a_refusal(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &(struct rmq_config){ .confirm = true });
	rmq_declare_queue(p.mq, &(struct rmq_queue){ .name = "q", .transient = true, .declare = RMQ_MAKE });
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	peer_handshake(&p);
	peer_channel(&p);
	peer_expect(&p, AMQP_QUEUE_DECLARE_METHOD);
	peer_expect_publish(&p, &c);
	peer_close_connection(&p, 541, "INTERNAL_ERROR - Feature `transient_nonexcl_queues` is deprecated.");
	peer_failed(&p, RMQ_CONFIG, "deprecated");
	assert_int_equal(rmq_counts(p.mq).in_doubt, 0);
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_gives_up(void **state)
{
	struct peer p;
	int i;

	(void)state;
	peer_listen(&p, &(struct rmq_config){ .confirm = true, .retry_limit = 5000 });
	reach(&p);
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	peer_refuse(&p);
	peer_hang_up(&p);
	peer_event(&p, RMQ_LOST);
	for (i = 0; i < 100 && !rmq_failed(p.mq); i++) {
		peer_wait(&p, 100);
		peer_turns(&p);
	}
	peer_failed(&p, RMQ_UNAVAILABLE, "cannot connect to 127.0.0.1:");
	assert_in_range(i, 40, 60);
	peer_close(&p);
}

/* All is settled: nobody waits for the broker until there is a record for it. */
static void
test_idle_does_not_give_up(void **state)
{
	struct peer p;
	int i;

	(void)state;
	peer_listen(&p, &(struct rmq_config){ .confirm = true, .retry_limit = 5000 });
	reach(&p);
	peer_refuse(&p);
	peer_hang_up(&p);
	peer_event(&p, RMQ_LOST);
	for (i = 0; i < 20; i++) {
		peer_wait(&p, 1000);
		peer_turns(&p);
	}
	assert_false(rmq_failed(p.mq));
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	for (i = 0; i < 100 && !rmq_failed(p.mq); i++) {
		peer_wait(&p, 100);
		peer_turns(&p);
	}
	peer_failed(&p, RMQ_UNAVAILABLE, "cannot connect to 127.0.0.1:");
	assert_in_range(i, 40, 60);
	peer_close(&p);
}

static void
test_nobody_listens(void **state)
{
	struct peer p;
	int i;

	(void)state;
	peer_listen(&p, &(struct rmq_config){ .confirm = true });
	peer_refuse(&p);
	for (i = 0; i < 200 && !rmq_failed(p.mq); i++) {
		peer_wait(&p, 100);
		peer_turns(&p);
	}
	peer_failed(&p, RMQ_UNAVAILABLE, "cannot connect to 127.0.0.1:");
	assert_in_range(i, 80, 110);
	peer_close(&p);
}

/* Wrong credentials are not tried again, until they have worked once. */
static void
test_denied(void **state)
{
	struct peer p;

	(void)state;
	peer_listen(&p, &(struct rmq_config){ .confirm = true });
	for (int i = 0; i < 6; i++) {
		peer_accept(&p);
		peer_expect_header(&p);
		peer_start(&p, "PLAIN");
		peer_expect(&p, AMQP_CONNECTION_START_OK_METHOD);
		if (i == 0) {
			peer_tune(&p, 0, 0, 0);
			peer_expect(&p, AMQP_CONNECTION_TUNE_OK_METHOD);
			peer_expect(&p, AMQP_CONNECTION_OPEN_METHOD);
			peer_ok(&p, AMQP_CONNECTION_OPEN_OK_METHOD);
			peer_channel(&p);
			peer_event(&p, RMQ_READY);
			peer_hang_up(&p);
			peer_event(&p, RMQ_LOST);
		} else {
			assert_false(rmq_failed(p.mq));
			peer_close_connection(&p, 403, "ACCESS_REFUSED");
			peer_turns(&p);
		}
	}
	peer_failed(&p, RMQ_DENIED, "ACCESS_REFUSED");
	peer_close(&p);

	peer_listen(&p, &(struct rmq_config){ .confirm = true });
	peer_accept(&p);
	peer_expect_header(&p);
	peer_start(&p, "PLAIN");
	peer_expect(&p, AMQP_CONNECTION_START_OK_METHOD);
	peer_close_connection(&p, 403, "ACCESS_REFUSED");
	peer_failed(&p, RMQ_DENIED, "cannot log in to 127.0.0.1:");
	peer_close(&p);
}

/* Nothing is unsettled, so there is nothing to wait for. */
static void
test_close_while_waiting(void **state)
{
	struct peer p;

	(void)state;
	peer_listen(&p, &(struct rmq_config){ .confirm = true });
	reach(&p);
	peer_refuse(&p);
	peer_hang_up(&p);
	peer_event(&p, RMQ_LOST);
	rmq_close(p.mq);
	peer_event(&p, RMQ_CLOSED);
	assert_false(rmq_failed(p.mq));
	peer_close(&p);
}

static const uint8_t beat[] = { FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END };

/* Time goes by, and both are alive, but nothing is said. */
static void
wait_long(struct peer *p, int secs)
{
	amqp_method_number_t id;

	for (int i = 0; i < secs; i++) {
		peer_wait(p, 1000);
		peer_raw(p, beat, sizeof beat);
		while (peer_heard(p, &id))
			peer_expect_heartbeat(p);
	}
}

static void
refuse_record(struct peer *p, int code)
{
	peer_refuse_step(p, code, "it will not do", AMQP_BASIC_PUBLISH_METHOD);
	peer_turns(p);
}

static void
expect_refused(struct peer *p, int code, uint64_t cookie)
{
	const struct peer_event *e = peer_event(p, RMQ_REFUSED);

	assert_int_equal(e->cookie, cookie);
	assert_int_equal(e->code, code);
	assert_string_equal(e->text, "it will not do");
}

static void
expect_reopened(struct peer *p)
{
	peer_expect(p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_channel(p);
	peer_event(p, RMQ_READY);
}

static void
find_the_second(struct peer *p, int code)
{
	struct peer_content c = { 0 };

	peer_records(p, 3);
	refuse_record(p, code);
	expect_reopened(p);
	peer_expect_publish(p, &c);
	peer_expect_nothing(p);
	peer_ack(p, 1, false);
	peer_expect_publish(p, &c);
	assert_string_equal(c.routing_key, "k2");
	refuse_record(p, code);
	expect_refused(p, code, 20);
	expect_reopened(p);
	peer_expect_publish(p, &c);
	assert_string_equal(c.routing_key, "k3");
	peer_ack(p, 1, false);
	peer_turns(p);
	assert_int_equal(rmq_counts(p->mq).confirmed, 2);
	assert_int_equal(rmq_counts(p->mq).refused, 1);
	assert_int_equal(rmq_counts(p->mq).unsettled, 0);
	peer_content_free(&c);
}

/* One record is such that the broker closes the channel: it is found, and its neighbours are safe. */
static void
test_refused_record(void **state)
{
	static const struct { int code; bool own_exchanges; } cases[] = {
		{ 406, false }, { 406, true }, { 404, true }, { 403, true },
	};
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		peer_open(&p, &(struct rmq_config){ .confirm = true, .own_exchanges = cases[i].own_exchanges });
		peer_ready(&p);
		find_the_second(&p, cases[i].code);
		peer_goodbye(&p);
		peer_close(&p);
	}
}

/* A refusal is an answer: neither many of them nor what follows upon the last one is a broker that says nothing. */
static void
test_refused_for_long(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &(struct rmq_config){ .confirm = true, .own_exchanges = true });
	peer_ready(&p);
	peer_records(&p, 4);
	refuse_record(&p, 404);
	expect_reopened(&p);
	for (uint64_t i = 1; i <= 4; i++) {
		peer_expect_publish(&p, &c);
		wait_long(&p, 20);
		refuse_record(&p, 404);
		expect_refused(&p, 404, 10 * i);
		expect_reopened(&p);
	}
	wait_long(&p, 60);
	peer_no_event(&p);
	peer_content_free(&c);
	peer_close(&p);
}

/* Frames are not torn: a record that is half written ends before anything else is said. */
static void
test_refused_while_writing(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_with_records(&p, 1);
	p.deaf = true;
	peer_publish(&p, "large", (struct rmq_bytes){ sizeof large, large }, 20);
	peer_publish(&p, "behind", rmq_bytes("x"), 30);
	peer_turns(&p);
	peer_refuse_step(&p, 406, "PRECONDITION_FAILED - invalid expiration", AMQP_BASIC_PUBLISH_METHOD);
	assert_int_equal(peer_event(&p, RMQ_REFUSED)->cookie, 10);
	p.deaf = false;
	peer_expect_publish(&p, &c);
	assert_int_equal(c.body.len, sizeof large);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_channel(&p);
	peer_event(&p, RMQ_READY);
	peer_expect_publish(&p, &c);
	assert_string_equal(c.routing_key, "large");
	assert_memory_equal(c.body.data, large, sizeof large);
	peer_expect_publish(&p, &c);
	assert_string_equal(c.routing_key, "behind");
	peer_ack(&p, 2, true);
	peer_turns(&p);
	assert_int_equal(rmq_counts(p.mq).confirmed, 2);
	assert_int_equal(rmq_counts(p.mq).refused, 1);
	peer_content_free(&c);
	peer_close(&p);
}

/* Some brokers refuse a message when they have seen its header. */
static void
test_refused_half_written(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &(struct rmq_config){ .confirm = true });
	peer_ready(&p);
	p.deaf = true;
	peer_publish(&p, "large", (struct rmq_bytes){ sizeof large, large }, 1);
	peer_publish(&p, "behind", rmq_bytes("x"), 2);
	peer_turns(&p);
	peer_refuse_step(&p, 406, "PRECONDITION_FAILED - too large", AMQP_BASIC_PUBLISH_METHOD);
	assert_int_equal(peer_event(&p, RMQ_REFUSED)->cookie, 1);
	p.deaf = false;
	peer_expect_publish(&p, &c);
	peer_expect(&p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	peer_channel(&p);
	peer_event(&p, RMQ_READY);
	peer_expect_publish(&p, &c);
	assert_string_equal(c.routing_key, "behind");
	peer_ack(&p, 1, false);
	peer_turns(&p);
	assert_int_equal(rmq_counts(p.mq).confirmed, 1);
	assert_int_equal(rmq_counts(p.mq).refused, 1);
	assert_int_equal(rmq_counts(p.mq).unsettled, 0);
	assert_int_equal(p.mq->publisher.bytes, 0);
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_no_confirm_in_time(void **state)
{
	struct peer p;
	int i;

	(void)state;
	peer_with_records(&p, 2);
	peer_ack(&p, 1, false);
	for (i = 0; i < 100 && !rmq_failed(p.mq); i++) {
		peer_wait(&p, 1000);
		peer_raw(&p, beat, sizeof beat);
		peer_turns(&p);
	}
	peer_event(&p, RMQ_LOST);
	peer_failed(&p, RMQ_UNAVAILABLE, "no confirm");
	assert_in_range(i, 29, 50);
	peer_close(&p);
}

/* What one node refuses, the next may not; what passes is asked for as long as there is time. */
static const struct {
	int		 code;
	enum rmq_status	 status;
	unsigned	 tries;		/* 0: as long as there is time */
	const char	*text;
} consume_refusals[] = {
	{ 406, RMQ_CONFIG, 1, "PRECONDITION_FAILED - invalid arg 'x-foo'" },
	{ 406, RMQ_CONFIG, 2, "PRECONDITION_FAILED - queue 'q' in vhost '/' is not what it was" },
	{ 405, RMQ_CONFIG, 2, "RESOURCE_LOCKED - cannot obtain exclusive access" },
	{ 404, RMQ_NO_DESTINATION, 1, "NOT_FOUND - no queue 'q' in vhost '/'" },
	{ 403, RMQ_DENIED, 1, "ACCESS_REFUSED - read access to queue 'q'" },
	{ 406, RMQ_UNAVAILABLE, 0,
	    "PRECONDITION_FAILED - stream queue 'q' does not have a running replica on the local node" },
	{ 404, RMQ_UNAVAILABLE, 0,
	    "NOT_FOUND - home node 'r' of durable queue 'q' in vhost '/' is down or inaccessible" },
	{ 406, RMQ_UNAVAILABLE, 0,
	    "PRECONDITION_FAILED - cannot declare queue 'q': queue limit in vhost '/' (1) is reached" },
};

static void
test_second_opinion(void **state)
{
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof consume_refusals / sizeof *consume_refusals; i++) {
		unsigned tries = consume_refusals[i].tries;

		peer_listen(&p, &(struct rmq_config){ .first_limit = 60000 });
		rmq_consume(p.mq, &(struct rmq_consumer){ .queue = "q" });
		for (unsigned n = 0; n < (tries == 0 ? 5 : tries); n++) {
			peer_accept(&p);
			peer_handshake(&p);
			peer_channel(&p);
			peer_expect(&p, AMQP_BASIC_QOS_METHOD);
			peer_expect(&p, AMQP_BASIC_CONSUME_METHOD);
			peer_ok(&p, AMQP_BASIC_QOS_OK_METHOD);
			peer_no_event(&p);
			peer_refuse_step(&p, consume_refusals[i].code, consume_refusals[i].text,
			    AMQP_BASIC_CONSUME_METHOD);
			peer_turns(&p);
		}
		if (tries == 0)
			peer_wait(&p, 60000);
		peer_failed(&p, consume_refusals[i].status, "consume from queue 'q'");
		peer_close(&p);
	}
}

/* There can be no channel: the reason is kept, and a limit passes. */
static void
test_no_channel(void **state)
{
	struct peer p;

	(void)state;
	peer_open(&p, &(struct rmq_config){ .confirm = true });
	peer_handshake(&p);
	peer_expect(&p, AMQP_CHANNEL_OPEN_METHOD);
	peer_refuse_step(&p, 530, "NOT_ALLOWED - the limit of channels is reached", AMQP_CHANNEL_OPEN_METHOD);
	peer_failed(&p, RMQ_UNAVAILABLE, "cannot open a channel: NOT_ALLOWED - the limit of channels is reached");
	peer_close(&p);
}

/* A broker that dislikes a frame hangs up: the token was too long for it, or our frames too small. */
static void
test_hung_up(void **state)
{
	static char token[6000];
	struct peer p;

	(void)state;
	memset(token, 't', sizeof token - 1);
	peer_open(&p, &(struct rmq_config){ .confirm = true });
	p.uri.password = token;
	peer_expect_header(&p);
	peer_start(&p, "PLAIN");
	peer_expect(&p, AMQP_CONNECTION_START_OK_METHOD);
	peer_hang_up(&p);
	peer_failed(&p, RMQ_CONFIG, "the password or token is too long for this broker");
	p.uri.password = NULL;
	peer_close(&p);

	peer_open(&p, &(struct rmq_config){ .confirm = true });
	p.uri.frame_max = 4096;
	peer_publish(&p, "k", rmq_bytes("x"), 1);
	peer_expect_header(&p);
	peer_start(&p, "PLAIN");
	peer_expect(&p, AMQP_CONNECTION_START_OK_METHOD);
	peer_tune(&p, 2047, 131072, 60);
	peer_expect(&p, AMQP_CONNECTION_TUNE_OK_METHOD);
	peer_hang_up(&p);
	peer_failed(&p, RMQ_CONFIG, "frame_max is too small for this broker");
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unsettled_again),
		cmocka_unit_test(test_half_written),
		cmocka_unit_test(test_doubt_before_ready),
		cmocka_unit_test(test_no_doubt_behind_a_refusal),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_idle_does_not_give_up),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_close_while_waiting),
		cmocka_unit_test(test_refused_record),
		cmocka_unit_test(test_refused_for_long),
		cmocka_unit_test(test_refused_while_writing),
		cmocka_unit_test(test_refused_half_written),
		cmocka_unit_test(test_second_opinion),
		cmocka_unit_test(test_no_channel),
		cmocka_unit_test(test_hung_up),
		cmocka_unit_test(test_no_confirm_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
