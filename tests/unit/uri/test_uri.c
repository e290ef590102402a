/* SPDX-License-Identifier: MIT */
/* Addresses of brokers: what they mean, what is refused, and that no error repeats a secret. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rmq.h>

#define COUNT(a)	(sizeof (a) / sizeof (a)[0])

/* In order: scheme, user, password, hosts, virtual host. */
static const struct {
	const char	*text, *meaning;
} good[] = {
	{ "amqp://", "amqp guest guest localhost:5672 /" },
	{ "amqp:///", "amqp guest guest localhost:5672 /" },
	{ "amqps://", "amqps guest guest localhost:5671 /" },
	{ "AMQP://h", "amqp guest guest h:5672 /" },
	{ "aMqPs://h", "amqps guest guest h:5671 /" },
	{ "amqp://h", "amqp guest guest h:5672 /" },
	{ "amqp://h/", "amqp guest guest h:5672 /" },
	{ "amqp://h?", "amqp guest guest h:5672 /" },
	{ "amqp://h/?&&", "amqp guest guest h:5672 /" },
	{ "amqp://h/%2f", "amqp guest guest h:5672 /" },
	{ "amqp://h/%2F", "amqp guest guest h:5672 /" },
	{ "amqp://h/%2fa%2fb", "amqp guest guest h:5672 /a/b" },
	{ "amqp://h/v", "amqp guest guest h:5672 v" },
	{ "amqp://h/a:b@c", "amqp guest guest h:5672 a:b@c" },
	{ "amqp://h/a+b", "amqp guest guest h:5672 a+b" },
	{ "amqp://h/%c3%A9", "amqp guest guest h:5672 \303\251" },
	{ "amqp://h/\303\251", "amqp guest guest h:5672 \303\251" },
	{ "amqp://h:", "amqp guest guest h:5672 /" },
	{ "amqp://h:/v", "amqp guest guest h:5672 v" },
	{ "amqps://h:", "amqps guest guest h:5671 /" },
	{ "amqp://h:1", "amqp guest guest h:1 /" },
	{ "amqp://h:65535", "amqp guest guest h:65535 /" },
	{ "amqp://:5673", "amqp guest guest localhost:5673 /" },
	{ "amqp://%68%6f", "amqp guest guest ho:5672 /" },
	{ "amqp://10.0.0.1:7", "amqp guest guest 10.0.0.1:7 /" },
	{ "amqp://u:p@h:7/v", "amqp u p h:7 v" },
	{ "amqp://u@h", "amqp u  h:5672 /" },
	{ "amqp://u:@h", "amqp u  h:5672 /" },
	{ "amqp://:p@h", "amqp  p h:5672 /" },
	{ "amqp://:@", "amqp   localhost:5672 /" },
	{ "amqp://@h", "amqp   h:5672 /" },
	{ "amqp://u:a:b@h", "amqp u a:b h:5672 /" },
	{ "amqp://u:a,b@h", "amqp u a,b h:5672 /" },
	{ "amqp://u:a[b]@h", "amqp u a[b] h:5672 /" },
	{ "amqp://%75:%70%40%3a%2F%25%3f%23@h", "amqp u p@:/%?# h:5672 /" },
	{ "amqp://u:%C3%A9%ff@h", "amqp u \303\251\377 h:5672 /" },
	{ "amqp://user%61:%61pass@ho%61st:10000/v%2fhost", "amqp usera apass hoast:10000 v/host" },
	{ "amqp://[::1]", "amqp guest guest ::1:5672 /" },
	{ "amqp://[::1]:", "amqp guest guest ::1:5672 /" },
	{ "amqps://u:p@[2001:db8::7]:7/v", "amqps u p 2001:db8::7:7 v" },
	{ "amqp://[::ffff:10.0.0.1]", "amqp guest guest ::ffff:10.0.0.1:5672 /" },
	{ "amqp://[fe80::1%25eth0]:7", "amqp guest guest fe80::1%eth0:7 /" },
	{ "amqp://[fe80::1%eth0]", "amqp guest guest fe80::1%eth0:5672 /" },
	{ "amqp://[fe80::1%2]", "amqp guest guest fe80::1%2:5672 /" },
	{ "amqp://u:p@h1:7,[::1],h3/v", "amqp u p h1:7,::1:5672,h3:5672 v" },
	{ "amqps://h1,h2:8,[::2]:9", "amqps guest guest h1:5671,h2:8,::2:9 /" },
};

static const struct {
	const char	*text, *why;
} bad[] = {
	{ "", "an address begins with amqp:// or amqps://" },
	{ "h", "an address begins with amqp:// or amqps://" },
	{ "amqp", "an address begins with amqp:// or amqps://" },
	{ "amqp:", "an address begins with amqp:// or amqps://" },
	{ "amqp:/", "an address begins with amqp:// or amqps://" },
	{ "amqp:h", "an address begins with amqp:// or amqps://" },
	{ "amqpss://h", "an address begins with amqp:// or amqps://" },
	{ "http://h", "an address begins with amqp:// or amqps://" },
	{ "://h", "an address begins with amqp:// or amqps://" },
	{ "amqp://h:0", "port is not a number between 1 and 65535" },
	{ "amqp://h:65536", "port is not a number between 1 and 65535" },
	{ "amqp://h:99999999999999999999", "port is not a number between 1 and 65535" },
	{ "amqp://h:+5672", "port is not a number between 1 and 65535" },
	{ "amqp://h:-1", "port is not a number between 1 and 65535" },
	{ "amqp://h:5672x", "port is not a number between 1 and 65535" },
	{ "amqp://h:%35", "port is not a number between 1 and 65535" },
	{ "amqp://u:pa/ss@h", "port is not a number between 1 and 65535" },
	{ "amqp://h: 5672", "a blank or control character in an address is written as % and two hexadecimal digits" },
	{ "amqp://h\n", "a blank or control character in an address is written as % and two hexadecimal digits" },
	{ " amqp://h", "a blank or control character in an address is written as % and two hexadecimal digits" },
	{ "amqp://u:p\177@h", "a blank or control character in an address is written as % and two hexadecimal digits" },
	{ "amqp://u:%@h", "a % is not followed by two hexadecimal digits (a % itself is %25)" },
	{ "amqp://u:%4@h", "a % is not followed by two hexadecimal digits (a % itself is %25)" },
	{ "amqp://u:%+1@h", "a % is not followed by two hexadecimal digits (a % itself is %25)" },
	{ "amqp://u:%4g@h", "a % is not followed by two hexadecimal digits (a % itself is %25)" },
	{ "amqp://u%zz:p@h", "a % is not followed by two hexadecimal digits (a % itself is %25)" },
	{ "amqp://h/%", "a % is not followed by two hexadecimal digits (a % itself is %25)" },
	{ "amqp://h%/", "a % is not followed by two hexadecimal digits (a % itself is %25)" },
	{ "amqp://h?connection_name=%2", "a % is not followed by two hexadecimal digits (a % itself is %25)" },
	{ "amqp://h?%=1", "a % is not followed by two hexadecimal digits (a % itself is %25)" },
	{ "amqp://u:%00@h", "%00 is not allowed" },
	{ "amqp://h/a%00b", "%00 is not allowed" },
	{ "amqp://h%00", "%00 is not allowed" },
	{ "amqp://u:p@ss@h", "an @ in a user name or password is written as %40" },
	{ "amqp://h#f", "a fragment is not allowed (a # itself is written as %23)" },
	{ "amqp://h/v#", "a fragment is not allowed (a # itself is written as %23)" },
	{ "amqp://h?heartbeat=1#f", "a fragment is not allowed (a # itself is written as %23)" },
	{ "amqp://u:p#q@h", "a fragment is not allowed (a # itself is written as %23)" },
	{ "amqp://h//", "a / in the name of a virtual host is written as %2f" },
	{ "amqp://h/a/b", "a / in the name of a virtual host is written as %2f" },
	{ "amqp://h/v/", "a / in the name of a virtual host is written as %2f" },
	{ "amqp://::1", "a host has more than one : (an IPv6 address stands in brackets)" },
	{ "amqp://h:1:2", "a host has more than one : (an IPv6 address stands in brackets)" },
	{ "amqp://[::1", "a [ has no ]" },
	{ "amqp://[::1,h2", "a [ has no ]" },
	{ "amqp://[]", "what stands in brackets is not an IPv6 address" },
	{ "amqp://[h]", "what stands in brackets is not an IPv6 address" },
	{ "amqp://[10.0.0.1]", "what stands in brackets is not an IPv6 address" },
	{ "amqp://[::1%]", "what stands in brackets is not an IPv6 address" },
	{ "amqp://[v1.x]", "what stands in brackets is not an IPv6 address" },
	{ "amqp://[::1]x", "something other than a port follows an address in brackets" },
	{ "amqp://[::1]5672", "something other than a port follows an address in brackets" },
	{ "amqp://h]", "a host has a byte that no host name has" },
	{ "amqp://a[::1]", "a host has a byte that no host name has" },
	{ "amqp://a%20b", "a host has a byte that no host name has" },
	{ "amqp://a%2fb", "a host has a byte that no host name has" },
	{ "amqp://a%25b", "a host has a byte that no host name has" },
	{ "amqp://a%0ab", "a host has a byte that no host name has" },
	{ "amqp://h,", "a host in the list is empty" },
	{ "amqp://,h", "a host in the list is empty" },
	{ "amqp://h1,,h3", "a host in the list is empty" },
	{ "amqp://h1,:7", "a host in the list is empty" },
	{ "amqp://h1:7,h2:x", "port is not a number between 1 and 65535" },
	{ "amqp://h?surprise=1", "unknown parameter surprise" },
	{ "amqp://h?surprise", "unknown parameter surprise" },
	{ "amqp://h?Heartbeat=1", "unknown parameter (a ? in a user name or password is written as %3f)" },
	{ "amqp://h?=1", "unknown parameter " },
	{ "amqp://u:12?word@h", "unknown parameter (a ? in a user name or password is written as %3f)" },
	{ "amqp://h?heartbeat=1&heartbeat=1", "parameter heartbeat is given twice" },
	{ "amqps://h?verify=verify_peer&verify=verify_none", "parameter verify is given twice" },
	{ "amqp://h?heartbeat", "parameter heartbeat has no value" },
	{ "amqp://h?heartbeat=", "parameter heartbeat has no value" },
	{ "amqps://h?certfile=", "parameter certfile has no value" },
	{ "amqp://h?heartbeat=65536", "parameter heartbeat is not a number of seconds between 0 and 65535" },
	{ "amqp://h?heartbeat=-1", "parameter heartbeat is not a number of seconds between 0 and 65535" },
	{ "amqp://h?heartbeat=1s", "parameter heartbeat is not a number of seconds between 0 and 65535" },
	{ "amqp://h?heartbeat=+1", "parameter heartbeat is not a number of seconds between 0 and 65535" },
	{ "amqp://h?connection_timeout=0",
	    "parameter connection_timeout is not a number of milliseconds between 1 and 2147483647" },
	{ "amqp://h?channel_max=65536", "parameter channel_max is not a number between 0 and 65535" },
	{ "amqp://h?frame_max=4095", "parameter frame_max is not 0 or a number between 4096 and 2147483647" },
	{ "amqp://h?auth_mechanism=cram", "parameter auth_mechanism is not plain, amqplain or external" },
	{ "amqps://h?verify=1", "parameter verify is not verify_peer or verify_none" },
	{ "amqps://h?fail_if_no_peer_cert=1", "parameter fail_if_no_peer_cert is not true or false" },
	{ "amqps://h?depth=256", "parameter depth is not a number between 0 and 255" },
	{ "amqp://h?cacertfile=/ca", "parameter cacertfile needs amqps://" },
	{ "amqp://h?verify=verify_peer", "parameter verify needs amqps://" },
};

static char *
spell(const struct rmq_uri *u)
{
	static char text[1024];
	size_t i, len;

	len = (size_t)snprintf(text, sizeof text, "%s %s %s ", u->tls ? "amqps" : "amqp", u->user, u->password);
	for (i = 0; i < u->nhosts; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s:%u", i == 0 ? "" : ",",
		    u->hosts[i].name, (unsigned)u->hosts[i].port);
	snprintf(text + len, sizeof text - len, " %s", u->vhost);
	return text;
}

static void
parse(struct rmq_uri *u, const char *text)
{
	struct rmq_error e = { 0 };

	if (!rmq_uri_parse(u, text, &e))
		fail_msg("%s: %s", text, e.text);
}

static void
refuse(const char *text, const char *why)
{
	struct rmq_error e = { 0 };
	struct rmq_uri u;

	if (rmq_uri_parse(&u, text, &e))
		fail_msg("%s is accepted as %s", text, spell(&u));
	assert_string_equal(e.text, why);
	assert_int_equal(e.status, RMQ_USAGE);
	assert_null(u.hosts);
	assert_null(u.password);
}

static void
test_good(void **state)
{
	struct rmq_uri u;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		parse(&u, good[i].text);
		assert_string_equal(spell(&u), good[i].meaning);
		rmq_uri_free(&u);
	}
}

static void
test_bad(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		refuse(bad[i].text, bad[i].why);
}

static void
test_no_parameters(void **state)
{
	struct rmq_uri u;

	(void)state;
	parse(&u, "amqps://h");
	assert_int_equal(u.heartbeat, -1);
	assert_int_equal(u.connection_timeout, -1);
	assert_int_equal(u.channel_max, -1);
	assert_int_equal(u.frame_max, -1);
	assert_int_equal(u.verify, -1);
	assert_int_equal(u.depth, -1);
	assert_false(u.external);
	assert_null(u.cacertfile);
	assert_null(u.key_password);
	assert_null(u.server_name);
	assert_null(u.connection_name);
	rmq_uri_free(&u);
	rmq_uri_free(&u);
}

static void
test_parameters(void **state)
{
	struct rmq_uri u;

	(void)state;
	parse(&u, "amqps://h/v?heartbeat=5&connection_timeout=10000&channel_max=0&frame_max=131072"
	    "&connection_name=a%26b+c%20d");
	assert_int_equal(u.heartbeat, 5);
	assert_int_equal(u.connection_timeout, 10000);
	assert_int_equal(u.channel_max, 0);
	assert_int_equal(u.frame_max, 131072);
	assert_string_equal(u.connection_name, "a&b+c d");
	assert_string_equal(u.vhost, "v");
	rmq_uri_free(&u);
	parse(&u, "amqp://h?frame_max=0&heartbeat=0");
	assert_int_equal(u.frame_max, 0);
	assert_int_equal(u.heartbeat, 0);
	rmq_uri_free(&u);
}

static void
test_tls_parameters(void **state)
{
	struct rmq_uri u;

	(void)state;
	parse(&u, "amqps://h?cacertfile=/etc/ca.pem&certfile=/c@d.pem&keyfile=%2fk.pem&password=p%3dq=r"
	    "&verify=verify_none&fail_if_no_peer_cert=true&depth=2&server_name_indication=name");
	assert_string_equal(u.cacertfile, "/etc/ca.pem");
	assert_string_equal(u.certfile, "/c@d.pem");
	assert_string_equal(u.keyfile, "/k.pem");
	assert_string_equal(u.key_password, "p=q=r");
	assert_int_equal(u.verify, 0);
	assert_int_equal(u.depth, 2);
	assert_string_equal(u.server_name, "name");
	rmq_uri_free(&u);
	parse(&u, "amqps://h?server_name_indication=disable&verify=verify_peer&password=");
	assert_string_equal(u.server_name, "");
	assert_string_equal(u.key_password, "");
	assert_int_equal(u.verify, 1);
	rmq_uri_free(&u);
}

static void
test_mechanisms(void **state)
{
	struct rmq_uri u;

	(void)state;
	parse(&u, "amqp://h?auth_mechanism=plain&auth_mechanism=amqplain");
	assert_false(u.external);
	rmq_uri_free(&u);
	parse(&u, "amqps://h?auth_mechanism=external&auth_mechanism=plain");
	assert_true(u.external);
	rmq_uri_free(&u);
}

/* scheme://user:password@host/vhost, each part as long as told. */
static char *
long_address(size_t user, size_t password, size_t host, size_t vhost)
{
	char *text = malloc(user + password + host + vhost + 16), *p = text;

	assert_non_null(text);
	p = stpcpy(p, "amqp://");
	p = (char *)memset(p, 'u', user) + user;
	*p++ = ':';
	p = (char *)memset(p, 'p', password) + password;
	*p++ = '@';
	p = (char *)memset(p, 'h', host) + host;
	*p++ = '/';
	p = (char *)memset(p, 'v', vhost) + vhost;
	*p = '\0';
	return text;
}

static void
refuse_long(char *text, const char *why)
{
	struct rmq_uri u;

	if (why != NULL)
		refuse(text, why);
	else {
		parse(&u, text);
		rmq_uri_free(&u);
	}
	free(text);
}

static void
test_limits(void **state)
{
	(void)state;
	refuse_long(long_address(255, 400, 255, 255), NULL);
	refuse_long(long_address(256, 1, 1, 1), "the user name is longer than 255 bytes");
	refuse_long(long_address(1, 1, 256, 1), "a host is longer than 255 bytes");
	refuse_long(long_address(1, 1, 1, 256), "the name of the virtual host is longer than 255 bytes");
	refuse_long(long_address(1, 8192 - 13, 1, 1), NULL);
	refuse_long(long_address(1, 8192 - 12, 1, 1), "the address is longer than 8192 bytes");
}

static void
test_first_error_wins(void **state)
{
	struct rmq_error e = { .status = RMQ_DENIED, .text = "before" };
	struct rmq_uri u;

	(void)state;
	assert_false(rmq_uri_parse(&u, "amqp://h:0", &e));
	assert_string_equal(e.text, "before");
	assert_false(rmq_uri_parse(&u, "amqp://h:0", NULL));
}

/* No three bytes in a row of the secret may be in the text. */
static void
assert_silent_about(const char *text, const char *secret)
{
	char piece[4] = "";

	for (; strlen(secret) >= 3; secret++) {
		memcpy(piece, secret, 3);
		if (strstr(text, piece) != NULL)
			fail_msg("\"%s\" tells %s", text, piece);
	}
}

static void
try_secret(const char *before, const char *secret, const char *after)
{
	char text[256];
	struct rmq_error e = { 0 };
	struct rmq_uri u;

	snprintf(text, sizeof text, "%s%s%s", before, secret, after);
	if (rmq_uri_parse(&u, text, &e))
		rmq_uri_free(&u);
	else
		assert_silent_about(e.text, secret);
}

/* A password with any delimiter at any place, unescaped, as people write it. */
static void
test_canary(void **state)
{
	static const char *const canaries[] = { "S3CRETqxzjv", "1234567", "12_qwxzj", "zqx_yjk" };
	static const char *const around[][2] = {
		{ "amqp://user:", "@host/v" }, { "amqp://user:", "@host:x/v" },
		{ "amqp://user:", "@host?surprise=1" }, { "amqp://", ":pw@host:x" },
		{ "amqp:/user:", "@host" }, { "", "" }, { "user:", "@host" },
		{ "amqps://user:", "@[h]" }, { "amqps://h?password=", "%zz" },
		{ "amqps://h?password=x&password=", "" },
	};
	static const char delimiters[] = ":/?#[]@!$&'()*+,;=%\" <>\\^`{|}~\n";
	size_t c, f, d, at, len;
	char secret[32];

	(void)state;
	for (c = 0; c < COUNT(canaries); c++)
		for (f = 0; f < COUNT(around); f++)
			for (d = 0; d < sizeof delimiters - 1; d++)
				for (at = 0, len = strlen(canaries[c]); at <= len; at++) {
					snprintf(secret, sizeof secret, "%.*s%c%s", (int)at, canaries[c],
					    delimiters[d], canaries[c] + at);
					try_secret(around[f][0], secret, around[f][1]);
				}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_no_parameters),
		cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_tls_parameters),
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_first_error_wins),
		cmocka_unit_test(test_canary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
