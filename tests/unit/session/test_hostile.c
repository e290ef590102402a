/* SPDX-License-Identifier: MIT */
/* What no honest broker says: it ends with an error, at once or in time, and never with more memory than was sent. */

#include <string.h>

#include "peer.h"

enum stage { BEFORE_START, BEFORE_TUNE, BEFORE_OPEN_OK, SETTING_UP, READY, STAGES };

/* A session that publishes and consumes, as far as the stage. */
static void
reach(struct peer *p, enum stage stage)
{
	peer_open(p, &(struct rmq_config){ .confirm = true });
	rmq_consume(p->mq, &(struct rmq_consumer){ .queue = "q" });
	peer_expect_header(p);
	if (stage == BEFORE_START)
		return;
	peer_start(p, "PLAIN");
	peer_expect(p, AMQP_CONNECTION_START_OK_METHOD);
	if (stage == BEFORE_TUNE)
		return;
	peer_tune(p, 0, 0, 0);
	peer_expect(p, AMQP_CONNECTION_TUNE_OK_METHOD);
	peer_expect(p, AMQP_CONNECTION_OPEN_METHOD);
	if (stage == BEFORE_OPEN_OK)
		return;
	peer_ok(p, AMQP_CONNECTION_OPEN_OK_METHOD);
	if (stage == SETTING_UP)
		return;
	peer_channel(p);
	peer_consumed(p, "c0");
	peer_event(p, RMQ_READY);
}

static const struct {
	const char	*bytes;
	size_t		 len;
} broken[] = {
	{ "\x01\x00\x01\x80\x00\x00\x00", 7 },				/* a frame of 2^31 bytes */
	{ "\x01\x00\x00\xff\xff\xff\xff", 7 },
	{ "\x01\x00\x01\x00\x00\x00\x04\x00\x3c\x00\x50\x00", 12 },	/* a wrong end mark */
	{ "\x08\x00\x00\x00\x00\x00\x00\x00", 8 },
	{ "\x04\x00\x01\x00\x00\x00\x00\xce", 8 },			/* an unknown type */
	{ "\xff\x00\x01\x00\x00\x00\x00\xce", 8 },
	{ "\x01\x00\x07\x00\x00\x00\x04\x00\x14\x00\x0b\xce", 12 },	/* channel 7 */
	{ "\x01\xff\xff\x00\x00\x00\x04\x00\x14\x00\x0b\xce", 12 },	/* channel 65535 */
	{ "\x08\x00\x01\x00\x00\x00\x00\xce", 8 },			/* a heartbeat on a channel */
	{ "\x01\x00\x00\x00\x00\x00\x00\xce", 8 },			/* methods that are none */
	{ "\x01\x00\x01\x00\x00\x00\x00\xce", 8 },
	{ "\x01\x00\x01\x00\x00\x00\x03\x00\x3c\x00\xce", 11 },
	{ "\x01\x00\x01\x00\x00\x00\x04\xff\xff\xff\xff\xce", 12 },
	{ "\x01\x00\x00\x00\x00\x00\x04\x00\x0a\xff\xff\xce", 12 },
	{ "\x01\x00\x01\x00\x00\x00\x04\x00\x3c\x00\x50\xce", 12 },	/* basic.ack without a tag */
	{ "\x03\x00\x01\x00\x00\x00\x01x\xce", 9 },			/* a body of nothing */
	{ "\x02\x00\x01\x00\x00\x00\x00\xce", 8 },
	{ "\x02\x00\x00\x00\x00\x00\x00\xce", 8 },
	{ "\x03\x00\x00\x00\x00\x00\x00\xce", 8 },
};

static void
test_broken_frames(void **state)
{
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		for (enum stage stage = BEFORE_START; stage < STAGES; stage++) {
			reach(&p, stage);
			peer_raw(&p, broken[i].bytes, broken[i].len);
			peer_failed(&p, RMQ_PROTOCOL, "");
			peer_close(&p);
		}
}

/* The same behind the first frame, and behind two frames, of a message. */
static void
test_broken_content(void **state)
{
	amqp_basic_deliver_t deliver = { .consumer_tag = peer_string("c0"), .delivery_tag = 1 };
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		for (int frames = 1; frames <= 3; frames++) {
			if (broken[i].bytes[0] == 3 && broken[i].bytes[2] == 1)
				continue;
			reach(&p, READY);
			peer_send(&p, AMQP_BASIC_DELIVER_METHOD, &deliver);
			if (frames > 1)
				peer_header(&p, AMQP_BASIC_CLASS, 100);
			if (frames > 2)
				peer_frame(&p, FRAME_BODY, CHANNEL, "x", 1);
			peer_raw(&p, broken[i].bytes, broken[i].len);
			peer_failed(&p, RMQ_PROTOCOL, "");
			peer_close(&p);
		}
}

static void
test_content_out_of_order(void **state)
{
	amqp_basic_deliver_t deliver = { .consumer_tag = peer_string("c0"), .delivery_tag = 1 };
	struct peer p;

	(void)state;
	reach(&p, READY);
	peer_send(&p, AMQP_BASIC_DELIVER_METHOD, &deliver);
	peer_header(&p, 61, 1);
	peer_failed(&p, RMQ_PROTOCOL, "content header");
	peer_close(&p);

	reach(&p, READY);
	peer_send(&p, AMQP_BASIC_DELIVER_METHOD, &deliver);
	peer_send(&p, AMQP_BASIC_DELIVER_METHOD, &deliver);
	peer_failed(&p, RMQ_PROTOCOL, "inside another");
	peer_close(&p);

	reach(&p, READY);
	peer_send(&p, AMQP_BASIC_DELIVER_METHOD, &deliver);
	peer_ack(&p, 1, false);
	peer_failed(&p, RMQ_PROTOCOL, "without a header");
	peer_close(&p);

	reach(&p, READY);
	peer_send(&p, AMQP_BASIC_DELIVER_METHOD, &deliver);
	peer_header(&p, AMQP_BASIC_CLASS, 2);
	peer_frame(&p, FRAME_BODY, CHANNEL, "abc", 3);
	peer_failed(&p, RMQ_PROTOCOL, "as announced");
	peer_close(&p);
}

static void
test_delivery_before_consume_ok(void **state)
{
	struct peer p;

	(void)state;
	reach(&p, SETTING_UP);
	peer_channel(&p);
	peer_deliver(&p, 1, "c0", rmq_bytes("x"), 10);
	peer_failed(&p, RMQ_PROTOCOL, "unknown consumer");
	peer_close(&p);

	reach(&p, READY);
	peer_deliver(&p, 1, "c1", rmq_bytes("x"), 10);
	peer_failed(&p, RMQ_PROTOCOL, "unknown consumer");
	peer_close(&p);
}

/* Every method of the protocol in every stage: those that were not expected end the session. */
static void
test_unexpected_methods(void **state)
{
	static const amqp_method_number_t ids[] = {
		AMQP_CONNECTION_OPEN_OK_METHOD, AMQP_CONNECTION_CLOSE_OK_METHOD, AMQP_CONNECTION_UNBLOCKED_METHOD,
		AMQP_CHANNEL_OPEN_OK_METHOD, AMQP_CHANNEL_CLOSE_OK_METHOD, AMQP_CONFIRM_SELECT_OK_METHOD,
		AMQP_EXCHANGE_DECLARE_OK_METHOD, AMQP_QUEUE_BIND_OK_METHOD, AMQP_QUEUE_UNBIND_OK_METHOD,
		AMQP_QUEUE_DECLARE_OK_METHOD, AMQP_BASIC_QOS_OK_METHOD, AMQP_BASIC_CONSUME_OK_METHOD,
		AMQP_BASIC_CANCEL_OK_METHOD, AMQP_BASIC_RECOVER_OK_METHOD, AMQP_TX_SELECT_OK_METHOD,
		AMQP_CONFIRM_SELECT_METHOD, AMQP_TX_SELECT_METHOD,
	};
	struct peer p;

	(void)state;
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		for (enum stage stage = BEFORE_START; stage < STAGES; stage++) {
			if ((ids[i] == AMQP_CONNECTION_OPEN_OK_METHOD && stage == BEFORE_OPEN_OK) ||
			    (ids[i] == AMQP_CONNECTION_UNBLOCKED_METHOD && stage >= SETTING_UP) ||
			    (ids[i] == AMQP_CHANNEL_OPEN_OK_METHOD && stage >= BEFORE_OPEN_OK && stage != READY))
				continue;
			reach(&p, stage);
			peer_ok(&p, ids[i]);
			peer_failed(&p, RMQ_PROTOCOL, "");
			peer_close(&p);
		}
}

static void
test_handshake_twice(void **state)
{
	struct peer p;

	(void)state;
	for (enum stage stage = BEFORE_TUNE; stage < STAGES; stage++) {
		reach(&p, stage);
		peer_start(&p, "PLAIN");
		peer_failed(&p, RMQ_PROTOCOL, "unexpected frame");
		peer_close(&p);
		if (stage == BEFORE_TUNE)
			continue;
		reach(&p, stage);
		peer_tune(&p, 0, 0, 0);
		peer_failed(&p, RMQ_PROTOCOL, "unexpected frame");
		peer_close(&p);
	}
}

/* The channel is refused over a message, though none was sent. */
static void
test_refusal_of_nothing(void **state)
{
	struct peer p;

	(void)state;
	reach(&p, READY);
	peer_refuse_step(&p, 406, "PRECONDITION_FAILED", AMQP_BASIC_PUBLISH_METHOD);
	peer_failed(&p, RMQ_PROTOCOL, "was not sent");
	peer_close(&p);

	reach(&p, READY);
	peer_return(&p, 312, "logs", "k", rmq_bytes("x"));
	peer_failed(&p, RMQ_PROTOCOL, "not sent");
	peer_close(&p);
}

/* The texts of a broker are raw bytes of any kind, but never more than there is room for. */
static void
test_texts(void **state)
{
	char text[256];
	struct peer p;

	(void)state;
	memset(text, '\033', sizeof text);
	text[255] = '\0';
	reach(&p, READY);
	peer_close_connection(&p, 320, text);
	peer_failed(&p, RMQ_UNAVAILABLE, text);
	peer_close(&p);

	reach(&p, READY);
	peer_refuse_step(&p, 501, text, 0);
	peer_failed(&p, RMQ_PROTOCOL, text);
	peer_close(&p);

	reach(&p, READY);
	peer_send(&p, AMQP_CONNECTION_BLOCKED_METHOD, &(amqp_connection_blocked_t){ peer_string(text) });
	assert_string_equal(peer_event(&p, RMQ_BLOCKED)->text, text);
	peer_close(&p);
}

static void
test_deep_server_properties(void **state)
{
	static const uint8_t key[] = { 1, 'k', 'F' }, end[] = { 0, 0, 0, 5, 'P', 'L', 'A', 'I', 'N', 0, 0, 0, 0 };
	static uint8_t start[4096] = { 0, 10, 0, 10, 0, 9 };
	struct peer p;
	size_t depth = 500, at = 6;

	(void)state;
	for (size_t i = 0; i < depth; i++) {
		codec_put_u32(start + at, (uint32_t)(7 * (depth - 1 - i)));
		at += 4;
		if (i + 1 < depth) {
			memcpy(start + at, key, sizeof key);
			at += sizeof key;
		}
	}
	memcpy(start + at, end, sizeof end);
	reach(&p, BEFORE_START);
	peer_frame(&p, FRAME_METHOD, 0, start, at + sizeof end);
	peer_failed(&p, RMQ_PROTOCOL, "connection.start");
	peer_close(&p);
}

/* It lives, but says nothing of what was asked: no state waits for ever. */
static void
test_endless_heartbeats(void **state)
{
	static const uint8_t beat[] = { FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END };
	struct peer p;
	int i;

	(void)state;
	for (enum stage stage = BEFORE_START; stage < READY; stage++) {
		reach(&p, stage);
		for (i = 0; i < 40 && !rmq_failed(p.mq); i++) {
			peer_wait(&p, 1000);
			peer_raw(&p, beat, sizeof beat);
			peer_turns(&p);
		}
		peer_failed(&p, RMQ_UNAVAILABLE, "no answer");
		assert_in_range(i, 8, 32);
		peer_close(&p);
	}
}

static void
test_silence_at_each_stage(void **state)
{
	struct peer p;

	(void)state;
	for (enum stage stage = BEFORE_START; stage < STAGES; stage++) {
		reach(&p, stage);
		for (int i = 0; i < 70 && !rmq_failed(p.mq); i++) {
			peer_wait(&p, 1000);
			peer_turns(&p);
		}
		peer_failed(&p, RMQ_UNAVAILABLE, "");
		peer_close(&p);
		reach(&p, stage);
		peer_hang_up(&p);
		peer_failed(&p, RMQ_UNAVAILABLE, "the other side closed it");
		peer_close(&p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broken_frames),
		cmocka_unit_test(test_broken_content),
		cmocka_unit_test(test_content_out_of_order),
		cmocka_unit_test(test_delivery_before_consume_ok),
		cmocka_unit_test(test_unexpected_methods),
		cmocka_unit_test(test_handshake_twice),
		cmocka_unit_test(test_refusal_of_nothing),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_deep_server_properties),
		cmocka_unit_test(test_endless_heartbeats),
		cmocka_unit_test(test_silence_at_each_stage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
