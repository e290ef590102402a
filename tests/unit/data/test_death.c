/* SPDX-License-Identifier: MIT */
/*
 * Where a dead-lettered message came from.  The histories are what RabbitMQ
 * 3.10, 4.0 and 4.3 wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tables.h"

#define ENTRY(queue, reason, exchange, keys) "{\"count\":1,\"reason\":\"" reason "\",\"queue\":\"" queue "\"," \
	"\"time\":{\"$timestamp\":1795441552},\"exchange\":\"" exchange "\",\"routing-keys\":" keys "}"
#define FIRST(queue, reason, exchange) { "x-first-death-exchange", "\"" exchange "\"" }, \
	{ "x-first-death-queue", "\"" queue "\"" }, { "x-first-death-reason", "\"" reason "\"" }

struct header {
	const char *name, *json;
};

static struct rmq_table *
table_of(const struct header *headers)
{
	struct rmq_table *t = rmq_table_new();
	struct rmq_error e = { 0 };

	for (; headers->name != NULL; headers++)
		if (!rmq_table_set(t, headers->name, RMQ_JSON, headers->json, &e))
			fail_msg("%s", e.text);
	return t;
}

static void
came_from(const struct header *headers, const char *exchange, const char *routing_key, const char *queue)
{
	struct rmq_table *t = table_of(headers);
	struct rmq_bytes e, k, q;

	assert_true(rmq_table_death(t, &e, &k, &q));
	assert_bytes(e, rmq_bytes(exchange));
	assert_bytes(k, rmq_bytes(routing_key));
	assert_bytes(q, rmq_bytes(queue));
	rmq_table_free(t);
}

static void
unknown(const struct header *headers)
{
	struct rmq_table *t = table_of(headers);
	struct rmq_bytes e, k, q;

	assert_false(rmq_table_death(t, &e, &k, &q));
	rmq_table_free(t);
}

static void
one_death_tells_all(void **state)
{
	static const struct header topic[] = {
		{ "mine", "1" },
		{ "x-death", "[" ENTRY("a", "expired", "x", "[\"k.one\",\"other.key\"]") "]" },
		FIRST("a", "expired", "x"),
		{ 0 }
	}, direct[] = {
		{ "x-death", "[" ENTRY("tasks", "rejected", "", "[\"tasks\"]") "]" },
		FIRST("tasks", "rejected", ""),
		{ 0 }
	};

	(void)state;
	came_from(topic, "x", "k.one", "a");
	came_from(direct, "", "tasks", "tasks");
}

static void
the_first_of_several_counts(void **state)
{
	static const struct header latest_in_front[] = {
		{ "x-death", "[" ENTRY("b", "rejected", "", "[\"b\"]") "," ENTRY("a", "expired", "x", "[\"k\"]") "]" },
		FIRST("a", "expired", "x"),
		{ 0 }
	}, again_in_front[] = {
		{ "x-death", "[" ENTRY("a", "expired", "x", "[\"k\"]") "," ENTRY("b", "rejected", "", "[\"b\"]") "]" },
		FIRST("a", "expired", "x"),
		{ 0 }
	}, of_two_reasons[] = {
		{ "x-death", "[" ENTRY("a", "expired", "x", "[\"k\"]") "," ENTRY("a", "rejected", "y", "[\"l\"]") "]" },
		FIRST("a", "expired", "x"),
		{ 0 }
	}, without_first[] = {
		{ "x-death", "[" ENTRY("b", "rejected", "", "[\"b\"]") "," ENTRY("a", "expired", "x", "[\"k\"]") "]" },
		{ 0 }
	};

	(void)state;
	came_from(latest_in_front, "x", "k", "a");
	came_from(again_in_front, "x", "k", "a");
	came_from(of_two_reasons, "x", "k", "a");
	came_from(without_first, "x", "k", "a");
}

/* Anybody can send such headers. */
static void
other_headers_tell_nothing(void **state)
{
	static const struct header cases[][5] = {
		{ { "mine", "1" } },
		{ FIRST("a", "expired", "x") },
		{ FIRST("a", "expired", "x"), { "x-death", "[]" } },
		{ FIRST("c", "expired", "x"), { "x-death", "[" ENTRY("a", "expired", "x", "[\"k\"]") "]" } },
		{ { "x-death", "\"a\"" } },
		{ { "x-death", "{}" } },
		{ { "x-death", "[1,[],null]" } },
		{ { "x-death", "[{}]" } },
		{ { "x-death", "[" ENTRY("a", "expired", "x", "[]") "]" } },
		{ { "x-death", "[" ENTRY("a", "expired", "x", "[1]") "]" } },
		{ { "x-death", "[" ENTRY("a", "expired", "x", "\"k\"") "]" } },
		{ { "x-death", "[{\"exchange\":1,\"queue\":\"a\",\"routing-keys\":[\"k\"]}]" } },
		{ { "x-death", "[{\"exchange\":\"x\",\"routing-keys\":[\"k\"]}]" } },
	};
	struct rmq_bytes e, k, q;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		unknown(cases[i]);
	assert_false(rmq_table_death(NULL, &e, &k, &q));
}

static void
scrubbing_leaves_what_is_the_publishers(void **state)
{
	struct rmq_table *t = table_of((const struct header[]){ FIRST("a", "expired", "x"), { "x-death", "[]" },
	    { "x-delivery-count", "3" }, { "x-acquired-count", "3" }, { "CC", "[\"b\"]" }, { "BCC", "[\"c\"]" },
	    { "x-last-death-queue", "\"a\"" }, { "x-last-death-exchange", "\"\"" }, { "x-last-death-reason", "\"expired\"" },
	    { "x-deaths", "1" }, { "cc", "2" }, { NULL, NULL } });

	(void)state;
	rmq_table_scrub(t);
	assert_json(t, "{\"x-deaths\":1,\"cc\":2}");
	rmq_table_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_death_tells_all),
		cmocka_unit_test(the_first_of_several_counts),
		cmocka_unit_test(other_headers_tell_nothing),
		cmocka_unit_test(scrubbing_leaves_what_is_the_publishers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
