/* SPDX-License-Identifier: MIT */
/*
 * JSON to a message.  What is not known is a mistake: a name that is mistyped
 * must not make a message that lacks a property.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/properties.h"
#include "data/value.h"
#include "text/json.h"

enum { SHORT_STRING = 255 };

struct parsed {
	struct rmq_envelope envelope;
	struct rmq_table headers;	/* its pool has all that was decoded */
	json_t		*json;		/* other strings are in here */
};

/* A caller sees the first member only. */
static struct parsed *
parsed(struct rmq_envelope *envelope)
{
	return (struct parsed *)(void *)envelope;
}

struct rmq_envelope *
rmq_envelope_new(void)
{
	struct parsed *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	table_init(&p->headers);
	return &p->envelope;
}

static void
clear(struct parsed *p)
{
	json_decref(p->json);
	p->json = NULL;
	table_clear(&p->headers);
	p->envelope = (struct rmq_envelope){ 0 };
}

void
rmq_envelope_free(struct rmq_envelope *envelope)
{
	if (envelope == NULL)
		return;
	clear(parsed(envelope));
	table_done(&parsed(envelope)->headers);
	free(parsed(envelope));
}

static bool
read_short(const struct json_reader *r, const char *name, const json_t *json, struct rmq_bytes *out)
{
	return json_read_bytes(r, name, json, out) && (out->len <= SHORT_STRING ||
	    rmq_fail(r->error, r->bad, 0, "%s of %zu bytes is longer than %d", name, out->len, SHORT_STRING));
}

static bool
read_octet(const struct json_reader *r, const char *name, const json_t *json, uint8_t *out)
{
	amqp_field_value_t v;

	if (!json_read_integer(r, name, json, integer_type_by_kind(AMQP_FIELD_KIND_U8), &v))
		return false;
	*out = v.value.u8;
	return true;
}

static bool
read_headers(struct parsed *p, const struct json_reader *r, json_t *json)
{
	amqp_field_value_t v;

	if (!json_is_object(json))
		return json_refuse(r, "headers", "an object");
	if (!json_read_value(r, json, 0, &v))
		return false;
	if (v.kind != AMQP_FIELD_KIND_TABLE)
		return json_refuse(r, "headers", "an object of headers, not a single value");
	p->headers.table = v.value.table;
	p->headers.room = v.value.table.num_entries;
	p->envelope.properties.headers = &p->headers;
	return true;
}

static const struct property *
find_property(const char *name)
{
	const struct property *property = property_list;

	while (property->name != NULL && strcmp(property->name, name) != 0)
		property++;
	return property;
}

static bool
read_property(struct parsed *p, const struct json_reader *r, const char *name, json_t *json)
{
	const struct property *property = find_property(name);
	void *field = (char *)&p->envelope.properties + property->ours;

	if (property->name == NULL)
		return rmq_fail(r->error, r->bad, 0, "unknown property '%s'", name);
	p->envelope.properties.has |= property->has;
	switch (property->kind) {
	case PROPERTY_STRING:
		return read_short(r, name, json, field);
	case PROPERTY_TABLE:
		return read_headers(p, r, json);
	case PROPERTY_OCTET:
		return read_octet(r, name, json, field);
	default:
		return json_read_unsigned(r, name, json, field);
	}
}

static bool
read_properties(struct parsed *p, const struct json_reader *r, json_t *properties)
{
	const char *name;
	json_t *json;

	if (json_object_get(properties, "$undecodable") != NULL)
		return rmq_fail(r->error, r->bad, 0, "$undecodable properties cannot be sent");
	json_object_foreach(properties, name, json)
		if (!read_property(p, r, name, json))
			return false;
	return true;
}

static bool
read_text(const struct json_reader *r, const json_t *json, struct rmq_bytes *body)
{
	*body = (struct rmq_bytes){ json_string_length(json), json_string_value(json) };
	return json_is_string(json) || json_refuse(r, "payload", "a string");
}

static bool
is_text(const json_t *json, const char *text)
{
	return json_string_length(json) == strlen(text) && strcmp(json_string_value(json), text) == 0;
}

static bool
read_payload(const struct json_reader *r, const json_t *json, struct rmq_bytes *body)
{
	const json_t *payload = json_object_get(json, "payload");
	const json_t *encoding = json_object_get(json, "payload_encoding");

	if (payload == NULL)
		return rmq_fail(r->error, r->bad, 0, "there is no payload");
	if (encoding == NULL || is_text(encoding, "string"))
		return read_text(r, payload, body);
	if (is_text(encoding, "base64"))
		return json_read_base64(r, "payload", payload, body);
	return json_refuse(r, "payload_encoding", "\"string\" or \"base64\"");
}

/* What only informs is checked too: the message may have been cut or changed on its way. */
static bool
check_size(const struct json_reader *r, const json_t *json, size_t size)
{
	const json_t *wanted = json_object_get(json, "payload_bytes");

	return wanted == NULL || json_integer_value(wanted) == (json_int_t)size ||
	    rmq_fail(r->error, r->bad, 0, "payload has %zu bytes, payload_bytes says %lld",
		size, (long long)json_integer_value(wanted));
}

static const struct member {
	const char	*name;
	enum { TO_READ, FLAG, COUNT, NAME, OBJECT } type;
} members[] = {
	{ "exchange", TO_READ },
	{ "routing_key", TO_READ },
	{ "payload", TO_READ },
	{ "payload_encoding", TO_READ },
	{ "properties", OBJECT },
	{ "payload_bytes", COUNT },
	{ "queue", NAME },
	{ "redelivered", FLAG },
	{ "delivery_tag", COUNT },
	{ "message_count", COUNT },	/* the management API says how many are left */
	{ NULL }
};

/* How the management API writes an object without members. */
static bool
is_empty_array(const json_t *json)
{
	return json_is_array(json) && json_array_size(json) == 0;
}

static bool
check_member(const struct json_reader *r, const char *name, const json_t *json)
{
	const struct member *m = members;
	struct rmq_bytes bytes;

	while (m->name != NULL && strcmp(m->name, name) != 0)
		m++;
	if (m->name == NULL)
		return rmq_fail(r->error, r->bad, 0, "unknown member '%s'", name);
	if (m->type == OBJECT && !json_is_object(json) && !is_empty_array(json))
		return json_refuse(r, name, "an object");
	if (m->type == FLAG && !json_is_boolean(json))
		return json_refuse(r, name, "true or false");
	if (m->type == COUNT && (!json_is_integer(json) || json_integer_value(json) < 0))
		return json_refuse(r, name, "an integer from 0 on");
	return m->type != NAME || json_read_bytes(r, name, json, &bytes);
}

static bool
check_members(const struct json_reader *r, json_t *object)
{
	const char *name;
	json_t *json;

	if (!json_is_object(object))
		return rmq_fail(r->error, r->bad, 0, "a message is a JSON object");
	json_object_foreach(object, name, json)
		if (!check_member(r, name, json))
			return false;
	return true;
}

static bool
read_address(const struct json_reader *r, const char *name, const json_t *object, struct rmq_bytes *out)
{
	const json_t *json = json_object_get(object, name);

	return json == NULL || read_short(r, name, json, out);
}

static bool
read_message(struct parsed *p, const struct json_reader *r)
{
	struct rmq_envelope *to = &p->envelope;

	return check_members(r, p->json) &&
	    read_address(r, "exchange", p->json, &to->exchange) &&
	    read_address(r, "routing_key", p->json, &to->routing_key) &&
	    read_properties(p, r, json_object_get(p->json, "properties")) &&
	    read_payload(r, p->json, &to->body) && check_size(r, p->json, to->body.len);
}

bool
rmq_envelope_parse(struct rmq_envelope *envelope, const char *text, size_t len, struct rmq_error *e)
{
	struct parsed *p = parsed(envelope);
	const struct json_reader r = { &p->headers.pool, RMQ_BAD_RECORD, e };

	clear(p);
	p->json = json_open(&r, (struct rmq_bytes){ len, text });
	if (p->json != NULL && read_message(p, &r))
		return true;
	clear(p);
	return false;
}
