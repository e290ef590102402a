/* SPDX-License-Identifier: MIT */
/* Lists of URLs: which commas end one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "urls.h"

static struct urls urls;
static struct rmq_error error;

static int
reset(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < urls.count; i++)
		rmq_uri_free(&urls.uris[i]);
	free(urls.uris);
	urls = (struct urls){ 0 };
	error = (struct rmq_error){ 0 };
	return 0;
}

static void
test_one(void **state)
{
	(void)state;
	assert_true(urls_add(&urls, "amqp://u:p@h:1/v", &error));
	assert_int_equal(urls.count, 1);
	assert_string_equal(urls.uris[0].hosts[0].name, "h");
	assert_string_equal(urls.uris[0].vhost, "v");
}

static void
test_commas_between_urls(void **state)
{
	(void)state;
	assert_true(urls_add(&urls, "amqp://a,AMQPS://b,amqp://c", &error));
	assert_int_equal(urls.count, 3);
	assert_string_equal(urls.uris[1].hosts[0].name, "b");
	assert_true(urls.uris[1].tls);
	assert_false(urls.uris[2].tls);
}

static void
test_commas_between_hosts(void **state)
{
	(void)state;
	assert_true(urls_add(&urls, "amqp://a:1,b:2/v,amqp://c,d", &error));
	assert_int_equal(urls.count, 2);
	assert_int_equal(urls.uris[0].nhosts, 2);
	assert_string_equal(urls.uris[0].hosts[1].name, "b");
	assert_string_equal(urls.uris[0].vhost, "v");
	assert_int_equal(urls.uris[1].nhosts, 2);
}

static void
test_lists_add_up(void **state)
{
	(void)state;
	assert_true(urls_add(&urls, "amqp://a", &error));
	assert_true(urls_add(&urls, "amqp://b,amqp://c", &error));
	assert_int_equal(urls.count, 3);
	assert_string_equal(urls.uris[2].hosts[0].name, "c");
}

static void
test_errors_have_no_secret(void **state)
{
	(void)state;
	assert_false(urls_add(&urls, "amqp://a,amqp://u:canary@h:port", &error));
	assert_int_equal(error.status, RMQ_USAGE);
	assert_null(strstr(error.text, "canary"));
	error = (struct rmq_error){ 0 };
	assert_false(urls_add(&urls, "", &error));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_one, reset),
		cmocka_unit_test_teardown(test_commas_between_urls, reset),
		cmocka_unit_test_teardown(test_commas_between_hosts, reset),
		cmocka_unit_test_teardown(test_lists_add_up, reset),
		cmocka_unit_test_teardown(test_errors_have_no_secret, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
