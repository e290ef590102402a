/* SPDX-License-Identifier: MIT */
/* Lists of URLs: which commas end one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "broker/urls.h"

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

static void
hides(const char *text, const char *hidden)
{
	char copy[128];

	strlcpy(copy, text, sizeof(copy));
	urls_hide(copy);
	assert_string_equal(copy, hidden);
}

static void
test_passwords_are_hidden(void **state)
{
	(void)state;
	hides("", "");
	hides("amqp://host:5672/v", "amqp://host:5672/v");
	hides("amqp://me@host:5672/v", "amqp://me@host:5672/v");
	hides("amqp://me:secret@host:5672/v?heartbeat=3", "amqp://me:xxxxxx@host:5672/v?heartbeat=3");
	hides("AMQP://me:@host", "AMQP://me:@host");
	hides("amqp://a:b@c,amqp://d:e@f", "amqp://a:x@c,amqp://d:x@f");
	hides("amqp://a:b@c,d:1,amqps://e", "amqp://a:x@c,d:1,amqps://e");
}

/* As the parser reads it, so it is hidden. */
static void
test_passwords_of_keys_are_hidden(void **state)
{
	(void)state;
	hides("amqps://h/v?password=abc&heartbeat=3", "amqps://h/v?password=xxx&heartbeat=3");
	hides("amqps://h/?heartbeat=3&&password=abc", "amqps://h/?heartbeat=3&&password=xxx");
	hides("amqps://h/?password=ab,S", "amqps://h/?password=xxxx");
	hides("amqps://h:1/?password=ab@S", "amqps://h:1/?password=xxxx");
	hides("amqps://u:p@h/?password=ab@S", "amqps://u:x@h/?password=xxxx");
	hides("amqps://h/?p%61ssword=S", "amqps://h/?p%61ssword=x");
	hides("amqps://h/?password=a=b", "amqps://h/?password=xxx");
	hides("amqps://h?password=S", "amqps://h?password=x");
	hides("amqps://h/?password=a,amqps://u:b@h/?password=c", "amqps://h/?password=x,amqps://u:x@h/?password=x");
}

static void
test_what_is_no_address_is_hidden_whole(void **state)
{
	(void)state;
	hides("me:pw@host", "xxxxxxxxxx");
	hides("amqp:/u:pw@h", "xxxxxxxxxxxx");
	hides("amqp://u:a/b@h/", "amqp://xxxxxxxx");
	hides("amqp://u:a?x@h/", "amqp://xxxxxxxx");
	hides("amqp://u:a#x@h/", "amqp://xxxxxxxx");
	hides("amqp://u:1/x@h", "amqp://u:xxx@h");
	hides("amqp://u:a@b@h/", "amqp://xxxxxxxx");
	hides("amqps://h/?Password=abc", "amqps://xxxxxxxxxxxxxxx");
	hides("amqps://h/?password=a&password=b", "amqps://xxxxxxxxxxxxxxxxxxxxxxxx");
	hides("http://u:p@h", "http://xxxxx");
	hides("amqp://a:b@c,amqp://u:p/q@h", "amqp://a:x@c,amqp://xxxxxxx");
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
		cmocka_unit_test(test_passwords_are_hidden),
		cmocka_unit_test(test_passwords_of_keys_are_hidden),
		cmocka_unit_test(test_what_is_no_address_is_hidden_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
