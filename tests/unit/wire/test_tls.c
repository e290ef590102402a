/* SPDX-License-Identifier: MIT */
/* Whom TLS trusts, what it shows of itself, and the files that both come from. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls_pair.h"

/* Whom we trust. */

static const struct {
	struct recipe	 server;
	const char	*host, *server_name, *why;
} verdicts[] = {
	{ { "x", "DNS:localhost", &authority, 0, 0 }, "localhost", NULL, NULL },
	{ { "x", "DNS:localhost", &authority, 0, 0 }, "LOCALHOST", NULL, NULL },
	{ { "x", "DNS:localhost", &authority, 0, 0 }, "localhost.", NULL, NULL },
	{ { "x", "DNS:localhost", &authority, 0, 0 }, "elsewhere", NULL, "cannot verify elsewhere: hostname mismatch" },
	{ { "x", "DNS:localhost", &authority, 0, 0 }, "127.0.0.1", NULL, "cannot verify 127.0.0.1: IP address mismatch" },
	{ { "x", "DNS:127.0.0.1", &authority, 0, 0 }, "127.0.0.1", NULL, "IP address mismatch" },
	{ { "x", "IP:127.0.0.1", &authority, 0, 0 }, "127.0.0.1", NULL, NULL },
	{ { "x", "IP:127.0.0.1", &authority, 0, 0 }, "127.0.0.2", NULL, "IP address mismatch" },
	{ { "x", "IP:127.0.0.1", &authority, 0, 0 }, "localhost", NULL, "hostname mismatch" },
	{ { "x", "IP:::1", &authority, 0, 0 }, "::1", NULL, NULL },
	{ { "x", "IP:::1", &authority, 0, 0 }, "0:0:0:0:0:0:0:1", NULL, NULL },
	{ { "x", "IP:::1", &authority, 0, 0 }, "::2", NULL, "IP address mismatch" },
	{ { "x", "IP:fe80::1", &authority, 0, 0 }, "fe80::1%eth0", NULL, NULL },
	{ { "localhost", NULL, &authority, 0, 0 }, "localhost", NULL, NULL },
	{ { "localhost", "DNS:x", &authority, 0, 0 }, "localhost", NULL, "hostname mismatch" },
	{ { "x", "DNS:*.example.org", &authority, 0, 0 }, "mq.example.org", NULL, NULL },
	{ { "x", "DNS:*.example.org", &authority, 0, 0 }, "a.mq.example.org", NULL, "hostname mismatch" },
	{ { "x", "DNS:m*.example.org", &authority, 0, 0 }, "mq.example.org", NULL, "hostname mismatch" },
	{ { "x", "DNS:mq.example.org", &authority, 0, 0 }, "10.0.0.1", "mq.example.org", NULL },
	{ { "x", "DNS:localhost", &authority, 0, 0 }, "localhost", "mq.example.org",
	    "cannot verify mq.example.org: hostname mismatch" },
	{ { "x", "DNS:localhost", &authority, 0, 0 }, "localhost", "", NULL },
	{ { "x", "DNS:localhost", &authority, 0, 0 }, "elsewhere", "", "cannot verify elsewhere: hostname mismatch" },
	{ { "x", "DNS:localhost", &stranger, 0, 0 }, "localhost", NULL, "unable to get local issuer certificate" },
	{ { "x", "DNS:localhost", NULL, 0, 0 }, "localhost", NULL, "signed certificate" },
	{ { "x", "DNS:localhost", &authority, -2L * DAY, -DAY }, "localhost", NULL, "certificate has expired" },
	{ { "x", "DNS:localhost", &authority, DAY, 2L * DAY }, "localhost", NULL, "certificate is not yet valid" },
};

static void
judge(size_t i, bool verify)
{
	struct identity who = make_identity(&verdicts[i].server);
	struct tls_options o = trusting();
	struct rmq_error e = { 0 };
	struct pair p;
	int result;

	o.verify = verify;
	o.server_name = verdicts[i].server_name;
	connect_sockets(&p);
	start_server(&p, &who);
	result = shake_hands(&p, &o, verdicts[i].host, &e);
	if (verify && verdicts[i].why != NULL) {
		assert_int_equal(result, -1);
		assert_tells(&e, RMQ_PROTOCOL, verdicts[i].why);
		assert_false(SSL_is_init_finished(p.server) && SSL_version(p.server) < TLS1_3_VERSION);
	} else if (result != 1)
		fail_msg("%s as %s: %s", verdicts[i].server.alternatives, verdicts[i].host, e.text);
	hang_up(&p);
	forget_identity(&who);
}

static void
test_verify(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(verdicts); i++)
		judge(i, true);
}

static void
test_no_verify(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(verdicts); i++)
		judge(i, false);
}

static void
test_system_store(void **state)
{
	struct tls_options o = { .verify = true, .depth = -1 };
	struct rmq_error e = { 0 };
	struct pair p;

	(void)state;
	connect_sockets(&p);
	start_server(&p, &localhost);
	assert_int_equal(shake_hands(&p, &o, "localhost", &e), -1);
	assert_tells(&e, RMQ_PROTOCOL, "cannot verify localhost: unable to get local issuer certificate");
	hang_up(&p);
}

static void
test_depth(void **state)
{
	struct tls_options o = trusting();
	struct identity middle, leaf;
	struct rmq_error e = { 0 };
	struct pair p;

	(void)state;
	middle = make_identity(&(struct recipe){ "middle", NULL, NULL, 0, 0 });
	X509_set_issuer_name(middle.cert, X509_get_subject_name(authority.cert));
	assert_true(X509_sign(middle.cert, authority.key, EVP_sha256()) > 0);
	leaf = make_identity(&(struct recipe){ "x", "DNS:localhost", &middle, 0, 0 });
	o.depth = 0;
	connect_sockets(&p);
	start_server(&p, &leaf);
	SSL_CTX_add1_chain_cert(p.context, middle.cert);
	assert_int_equal(shake_hands(&p, &o, "localhost", &e), -1);
	assert_tells(&e, RMQ_PROTOCOL, "certificate chain too long");
	hang_up(&p);
	o.depth = 1;
	connect_sockets(&p);
	start_server(&p, &leaf);
	SSL_CTX_add1_chain_cert(p.context, middle.cert);
	assert_int_equal(shake_hands(&p, &o, "localhost", &e), 1);
	hang_up(&p);
	forget_identity(&leaf);
	forget_identity(&middle);
}

static void
asks_for(const char *host, const char *server_name, const char *asked)
{
	struct tls_options o = trusting();
	struct rmq_error e = { 0 };
	struct pair p;
	const char *name;

	o.server_name = server_name;
	o.verify = false;
	connect_sockets(&p);
	start_server(&p, &localhost);
	assert_int_equal(shake_hands(&p, &o, host, &e), 1);
	name = SSL_get_servername(p.server, TLSEXT_NAMETYPE_host_name);
	if (asked == NULL)
		assert_null(name);
	else
		assert_string_equal(name, asked);
	hang_up(&p);
}

static void
test_server_name(void **state)
{
	(void)state;
	asks_for("localhost", NULL, "localhost");
	asks_for("localhost.", NULL, "localhost");
	asks_for("localhost", "mq.example.org", "mq.example.org");
	asks_for("127.0.0.1", "mq.example.org", "mq.example.org");
	asks_for("localhost", "", NULL);
	asks_for("127.0.0.1", NULL, NULL);
	asks_for("fe80::1%eth0", NULL, NULL);
}

static void
test_old_version(void **state)
{
	struct tls_options o = trusting();
	struct rmq_error e = { 0 };
	struct pair p;

	(void)state;
	connect_sockets(&p);
	start_server(&p, &localhost);
	SSL_CTX_set_security_level(p.context, 0);
	SSL_CTX_set_min_proto_version(p.context, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(p.context, TLS1_1_VERSION);
	assert_int_equal(shake_hands(&p, &o, "localhost", &e), -1);
	assert_tells(&e, RMQ_PROTOCOL, "the other side refuses TLS: ");
	hang_up(&p);
}

static void
test_bad_name(void **state)
{
	struct tls_options o = trusting();
	struct rmq_error e = { 0 };
	char name[300];

	(void)state;
	memset(name, 'h', sizeof name);
	name[256] = '\0';
	assert_null(rmq_tls_new(&o, -1, name, &e));
	assert_tells(&e, RMQ_USAGE, "255 bytes");
}

/* Files. */

static void
refuse_files(struct tls_options o, const char *why)
{
	struct rmq_error e = { 0 };

	assert_null(rmq_tls_new(&o, -1, "localhost", &e));
	assert_tells(&e, RMQ_CONFIG, why);
	assert_null(strstr(e.text, "sesame"));
}

static void
test_files(void **state)
{
	char why[200];

	(void)state;
	snprintf(why, sizeof why, "cannot read certificates from %s: No such file", no_file);
	refuse_files((struct tls_options){ .verify = true, .cacertfile = no_file }, why);
	snprintf(why, sizeof why, "cannot read certificates from %s: ", bad_file);
	refuse_files((struct tls_options){ .verify = true, .cacertfile = bad_file }, why);
	snprintf(why, sizeof why, "cannot read a certificate from %s: No such file", no_file);
	refuse_files((struct tls_options){ .certfile = no_file, .keyfile = key_file }, why);
	snprintf(why, sizeof why, "cannot use the key in %s: No such file", no_file);
	refuse_files((struct tls_options){ .certfile = user_file, .keyfile = no_file }, why);
	snprintf(why, sizeof why, "cannot use the key in %s: there is no certificate to it", key_file);
	refuse_files((struct tls_options){ .keyfile = key_file }, why);
	snprintf(why, sizeof why, "cannot use the key in %s: key values mismatch", other_key_file);
	refuse_files((struct tls_options){ .certfile = user_file, .keyfile = other_key_file }, why);
	snprintf(why, sizeof why, "cannot use the key in %s: ", user_file);
	refuse_files((struct tls_options){ .certfile = user_file }, why);
}

static void
test_locked_key(void **state)
{
	struct tls_options o = { .certfile = user_file, .keyfile = locked_file };
	char why[200];

	(void)state;
	snprintf(why, sizeof why, "cannot read the key in %s: it is encrypted", locked_file);
	refuse_files(o, why);
	o.key_password = "close sesame";
	snprintf(why, sizeof why, "cannot read the key in %s: the password is wrong", locked_file);
	refuse_files(o, why);
}

/* Our own certificate. */

static void
want_certificate(struct pair *p)
{
	X509_STORE_add_cert(SSL_CTX_get_cert_store(p->context), authority.cert);
	SSL_CTX_set_verify(p->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

static void
show_certificate(const char *key, const char *password)
{
	struct tls_options o = trusting();
	struct rmq_error e = { 0 };
	struct pair p;

	o.certfile = user_file;
	o.keyfile = key;
	o.key_password = password;
	connect_sockets(&p);
	start_server(&p, &localhost);
	want_certificate(&p);
	if (shake_hands(&p, &o, "localhost", &e) != 1)
		fail_msg("%s", e.text);
	assert_true(SSL_is_init_finished(p.server));
	hang_up(&p);
}

static void
test_certificate(void **state)
{
	(void)state;
	show_certificate(key_file, NULL);
	show_certificate(key_file, "not needed");
	show_certificate(locked_file, "open sesame");
}

/* TLS 1.3 tells it with the first read, or when a write finds the socket closed. */
static void
lack_certificate(bool write_first)
{
	struct tls_options o = trusting();
	struct rmq_error e = { 0 };
	struct pair p;
	char c;

	connect_sockets(&p);
	start_server(&p, &localhost);
	want_certificate(&p);
	assert_int_equal(shake_hands(&p, &o, "localhost", &e), 1);
	if (write_first) {
		stop_server(&p);
		assert_int_equal(rmq_tls_write(p.client, "x", 1, &e), -2);
	} else
		assert_int_equal(rmq_tls_read(p.client, &c, 1, &e), -2);
	assert_tells(&e, RMQ_PROTOCOL, "the other side refuses TLS: certificate required");
	hang_up(&p);
}

static void
test_no_certificate(void **state)
{
	struct tls_options o = trusting();
	struct rmq_error e = { 0 };
	struct pair p;

	(void)state;
	lack_certificate(false);
	lack_certificate(true);
	connect_sockets(&p);
	start_server(&p, &localhost);
	want_certificate(&p);
	SSL_CTX_set_max_proto_version(p.context, TLS1_2_VERSION);
	assert_int_equal(shake_hands(&p, &o, "localhost", &e), -1);
	assert_tells(&e, RMQ_PROTOCOL, "the other side refuses TLS: handshake failure");
	hang_up(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_no_verify),
		cmocka_unit_test(test_system_store),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_server_name),
		cmocka_unit_test(test_old_version),
		cmocka_unit_test(test_bad_name),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_locked_key),
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_no_certificate),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
