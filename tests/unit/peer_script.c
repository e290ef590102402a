/* SPDX-License-Identifier: MIT */
/*
 * The scripted broker: what brokers usually say.
 */
#include <string.h>

#include "peer.h"

amqp_bytes_t
peer_string(const char *s)
{
	return (amqp_bytes_t){ strlen(s), (void *)(uintptr_t)s };
}

void
peer_start(struct peer *p, const char *mechanisms)
{
	amqp_connection_start_t start = {
		.version_major = 0, .version_minor = 9, .mechanisms = peer_string(mechanisms),
		.locales = peer_string("en_US"),
	};
	amqp_table_entry_t version = { peer_string("version"), { .kind = AMQP_FIELD_KIND_UTF8 } };

	version.value.value.bytes = peer_string("4.0.5");
	start.server_properties = (amqp_table_t){ 1, &version };
	peer_send(p, AMQP_CONNECTION_START_METHOD, &start);
}

void
peer_tune(struct peer *p, uint16_t channel_max, uint32_t frame_max, uint16_t heartbeat)
{
	amqp_connection_tune_t tune = { channel_max, frame_max, heartbeat };

	peer_send(p, AMQP_CONNECTION_TUNE_METHOD, &tune);
}

/* Methods whose answer carries nothing, or nothing but strings that may be empty. */
void
peer_ok(struct peer *p, amqp_method_number_t id)
{
	union {
		amqp_connection_open_ok_t open;
		amqp_channel_open_ok_t channel;
		amqp_basic_consume_ok_t consume;
		amqp_queue_declare_ok_t declare;
	} nothing;

	memset(&nothing, 0, sizeof nothing);
	peer_send(p, id, &nothing);
}

void
peer_handshake(struct peer *p)
{
	peer_expect_header(p);
	peer_start(p, "AMQPLAIN PLAIN");
	peer_expect(p, AMQP_CONNECTION_START_OK_METHOD);
	peer_tune(p, 2047, 131072, 60);
	peer_expect(p, AMQP_CONNECTION_TUNE_OK_METHOD);
	peer_expect(p, AMQP_CONNECTION_OPEN_METHOD);
	peer_ok(p, AMQP_CONNECTION_OPEN_OK_METHOD);
}

void
peer_channel(struct peer *p)
{
	peer_expect(p, AMQP_CHANNEL_OPEN_METHOD);
	if (p->config.confirm)
		peer_expect(p, AMQP_CONFIRM_SELECT_METHOD);
	peer_ok(p, AMQP_CHANNEL_OPEN_OK_METHOD);
	if (p->config.confirm)
		peer_ok(p, AMQP_CONFIRM_SELECT_OK_METHOD);
}

void
peer_ready(struct peer *p)
{
	peer_handshake(p);
	peer_channel(p);
	peer_event(p, RMQ_READY);
}

void
peer_declared(struct peer *p, const char *queue)
{
	amqp_queue_declare_ok_t ok = { .queue = peer_string(queue) };

	peer_send(p, AMQP_QUEUE_DECLARE_OK_METHOD, &ok);
}

void
peer_consumed(struct peer *p, const char *tag)
{
	amqp_basic_consume_ok_t ok = { .consumer_tag = peer_string(tag) };

	peer_expect(p, AMQP_BASIC_QOS_METHOD);
	peer_expect(p, AMQP_BASIC_CONSUME_METHOD);
	peer_ok(p, AMQP_BASIC_QOS_OK_METHOD);
	peer_send(p, AMQP_BASIC_CONSUME_OK_METHOD, &ok);
}

/* A header without properties. */
void
peer_header(struct peer *p, uint16_t class_id, uint64_t body_size)
{
	uint8_t header[14] = { 0 };

	codec_put_u16(header, class_id);
	codec_put_u64(header + 4, body_size);
	peer_frame(p, FRAME_HEADER, CHANNEL, header, sizeof header);
}

static void
content(struct peer *p, struct rmq_bytes body, size_t frame)
{
	peer_header(p, AMQP_BASIC_CLASS, body.len);
	for (size_t at = 0; at < body.len; at += frame)
		peer_frame(p, FRAME_BODY, CHANNEL, (const char *)body.data + at,
		    body.len - at < frame ? body.len - at : frame);
}

void
peer_deliver(struct peer *p, uint64_t tag, const char *consumer, struct rmq_bytes body, size_t frame)
{
	amqp_basic_deliver_t deliver = {
		.consumer_tag = peer_string(consumer), .delivery_tag = tag, .exchange = peer_string("logs"),
		.routing_key = peer_string("a.b"),
	};

	peer_send(p, AMQP_BASIC_DELIVER_METHOD, &deliver);
	content(p, body, frame);
}

void
peer_return(struct peer *p, int code, const char *exchange, const char *key, struct rmq_bytes body)
{
	amqp_basic_return_t back = {
		.reply_code = (uint16_t)code, .reply_text = peer_string("NO_ROUTE"),
		.exchange = peer_string(exchange), .routing_key = peer_string(key),
	};

	peer_send(p, AMQP_BASIC_RETURN_METHOD, &back);
	content(p, body, 131064);
}

void
peer_ack(struct peer *p, uint64_t tag, bool multiple)
{
	amqp_basic_ack_t ack = { tag, multiple };

	peer_send(p, AMQP_BASIC_ACK_METHOD, &ack);
}

void
peer_nack(struct peer *p, uint64_t tag, bool multiple)
{
	amqp_basic_nack_t nack = { .delivery_tag = tag, .multiple = multiple };

	peer_send(p, AMQP_BASIC_NACK_METHOD, &nack);
}

void
peer_refuse_step(struct peer *p, int code, const char *text, amqp_method_number_t id)
{
	amqp_channel_close_t close = {
		.reply_code = (uint16_t)code, .reply_text = peer_string(text), .class_id = (uint16_t)(id >> 16),
		.method_id = (uint16_t)id,
	};

	peer_send(p, AMQP_CHANNEL_CLOSE_METHOD, &close);
}

void
peer_close_connection(struct peer *p, int code, const char *text)
{
	amqp_connection_close_t close = { .reply_code = (uint16_t)code, .reply_text = peer_string(text) };

	peer_send(p, AMQP_CONNECTION_CLOSE_METHOD, &close);
}

void
peer_goodbye(struct peer *p)
{
	rmq_close(p->mq);
	if (p->mq->nconsumers > 0) {
		peer_expect(p, AMQP_CHANNEL_CLOSE_METHOD);
		peer_ok(p, AMQP_CHANNEL_CLOSE_OK_METHOD);
	}
	peer_expect(p, AMQP_CONNECTION_CLOSE_METHOD);
	peer_ok(p, AMQP_CONNECTION_CLOSE_OK_METHOD);
	peer_event(p, RMQ_CLOSED);
	assert_false(rmq_failed(p->mq));
}

void
peer_publish(struct peer *p, const char *key, struct rmq_bytes body, uint64_t cookie)
{
	struct rmq_error e = { 0 };
	struct rmq_message m = {
		.exchange = rmq_bytes("logs"), .routing_key = rmq_bytes(key), .body = body, .mandatory = true,
		.cookie = cookie,
	};

	if (!rmq_publish(p->mq, &m, &e))
		fail_msg("%s", e.text);
}

void
peer_records(struct peer *p, unsigned n)
{
	struct peer_content c = { 0 };
	char key[] = "k0";

	for (unsigned i = 1; i <= n; i++) {
		key[1] = (char)('0' + i);
		peer_publish(p, key, rmq_bytes("body"), 10UL * i);
	}
	for (unsigned i = 1; i <= n; i++) {
		peer_expect_publish(p, &c);
		assert_int_equal(c.routing_key[1], '0' + i);
		assert_true(c.mandatory);
	}
	peer_counts(p, 0, 0, 0, n);
	assert_int_equal(rmq_counts(p->mq).in_doubt, n);
	assert_int_equal(rmq_counts(p->mq).settled_through, 0);
	peer_content_free(&c);
}

void
peer_with_records(struct peer *p, unsigned n)
{
	peer_open(p, &(struct rmq_config){ .confirm = true });
	peer_ready(p);
	peer_records(p, n);
}

void
peer_counts(struct peer *p, uint64_t confirmed, uint64_t returned, uint64_t nacked, uint64_t unsettled)
{
	struct rmq_counts c;

	peer_turns(p);
	c = rmq_counts(p->mq);
	assert_int_equal(c.confirmed, confirmed);
	assert_int_equal(c.returned, returned);
	assert_int_equal(c.nacked, nacked);
	assert_int_equal(c.unsettled, unsettled);
	assert_int_equal(c.accepted, confirmed + returned + nacked + unsettled);
}
