/* SPDX-License-Identifier: MIT */
/*
 * Properties as a broker sends them: the first byte says how long the body is,
 * then come the body and the encoded properties.  What can be decoded becomes
 * JSON and the same bytes again; what is made of it for people and commands
 * has no control character that could do harm.
 */
#include "data/properties.h"
#include "fuzz.h"
#include "message/headers.h"
#include "text/json.h"
#include "tool/escape.h"
#include "worker/job/environ.h"

enum { ROOM = 200000 };

static struct properties_scratch scratch;
static struct rmq_envelope *envelope;
static uint8_t once[ROOM], twice[ROOM];

static void
check_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		FUZZ_CHECK((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
}

static bool
same(struct rmq_bytes a, struct rmq_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static void
check_undecodable(const struct rmq_delivery *d)
{
	struct rmq_error error = { 0 };
	struct rmq_buffer json = { 0 };

	FUZZ_CHECK(rmq_envelope_json(d, "q", NULL, &json));
	FUZZ_CHECK(!rmq_envelope_parse(envelope, json.data, json.len, &error));
	rmq_buffer_free(&json);
}

static void
check_json(const struct rmq_delivery *d, const struct rmq_properties *p)
{
	struct rmq_error error = { 0 };
	struct rmq_buffer json = { 0 };
	ssize_t n = properties_encode(p, once, sizeof once, &error), again;
	bool parsed;

	FUZZ_CHECK(rmq_envelope_json(d, "q", p, &json));
	check_printable(json.data, json.len);
	FUZZ_CHECK(rmq_utf8((struct rmq_bytes){ json.len, json.data }));
	error = (struct rmq_error){ 0 };
	parsed = rmq_envelope_parse(envelope, json.data, json.len, &error);
	if (n >= 0) {
		FUZZ_CHECK(parsed);
		FUZZ_CHECK(same(envelope->body, d->body) && same(envelope->routing_key, d->routing_key));
		again = properties_encode(&envelope->properties, twice, sizeof twice, &error);
		FUZZ_CHECK(again == n && memcmp(once, twice, (size_t)n) == 0);
	}
	rmq_buffer_free(&json);
}

static void
check_headers(const struct rmq_table *headers)
{
	struct rmq_bytes exchange, routing_key, queue;
	struct rmq_table *copy;

	if (headers == NULL)
		return;
	rmq_table_death(headers, &exchange, &routing_key, &queue);
	headers_number(headers, "x-attempt", INT32_MAX);
	free(headers_text(headers, "x-failed-at"));
	FUZZ_CHECK((copy = rmq_table_copy(headers)) != NULL);
	FUZZ_CHECK(rmq_table_count(copy) == rmq_table_count(headers));
	rmq_table_scrub(copy);
	FUZZ_CHECK(rmq_table_count(copy) <= rmq_table_count(headers));
	rmq_table_free(copy);
}

static void
check_environ(const struct rmq_delivery *d, const struct rmq_properties *p, bool came_back)
{
	struct environ_source source = { .delivery = d, .properties = p, .queue = "q", .came_back = came_back };
	struct environ made = { 0 };
	const char *headers;

	FUZZ_CHECK(environ_make(&made, &source));
	for (char **v = made.vars; *v != NULL; v++)
		FUZZ_CHECK(strchr(*v, '=') != NULL);
	if ((headers = environ_value(&made, "AMQP_HEADERS")) != NULL)
		check_printable(headers, strlen(headers));
	environ_free(&made);
}

static void
check_escape(struct rmq_bytes text)
{
	char *shown = escape(text.len > 0 ? text.data : "", text.len);

	FUZZ_CHECK(shown != NULL);
	check_printable(shown, strlen(shown));
	free(shown);
}

static void
check_delivery(const struct rmq_delivery *d, bool came_back)
{
	struct rmq_error error = { 0 };
	struct rmq_properties p;

	if (!properties_decode(d->properties, &scratch, &p, &error)) {
		FUZZ_CHECK(*error.text != '\0' && error.status == RMQ_PROTOCOL);
		check_undecodable(d);
		return;
	}
	check_json(d, &p);
	check_headers(p.headers);
	check_environ(d, &p, came_back);
	check_escape(p.message_id);
	check_escape(d->body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rmq_delivery d = { .tag = 7, .exchange = { 1, "x" } };
	size_t len;
	char *body, *properties;

	if (envelope == NULL) {
		properties_scratch_init(&scratch);
		FUZZ_CHECK((envelope = rmq_envelope_new()) != NULL);
	}
	if (size < 1)
		return 0;
	len = data[0] < size - 1 ? data[0] : size - 1;
	body = fuzz_copy(data + 1, len, 0);
	properties = fuzz_copy(data + 1 + len, size - 1 - len, 0);
	d.body = d.routing_key = (struct rmq_bytes){ len, body };
	d.properties = (struct rmq_bytes){ size - 1 - len, properties };
	check_delivery(&d, data[0] & 1);
	free(properties);
	free(body);
	return 0;
}
