/* SPDX-License-Identifier: MIT */
/* A session over TLS: what is half written goes on, whatever else is to be said in the meantime. */

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "peer.h"

static SSL_CTX *context;
static char large[8 << 20];

static int
set_up(void **state)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	X509 *cert = X509_new();
	EVP_PKEY *key = NULL;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(EVP_PKEY_keygen_init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(c, NID_X9_62_prime256v1), 1);
	assert_int_equal(EVP_PKEY_keygen(c, &key), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	context = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(context, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	X509_free(cert);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(c);
	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (char)(i * 31 + (i >> 12));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	SSL_CTX_free(context);
	return 0;
}

static ssize_t
outcome(struct peer *p, int n)
{
	int why = SSL_get_error(p->secure, n);

	ERR_clear_error();
	if (n > 0)
		return n;
	errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
	return -1;
}

static ssize_t
read_secure(struct peer *p, void *data, size_t room)
{
	return outcome(p, SSL_read(p->secure, data, (int)room));
}

static ssize_t
write_secure(struct peer *p, const void *data, size_t len)
{
	return outcome(p, SSL_write(p->secure, data, (int)len));
}

static void
reach(struct peer *p, struct rmq_uri *uri)
{
	*uri = (struct rmq_uri){
		.tls = true, .user = (char *)(uintptr_t)"guest", .password = (char *)(uintptr_t)"secret",
		.vhost = (char *)(uintptr_t)"/", .heartbeat = -1, .connection_timeout = -1, .channel_max = -1,
		.frame_max = -1, .verify = 0, .depth = -1,
	};
	peer_listen(p, &(struct rmq_config){ .uris = uri, .confirm = true, .window_messages = 10000,
	    .window_bytes = SIZE_MAX });
	rmq_consume(p->mq, &(struct rmq_consumer){ .queue = "q" });
	peer_accept(p);
	p->secure = SSL_new(context);
	SSL_set_fd(p->secure, p->fd);
	SSL_set_accept_state(p->secure);
	p->read = read_secure;
	p->write = write_secure;
	peer_handshake(p);
	peer_channel(p);
	peer_consumed(p, "c0");
	peer_event(p, RMQ_READY);
}

static void
leave(struct peer *p)
{
	SSL_free(p->secure);
	peer_close(p);
}

static void
expect_body(struct peer *p, struct peer_content *c, size_t offset, size_t len)
{
	peer_expect_publish(p, c);
	assert_int_equal(c->body.len, len);
	if (len > 0)
		assert_memory_equal(c->body.data, large + offset, len);
}

static void
test_both_ways(void **state)
{
	static const size_t sizes[] = { 0, 1, 4088, 4089, 16384, 131064, 131065, 1000000 };
	enum { N = sizeof sizes / sizeof *sizes };
	struct peer_content c = { 0 };
	struct rmq_uri uri;
	struct peer p;

	(void)state;
	reach(&p, &uri);
	for (size_t i = 0; i < N; i++) {
		peer_publish(&p, "k", (struct rmq_bytes){ sizes[i], large + i }, i + 1);
		peer_deliver(&p, i + 1, "c0", (struct rmq_bytes){ sizes[i], large + i }, 131064);
	}
	for (size_t i = 0; i < N; i++) {
		struct peer_event *ev = peer_event(&p, RMQ_DELIVERED);

		assert_int_equal(ev->body.len, sizes[i]);
		if (sizes[i] > 0)
			assert_memory_equal(ev->body.data, large + i, sizes[i]);
		expect_body(&p, &c, i, sizes[i]);
	}
	peer_ack(&p, N, true);
	peer_counts(&p, N, 0, 0, 0);
	peer_goodbye(&p);
	peer_content_free(&c);
	leave(&p);
}

/* The socket is full, and then there are acknowledgements, an alarm and heartbeats. */
static void
test_interrupted(void **state)
{
	amqp_connection_blocked_t blocked = { peer_string("low on memory") };
	struct peer_content c = { 0 };
	struct rmq_uri uri;
	struct peer p;

	(void)state;
	reach(&p, &uri);
	p.deaf = true;
	for (uint64_t i = 1; i <= 9000; i++)
		peer_publish(&p, "k", (struct rmq_bytes){ 1000, large + i }, i);
	peer_turns(&p);
	for (uint64_t i = 1; i <= 20; i++) {
		peer_deliver(&p, i, "c0", rmq_bytes("x"), 10);
		assert_true(rmq_ack(p.mq, peer_event(&p, RMQ_DELIVERED)->tag, false));
		peer_turn(&p);
	}
	peer_send(&p, AMQP_CONNECTION_BLOCKED_METHOD, &blocked);
	peer_event(&p, RMQ_BLOCKED);
	peer_wait(&p, 16000);
	peer_turns(&p);
	p.deaf = false;
	peer_turns(&p);
	peer_ok(&p, AMQP_CONNECTION_UNBLOCKED_METHOD);
	peer_event(&p, RMQ_UNBLOCKED);
	for (size_t records = 0, acks = 0; records < 9000 || acks < 20;) {
		amqp_method_number_t id;

		if (!peer_heard(&p, &id))
			continue;
		if (id == 0)
			peer_expect_heartbeat(&p);
		else if (id == AMQP_BASIC_ACK_METHOD)
			assert_int_equal(((amqp_basic_ack_t *)peer_expect(&p, id))->delivery_tag, ++acks);
		else
			expect_body(&p, &c, ++records, 1000);
	}
	peer_ack(&p, 9000, true);
	peer_counts(&p, 9000, 0, 0, 0);
	peer_goodbye(&p);
	peer_content_free(&c);
	leave(&p);
}

static void
test_large(void **state)
{
	struct peer_content c = { 0 };
	struct rmq_uri uri;
	struct peer p;

	(void)state;
	reach(&p, &uri);
	p.deaf = true;
	peer_publish(&p, "k", (struct rmq_bytes){ sizeof large, large }, 1);
	peer_publish(&p, "k", rmq_bytes("behind"), 2);
	peer_turns(&p);
	peer_deliver(&p, 1, "c0", rmq_bytes("x"), 10);
	assert_true(rmq_ack(p.mq, peer_event(&p, RMQ_DELIVERED)->tag, false));
	peer_turns(&p);
	p.deaf = false;
	expect_body(&p, &c, 0, sizeof large);
	peer_expect(&p, AMQP_BASIC_ACK_METHOD);
	peer_expect_publish(&p, &c);
	assert_int_equal(c.body.len, 6);
	peer_ack(&p, 2, true);
	peer_counts(&p, 2, 0, 0, 0);
	peer_content_free(&c);
	leave(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
