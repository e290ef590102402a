/* SPDX-License-Identifier: MIT */
/* A broker that is honest and moody, and a caller that is no less: the counts agree with both at every step. */

#include <string.h>

#include "peer.h"

enum { SEEDS = 120, STEPS = 400, MOST = 4000, TRIES = 20, NACK_LIMIT = 2000, BODY = 300000 };

enum fate { UNKNOWN, SENT, CONFIRMED, RETURNED, GIVEN_UP };

/* What the broker and the caller know of one record. */
struct known {
	enum fate	 fate;
	bool		 returned, once;	/* now; at least once */
	int64_t		 nacked_at;		/* the first time; 0: never */
	size_t		 len;
};

struct model {
	struct peer	 p;
	struct known	 records[MOST];		/* by cookie, from 1 */
	uint64_t	 last;			/* cookie */
	uint64_t	 published[MOST * TRIES];	/* by the broker's tag: cookie, 0 when settled */
	uint64_t	 tags;
	uint64_t	 delivered, expected, acked;
	size_t		 lengths[MOST];		/* of deliveries */
	bool		 blocked;
};

static struct model m;
static char bytes[BODY];
static uint64_t random_state;

static uint32_t
any(uint32_t limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % limit;
}

static size_t
any_length(void)
{
	switch (any(20)) {
	case 0:
		return 8 + any(BODY - 8);
	case 1: case 2:
		return 4000 + any(200);
	default:
		return 8 + any(100);
	}
}

/* Bodies begin with what makes them different. */
static struct rmq_bytes
body(uint64_t number, size_t len)
{
	codec_put_u64(bytes, number);
	return (struct rmq_bytes){ len, bytes };
}

static void
publish(void)
{
	for (uint32_t n = any(8); n > 0 && m.last + 1 < MOST && rmq_can_publish(m.p.mq); n--) {
		struct known *k = &m.records[++m.last];

		*k = (struct known){ .fate = SENT, .len = any_length() };
		peer_publish(&m.p, "k", body(m.last, k->len), m.last);
	}
}

/* The broker takes what is there. */
static void
take(void)
{
	struct peer_content c = { 0 };
	amqp_method_number_t id;
	const amqp_basic_ack_t *ack;

	for (int i = 0; i < 20 && peer_heard(&m.p, &id); i++)
		switch (id) {
		case 0:
			peer_expect_heartbeat(&m.p);
			break;
		case AMQP_BASIC_PUBLISH_METHOD:
			peer_expect_publish(&m.p, &c);
			m.published[++m.tags] = codec_u64(c.body.data);
			assert_int_equal(c.body.len, m.records[m.published[m.tags]].len);
			break;
		default:
			ack = peer_expect(&m.p, AMQP_BASIC_ACK_METHOD);
			assert_true(ack->delivery_tag > m.acked && ack->delivery_tag <= m.delivered);
			m.acked = ack->delivery_tag;
		}
	peer_content_free(&c);
}

static void
settle(uint64_t tag, bool ack)
{
	struct known *k = &m.records[m.published[tag]];

	if (ack)
		k->fate = k->returned ? RETURNED : CONFIRMED;
	else
		k->returned = false;
	if (!ack && k->nacked_at == 0)
		k->nacked_at = rmq_now();
	m.published[tag] = 0;
}

static void
confirm(void)
{
	bool multiple = any(2) == 0, ack = any(1 + m.p.seed % 6) > 0;
	uint64_t tag = m.tags == 0 ? 0 : 1 + any((uint32_t)m.tags);

	while (tag > 0 && m.published[tag] == 0)
		tag--;
	if (tag == 0)
		return;
	if (ack)
		peer_ack(&m.p, tag, multiple);
	else
		peer_nack(&m.p, tag, multiple);
	for (uint64_t i = multiple ? 1 : tag; i <= tag; i++)
		if (m.published[i] != 0)
			settle(i, ack);
}

static void
give_back(void)
{
	uint64_t tag = m.tags == 0 ? 0 : 1 + any((uint32_t)m.tags), cookie = m.published[tag];

	if (tag == 0 || cookie == 0 || m.records[cookie].returned)
		return;
	m.records[cookie].returned = m.records[cookie].once = true;
	peer_return(&m.p, 312, "logs", "k", body(cookie, m.records[cookie].len));
}

static void
deliver(void)
{
	if (m.delivered + 1 >= MOST)
		return;
	m.lengths[++m.delivered] = any_length();
	peer_deliver(&m.p, m.delivered, "c0", body(m.delivered, m.lengths[m.delivered]),
	    any(2) == 0 ? 131064 : 1000 + any(100000));
}

static void
block(void)
{
	amqp_connection_blocked_t blocked = { peer_string("low on memory") };

	if (m.blocked)
		peer_ok(&m.p, AMQP_CONNECTION_UNBLOCKED_METHOD);
	else
		peer_send(&m.p, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
	m.blocked = !m.blocked;
}

static void
beat(void)
{
	static const uint8_t frame[] = { FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END };

	peer_raw(&m.p, frame, sizeof frame);
	peer_wait(&m.p, any(500));
}

/* The caller takes what came, and acknowledges some of it. */
static void
look(void)
{
	for (; m.p.first_event < m.p.nevents; m.p.first_event++) {
		struct peer_event *ev = &m.p.events[m.p.first_event];

		if (ev->type == RMQ_RETURNED)
			assert_true(m.records[ev->cookie].once);
		if (ev->type == RMQ_NACKED && ev->given_up) {
			assert_true(rmq_now() >= m.records[ev->cookie].nacked_at + NACK_LIMIT);
			m.records[ev->cookie].fate = GIVEN_UP;
		}
		if (ev->type != RMQ_DELIVERED)
			continue;
		m.expected++;
		assert_int_equal(ev->body.len, m.lengths[m.expected]);
		assert_int_equal(codec_u64(ev->body.data), m.expected);
		assert_memory_equal(ev->body.data + 8, bytes + 8, ev->body.len - 8);
		if (any(2) == 0)
			assert_true(rmq_ack(m.p.mq, ev->tag, true));
	}
}

static void
check(void)
{
	struct rmq_counts c, expected = { .accepted = m.last };
	uint64_t through = 0;

	peer_turns(&m.p);
	look();
	c = rmq_counts(m.p.mq);
	for (uint64_t i = 1; i <= m.last; i++) {
		expected.confirmed += m.records[i].fate == CONFIRMED;
		expected.returned += m.records[i].fate == RETURNED;
		expected.nacked += m.records[i].fate == GIVEN_UP;
		expected.unsettled += m.records[i].fate == SENT;
		through += expected.unsettled == 0;
	}
	if (rmq_failed(m.p.mq) || c.accepted != expected.accepted || c.confirmed != expected.confirmed ||
	    c.returned != expected.returned || c.nacked != expected.nacked || c.unsettled != expected.unsettled ||
	    c.in_doubt > c.unsettled || c.settled_through != through)
		fail_msg("seed %u: confirmed %d, returned %d, nacked %d, unsettled %d, settled through %d: %s",
		    m.p.seed, (int)c.confirmed, (int)c.returned, (int)c.nacked, (int)c.unsettled,
		    (int)c.settled_through, rmq_error(m.p.mq)->text);
}

static void
step(void)
{
	static void (*const moves[])(void) = {
		publish, publish, take, take, confirm, confirm, confirm, give_back, give_back, deliver, block,
		beat, check,
	};

	m.p.chunk = any(3) > 0 ? 0 : 1 + any(5000);
	m.p.deaf = any(4) == 0;
	if (!m.p.deaf)
		moves[any(sizeof moves / sizeof *moves)]();
	else
		publish();
	m.p.deaf = false;
}

/* The end is peaceful: all is confirmed. */
static void
finish(void)
{
	if (m.blocked)
		block();
	for (int i = 0; i < 500 && rmq_counts(m.p.mq).unsettled > 0; i++) {
		take();
		for (uint64_t tag = 1; tag <= m.tags; tag++)
			if (m.published[tag] != 0) {
				peer_ack(&m.p, tag, false);
				settle(tag, true);
			}
		beat();
	}
	take();
	check();
	assert_int_equal(m.expected, m.delivered);
	assert_int_equal(rmq_counts(m.p.mq).unsettled, 0);
	assert_int_equal(m.p.mq->publisher.bytes, 0);
}

static void
test_random(void **state)
{
	(void)state;
	for (size_t i = 8; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 31 + (i >> 12));
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		random_state = seed;
		memset(&m, 0, sizeof m);
		peer_open(&m.p, &(struct rmq_config){ .confirm = true, .window_messages = 1 + any(60),
		    .nack_limit = NACK_LIMIT });
		m.p.seed = seed;
		rmq_consume(m.p.mq, &(struct rmq_consumer){ .queue = "q" });
		peer_handshake(&m.p);
		peer_channel(&m.p);
		peer_consumed(&m.p, "c0");
		peer_event(&m.p, RMQ_READY);
		for (int i = 0; i < STEPS; i++)
			step();
		finish();
		peer_close(&m.p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
