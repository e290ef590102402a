/* SPDX-License-Identifier: MIT */
/*
 * Messages that come in: deliveries and returns.
 *
 * Content that lies whole in the input buffer, its body in one frame, is
 * handed out where it lies.  All other content is put together in a buffer
 * that grows with what has arrived, not with what was announced.
 * https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf section 4.2.6
 */
#include <stdlib.h>
#include <string.h>

#include "session/session.h"

enum {
	TAG_BITS = 48,
	TIMES = 16, SLACK = 256,	/* of the prefetch, and messages beyond it */
	CHUNK = 65536			/* messages of a stream, beside them */
};

void
delivery_reset(struct rmq *mq)
{
	mq->content.id = 0;
	mq->content.has_header = false;
	mq->content.method.len = mq->content.header.len = mq->content.body.len = 0;
}

static uint64_t
public_tag(const struct rmq *mq, uint64_t tag)
{
	return (uint64_t)mq->epoch << TAG_BITS | tag;
}

/*
 * An honest broker may send more than the prefetch allows: streams of older ones send whole chunks, and a quorum
 * queue that loses sight of the consumer's node takes its messages back and sends as many again, unasked.
 */
static size_t
most_held(const struct rmq *mq, struct rmq_bytes properties)
{
	size_t prefetch = topology_prefetch(mq);

	if (prefetch == SIZE_MAX)
		return SIZE_MAX;
	return TIMES * prefetch + SLACK + (bytes_contain(properties, "x-stream-offset") ? CHUNK : 0);
}

/* A limit that was lowered meanwhile counts from the next channel on. */
static bool
hold(struct rmq *mq, uint64_t tag, struct rmq_bytes properties)
{
	struct held *h = &mq->held;

	if (tag <= h->last || tag >> TAG_BITS != 0) {
		session_fail(mq, RMQ_PROTOCOL, 0, "broken AMQP: a delivery with tag %llu after %llu",
		    (unsigned long long)tag, (unsigned long long)h->last);
		return false;
	}
	h->last = tag;
	if (h->count >= h->most)
		h->most = most_held(mq, properties);
	if (h->count >= h->most) {
		session_fail(mq, RMQ_PROTOCOL, 0, "broken AMQP: %zu messages were delivered and not acknowledged, "
		    "with a prefetch of %zu", h->count, topology_prefetch(mq));
		return false;
	}
	if (h->most == SIZE_MAX || held_add(h, tag))
		return true;
	session_no_memory(mq);
	return false;
}

static bool
delivered(struct rmq *mq, const amqp_basic_deliver_t *d, const struct content_header *h, struct rmq_bytes body,
    struct rmq_event *ev)
{
	struct step *step = topology_consumer(mq, bytes_from_amqp(d->consumer_tag));

	if (step == NULL || !step->done) {
		session_fail(mq, RMQ_PROTOCOL, 0, "broken AMQP: a delivery for an unknown consumer");
		return false;
	}
	if (!step->no_ack && !hold(mq, d->delivery_tag, h->properties))
		return false;
	*ev = (struct rmq_event){
		.type = RMQ_DELIVERED,
		.delivery = {
			.tag = public_tag(mq, d->delivery_tag), .consumer = step->consumer,
			.redelivered = d->redelivered, .added = more_is(step, bytes_from_amqp(d->consumer_tag)),
			.exchange = bytes_from_amqp(d->exchange), .routing_key = bytes_from_amqp(d->routing_key),
			.properties = h->properties, .body = body,
		},
	};
	return true;
}

static bool
returned(struct rmq *mq, const amqp_basic_return_t *r, struct rmq_bytes body, struct rmq_event *ev)
{
	*ev = (struct rmq_event){
		.type = RMQ_RETURNED, .code = r->reply_code, .text = bytes_from_amqp(r->reply_text),
		.exchange = bytes_from_amqp(r->exchange), .routing_key = bytes_from_amqp(r->routing_key),
	};
	if (publisher_returned(&mq->publisher, ev->exchange, ev->routing_key, body, &ev->cookie))
		return true;
	session_fail(mq, RMQ_PROTOCOL, 0, "broken AMQP: a message came back that was not sent");
	return false;
}

static bool
complete(struct rmq *mq, struct rmq_bytes method, const struct content_header *h, struct rmq_bytes body,
    struct rmq_event *ev)
{
	void *decoded;

	recycle_amqp_pool(&mq->pool);
	if (!codec_get_method(method, &mq->pool, &decoded, &mq->error)) {
		session_failed(mq);
		return false;
	}
	if (codec_method_id(method) == AMQP_BASIC_DELIVER_METHOD)
		return delivered(mq, decoded, h, body, ev);
	return returned(mq, decoded, body, ev);
}

static bool
acceptable(struct rmq *mq, const struct content_header *h)
{
	if (h->body_size <= mq->config.max_message)
		return true;
	session_fail(mq, RMQ_BAD_RECORD, 0, "a message of %llu bytes was delivered, %zu are allowed",
	    (unsigned long long)h->body_size, mq->config.max_message);
	return false;
}

/* The content in several frames: from here on delivery_part() collects it. */
static int
collect(struct rmq *mq, const struct frame *method)
{
	delivery_reset(mq);
	if (!rmq_buffer_add(&mq->content.method, method->payload.data, method->payload.len)) {
		session_no_memory(mq);
		return 0;
	}
	mq->content.id = codec_method_id(method->payload);
	connection_skip(&mq->connection, method->size);
	return 0;
}

/* As connection_peek(); a broken frame takes the session down. */
static int
peek(struct rmq *mq, size_t offset, struct frame *f)
{
	int n = connection_peek(&mq->connection, offset, f);

	if (n == -1)
		session_down(mq);
	return n;
}

/* Three frames behind each other, or two with an empty body; -1: not all of it is here yet. */
int
delivery_next(struct rmq *mq, const struct frame *method, struct rmq_event *ev)
{
	struct connection *c = &mq->connection;
	struct content_header h;
	struct frame header, body = { 0 };
	size_t size = method->size;

	if (mq->content.id != 0) {
		session_fail(mq, RMQ_PROTOCOL, 0, "broken AMQP: a message inside another one");
		return 0;
	}
	if (peek(mq, size, &header) != 1)
		return -1;
	if (header.type != FRAME_HEADER || header.channel != CHANNEL)
		return collect(mq, method);
	if (!codec_get_header(header.payload, &h, &mq->error)) {
		session_failed(mq);
		return 0;
	}
	if (!acceptable(mq, &h))
		return 0;
	size += header.size;
	if (h.body_size > c->frame_max - FRAME_OVERHEAD)
		return collect(mq, method);
	if (h.body_size > 0) {
		if (peek(mq, size, &body) != 1)
			return -1;
		if (body.type != FRAME_BODY || body.channel != CHANNEL || body.payload.len != h.body_size)
			return collect(mq, method);
		size += body.size;
	}
	if (!complete(mq, method->payload, &h, body.payload, ev))
		return 0;
	connection_skip(c, size);
	return 1;
}

static bool
add_header(struct rmq *mq, const struct frame *f)
{
	struct content_header h;

	if (f->type != FRAME_HEADER) {
		session_fail(mq, RMQ_PROTOCOL, 0, "broken AMQP: a message without a header");
		return false;
	}
	if (!codec_get_header(f->payload, &h, &mq->error)) {
		session_failed(mq);
		return false;
	}
	if (!rmq_buffer_add(&mq->content.header, f->payload.data, f->payload.len)) {
		session_no_memory(mq);
		return false;
	}
	mq->content.has_header = true;
	mq->content.body_size = h.body_size;
	return acceptable(mq, &h);
}

static bool
add_body(struct rmq *mq, const struct frame *f)
{
	struct content *c = &mq->content;

	if (f->type != FRAME_BODY || f->payload.len > c->body_size - c->body.len) {
		session_fail(mq, RMQ_PROTOCOL, 0, "broken AMQP: a message's body is not as announced");
		return false;
	}
	if (!rmq_buffer_add(&c->body, f->payload.data, f->payload.len)) {
		session_no_memory(mq);
		return false;
	}
	return true;
}

/* What was collected is handed out once; the buffer is used again only after the next rmq_io(). */
static int
collected(struct rmq *mq, struct rmq_event *ev)
{
	struct content *c = &mq->content;
	struct content_header h;
	struct rmq_bytes method = { c->method.len, c->method.data }, header = { c->header.len, c->header.data };
	struct rmq_bytes body = { c->body.len, c->body.data };

	c->id = 0;
	codec_get_header(header, &h, NULL);
	mq->paused = true;
	return complete(mq, method, &h, body, ev) ? 1 : 0;
}

int
delivery_part(struct rmq *mq, const struct frame *f, struct rmq_event *ev)
{
	struct content *c = &mq->content;

	if (c->id == 0) {
		session_fail(mq, RMQ_PROTOCOL, 0, "broken AMQP: a part of a message that was not begun");
		return 0;
	}
	if (!(c->has_header ? add_body(mq, f) : add_header(mq, f)))
		return 0;
	return c->body.len == c->body_size ? collected(mq, ev) : 0;
}

bool
rmq_take_body(struct rmq *mq, const struct rmq_delivery *d, struct rmq_buffer *to)
{
	if (d->body.len == 0 || d->body.data != mq->content.body.data)
		return false;
	*to = mq->content.body;
	mq->content.body = (struct rmq_buffer){ 0 };
	return true;
}

static bool
own_tag(const struct rmq *mq, uint64_t tag, uint64_t *channel_tag)
{
	*channel_tag = tag & (((uint64_t)1 << TAG_BITS) - 1);
	return tag >> TAG_BITS == mq->epoch && mq->state < SESSION_LEAVING && connection_usable(&mq->connection);
}

static bool
settle(struct rmq *mq, uint64_t tag, bool all_before, amqp_method_number_t id, void *method)
{
	held_settle(&mq->held, tag, all_before);
	return session_put(mq, id, method);
}

bool
rmq_ack(struct rmq *mq, uint64_t tag, bool all_before)
{
	amqp_basic_ack_t ack = { .multiple = all_before };

	return own_tag(mq, tag, &ack.delivery_tag) &&
	    settle(mq, ack.delivery_tag, all_before, AMQP_BASIC_ACK_METHOD, &ack);
}

bool
rmq_nack(struct rmq *mq, uint64_t tag, bool all_before, bool requeue)
{
	amqp_basic_nack_t nack = { .multiple = all_before, .requeue = requeue };

	return own_tag(mq, tag, &nack.delivery_tag) &&
	    settle(mq, nack.delivery_tag, all_before, AMQP_BASIC_NACK_METHOD, &nack);
}

bool
rmq_reject(struct rmq *mq, uint64_t tag, bool requeue)
{
	amqp_basic_reject_t reject = { .requeue = requeue };

	return own_tag(mq, tag, &reject.delivery_tag) &&
	    settle(mq, reject.delivery_tag, false, AMQP_BASIC_REJECT_METHOD, &reject);
}

bool
rmq_decode_properties(struct rmq *mq, const struct rmq_delivery *d, struct rmq_properties *out, struct rmq_error *e)
{
	return properties_decode(d->properties, mq->scratch, out, e);
}
