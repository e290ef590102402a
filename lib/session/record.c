/* SPDX-License-Identifier: MIT */
/*
 * One record of a publisher.
 *
 * In the log it is a method frame, a header frame and, if the body is small, a
 * body frame: https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf section 4.2.6.
 */
#include <stdlib.h>
#include <string.h>

#include "data/properties.h"
#include "session/record.h"

enum {
	CHANNEL = 1, LOG_SIZE = 16384, RING_SIZE = 64, METHOD_MOST = 1024,
	HEADER_FIXED = 12, HEADER_MOST = 4096	/* without the table of headers */
};

bool
record_room(struct publisher *p)
{
	size_t size = p->ring_size == 0 ? RING_SIZE : 2 * p->ring_size;
	struct record *ring;

	if (p->next - p->first < p->ring_size)
		return true;
	if ((ring = calloc(size, sizeof *ring)) == NULL)
		return false;
	for (uint64_t i = p->first; i < p->next; i++)
		ring[i & (size - 1)] = *record_at(p, i);
	free(p->ring);
	p->ring = ring;
	p->ring_size = size;
	return true;
}

/* Room for `more` bytes at the end of the log: what is settled in front makes way before the log grows. */
static bool
log_room(struct publisher *p, size_t more)
{
	size_t used = (size_t)(p->log_end - p->log_first);
	size_t size = p->log_size == 0 ? LOG_SIZE : p->log_size;
	char *log;

	if (p->log_end - p->log_origin + more <= p->log_size)
		return true;
	while (size < 2 * used + more)
		size *= 2;
	if (size == p->log_size) {
		memmove(p->log, p->log + (p->log_first - p->log_origin), used);
	} else {
		if ((log = malloc(size)) == NULL)
			return false;
		if (used > 0)
			memcpy(log, p->log + (p->log_first - p->log_origin), used);
		free(p->log);
		p->log = log;
		p->log_size = size;
	}
	p->log_origin = p->log_first;
	return true;
}

static bool
check(const struct rmq_message *m, struct rmq_error *e)
{
	if (m->exchange.len > 255)
		return rmq_fail(e, RMQ_BAD_RECORD, 0, "the exchange's name has more than 255 bytes");
	if (m->routing_key.len > 255)
		return rmq_fail(e, RMQ_BAD_RECORD, 0, "the routing key has more than 255 bytes");
	return true;
}

static size_t
encode_method(uint8_t *out, const struct rmq_message *m, struct rmq_error *e)
{
	amqp_basic_publish_t publish = {
		.exchange = bytes_to_amqp(m->exchange), .routing_key = bytes_to_amqp(m->routing_key),
		.mandatory = m->mandatory,
	};
	int n = amqp_encode_method(AMQP_BASIC_PUBLISH_METHOD, &publish,
	    (amqp_bytes_t){ METHOD_MOST - FRAME_OVERHEAD - 4, out + FRAME_START + 4 });

	if (n < 0) {
		rmq_fail(e, RMQ_INTERNAL, 0, "cannot encode basic.publish: %s", amqp_error_string2(n));
		return 0;
	}
	codec_frame_start(out, FRAME_METHOD, CHANNEL, (size_t)n + 4);
	codec_put_u32(out + FRAME_START, AMQP_BASIC_PUBLISH_METHOD);
	out[FRAME_START + 4 + n] = FRAME_END;
	return (size_t)n + 4 + FRAME_OVERHEAD;
}

static size_t
encode_header(const struct publisher *p, uint8_t *out, const struct rmq_message *m, struct rmq_error *e)
{
	static const struct rmq_properties none;
	uint8_t *payload = out + FRAME_START;
	ssize_t n = properties_encode(m->properties != NULL ? m->properties : &none, payload + HEADER_FIXED,
	    p->frame_max - FRAME_OVERHEAD - HEADER_FIXED, e);

	if (n < 0)
		return 0;
	codec_frame_start(out, FRAME_HEADER, CHANNEL, HEADER_FIXED + (size_t)n);
	codec_put_u16(payload, AMQP_BASIC_CLASS);
	codec_put_u16(payload + 2, 0);
	codec_put_u64(payload + 4, m->body.len);
	payload[HEADER_FIXED + n] = FRAME_END;
	return HEADER_FIXED + (size_t)n + FRAME_OVERHEAD;
}

static size_t
encode_body(uint8_t *out, struct rmq_bytes body)
{
	if (body.len == 0)
		return 0;
	codec_frame_start(out, FRAME_BODY, CHANNEL, body.len);
	memcpy(out + FRAME_START, body.data, body.len);
	out[FRAME_START + body.len] = FRAME_END;
	return body.len + FRAME_OVERHEAD;
}

static bool
keep_body(struct record *r, const struct rmq_message *m, struct rmq_error *e)
{
	r->body_len = m->body.len;
	if (m->given != NULL) {
		r->body = m->given->data;
		*m->given = (struct rmq_buffer){ 0 };
		return true;
	}
	if ((r->body = malloc(m->body.len)) == NULL)
		return rmq_no_memory(e);
	memcpy(r->body, m->body.data, m->body.len);
	return true;
}

/* Ten short strings, some numbers and the table; a small body. */
static size_t
most_of_it(const struct rmq_message *m)
{
	const struct rmq_table *headers = m->properties != NULL ? m->properties->headers : NULL;

	return METHOD_MOST + HEADER_MOST + (headers != NULL ? table_encoded_size(headers) : 0) +
	    (m->body.len <= BODY_INLINE ? m->body.len + FRAME_OVERHEAD : 0);
}

bool
record_encode(struct publisher *p, struct record *r, const struct rmq_message *m, struct rmq_error *e)
{
	size_t method, header, body = 0;
	uint8_t *out;

	if (!check(m, e))
		return false;
	if (!log_room(p, most_of_it(m)))
		return rmq_no_memory(e);
	out = (uint8_t *)p->log + (p->log_end - p->log_origin);
	if ((method = encode_method(out, m, e)) == 0 || (header = encode_header(p, out + method, m, e)) == 0)
		return false;
	*r = (struct record){ .head = p->log_end, .cookie = m->cookie };
	if (m->body.len <= BODY_INLINE)
		body = encode_body(out + method + header, m->body);
	else if (!keep_body(r, m, e))
		return false;
	r->head_len = (uint32_t)(method + header + body);
	p->log_end += r->head_len;
	return true;
}

bool
record_add(struct publisher *p, const struct record *r, const char *head)
{
	struct record *to;

	if (!record_room(p) || !log_room(p, r->head_len))
		return false;
	to = record_at(p, p->next++);
	*to = *r;
	to->head = p->log_end;
	memcpy(record_bytes(p, to), head, r->head_len);
	p->log_end += r->head_len;
	return true;
}

size_t
record_wire_size(const struct publisher *p, const struct record *r)
{
	size_t chunk = p->frame_max - FRAME_OVERHEAD;

	if (r->body == NULL)
		return r->head_len;
	return r->head_len + r->body_len + (r->body_len + chunk - 1) / chunk * FRAME_OVERHEAD;
}

/* sent counts from the start of the body's first frame. */
void
record_gather_body(const struct publisher *p, const struct record *r, size_t sent, struct pieces *out)
{
	static const uint8_t end = FRAME_END;
	size_t chunk = p->frame_max - FRAME_OVERHEAD;
	size_t at = sent / p->frame_max * chunk, skip = sent % p->frame_max;

	for (; at < r->body_len && out->n + 3 <= PUBLISHER_PIECES; at += chunk) {
		size_t len = r->body_len - at < chunk ? r->body_len - at : chunk;
		struct iovec frame[3] = {
			{ out->starts[out->n], FRAME_START }, { r->body + at, len }, { (void *)(uintptr_t)&end, 1 },
		};

		codec_frame_start(out->starts[out->n], FRAME_BODY, CHANNEL, len);
		for (int i = 0; i < 3; i++) {
			if (skip < frame[i].iov_len) {
				frame[i].iov_base = (char *)frame[i].iov_base + skip;
				frame[i].iov_len -= skip;
				skip = 0;
				out->iov[out->n++] = frame[i];
			} else {
				skip -= frame[i].iov_len;
			}
		}
	}
}

static bool
same_name(const uint8_t **at, struct rmq_bytes name)
{
	const uint8_t *p = *at;

	*at += 1 + p[0];
	return p[0] == name.len && (name.len == 0 || memcmp(p + 1, name.data, name.len) == 0);
}

/* Past the method's id and its reserved short. */
static const uint8_t *
exchange_in(const char *head)
{
	return (const uint8_t *)head + FRAME_START + 6;
}

bool
record_same_target(const char *head, const char *other)
{
	const uint8_t *a = exchange_in(head), *key = a + 1 + a[0];

	return memcmp(a, exchange_in(other), (size_t)(key - a) + 1 + key[0]) == 0;
}

bool
record_matches(const struct publisher *p, const struct record *r, struct rmq_bytes exchange,
    struct rmq_bytes routing_key, struct rmq_bytes body)
{
	const uint8_t *head = (uint8_t *)record_bytes(p, r), *name = exchange_in(record_bytes(p, r));
	const uint8_t *header = head + FRAME_OVERHEAD + codec_u32(head + 3);

	if (!same_name(&name, exchange) || !same_name(&name, routing_key) ||
	    codec_u64(header + FRAME_START + 4) != body.len)
		return false;
	if (body.len == 0)
		return true;
	return memcmp(r->body != NULL ? r->body : (const char *)header + FRAME_OVERHEAD + codec_u32(header + 3) +
	    FRAME_START, body.data, body.len) == 0;
}
