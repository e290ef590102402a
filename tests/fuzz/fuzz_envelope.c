/* SPDX-License-Identifier: MIT */
/* A JSON envelope: what is read from it is encoded, decoded, written and read again, and is still the same. */
#include "data/properties.h"
#include "fuzz.h"

enum { ROOM = 200000 };

static struct properties_scratch scratch;
static struct rmq_envelope *first, *second;
static uint8_t once[ROOM], twice[ROOM];

static void
check_round_trip(void)
{
	struct rmq_error error = { 0 };
	struct rmq_buffer json = { 0 };
	struct rmq_properties properties;
	struct rmq_delivery delivery;
	ssize_t n = properties_encode(&first->properties, once, sizeof once, &error), again;

	if (n < 0)
		return;
	delivery = (struct rmq_delivery){ .exchange = first->exchange, .routing_key = first->routing_key,
	    .properties = { (size_t)n, once }, .body = first->body };
	FUZZ_CHECK(properties_decode(delivery.properties, &scratch, &properties, &error));
	FUZZ_CHECK(rmq_envelope_json(&delivery, NULL, &properties, &json));
	FUZZ_CHECK(rmq_envelope_parse(second, json.data, json.len, &error));
	again = properties_encode(&second->properties, twice, sizeof twice, &error);
	FUZZ_CHECK(again == n && memcmp(once, twice, (size_t)n) == 0);
	FUZZ_CHECK(second->body.len == first->body.len);
	FUZZ_CHECK(first->body.len == 0 || memcmp(second->body.data, first->body.data, first->body.len) == 0);
	rmq_buffer_free(&json);
}

static void
check_envelope(const uint8_t *data, size_t size)
{
	struct rmq_error error = { 0 };
	char *text = fuzz_copy(data, size, 0);

	if (rmq_envelope_parse(first, text, size, &error))
		check_round_trip();
	else
		FUZZ_CHECK(*error.text != '\0' && (error.status == RMQ_BAD_RECORD || error.status == RMQ_SYSTEM));
	free(text);
}

/* The same text as the value of a header. */
static void
check_value(const uint8_t *data, size_t size)
{
	struct rmq_error error = { 0 };
	struct rmq_table *table = rmq_table_new(), *copy;
	struct rmq_buffer json = { 0 };
	char *text = fuzz_copy(data, size, 1);

	FUZZ_CHECK(table != NULL);
	if (rmq_table_set(table, "k", RMQ_JSON, text, &error)) {
		FUZZ_CHECK(rmq_table_json(table, &json));
		FUZZ_CHECK((copy = rmq_table_copy(table)) != NULL && rmq_table_count(copy) == 1);
		rmq_table_free(copy);
	} else {
		FUZZ_CHECK(*error.text != '\0');
	}
	rmq_buffer_free(&json);
	rmq_table_free(table);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (first == NULL) {
		properties_scratch_init(&scratch);
		first = rmq_envelope_new();
		second = rmq_envelope_new();
		FUZZ_CHECK(first != NULL && second != NULL);
	}
	check_envelope(data, size);
	check_value(data, size);
	return 0;
}
