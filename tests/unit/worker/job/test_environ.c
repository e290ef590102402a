/* SPDX-License-Identifier: MIT */
/*
 * The environment of a command: what it says, what it hides, what it leaves out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/job/environ.h"
#include "worker/retry/policy.h"

static struct environ env;
static struct rmq_delivery delivery;
static struct rmq_properties properties;
static struct rmq_table *headers;

static int
setup(void **state)
{
	(void)state;
	delivery = (struct rmq_delivery){
		.routing_key = rmq_bytes("kern.critical"), .exchange = rmq_bytes("topic_logs") };
	headers = rmq_table_new();
	properties = (struct rmq_properties){ .headers = headers };
	return headers == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	environ_free(&env);
	rmq_table_free(headers);
	return 0;
}

static void
make(const char *url)
{
	struct environ_source from = { &delivery, &properties, "task_queue", url };

	assert_true(environ_make(&env, &from));
}

static void
header(const char *name, enum rmq_type type, const char *text)
{
	struct rmq_error error = { 0 };

	if (!rmq_table_set(headers, name, type, text, &error))
		fail_msg("%s: %s", name, error.text);
}

/* NULL if there is no such variable; it must not be there twice. */
static const char *
value(const char *name)
{
	const char *found = NULL;
	size_t len = strlen(name);

	for (char **var = env.vars; *var != NULL; var++)
		if (strncmp(*var, name, len) == 0 && (*var)[len] == '=') {
			assert_null(found);
			found = *var + len + 1;
		}
	return found;
}

static void
message_is_described(void **state)
{
	(void)state;
	properties.message_id = rmq_bytes("id-1");
	properties.correlation_id = rmq_bytes("c-1");
	properties.reply_to = rmq_bytes("answers");
	properties.content_type = rmq_bytes("text/plain");
	properties.has = RMQ_HAS_TIMESTAMP;
	properties.timestamp = 1795417200;
	header("n", RMQ_STRING, "5");
	make(NULL);
	assert_string_equal(value("AMQP_ROUTING_KEY"), "kern.critical");
	assert_string_equal(value("AMQP_EXCHANGE"), "topic_logs");
	assert_string_equal(value("AMQP_QUEUE"), "task_queue");
	assert_string_equal(value("AMQP_REDELIVERED"), "0");
	assert_string_equal(value("AMQP_ATTEMPT"), "1");
	assert_string_equal(value("AMQP_MESSAGE_ID"), "id-1");
	assert_string_equal(value("AMQP_CORRELATION_ID"), "c-1");
	assert_string_equal(value("AMQP_REPLY_TO"), "answers");
	assert_string_equal(value("AMQP_CONTENT_TYPE"), "text/plain");
	assert_string_equal(value("AMQP_TIMESTAMP"), "1795417200");
	assert_string_equal(value("AMQP_HEADERS"), "{\"n\":\"5\"}");
	assert_null(value("AMQP_OMITTED"));
}

static void
absent_is_no_variable(void **state)
{
	(void)state;
	properties.headers = NULL;
	delivery.exchange = rmq_bytes("");
	make(NULL);
	assert_string_equal(value("AMQP_EXCHANGE"), "");
	assert_string_equal(value("AMQP_HEADERS"), "{}");
	assert_null(value("AMQP_MESSAGE_ID"));
	assert_null(value("AMQP_TIMESTAMP"));
	assert_null(value("TRACEPARENT"));
}

static void
attempts_are_counted(void **state)
{
	(void)state;
	delivery.redelivered = true;
	make(NULL);
	assert_string_equal(value("AMQP_REDELIVERED"), "1");
	assert_string_equal(value("AMQP_ATTEMPT"), "2");
	header("x-delivery-count", RMQ_INT64, "6");
	make(NULL);
	assert_string_equal(value("AMQP_ATTEMPT"), "7");
	header("x-attempt", RMQ_INT32, "3");
	make(NULL);
	assert_string_equal(value("AMQP_ATTEMPT"), "4");
}

static void
forged_counts_are_not_believed(void **state)
{
	static const char *const forged[] = { "-5", "9223372036854775807", "many", "" };

	(void)state;
	for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
		header("x-attempt", RMQ_STRING, forged[i]);
		make(NULL);
		assert_string_equal(value("AMQP_ATTEMPT"), "1");
	}
}

static void
secrets_are_hidden(void **state)
{
	(void)state;
	setenv("AMQP_URL", "amqp://u:canary@h", 1);
	setenv("AMQP_PASSWORD", "canary", 1);
	setenv("RABBITMQ_URL", "amqp://u:canary@h", 1);
	setenv("CLOUDAMQP_URL", "amqp://u:canary@h", 1);
	setenv("RABBITMQ_URLS", "kept", 1);
	make(NULL);
	for (char **var = env.vars; *var != NULL; var++)
		assert_null(strstr(*var, "canary"));
	assert_string_equal(value("RABBITMQ_URLS"), "kept");
	assert_string_equal(value("PATH"), getenv("PATH"));
	make("amqp://u:canary@h");
	assert_string_equal(value("AMQP_URL"), "amqp://u:canary@h");
}

static void
headers_name_no_variables(void **state)
{
	static const char *const hostile[] = { "LD_PRELOAD", "PATH", "IFS", "BASH_FUNC_x%%", "AMQP_QUEUE", "A=B" };

	(void)state;
	for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
		header(hostile[i], RMQ_STRING, "hostile");
	make(NULL);
	assert_null(value("LD_PRELOAD"));
	assert_null(value("IFS"));
	assert_null(value("BASH_FUNC_x%%"));
	assert_string_equal(value("AMQP_QUEUE"), "task_queue");
	assert_string_equal(value("PATH"), getenv("PATH"));
	assert_non_null(strstr(value("AMQP_HEADERS"), "\"LD_PRELOAD\":\"hostile\""));
}

static void
trace_replaces_an_inherited_one(void **state)
{
	(void)state;
	setenv("TRACEPARENT", "ours", 1);
	make(NULL);
	assert_string_equal(value("TRACEPARENT"), "ours");
	header("traceparent", RMQ_STRING, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
	make(NULL);
	assert_string_equal(value("TRACEPARENT"), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
	header("traceparent", RMQ_STRING, "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01");
	make(NULL);
	assert_string_equal(value("TRACEPARENT"), "ours");
	header("traceparent", RMQ_STRING, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n");
	make(NULL);
	assert_string_equal(value("TRACEPARENT"), "ours");
	header("traceparent", RMQ_STRING, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
	setenv("TRACESTATE", "ours", 1);
	make(NULL);
	assert_null(value("TRACESTATE"));
	header("tracestate", RMQ_STRING, "congo=t61rcWkgMzE");
	make(NULL);
	assert_string_equal(value("TRACESTATE"), "congo=t61rcWkgMzE");
	header("traceparent", RMQ_STRING, "");
	make(NULL);
	assert_string_equal(value("TRACEPARENT"), "ours");
	assert_null(value("TRACESTATE"));
	unsetenv("TRACEPARENT");
	unsetenv("TRACESTATE");
}

static void
what_cannot_be_passed_is_named(void **state)
{
	char *large = malloc((size_t)ENVIRON_LONGEST + 2);

	(void)state;
	memset(large, 'x', (size_t)ENVIRON_LONGEST + 1);
	large[ENVIRON_LONGEST + 1] = '\0';
	properties.message_id = (struct rmq_bytes){ 3, "a\0b" };
	header("large", RMQ_STRING, large);
	make(NULL);
	assert_string_equal(value("AMQP_OMITTED"), "AMQP_MESSAGE_ID AMQP_HEADERS");
	assert_null(value("AMQP_MESSAGE_ID"));
	assert_null(value("AMQP_HEADERS"));
	properties = (struct rmq_properties){ 0 };
	make(NULL);
	assert_null(value("AMQP_OMITTED"));
	free(large);
}

static void
pauses_grow_and_end(void **state)
{
	static const int64_t expected[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };
	static struct policy policy;

	(void)state;
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
		assert_int_equal(policy_failed(&policy, 7), expected[i]);
	assert_int_equal(policy_failed(&policy, 8), 1000);
	policy_succeeded(&policy, 7);
	assert_int_equal(policy_failed(&policy, 7), 1000);
	for (int i = 0; i < 100; i++)
		assert_true(policy_failed(&policy, 7) <= 60000);
	assert_int_equal(policy_failed(&policy, 7 + (uint64_t)POLICY_PLACES), 1000);
}

static void
messages_are_known_again(void **state)
{
	uint64_t by_body, by_id;

	(void)state;
	delivery.body = rmq_bytes("resize 17.jpg");
	by_body = policy_name(&delivery, &properties);
	delivery.tag = 99;
	delivery.redelivered = true;
	assert_true(policy_name(&delivery, &properties) == by_body);
	delivery.body = rmq_bytes("resize 18.jpg");
	assert_true(policy_name(&delivery, &properties) != by_body);
	properties.message_id = rmq_bytes("id-1");
	by_id = policy_name(&delivery, &properties);
	delivery.body = rmq_bytes("anything");
	assert_true(policy_name(&delivery, &properties) == by_id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(message_is_described, setup, teardown),
		cmocka_unit_test_setup_teardown(absent_is_no_variable, setup, teardown),
		cmocka_unit_test_setup_teardown(attempts_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(forged_counts_are_not_believed, setup, teardown),
		cmocka_unit_test_setup_teardown(secrets_are_hidden, setup, teardown),
		cmocka_unit_test_setup_teardown(headers_name_no_variables, setup, teardown),
		cmocka_unit_test_setup_teardown(trace_replaces_an_inherited_one, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_passed_is_named, setup, teardown),
		cmocka_unit_test(pauses_grow_and_end),
		cmocka_unit_test_setup_teardown(messages_are_known_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
