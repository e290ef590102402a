/* SPDX-License-Identifier: MIT */
/*
 * A delivery to JSON: the names are those of RabbitMQ's management API.
 */
#include "data/properties.h"
#include "text/json.h"

/* What a broker counts; the bits above tell connections apart. */
#define TAG_OF_BROKER ((UINT64_C(1) << 48) - 1)

static bool
is_present(const struct property *p, const struct rmq_properties *from)
{
	const void *field = (const char *)from + p->ours;

	switch (p->kind) {
	case PROPERTY_STRING:
		return ((const struct rmq_bytes *)field)->data != NULL;
	case PROPERTY_TABLE:
		return from->headers != NULL;
	default:
		return (from->has & p->has) != 0;
	}
}

static bool
write_property(struct rmq_buffer *b, const struct property *p, const struct rmq_properties *from)
{
	const void *field = (const char *)from + p->ours;

	switch (p->kind) {
	case PROPERTY_STRING:
		return json_add_bytes(b, *(const struct rmq_bytes *)field);
	case PROPERTY_TABLE:
		return json_add_table(b, table_amqp(from->headers));
	case PROPERTY_OCTET:
		return rmq_buffer_add_decimal(b, *(const uint8_t *)field);
	default:
		return json_add_unsigned(b, *(const uint64_t *)field);
	}
}

static bool
write_properties(struct rmq_buffer *b, const struct rmq_properties *from)
{
	const char *before = "{\"";

	for (const struct property *p = property_list; p->name != NULL; p++) {
		if (!is_present(p, from))
			continue;
		if (!json_add_text(b, before) || !json_add_text(b, p->name) || !json_add_text(b, "\":") ||
		    !write_property(b, p, from))
			return false;
		before = ",\"";
	}
	return json_add_text(b, *before == '{' ? "{}" : "}");
}

static bool
write_undecodable(struct rmq_buffer *b, struct rmq_bytes raw)
{
	return json_add_text(b, "{\"$undecodable\":") && json_add_base64(b, raw) && json_add_text(b, "}");
}

static bool
write_source(struct rmq_buffer *b, const struct rmq_delivery *d, const char *queue)
{
	return json_add_text(b, "\"exchange\":") && json_add_bytes(b, d->exchange) &&
	    json_add_text(b, ",\"routing_key\":") && json_add_bytes(b, d->routing_key) &&
	    (queue == NULL || (json_add_text(b, ",\"queue\":") && json_add_bytes(b, rmq_bytes(queue)))) &&
	    json_add_text(b, d->redelivered ? ",\"redelivered\":true" : ",\"redelivered\":false") &&
	    json_add_text(b, ",\"delivery_tag\":") && rmq_buffer_add_decimal(b, d->tag & TAG_OF_BROKER);
}

static bool
write_payload(struct rmq_buffer *b, struct rmq_bytes body)
{
	bool text = rmq_utf8(body);

	return json_add_text(b, "\"payload_bytes\":") && rmq_buffer_add_decimal(b, body.len) &&
	    json_add_text(b, ",\"payload\":") && (text ? json_add_string(b, body) : json_add_base64(b, body)) &&
	    json_add_text(b, text ? ",\"payload_encoding\":\"string\"" : ",\"payload_encoding\":\"base64\"");
}

bool
rmq_envelope_json(const struct rmq_delivery *d, const char *queue, const struct rmq_properties *properties,
    struct rmq_buffer *b)
{
	size_t before = b->len;

	if (json_add_text(b, "{") && write_source(b, d, queue) && json_add_text(b, ",\"properties\":") &&
	    (properties != NULL ? write_properties(b, properties) : write_undecodable(b, d->properties)) &&
	    json_add_text(b, ",") && write_payload(b, d->body) && json_add_text(b, "}"))
		return true;
	b->len = before;
	return false;
}
