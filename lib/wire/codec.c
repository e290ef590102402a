/* SPDX-License-Identifier: MIT */
/*
 * Frames, and the methods in them.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/codec.h"

enum { CLASS_BASIC = 60 };

uint16_t
codec_u16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

uint32_t
codec_u32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

uint64_t
codec_u64(const void *p)
{
	const uint8_t *b = p;

	return (uint64_t)codec_u32(b) << 32 | codec_u32(b + 4);
}

void
codec_put_u16(void *p, uint16_t n)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(n >> 8);
	b[1] = (uint8_t)n;
}

void
codec_put_u32(void *p, uint32_t n)
{
	codec_put_u16(p, (uint16_t)(n >> 16));
	codec_put_u16((uint8_t *)p + 2, (uint16_t)n);
}

void
codec_put_u64(void *p, uint64_t n)
{
	codec_put_u32(p, (uint32_t)(n >> 32));
	codec_put_u32((uint8_t *)p + 4, (uint32_t)n);
}

/* What is there instead of a first frame tells who is on the other side. */
static int
not_a_frame(const char *p, size_t len, struct rmq_error *e)
{
	if (len >= 8 && memcmp(p, "AMQP", 4) == 0)
		rmq_fail(e, RMQ_PROTOCOL, 0, "the other side does not speak AMQP 0-9-1 but version %d-%d-%d",
		    p[5], p[6], p[7]);
	else if (len >= 2 && memcmp(p, "\x15\x03", 2) == 0)
		rmq_fail(e, RMQ_PROTOCOL, 0, "the other side expects TLS (amqps)");
	else
		rmq_fail(e, RMQ_PROTOCOL, 0, "the other side does not speak AMQP");
	return -1;
}

static bool
known_type(uint8_t type)
{
	return type == FRAME_METHOD || type == FRAME_HEADER || type == FRAME_BODY || type == FRAME_HEARTBEAT;
}

int
codec_frame(struct frame *f, const char *p, size_t len, size_t frame_max, struct rmq_error *e)
{
	size_t size;

	if (len > 0 && !known_type((uint8_t)p[0])) {
		if ((p[0] == 'A' && len < 8) || len < 2)
			return 0;
		return not_a_frame(p, len, e);
	}
	if (len < FRAME_START)
		return 0;
	size = codec_u32(p + 3);
	if (size > frame_max - FRAME_OVERHEAD) {
		rmq_fail(e, RMQ_PROTOCOL, 0, "broken AMQP: a frame of %zu bytes, %zu are allowed", size, frame_max);
		return -1;
	}
	if (len < size + FRAME_OVERHEAD)
		return 0;
	if ((uint8_t)p[FRAME_START + size] != FRAME_END) {
		rmq_fail(e, RMQ_PROTOCOL, 0, "broken AMQP: a frame without its end mark");
		return -1;
	}
	f->type = (uint8_t)p[0];
	f->channel = codec_u16(p + 1);
	f->payload = (struct rmq_bytes){ size, p + FRAME_START };
	f->size = size + FRAME_OVERHEAD;
	return 1;
}

void
codec_frame_start(uint8_t *out, uint8_t type, uint16_t channel, size_t payload)
{
	out[0] = type;
	codec_put_u16(out + 1, channel);
	codec_put_u32(out + 3, (uint32_t)payload);
}

/* librabbitmq says "does not fit" in several ways, so every failure gets more room until no frame could hold it. */
bool
codec_put_method(struct rmq_buffer *out, uint16_t channel, amqp_method_number_t id, void *method,
    struct rmq_error *e)
{
	size_t room = 1024;
	int n = -1;

	for (; room <= FRAME_MAX_OURS; room *= 4) {
		uint8_t *p;

		if (!rmq_buffer_reserve(out, room + FRAME_OVERHEAD + 4))
			return rmq_no_memory(e);
		p = (uint8_t *)out->data + out->len;
		n = amqp_encode_method(id, method, (amqp_bytes_t){ room, p + FRAME_START + 4 });
		if (n < 0)
			continue;
		codec_frame_start(p, FRAME_METHOD, channel, (size_t)n + 4);
		codec_put_u32(p + FRAME_START, id);
		p[FRAME_START + 4 + n] = FRAME_END;
		out->len += (size_t)n + 4 + FRAME_OVERHEAD;
		return true;
	}
	return rmq_fail(e, RMQ_USAGE, 0, "cannot encode %s: %s", amqp_method_name(id), amqp_error_string2(n));
}

amqp_method_number_t
codec_method_id(struct rmq_bytes payload)
{
	return payload.len < 4 ? 0 : codec_u32(payload.data);
}

bool
codec_get_method(struct rmq_bytes payload, amqp_pool_t *pool, void **method, struct rmq_error *e)
{
	amqp_method_number_t id = codec_method_id(payload);
	amqp_bytes_t rest = {
		payload.len < 4 ? 0 : payload.len - 4, (uint8_t *)(uintptr_t)payload.data + 4,
	};
	int n;

	if (id == 0)
		return rmq_fail(e, RMQ_PROTOCOL, 0, "broken AMQP: a method frame without a method");
	n = amqp_decode_method(id, pool, rest, method);
	if (n == AMQP_STATUS_NO_MEMORY)
		return rmq_no_memory(e);
	if (n != AMQP_STATUS_OK)
		return rmq_fail(e, RMQ_PROTOCOL, 0, "broken AMQP: method %u.%u: %s",
		    id >> 16, id & 0xffff, amqp_error_string2(n));
	return true;
}

bool
codec_get_header(struct rmq_bytes payload, struct content_header *h, struct rmq_error *e)
{
	const uint8_t *p = payload.data;

	if (payload.len < 14 || codec_u16(p) != CLASS_BASIC)
		return rmq_fail(e, RMQ_PROTOCOL, 0, "broken AMQP: a content header that is none");
	h->body_size = codec_u64(p + 4);
	h->properties = (struct rmq_bytes){ payload.len - 12, p + 12 };
	return true;
}
