/* SPDX-License-Identifier: MIT */
/* For the tests of TLS: certificates made on the spot, and both ends of a connection in one process. */

#ifndef TLS_PAIR_H
#define TLS_PAIR_H

#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/tls.h"

#define COUNT(a)	(sizeof (a) / sizeof (a)[0])

enum { DAY = 24 * 60 * 60, TURNS = 1000 };

struct identity {
	EVP_PKEY	*key;
	X509		*cert;
};

struct recipe {
	const char	*common_name, *alternatives;	/* NULL alternatives: none */
	const struct identity *issuer;			/* NULL: itself, as an authority */
	long		 from, to;			/* seconds from now; both 0: around now */
};

struct pair {
	int		 fds[2];
	struct tls	*client;
	SSL_CTX		*context;
	SSL		*server;
};

static struct identity authority, stranger, localhost, user;
static char folder[] = "/tmp/test_tls.XXXXXX";
static char ca_file[64], user_file[64], key_file[64], locked_file[64], other_key_file[64], no_file[64], bad_file[64];
static char *const files[] = { ca_file, user_file, key_file, locked_file, other_key_file, bad_file };

/* Certificates. */

static EVP_PKEY *
make_key(void)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(c), 1);
	assert_int_equal(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(c, NID_X9_62_prime256v1), 1);
	assert_int_equal(EVP_PKEY_keygen(c, &key), 1);
	EVP_PKEY_CTX_free(c);
	return key;
}

static void
extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(x);
	assert_int_equal(X509_add_ext(cert, x, -1), 1);
	X509_EXTENSION_free(x);
}

static struct identity
make_identity(const struct recipe *r)
{
	static long serial;
	struct identity made = { make_key(), X509_new() };
	const struct identity *issuer = r->issuer != NULL ? r->issuer : &made;
	X509_NAME *name = X509_NAME_new();

	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)r->common_name, -1, -1, 0);
	X509_set_version(made.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(made.cert), ++serial);
	X509_set_subject_name(made.cert, name);
	X509_set_issuer_name(made.cert, X509_get_subject_name(issuer->cert));
	X509_gmtime_adj(X509_getm_notBefore(made.cert), r->from != 0 || r->to != 0 ? r->from : -DAY);
	X509_gmtime_adj(X509_getm_notAfter(made.cert), r->from != 0 || r->to != 0 ? r->to : DAY);
	X509_set_pubkey(made.cert, made.key);
	if (r->issuer == NULL)
		extend(made.cert, NID_basic_constraints, "critical,CA:TRUE");
	if (r->alternatives != NULL)
		extend(made.cert, NID_subject_alt_name, r->alternatives);
	assert_true(X509_sign(made.cert, issuer->key, EVP_sha256()) > 0);
	X509_NAME_free(name);
	return made;
}

static void
forget_identity(struct identity *i)
{
	X509_free(i->cert);
	EVP_PKEY_free(i->key);
}

static FILE *
create(char *path, const char *name)
{
	FILE *f;

	snprintf(path, 64, "%s/%s", folder, name);
	assert_non_null(f = fopen(path, "w"));
	return f;
}

static void
write_key(char *path, const char *name, EVP_PKEY *key, const char *password)
{
	FILE *f = create(path, name);

	assert_int_equal(PEM_write_PKCS8PrivateKey(f, key, password != NULL ? EVP_aes_256_cbc() : NULL,
	    password, password != NULL ? (int)strlen(password) : 0, NULL, NULL), 1);
	fclose(f);
}

static void
write_certificate(char *path, const char *name, X509 *cert)
{
	FILE *f = create(path, name);

	assert_int_equal(PEM_write_X509(f, cert), 1);
	fclose(f);
}

static int
set_up(void **state)
{
	FILE *f;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_non_null(mkdtemp(folder));
	authority = make_identity(&(struct recipe){ "authority", NULL, NULL, 0, 0 });
	stranger = make_identity(&(struct recipe){ "stranger", NULL, NULL, 0, 0 });
	localhost = make_identity(&(struct recipe){ "x", "DNS:localhost,IP:127.0.0.1,IP:fe80::1", &authority, 0, 0 });
	user = make_identity(&(struct recipe){ "user", NULL, &authority, 0, 0 });
	write_certificate(ca_file, "ca.pem", authority.cert);
	write_certificate(user_file, "user.pem", user.cert);
	write_key(key_file, "key.pem", user.key, NULL);
	write_key(locked_file, "locked.pem", user.key, "open sesame");
	write_key(other_key_file, "other.pem", stranger.key, NULL);
	snprintf(no_file, sizeof no_file, "%s/none.pem", folder);
	f = create(bad_file, "bad.pem");
	fputs("nothing in here\n", f);
	fclose(f);
	return 0;
}

static int
tear_down(void **state)
{
	size_t i;

	(void)state;
	forget_identity(&authority);
	forget_identity(&stranger);
	forget_identity(&localhost);
	forget_identity(&user);
	for (i = 0; i < COUNT(files); i++)
		unlink(files[i]);
	return rmdir(folder);
}

/* Two sides of a connection. */

static struct tls_options
trusting(void)
{
	return (struct tls_options){ .cacertfile = ca_file, .verify = true, .depth = -1 };
}

static void
connect_sockets(struct pair *p)
{
	*p = (struct pair){ 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, p->fds), 0);
	assert_int_equal(fcntl(p->fds[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(fcntl(p->fds[1], F_SETFL, O_NONBLOCK), 0);
}

static void
start_server(struct pair *p, const struct identity *who)
{
	p->context = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(p->context, who->cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(p->context, who->key), 1);
	SSL_CTX_set_mode(p->context, SSL_MODE_ENABLE_PARTIAL_WRITE);
}

/* 1: both sides are done; -1: the client gave up. */
static int
shake_hands(struct pair *p, const struct tls_options *o, const char *host, struct rmq_error *e)
{
	int turn, client = 0, server;

	p->server = SSL_new(p->context);
	SSL_set_fd(p->server, p->fds[1]);
	SSL_set_accept_state(p->server);
	assert_non_null(p->client = rmq_tls_new(o, p->fds[0], host, e));
	for (turn = 0; turn < TURNS; turn++) {
		if (client == 0)
			client = rmq_tls_handshake(p->client, e);
		if (client == 0)
			assert_int_equal(rmq_tls_events(p->client), POLLIN);
		server = SSL_do_handshake(p->server);
		if (client == -1 || (client == 1 && (server == 1 || SSL_get_error(p->server, server) == SSL_ERROR_SSL)))
			return client;
	}
	fail_msg("the handshake has no end");
	return 0;
}

static void
stop_server(struct pair *p)
{
	SSL_free(p->server);
	SSL_CTX_free(p->context);
	if (p->fds[1] != -1)
		close(p->fds[1]);
	p->server = NULL;
	p->context = NULL;
	p->fds[1] = -1;
}

static void
hang_up(struct pair *p)
{
	rmq_tls_free(p->client);
	close(p->fds[0]);
	stop_server(p);
	ERR_clear_error();
}

static void
assert_tells(const struct rmq_error *e, enum rmq_status status, const char *piece)
{
	if (strcasestr(e->text, piece) == NULL)		/* OpenSSL changes its capitals now and then */
		fail_msg("\"%s\" does not tell \"%s\"", e->text, piece);
	assert_int_equal(e->status, status);
	assert_null(strchr(e->text, '\n'));
}

#endif
