/* SPDX-License-Identifier: MIT */
/* What TLS carries: data in pieces, ends of all kinds, and peers that speak something else. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls_pair.h"

static void
meet(struct pair *p)
{
	struct tls_options o = trusting();
	struct rmq_error e = { 0 };

	connect_sockets(p);
	start_server(p, &localhost);
	if (shake_hands(p, &o, "localhost", &e) != 1)
		fail_msg("%s", e.text);
	assert_int_equal(rmq_tls_events(p->client), 0);
}

static void
greet_with(const void *answer, size_t len, enum rmq_status status, const char *why)
{
	struct tls_options o = trusting();
	struct rmq_error e = { 0 };
	struct pair p;
	char hello[4096];

	connect_sockets(&p);
	assert_non_null(p.client = rmq_tls_new(&o, p.fds[0], "localhost", &e));
	assert_int_equal(rmq_tls_handshake(p.client, &e), 0);
	assert_int_equal(rmq_tls_events(p.client), POLLIN);
	assert_true(read(p.fds[1], hello, sizeof hello) > 0);
	assert_int_equal(write(p.fds[1], answer, len), (ssize_t)len);
	stop_server(&p);
	assert_int_equal(rmq_tls_handshake(p.client, &e), -1);
	assert_tells(&e, status, why);
	hang_up(&p);
}

static void
test_no_tls(void **state)
{
	(void)state;
	greet_with("AMQP\0\0\11\1", 8, RMQ_PROTOCOL, "the other side does not speak TLS");
	greet_with("HTTP/1.1 400 Bad Request\r\n\r\n", 28, RMQ_PROTOCOL, "the other side does not speak TLS");
	greet_with("", 0, RMQ_UNAVAILABLE, "the other side closed the connection in the TLS handshake");
	greet_with("\26\3\3", 3, RMQ_UNAVAILABLE, "the other side closed the connection in the TLS handshake");
}

static void
test_closed_before(void **state)
{
	struct tls_options o = trusting();
	struct rmq_error e = { 0 };
	struct pair p;

	(void)state;
	connect_sockets(&p);
	assert_non_null(p.client = rmq_tls_new(&o, p.fds[0], "localhost", &e));
	stop_server(&p);
	assert_int_equal(rmq_tls_handshake(p.client, &e), -1);
	assert_tells(&e, RMQ_UNAVAILABLE, "");
	assert_true(e.text[0] != '\0');
	hang_up(&p);
}

/* Data. */

enum { BIG = 8 * 1024 * 1024 };

static uint8_t
byte_at(size_t i)
{
	return (uint8_t)(i * 31 + i / 257);
}

static unsigned char *
make_big(void)
{
	unsigned char *big = malloc(BIG);
	size_t i;

	assert_non_null(big);
	for (i = 0; i < BIG; i++)
		big[i] = byte_at(i);
	return big;
}

static size_t
check(const unsigned char *data, size_t len, size_t at)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (data[i] != byte_at(at + i))
			fail_msg("byte %zu is wrong", at + i);
	return at + len;
}

/* What blocks is written again from another place, and with more behind it. */
static void
test_big_write(void **state)
{
	unsigned char *big = make_big(), *moved, *before = NULL, buffer[5000];
	size_t sent = 0, received = 0, more = 1, len;
	struct rmq_error e = { 0 };
	struct pair p;
	unsigned blocked = 0;
	ssize_t n;

	(void)state;
	meet(&p);
	while (received < BIG) {
		for (n = 1; n > 0 && sent < BIG; sent += n > 0 ? (size_t)n : 0) {
			more = n == -1 || sent + more + 777 > BIG ? BIG - sent : more + 777;
			assert_non_null(moved = malloc(more));
			free(before);		/* only now, or it may be the same place again */
			before = memcpy(moved, big + sent, more);
			n = rmq_tls_write(p.client, moved, more, &e);
		}
		assert_true(n > 0 || n == -1);
		if (n == -1) {
			assert_int_equal(rmq_tls_events(p.client), POLLOUT);
			blocked++;
		}
		while (SSL_read_ex(p.server, buffer, sizeof buffer, &len))
			received = check(buffer, len, received);
	}
	assert_true(blocked > 10);
	assert_int_equal(rmq_tls_events(p.client), 0);
	hang_up(&p);
	free(before);
	free(big);
}

/* Read in odd pieces; what poll() cannot see is told by rmq_tls_pending(). */
static void
test_big_read(void **state)
{
	unsigned char *big = make_big(), buffer[5000];
	size_t sent = 0, received = 0, len;
	struct rmq_error e = { 0 };
	bool pending = false;
	struct pair p;
	ssize_t n;

	(void)state;
	meet(&p);
	while (received < BIG) {
		while (sent < BIG && SSL_write_ex(p.server, big + sent, BIG - sent, &len))
			sent += len;
		while ((n = rmq_tls_read(p.client, buffer, 1 + received % sizeof buffer, &e)) > 0) {
			received = check(buffer, (size_t)n, received);
			pending |= rmq_tls_pending(p.client);
		}
		assert_int_equal(n, -1);
		assert_false(rmq_tls_pending(p.client));
		assert_int_equal(rmq_tls_events(p.client), 0);
	}
	assert_true(pending);
	hang_up(&p);
	free(big);
}

static void
test_end(void **state)
{
	struct rmq_error e = { 0 };
	struct pair p;
	char c;

	(void)state;
	meet(&p);
	assert_int_equal(rmq_tls_read(p.client, &c, 1, &e), -1);
	assert_int_equal(SSL_write(p.server, "x", 1), 1);
	SSL_shutdown(p.server);
	assert_int_equal(rmq_tls_read(p.client, &c, 1, &e), 1);
	assert_int_equal(rmq_tls_read(p.client, &c, 1, &e), 0);
	assert_int_equal(rmq_tls_read(p.client, &c, 1, &e), 0);
	hang_up(&p);
	meet(&p);
	stop_server(&p);
	assert_int_equal(rmq_tls_read(p.client, &c, 1, &e), 0);
	hang_up(&p);
	meet(&p);
	stop_server(&p);
	assert_int_equal(rmq_tls_write(p.client, "x", 1, &e), -2);
	assert_tells(&e, RMQ_UNAVAILABLE, "Broken pipe");
	hang_up(&p);
	rmq_tls_free(NULL);
}

static void
test_goodbye(void **state)
{
	struct pair p;
	char c;

	(void)state;
	meet(&p);
	rmq_tls_free(p.client);
	p.client = NULL;
	assert_true(SSL_read(p.server, &c, 1) <= 0);
	assert_int_equal(SSL_get_shutdown(p.server), SSL_RECEIVED_SHUTDOWN);
	hang_up(&p);
}

static void
test_garbage(void **state)
{
	struct rmq_error e = { 0 };
	struct pair p;
	char c;

	(void)state;
	meet(&p);
	assert_int_equal(rmq_tls_read(p.client, &c, 1, &e), -1);
	assert_int_equal(write(p.fds[1], "\27\3\3\0\40garbage that is no TLS record..", 37), 37);
	assert_int_equal(rmq_tls_read(p.client, &c, 1, &e), -2);
	assert_tells(&e, RMQ_PROTOCOL, "TLS failed: decryption failed or bad record mac");
	hang_up(&p);
}

/* Asked for another handshake on the same connection, the client says no, and the server sees its refusal. */
static void
test_renegotiation(void **state)
{
	struct tls_options o = trusting();
	struct rmq_error e = { 0 };
	struct pair p;
	char c;

	(void)state;
	connect_sockets(&p);
	start_server(&p, &localhost);
	SSL_CTX_set_max_proto_version(p.context, TLS1_2_VERSION);
	assert_int_equal(shake_hands(&p, &o, "localhost", &e), 1);
	assert_int_equal(SSL_renegotiate(p.server), 1);
	assert_int_equal(SSL_do_handshake(p.server), 1);
	assert_int_equal(rmq_tls_read(p.client, &c, 1, &e), -1);
	assert_int_equal(SSL_read(p.server, &c, 1), -1);
	assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
	hang_up(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_tls),
		cmocka_unit_test(test_closed_before),
		cmocka_unit_test(test_big_write),
		cmocka_unit_test(test_big_read),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_goodbye),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_renegotiation),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
