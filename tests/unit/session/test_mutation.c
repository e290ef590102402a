/* SPDX-License-Identifier: MIT */
/* A broker's whole speech, with some of its bytes changed: it may end in an error, but it ends. */

#include <string.h>

#include "peer.h"

enum { VARIANTS = 6000, UNCHANGED = 1000000, MOST_FRAMES = 200, MOST_MEMORY = 1 << 20 };

static struct peer original;
static uint64_t random_state;

static uint32_t
any(uint32_t limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((random_state >> 33) * limit >> 31);
}

static void
begin(struct peer *p)
{
	char body[] = "body 0";

	peer_open(p, &(struct rmq_config){ .confirm = true });
	rmq_declare_queue(p->mq, &(struct rmq_queue){ .name = "q" });
	rmq_declare_exchange(p->mq, &(struct rmq_exchange){ .name = "x", .type = "topic" });
	rmq_bind(p->mq, &(struct rmq_binding){ .queue = "q", .exchange = "x", .routing_key = "k" });
	rmq_consume(p->mq, &(struct rmq_consumer){ .queue = "q", .prefetch = 10 });
	for (uint64_t i = 1; i <= 5; i++) {
		body[5] = (char)('0' + i);
		peer_publish(p, "k", rmq_bytes(body), i);
	}
}

static void
subscribed(struct peer *p)
{
	amqp_basic_consume_ok_t ok = { .consumer_tag = peer_string("c0") };

	peer_ok(p, AMQP_BASIC_QOS_OK_METHOD);
	peer_send(p, AMQP_BASIC_CONSUME_OK_METHOD, &ok);
}

static void
set_up(struct peer *p)
{
	peer_ok(p, AMQP_CHANNEL_OPEN_OK_METHOD);
	peer_ok(p, AMQP_CONFIRM_SELECT_OK_METHOD);
	peer_declared(p, "q");
	peer_ok(p, AMQP_EXCHANGE_DECLARE_OK_METHOD);
	peer_ok(p, AMQP_QUEUE_BIND_OK_METHOD);
	subscribed(p);
}

/* Everything a broker may say. */
static void
speak(struct peer *p)
{
	amqp_connection_blocked_t blocked = { peer_string("low on memory") };
	amqp_basic_cancel_t cancel = { .consumer_tag = peer_string("c0"), .nowait = 1 };
	amqp_channel_flow_t off = { 0 }, on = { 1 };

	peer_start(p, "AMQPLAIN PLAIN");
	peer_tune(p, 2047, 131072, 60);
	peer_ok(p, AMQP_CONNECTION_OPEN_OK_METHOD);
	peer_ok(p, AMQP_CHANNEL_OPEN_OK_METHOD);
	peer_ok(p, AMQP_CONFIRM_SELECT_OK_METHOD);
	peer_refuse_step(p, 404, "NOT_FOUND - no queue 'q'", AMQP_QUEUE_DECLARE_METHOD);
	set_up(p);
	peer_event(p, RMQ_READY);
	peer_ack(p, 1, false);
	peer_return(p, 312, "logs", "k", rmq_bytes("body 3"));
	peer_nack(p, 2, false);
	peer_ack(p, 4, true);
	peer_deliver(p, 1, "c0", rmq_bytes("in one frame"), 100);
	peer_deliver(p, 2, "c0", rmq_bytes("in many frames"), 3);
	peer_deliver(p, 3, "c0", rmq_bytes(""), 1);
	peer_send(p, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
	peer_ok(p, AMQP_CONNECTION_UNBLOCKED_METHOD);
	peer_send(p, AMQP_BASIC_CANCEL_METHOD, &cancel);
	peer_declared(p, "q");
	subscribed(p);
	peer_send(p, AMQP_CHANNEL_FLOW_METHOD, &off);
	peer_send(p, AMQP_CHANNEL_FLOW_METHOD, &on);
	peer_refuse_step(p, 406, "PRECONDITION_FAILED - delivery acknowledgement timed out", 0);
	peer_ok(p, AMQP_CHANNEL_OPEN_OK_METHOD);
	peer_ok(p, AMQP_CONFIRM_SELECT_OK_METHOD);
	subscribed(p);
	peer_turns(p);
	peer_refuse_step(p, 406, "PRECONDITION_FAILED - invalid expiration", AMQP_BASIC_PUBLISH_METHOD);
	peer_ok(p, AMQP_CHANNEL_OPEN_OK_METHOD);
	peer_ok(p, AMQP_CONFIRM_SELECT_OK_METHOD);
	subscribed(p);
	peer_turns(p);
	peer_close_connection(p, 320, "CONNECTION_FORCED - bye");
}

static int
record(void **state)
{
	(void)state;
	begin(&original);
	original.chunk = SIZE_MAX;
	speak(&original);
	peer_failed(&original, RMQ_UNAVAILABLE, "CONNECTION_FORCED - bye");
	return 0;
}

static int
forget(void **state)
{
	(void)state;
	peer_close(&original);
	return 0;
}

static struct rmq_bytes
frame(size_t i)
{
	size_t start = original.marks[i], end = i + 1 < original.nmarks ? original.marks[i + 1] : original.sent.len;

	return (struct rmq_bytes){ end - start, original.sent.data + start };
}

/* Whole frames are missing, there twice, or in another order. */
static void
shuffle(size_t *order, size_t *n)
{
	size_t i = any((uint32_t)*n - 1), kept = order[i];

	switch (any(3)) {
	case 0:
		memmove(order + i, order + i + 1, (--*n - i) * sizeof *order);
		break;
	case 1:
		memmove(order + i + 1, order + i, ((*n)++ - i) * sizeof *order);
		break;
	default:
		order[i] = order[i + 1];
		order[i + 1] = kept;
	}
}

/* Most of the time only what is inside of a frame changes, else most would end at the first wrong end mark. */
static void
mutate(struct rmq_buffer *b)
{
	size_t at = any((uint32_t)b->len), len = 1 + any(8);

	if (any(4) > 0 && b->len > FRAME_OVERHEAD)
		at = FRAME_START + any((uint32_t)b->len - FRAME_OVERHEAD);
	if (len > b->len - at)
		len = b->len - at;
	switch (any(10)) {
	case 0:
		memset(b->data + at, any(2) == 0 ? 0 : 255, len);
		break;
	case 1:		/* something is missing */
		memmove(b->data + at, b->data + at + len, b->len - at - len);
		b->len -= len;
		break;
	case 2:		/* something is there twice, or too much */
		assert_true(rmq_buffer_reserve(b, len));
		memmove(b->data + at + len, b->data + at, b->len - at);
		b->len += len;
		break;
	case 3: case 4: case 5:
		b->data[at] = (char)any(256);
		break;
	default:
		b->data[at] = (char)(b->data[at] ^ 1 << any(8));
	}
}

static void
check(struct peer *p)
{
	struct rmq_counts c = rmq_counts(p->mq);

	if (c.accepted != c.confirmed + c.returned + c.nacked + c.refused + c.unsettled || c.in_doubt > c.unsettled)
		fail_msg("the counts are wrong (seed %u)", p->seed);
	if (p->mq->connection.in_size > MOST_MEMORY || p->mq->connection.out.size > MOST_MEMORY ||
	    p->mq->content.body.size > MOST_MEMORY || p->mq->awaited_size > 1000 || p->mq->events_size > 1000)
		fail_msg("too much memory is used (seed %u)", p->seed);
}

static void
acknowledge(struct peer *p)
{
	for (; p->first_event < p->nevents; p->first_event++)
		if (p->events[p->first_event].type == RMQ_DELIVERED)
			rmq_ack(p->mq, p->events[p->first_event].tag, any(2) == 0);
}

static void
say(struct peer *p, const struct rmq_buffer *bytes)
{
	for (size_t at = 0, len; at < bytes->len && !rmq_failed(p->mq); at += len) {
		len = 1 + any(any(2) == 0 ? 400 : 40);
		len = len > bytes->len - at ? bytes->len - at : len;
		peer_raw(p, bytes->data + at, len);
		peer_turn(p);
		peer_turn(p);
		acknowledge(p);
		check(p);
	}
}

/* Silence first, so that every timer gets its chance, then the end. */
static void
leave(struct peer *p)
{
	for (int i = 0; i < 5 && any(2) == 0; i++) {
		peer_wait(p, 100 << (2 * i));
		peer_turn(p);
		acknowledge(p);
		check(p);
	}
	peer_hang_up(p);
	for (int i = 0; i < 30 && !rmq_failed(p->mq); i++)
		peer_turn(p);
	if (!rmq_failed(p->mq) && p->mq->state != SESSION_CLOSED)
		fail_msg("the session goes on (seed %u)", p->seed);
}

static void
variant(unsigned seed, unsigned moves, unsigned changes)
{
	struct rmq_buffer bytes = { 0 };
	size_t order[MOST_FRAMES] = { 0 }, n = original.nmarks;
	struct peer p;

	random_state = seed;
	any(1);
	begin(&p);
	p.seed = seed;
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	while (moves-- > 0)
		shuffle(order, &n);
	for (size_t i = 0; i < n && !rmq_failed(p.mq); i++) {
		bytes.len = 0;
		assert_true(rmq_buffer_add(&bytes, frame(order[i]).data, frame(order[i]).len));
		if (changes > 0 && any((uint32_t)(n - i)) < changes) {
			changes--;
			mutate(&bytes);
		}
		say(&p, &bytes);
	}
	if (seed >= UNCHANGED)
		assert_non_null(strstr(rmq_error(p.mq)->text, "CONNECTION_FORCED - bye"));
	leave(&p);
	rmq_buffer_free(&bytes);
	peer_close(&p);
}

static void
test_unchanged_in_pieces(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++)
		variant(UNCHANGED + i, 0, 0);
}

static void
test_changed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VARIANTS; i++)
		variant(i, i % 3, i % 5);
}

/* The end comes at every byte. */
static void
test_cut_short(void **state)
{
	struct peer p;

	(void)state;
	for (size_t len = 0; len < original.sent.len; len++) {
		begin(&p);
		p.seed = (unsigned)len;
		peer_raw(&p, original.sent.data, len);
		peer_turn(&p);
		check(&p);
		leave(&p);
		peer_close(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unchanged_in_pieces),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_cut_short),
	};

	return cmocka_run_group_tests(tests, record, forget);
}
