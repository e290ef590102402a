/* SPDX-License-Identifier: MIT */
/*
 * The properties of a message, to bytes and back.
 */
#include <string.h>

#include "base/error.h"
#include "data/properties.h"

enum { CLASS = AMQP_BASIC_CLASS, SHORT_STRING = 255, FLAG_CONTINUATION = 1, FLAG_UNUSED = 2 };

#define TEN_YEARS UINT64_C(315360000000)

const struct property property_list[] = {
#define OURS(name) offsetof(struct rmq_properties, name)
#define FIELD(name, flag) { #name, (flag), PROPERTY_STRING, OURS(name), offsetof(amqp_basic_properties_t, name) }
#define NUMBER(name, kind, of) { #name, AMQP_BASIC_##of##_FLAG, (kind), OURS(name), .has = RMQ_HAS_##of }
	FIELD(content_type, AMQP_BASIC_CONTENT_TYPE_FLAG),
	FIELD(content_encoding, AMQP_BASIC_CONTENT_ENCODING_FLAG),
	{ "headers", AMQP_BASIC_HEADERS_FLAG, PROPERTY_TABLE, OURS(headers) },
	NUMBER(delivery_mode, PROPERTY_OCTET, DELIVERY_MODE),
	NUMBER(priority, PROPERTY_OCTET, PRIORITY),
	FIELD(correlation_id, AMQP_BASIC_CORRELATION_ID_FLAG),
	FIELD(reply_to, AMQP_BASIC_REPLY_TO_FLAG),
	FIELD(expiration, AMQP_BASIC_EXPIRATION_FLAG),
	FIELD(message_id, AMQP_BASIC_MESSAGE_ID_FLAG),
	NUMBER(timestamp, PROPERTY_SECONDS, TIMESTAMP),
	FIELD(type, AMQP_BASIC_TYPE_FLAG),
	FIELD(user_id, AMQP_BASIC_USER_ID_FLAG),
	FIELD(app_id, AMQP_BASIC_APP_ID_FLAG),
	FIELD(cluster_id, AMQP_BASIC_CLUSTER_ID_FLAG),
#undef NUMBER
#undef FIELD
#undef OURS
	{ NULL }
};

void
properties_scratch_init(struct properties_scratch *s)
{
	table_init(&s->headers);
}

void
properties_scratch_done(struct properties_scratch *s)
{
	table_done(&s->headers);
}

/* Digits, and no more milliseconds than brokers take. */
static bool
is_expiration(struct rmq_bytes b)
{
	const char *s = b.data;
	uint64_t ms = 0;

	for (size_t i = 0; i < b.len; i++) {
		if (s[i] < '0' || s[i] > '9' || ms > TEN_YEARS)
			return false;
		ms = ms * 10 + (uint64_t)(s[i] - '0');
	}
	return b.len > 0 && ms <= TEN_YEARS;
}

static bool
put_strings(amqp_basic_properties_t *to, const struct rmq_properties *from, struct rmq_error *e)
{
	for (const struct property *p = property_list; p->name != NULL; p++) {
		const struct rmq_bytes *s = (const void *)((const char *)from + p->ours);

		if (p->kind != PROPERTY_STRING || s->data == NULL)
			continue;
		if (s->len > SHORT_STRING)
			return rmq_fail(e, RMQ_BAD_RECORD, 0, "%s of %zu bytes is longer than %d",
			    p->name, s->len, SHORT_STRING);
		*(amqp_bytes_t *)(void *)((char *)to + p->theirs) = bytes_to_amqp(*s);
		to->_flags |= p->flag;
	}
	return true;
}

static void
put_numbers(amqp_basic_properties_t *to, const struct rmq_properties *from)
{
	to->delivery_mode = from->delivery_mode;
	to->priority = from->priority;
	to->timestamp = from->timestamp;
	if (from->has & RMQ_HAS_DELIVERY_MODE)
		to->_flags |= AMQP_BASIC_DELIVERY_MODE_FLAG;
	if (from->has & RMQ_HAS_PRIORITY)
		to->_flags |= AMQP_BASIC_PRIORITY_FLAG;
	if (from->has & RMQ_HAS_TIMESTAMP)
		to->_flags |= AMQP_BASIC_TIMESTAMP_FLAG;
}

/* What a broker answers by closing the channel or the connection. */
static bool
sendable(const struct rmq_properties *p, struct rmq_error *e)
{
	if (p->expiration.data != NULL && !is_expiration(p->expiration))
		return rmq_fail(e, RMQ_BAD_RECORD, 0, "expiration is not a number of milliseconds, "
		    "at most %lld", (long long)TEN_YEARS);
	if ((p->has & RMQ_HAS_DELIVERY_MODE) && p->delivery_mode != 1 && p->delivery_mode != 2)
		return rmq_fail(e, RMQ_BAD_RECORD, 0, "delivery_mode %u is neither 1 nor 2",
		    p->delivery_mode);
	return p->headers == NULL || table_sendable(p->headers, e);
}

ssize_t
properties_encode(const struct rmq_properties *p, void *out, size_t room, struct rmq_error *e)
{
	amqp_basic_properties_t to = { 0 };
	int len;

	if (!sendable(p, e) || !put_strings(&to, p, e))
		return -1;
	put_numbers(&to, p);
	if (p->headers != NULL) {
		to.headers = *table_amqp(p->headers);
		to._flags |= AMQP_BASIC_HEADERS_FLAG;
	}
	len = amqp_encode_properties(CLASS, &to, (amqp_bytes_t){ room, out });
	if (len < 0)
		rmq_fail(e, RMQ_BAD_RECORD, 0, "headers of %zu bytes and the other properties do not "
		    "fit in the %zu bytes of a frame", table_encoded_size(p->headers), room);
	return len < 0 ? -1 : len;
}

static bool
malformed(const char *name, struct rmq_error *e)
{
	return rmq_fail(e, RMQ_PROTOCOL, 0, "malformed properties: %s", name);
}

/* The bytes of a field whose first width bytes are a length, these included. */
static size_t
counted(const uint8_t *at, size_t left, size_t width)
{
	size_t len = 0;

	if (left < width)
		return width;
	for (size_t i = 0; i < width; i++)
		len = len << 8 | at[i];
	return width + len;
}

static size_t
field_size(const struct property *p, const uint8_t *at, size_t left)
{
	switch (p->kind) {
	case PROPERTY_STRING:
		return counted(at, left, 1);
	case PROPERTY_TABLE:
		return counted(at, left, 4);
	case PROPERTY_SECONDS:
		return 8;
	default:
		return 1;
	}
}

static bool
check(struct rmq_bytes encoded, struct rmq_error *e)
{
	const uint8_t *at = encoded.data;
	size_t left = encoded.len, size;
	unsigned flags;

	if (left < 2)
		return malformed("no flags", e);
	flags = (unsigned)at[0] << 8 | at[1];
	if (flags & (FLAG_CONTINUATION | FLAG_UNUSED))
		return malformed("unknown flags", e);
	at += 2;
	left -= 2;
	for (const struct property *p = property_list; p->name != NULL; p++) {
		if (!(flags & p->flag))
			continue;
		if ((size = field_size(p, at, left)) > left)
			return malformed(p->name, e);
		if (p->kind == PROPERTY_TABLE &&
		    !table_check((struct rmq_bytes){ size, at }, TABLE_DEPTH_RECEIVED, e))
			return false;
		at += size;
		left -= size;
	}
	return left == 0 || malformed("bytes follow them", e);
}

static void
get_numbers(struct rmq_properties *to, const amqp_basic_properties_t *from)
{
	if (from->_flags & AMQP_BASIC_DELIVERY_MODE_FLAG) {
		to->delivery_mode = from->delivery_mode;
		to->has |= RMQ_HAS_DELIVERY_MODE;
	}
	if (from->_flags & AMQP_BASIC_PRIORITY_FLAG) {
		to->priority = from->priority;
		to->has |= RMQ_HAS_PRIORITY;
	}
	if (from->_flags & AMQP_BASIC_TIMESTAMP_FLAG) {
		to->timestamp = from->timestamp;
		to->has |= RMQ_HAS_TIMESTAMP;
	}
}

static void
get_strings(struct rmq_properties *to, const amqp_basic_properties_t *from)
{
	for (const struct property *p = property_list; p->name != NULL; p++)
		if (p->kind == PROPERTY_STRING && (from->_flags & p->flag))
			*(struct rmq_bytes *)(void *)((char *)to + p->ours) =
			    bytes_from_amqp(*(const amqp_bytes_t *)(const void *)
				((const char *)from + p->theirs));
}

bool
properties_decode(struct rmq_bytes encoded, struct properties_scratch *scratch,
    struct rmq_properties *out, struct rmq_error *e)
{
	struct rmq_table *headers = &scratch->headers;
	void *decoded;
	const amqp_basic_properties_t *from;
	int r;

	*out = (struct rmq_properties){ 0 };
	table_clear(headers);
	if (!check(encoded, e))
		return false;
	r = amqp_decode_properties(CLASS, &headers->pool, bytes_to_amqp(encoded), &decoded);
	if (r == AMQP_STATUS_NO_MEMORY)
		return rmq_no_memory(e);
	if (r < 0)
		return malformed(amqp_error_string2(r), e);
	from = decoded;
	get_strings(out, from);
	get_numbers(out, from);
	if (from->_flags & AMQP_BASIC_HEADERS_FLAG) {
		headers->table = from->headers;
		headers->room = from->headers.num_entries;
		out->headers = headers;
	}
	return true;
}
