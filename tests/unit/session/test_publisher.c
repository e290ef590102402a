/* SPDX-License-Identifier: MIT */
/* Records on their way: confirms, nacks, returns, the window, every size. */

#include <string.h>

#include "peer.h"

static const struct rmq_config publishing = { .confirm = true };
static char large[5 << 20];

static int
fill_large(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (char)(i * 31 + (i >> 12));
	return 0;
}

static void
test_single_confirms(void **state)
{
	struct peer p;

	(void)state;
	peer_with_records(&p, 3);
	peer_ack(&p, 2, false);
	peer_counts(&p, 1, 0, 0, 2);
	assert_int_equal(rmq_counts(p.mq).settled_through, 0);
	peer_ack(&p, 1, false);
	peer_counts(&p, 2, 0, 0, 1);
	assert_int_equal(rmq_counts(p.mq).settled_through, 20);
	peer_ack(&p, 3, false);
	peer_counts(&p, 3, 0, 0, 0);
	assert_int_equal(rmq_counts(p.mq).settled_through, 30);
	assert_int_equal(rmq_counts(p.mq).in_doubt, 0);
	peer_goodbye(&p);
	peer_close(&p);
}

static void
test_multiple_confirms(void **state)
{
	struct peer p;

	(void)state;
	peer_with_records(&p, 6);
	peer_ack(&p, 2, false);
	peer_ack(&p, 3, true);
	peer_counts(&p, 3, 0, 0, 3);
	assert_int_equal(rmq_counts(p.mq).settled_through, 30);
	peer_ack(&p, 5, false);
	peer_ack(&p, 0, true);
	peer_counts(&p, 6, 0, 0, 0);
	assert_int_equal(rmq_counts(p.mq).settled_through, 60);
	peer_close(&p);
}

static void
test_wrong_confirms(void **state)
{
	static const struct { uint64_t first, tag; bool multiple; } cases[] = {
		{ 0, 4, false }, { 0, 4, true }, { 0, 0, false }, { 0, UINT64_MAX, false }, { 0, UINT64_MAX, true },
		{ 1, 1, false }, { 1, 1, true }, { 3, 3, true }, { 0, (uint64_t)1 << 63, true },
	};
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int nack = 0; nack < 2; nack++) {
			peer_with_records(&p, 3);
			if (cases[i].first > 0)
				peer_ack(&p, cases[i].first, true);
			if (nack)
				peer_nack(&p, cases[i].tag, cases[i].multiple);
			else
				peer_ack(&p, cases[i].tag, cases[i].multiple);
			peer_failed(&p, RMQ_PROTOCOL, "confirm");
			assert_int_equal(rmq_counts(p.mq).confirmed, cases[i].first);
			peer_close(&p);
		}
}

static void
test_confirm_before_any_record(void **state)
{
	struct peer p;

	(void)state;
	for (int multiple = 0; multiple < 2; multiple++) {
		peer_open(&p, &publishing);
		peer_ready(&p);
		peer_ack(&p, 1, multiple);
		peer_failed(&p, RMQ_PROTOCOL, "confirm");
		peer_close(&p);
	}
}

/* It is sent again behind the others, after a pause in which others go on. */
static void
expect_nack(struct peer *p, uint64_t cookie, bool given_up)
{
	const struct peer_event *e = peer_event(p, RMQ_NACKED);

	assert_int_equal(e->cookie, cookie);
	assert_int_equal(e->given_up, given_up);
}

static void
test_nacked_once(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_with_records(&p, 3);
	peer_nack(&p, 1, false);
	expect_nack(&p, 10, false);
	peer_counts(&p, 0, 0, 0, 3);
	peer_expect_nothing(&p);
	peer_publish(&p, "k4", rmq_bytes("other"), 40);
	peer_expect_publish(&p, &c);
	assert_string_equal(c.routing_key, "k4");
	peer_wait(&p, 260);
	peer_expect_publish(&p, &c);
	assert_string_equal(c.routing_key, "k1");
	assert_int_equal(c.body.len, 4);
	peer_ack(&p, 4, true);
	peer_counts(&p, 3, 0, 0, 1);
	assert_int_equal(rmq_counts(p.mq).settled_through, 0);
	assert_int_equal(rmq_counts(p.mq).in_doubt, 1);
	peer_ack(&p, 5, false);
	peer_counts(&p, 4, 0, 0, 0);
	assert_int_equal(rmq_counts(p.mq).settled_through, 40);
	peer_content_free(&c);
	peer_close(&p);
}

/* All before the oldest record that is not settled, however late it stands. */
static void
test_settled_through_a_nack(void **state)
{
	struct peer p;

	(void)state;
	peer_with_records(&p, 3);
	peer_ack(&p, 1, false);
	peer_nack(&p, 2, false);
	peer_ack(&p, 3, false);
	peer_counts(&p, 2, 0, 0, 1);
	assert_int_equal(rmq_counts(p.mq).settled_through, 10);
	peer_close(&p);
}

/* The pauses grow, and the last try is made when its time is over; what another queue took is not held up. */
static void
test_given_up(void **state)
{
	static const int64_t pauses[] = { 250, 500, 1000, 2000, 4000, 2000 };
	enum { NPAUSES = sizeof pauses / sizeof *pauses };
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &(struct rmq_config){ .confirm = true, .nack_limit = 10000 });
	peer_ready(&p);
	peer_records(&p, 2);
	peer_nack(&p, 1, false);
	expect_nack(&p, 10, false);
	for (uint64_t i = 0; i < NPAUSES; i++) {
		peer_wait(&p, pauses[i] - 150);
		peer_expect_nothing(&p);
		peer_wait(&p, 200);
		peer_expect_publish(&p, &c);
		assert_string_equal(c.routing_key, "k1");
		peer_nack(&p, i + 3, false);
		expect_nack(&p, 10, i == NPAUSES - 1);
	}
	peer_counts(&p, 0, 0, 1, 1);
	assert_int_equal(rmq_counts(p.mq).in_doubt, 1);
	peer_wait(&p, 60000);
	peer_expect_nothing(&p);
	peer_content_free(&c);
	peer_close(&p);
}

static void
expect_again(struct peer *p, struct peer_content *c)
{
	amqp_method_number_t id;

	peer_turns(p);
	while (peer_heard(p, &id) && id == 0)
		peer_expect_heartbeat(p);
	peer_expect_publish(p, c);
}

/* Its time is that of a lost connection, unless it has one of its own; for ever is for ever. */
static void
test_nack_limit(void **state)
{
	static const struct { int64_t retry, nack, before, after; } cases[] = {
		{ 0, 0, 59000, 2000 }, { 5000, 0, 4000, 2000 }, { -1, 5000, 4000, 2000 },
		{ -1, 0, 59000, 0 }, { 5000, -1, 59000, 0 },
	};
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		peer_open(&p, &(struct rmq_config){ .confirm = true, .heartbeat = 60000,
		    .retry_limit = cases[i].retry, .nack_limit = cases[i].nack });
		peer_ready(&p);
		peer_records(&p, 1);
		peer_nack(&p, 1, false);
		expect_nack(&p, 10, false);
		peer_wait(&p, cases[i].before);
		expect_again(&p, &c);
		peer_nack(&p, 2, false);
		expect_nack(&p, 10, false);
		peer_wait(&p, cases[i].after + 40000);
		expect_again(&p, &c);
		peer_nack(&p, 3, false);
		expect_nack(&p, 10, cases[i].after > 0);
		peer_close(&p);
	}
	peer_content_free(&c);
}

/* What went to the same place shows that there is room: two more are sent for each; what went elsewhere shows nothing. */
static void
test_room_again(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &publishing);
	peer_ready(&p);
	for (uint64_t i = 1; i <= 7; i++)
		peer_publish(&p, i == 7 ? "elsewhere" : "k", rmq_bytes("x"), i);
	for (int i = 0; i < 7; i++)
		peer_expect_publish(&p, &c);
	peer_nack(&p, 6, true);
	for (uint64_t i = 1; i <= 6; i++)
		expect_nack(&p, i, false);
	peer_ack(&p, 7, false);
	peer_expect_nothing(&p);
	peer_publish(&p, "k", rmq_bytes("y"), 8);
	peer_expect_publish(&p, &c);
	peer_ack(&p, 8, false);
	peer_expect_publish(&p, &c);
	peer_expect_publish(&p, &c);
	peer_expect_nothing(&p);
	peer_ack(&p, 10, true);
	for (int i = 0; i < 4; i++)
		peer_expect_publish(&p, &c);
	peer_ack(&p, 14, true);
	peer_counts(&p, 8, 0, 0, 0);
	assert_int_equal(rmq_counts(p.mq).settled_through, 8);
	peer_content_free(&c);
	peer_close(&p);
}

/* Nothing is on the wire while all waits, so no confirm is missed; and what waits takes room in the window. */
static void
test_all_wait(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &(struct rmq_config){
	    .confirm = true, .window_messages = 2, .reply_limit = 1000, .nack_limit = 60000 });
	peer_ready(&p);
	peer_records(&p, 2);
	for (uint64_t tag = 2; tag <= 8; tag += 2) {
		peer_nack(&p, tag, true);
		expect_nack(&p, 10, false);
		expect_nack(&p, 20, false);
		assert_false(rmq_can_publish(p.mq));
		peer_wait(&p, 4010);
		for (int i = 1; i <= 2; i++) {
			peer_expect_publish(&p, &c);
			assert_int_equal(c.routing_key[1], '0' + i);
		}
	}
	peer_no_event(&p);
	peer_ack(&p, 0, true);
	peer_counts(&p, 2, 0, 0, 0);
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_all_nacked(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_with_records(&p, 3);
	peer_nack(&p, 0, true);
	for (uint64_t i = 1; i <= 3; i++)
		expect_nack(&p, 10 * i, false);
	peer_wait(&p, 260);
	for (int i = 1; i <= 3; i++) {
		peer_expect_publish(&p, &c);
		assert_int_equal(c.routing_key[1], '0' + i);
	}
	peer_ack(&p, 6, true);
	peer_counts(&p, 3, 0, 0, 0);
	peer_content_free(&c);
	peer_close(&p);
}

/* A return carries no tag: it belongs to the oldest record that is like it. */
static void
test_returns(void **state)
{
	static const char *const bodies[] = { "a", "b", "a", "", "a" };
	struct peer p;
	struct peer_content c = { 0 };
	struct peer_event *ev;

	(void)state;
	peer_open(&p, &publishing);
	peer_ready(&p);
	for (uint64_t i = 0; i < 5; i++)
		peer_publish(&p, i == 4 ? "other" : "k", rmq_bytes(bodies[i]), i + 1);
	for (int i = 0; i < 5; i++)
		peer_expect_publish(&p, &c);
	peer_return(&p, 312, "logs", "k", rmq_bytes("a"));
	ev = peer_event(&p, RMQ_RETURNED);
	assert_int_equal(ev->cookie, 1);
	assert_int_equal(ev->code, 312);
	assert_string_equal(ev->text, "NO_ROUTE");
	assert_string_equal(ev->routing_key, "k");
	peer_return(&p, 312, "logs", "k", rmq_bytes("a"));
	assert_int_equal(peer_event(&p, RMQ_RETURNED)->cookie, 3);
	peer_return(&p, 312, "logs", "k", rmq_bytes("b"));
	assert_int_equal(peer_event(&p, RMQ_RETURNED)->cookie, 2);
	peer_return(&p, 312, "logs", "k", rmq_bytes(""));
	assert_int_equal(peer_event(&p, RMQ_RETURNED)->cookie, 4);
	peer_counts(&p, 0, 0, 0, 5);
	peer_ack(&p, 3, true);
	peer_counts(&p, 0, 3, 0, 2);
	peer_ack(&p, 5, true);
	peer_counts(&p, 1, 4, 0, 0);
	assert_int_equal(rmq_counts(p.mq).settled_through, 5);
	peer_return(&p, 312, "logs", "other", rmq_bytes("a"));
	peer_failed(&p, RMQ_PROTOCOL, "not sent");
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_returned_large(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };
	struct rmq_bytes body = { 300000, large };

	(void)state;
	peer_open(&p, &publishing);
	peer_ready(&p);
	peer_publish(&p, "k", (struct rmq_bytes){ 300000, large + 1 }, 1);
	peer_publish(&p, "k", body, 2);
	peer_expect_publish(&p, &c);
	peer_expect_publish(&p, &c);
	peer_return(&p, 312, "logs", "k", body);
	assert_int_equal(peer_event(&p, RMQ_RETURNED)->cookie, 2);
	peer_ack(&p, 2, true);
	peer_counts(&p, 1, 1, 0, 0);
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_window(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &(struct rmq_config){ .confirm = true, .window_messages = 3, .window_bytes = 10000 });
	assert_true(rmq_can_publish(p.mq));
	peer_ready(&p);
	for (uint64_t i = 1; i <= 3; i++) {
		assert_true(rmq_can_publish(p.mq));
		peer_publish(&p, "k", rmq_bytes("x"), i);
	}
	assert_false(rmq_can_publish(p.mq));
	for (int i = 0; i < 3; i++)
		peer_expect_publish(&p, &c);
	peer_ack(&p, 1, false);
	peer_turns(&p);
	assert_true(rmq_can_publish(p.mq));
	peer_ack(&p, 3, true);
	peer_turns(&p);
	peer_publish(&p, "k", (struct rmq_bytes){ 1 << 20, large }, 4);
	assert_false(rmq_can_publish(p.mq));
	peer_expect_publish(&p, &c);
	peer_ack(&p, 4, false);
	peer_turns(&p);
	assert_true(rmq_can_publish(p.mq));
	assert_int_equal(p.mq->publisher.bytes, 0);
	peer_content_free(&c);
	peer_close(&p);
}

static uint64_t
fill_window(struct peer *p, struct rmq_bytes body, uint64_t tag)
{
	struct peer_content c = { 0 };
	uint64_t n = 0;

	while (rmq_can_publish(p->mq))
		peer_publish(p, "k", body, tag + ++n);
	for (uint64_t i = 0; i < n; i++)
		peer_expect_publish(p, &c);
	peer_content_free(&c);
	return n;
}

static void
expect_windows(struct rmq_bytes body, const uint64_t windows[5])
{
	struct peer p;
	uint64_t tag = 0;

	peer_open(&p, &(struct rmq_config){ .confirm = true });
	peer_ready(&p);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(fill_window(&p, body, tag), windows[i]);
		tag += windows[i];
		peer_ack(&p, tag, true);
		peer_turns(&p);
	}
	peer_close(&p);
}

static void
test_window_that_grows(void **state)
{
	(void)state;
	expect_windows(rmq_bytes("x"), (const uint64_t[]){ 1000, 2000, 4000, 8000, 8000 });
	expect_windows((struct rmq_bytes){ 400, large }, (const uint64_t[]){ 1000, 2000, 4000, 4000, 4000 });
	expect_windows((struct rmq_bytes){ 1000000, large }, (const uint64_t[]){ 5, 9, 17, 34, 34 });
}

/* Around every edge between one frame, many frames, and what lies in the log. */
static void
test_sizes(void **state)
{
	static const size_t sizes[] = { 0, 1, 4087, 4088, 4089, 8176, 131063, 131064, 131065, 262128, 262129, 5000000 };
	static const uint32_t frames[] = { 4096, 8192, 131072 };
	enum { N = sizeof sizes / sizeof *sizes };
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	for (size_t f = 0; f < 3; f++) {
		peer_open(&p, &publishing);
		for (size_t i = 0; i < N; i++)
			peer_publish(&p, "k", (struct rmq_bytes){ sizes[i], large + i }, i + 1);
		peer_expect_header(&p);
		peer_start(&p, "PLAIN");
		peer_expect(&p, AMQP_CONNECTION_START_OK_METHOD);
		peer_tune(&p, 0, frames[f], 0);
		peer_expect(&p, AMQP_CONNECTION_TUNE_OK_METHOD);
		peer_expect(&p, AMQP_CONNECTION_OPEN_METHOD);
		peer_ok(&p, AMQP_CONNECTION_OPEN_OK_METHOD);
		peer_channel(&p);
		for (size_t i = 0; i < N; i++) {
			peer_expect_publish(&p, &c);
			assert_int_equal(c.body.len, sizes[i]);
			if (sizes[i] > 0)
				assert_memory_equal(c.body.data, large + i, sizes[i]);
			assert_true(c.largest <= frames[f]);
			assert_int_equal(c.frames, (sizes[i] + frames[f] - 9) / (frames[f] - 8));
		}
		peer_ack(&p, N, true);
		peer_counts(&p, N, 0, 0, 0);
		peer_close(&p);
	}
	peer_content_free(&c);
}

/* Many more than the ring and the log begin with, settled in every order: what is in between moves. */
/* A large body goes over, whatever becomes of it; a small one, and one that cannot be sent, stays. */
static void
test_given(void **state)
{
	struct peer p;
	struct peer_content c = { 0 };
	struct rmq_buffer small = { 0 }, given = { 0 };
	struct rmq_error e = { 0 };
	struct rmq_message m = { .exchange = rmq_bytes("logs"), .routing_key = { 256, large }, .given = &given };

	(void)state;
	peer_open(&p, &publishing);
	peer_ready(&p);
	assert_true(rmq_buffer_add(&small, "small", 5) && rmq_buffer_add(&given, large, sizeof large));
	m.body = (struct rmq_bytes){ given.len, given.data };
	assert_false(rmq_publish(p.mq, &m, &e));
	assert_int_equal(given.len, sizeof large);
	m.routing_key = rmq_bytes("k");
	assert_true(rmq_publish(p.mq, &m, &e));
	assert_null(given.data);
	assert_int_equal(given.len + given.size, 0);
	m.body = (struct rmq_bytes){ small.len, small.data };
	m.given = &small;
	assert_true(rmq_publish(p.mq, &m, &e));
	assert_int_equal(small.len, 5);
	peer_expect_publish(&p, &c);
	assert_int_equal(c.body.len, sizeof large);
	assert_memory_equal(c.body.data, large, sizeof large);
	peer_expect_publish(&p, &c);
	assert_memory_equal(c.body.data, "small", 5);
	peer_nack(&p, 1, false);
	assert_int_equal(peer_event(&p, RMQ_NACKED)->cookie, 0);
	peer_ack(&p, 2, false);
	peer_counts(&p, 1, 0, 0, 1);
	rmq_buffer_free(&small);
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_growth(void **state)
{
	enum { N = 6000, STEP = 500 };
	struct peer p;
	struct peer_content c = { 0 };

	(void)state;
	peer_open(&p, &(struct rmq_config){ .confirm = true, .window_messages = N, .window_bytes = SIZE_MAX });
	peer_ready(&p);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < N; i++) {
			uint64_t tag = (uint64_t)round * N + i + 1;

			peer_publish(&p, "k", (struct rmq_bytes){ i % 300, large + i }, tag);
			if ((i + 1) % STEP != 0)
				continue;
			for (size_t j = i + 1 - STEP; j <= i; j++) {
				peer_expect_publish(&p, &c);
				assert_int_equal(c.body.len, j % 300);
				assert_memory_equal(c.body.data == NULL ? "" : c.body.data, large + j, c.body.len);
			}
			if (i / STEP % 2 == 1)
				peer_ack(&p, tag - STEP, true);
			if (i / STEP == 5)
				peer_ack(&p, tag, true);
		}
		peer_ack(&p, 0, true);
		peer_counts(&p, (uint64_t)(round + 1) * N, 0, 0, 0);
	}
	assert_int_equal(p.mq->publisher.bytes, 0);
	peer_content_free(&c);
	peer_close(&p);
}

static void
test_bad_records(void **state)
{
	char name[256];
	struct peer p;
	struct rmq_error e = { 0 };
	struct rmq_message m = { .routing_key = { 256, name } };

	(void)state;
	memset(name, 'n', sizeof name);
	peer_open(&p, &publishing);
	assert_false(rmq_publish(p.mq, &m, &e));
	assert_int_equal(e.status, RMQ_BAD_RECORD);
	m = (struct rmq_message){ .exchange = { 256, name } };
	e = (struct rmq_error){ 0 };
	assert_false(rmq_publish(p.mq, &m, &e));
	peer_counts(&p, 0, 0, 0, 0);
	m = (struct rmq_message){ .exchange = { 255, name }, .routing_key = { 255, name } };
	assert_true(rmq_publish(p.mq, &m, &e));
	peer_counts(&p, 0, 0, 0, 1);
	peer_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_confirms),
		cmocka_unit_test(test_multiple_confirms),
		cmocka_unit_test(test_wrong_confirms),
		cmocka_unit_test(test_confirm_before_any_record),
		cmocka_unit_test(test_nacked_once),
		cmocka_unit_test(test_settled_through_a_nack),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_nack_limit),
		cmocka_unit_test(test_room_again),
		cmocka_unit_test(test_all_wait),
		cmocka_unit_test(test_all_nacked),
		cmocka_unit_test(test_returns),
		cmocka_unit_test(test_returned_large),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_window_that_grows),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_bad_records),
	};

	return cmocka_run_group_tests(tests, fill_large, NULL);
}
