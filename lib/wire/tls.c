/* SPDX-License-Identifier: MIT */
/*
 * TLS with OpenSSL, 1.1.1 and newer: the only file that knows it.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/tls.h"

enum { WOULD_BLOCK = -1, FAILED = -2 };

struct tls {
	SSL_CTX		*context;
	SSL		*ssl;
	char		 name[256];	/* that the certificate must have */
	short		 read_waits, write_waits;	/* for POLLIN or POLLOUT */
};

struct passphrase {
	const char	*text;
	bool		 wanted;
};

/* The first error is the cause; OpenSSL may have put others on top. */
static const char *
reason(void)
{
	unsigned long code = ERR_peek_error();
	const char *text = ERR_reason_error_string(code);

	if (ERR_GET_LIB(code) == ERR_LIB_SYS)
		return strerror(ERR_GET_REASON(code));
	return text == NULL ? "unknown error" : text;
}

static bool
new_context(struct tls *t, struct rmq_error *e)
{
	if ((t->context = SSL_CTX_new(TLS_client_method())) == NULL)
		return rmq_fail(e, RMQ_SYSTEM, 0, "cannot start TLS: %s", reason());
	if (SSL_CTX_get_min_proto_version(t->context) < TLS1_2_VERSION)
		SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION);
	SSL_CTX_set_options(t->context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF	/* AMQP says goodbye by itself */
	SSL_CTX_set_options(t->context, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
	return true;
}

static bool
load_trust(struct tls *t, const struct tls_options *o, struct rmq_error *e)
{
	if (o->cacertfile != NULL) {
		if (SSL_CTX_load_verify_locations(t->context, o->cacertfile, NULL) != 1)
			return rmq_fail(e, RMQ_CONFIG, 0, "cannot read certificates from %s: %s", o->cacertfile,
			    reason());
	} else if (o->verify && SSL_CTX_set_default_verify_paths(t->context) != 1)
		return rmq_fail(e, RMQ_CONFIG, 0, "cannot use the system's certificates: %s", reason());
	SSL_CTX_set_verify(t->context, o->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (o->depth >= 0)
		SSL_CTX_set_verify_depth(t->context, o->depth);
	return true;
}

/* In place of OpenSSL's own, which would ask on the terminal. */
static int
give_passphrase(char *to, int size, int writing, void *data)
{
	struct passphrase *p = data;
	size_t len;

	(void)writing;
	if (p == NULL)
		return -1;
	p->wanted = true;
	if (p->text == NULL || (len = strlen(p->text)) > (size_t)size)
		return -1;
	memcpy(to, p->text, len);
	return (int)len;
}

static bool
load_key(struct tls *t, const char *file, struct passphrase *p, struct rmq_error *e)
{
	if (SSL_CTX_use_PrivateKey_file(t->context, file, SSL_FILETYPE_PEM) == 1)
		return true;
	if (!p->wanted || ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_X509)	/* the key of another certificate */
		return rmq_fail(e, RMQ_CONFIG, 0, "cannot use the key in %s: %s", file, reason());
	return rmq_fail(e, RMQ_CONFIG, 0, "cannot read the key in %s: %s", file,
	    p->text == NULL ? "it is encrypted, and there is no password for it" : "the password is wrong");
}

static bool
load_identity(struct tls *t, const struct tls_options *o, struct rmq_error *e)
{
	struct passphrase passphrase = { .text = o->key_password };
	bool ok;

	SSL_CTX_set_default_passwd_cb(t->context, give_passphrase);
	if (o->certfile == NULL)
		return o->keyfile == NULL ||
		    rmq_fail(e, RMQ_CONFIG, 0, "cannot use the key in %s: there is no certificate to it", o->keyfile);
	if (SSL_CTX_use_certificate_chain_file(t->context, o->certfile) != 1)
		return rmq_fail(e, RMQ_CONFIG, 0, "cannot read a certificate from %s: %s", o->certfile, reason());
	SSL_CTX_set_default_passwd_cb_userdata(t->context, &passphrase);
	ok = load_key(t, o->keyfile != NULL ? o->keyfile : o->certfile, &passphrase, e);
	SSL_CTX_set_default_passwd_cb_userdata(t->context, NULL);
	return ok;
}

/* As certificates have it: without the zone of an IPv6 address and without the DNS's last dot. */
static bool
set_name(struct tls *t, const char *name, struct rmq_error *e)
{
	int len = (int)strcspn(name, "%");

	if (len > 1 && name[len] == '\0' && name[len - 1] == '.')
		len--;
	if (len == 0 || (size_t)len >= sizeof t->name)
		return rmq_fail(e, RMQ_USAGE, 0, "cannot verify a name of no or more than 255 bytes");
	snprintf(t->name, sizeof t->name, "%.*s", len, name);
	return true;
}

static bool
expect_name(struct tls *t, bool ask)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(t->ssl);

	X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (X509_VERIFY_PARAM_set1_ip_asc(p, t->name) == 1)	/* SNI knows no addresses: RFC 6066 */
		return true;
	if (ask && SSL_set_tlsext_host_name(t->ssl, t->name) != 1)
		return false;
	return X509_VERIFY_PARAM_set1_host(p, t->name, 0) == 1;
}

static bool
new_session(struct tls *t, const struct tls_options *o, int fd, const char *host, struct rmq_error *e)
{
	bool ask = o->server_name == NULL || *o->server_name != '\0';

	if (!set_name(t, o->server_name != NULL && ask ? o->server_name : host, e))
		return false;
	if ((t->ssl = SSL_new(t->context)) == NULL || !expect_name(t, ask) || SSL_set_fd(t->ssl, fd) != 1)
		return rmq_fail(e, RMQ_SYSTEM, 0, "cannot start TLS: %s", reason());
	SSL_set_connect_state(t->ssl);
	return true;
}

struct tls *
rmq_tls_new(const struct tls_options *o, int fd, const char *host, struct rmq_error *e)
{
	struct tls *t;

	if ((t = calloc(1, sizeof *t)) == NULL) {
		rmq_no_memory(e);
		return NULL;
	}
	ERR_clear_error();
	if (new_context(t, e) && load_trust(t, o, e) && load_identity(t, o, e) && new_session(t, o, fd, host, e))
		return t;
	rmq_tls_free(t);
	return NULL;
}

void
rmq_tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	if (t->ssl != NULL && SSL_is_init_finished(t->ssl) && SSL_get_shutdown(t->ssl) == 0)
		SSL_shutdown(t->ssl);
	SSL_free(t->ssl);
	SSL_CTX_free(t->context);
	ERR_clear_error();
	free(t);
}

/* What the peer complains of is called "tlsv13 alert certificate required" and the like. */
static void
fail_in_tls(struct tls *t, struct rmq_error *e)
{
	long verdict = SSL_get_verify_result(t->ssl);
	const char *why = reason(), *alert = strstr(why, "alert ");

	if (SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE && verdict != X509_V_OK)
		rmq_fail(e, RMQ_PROTOCOL, 0, "cannot verify %s: %s", t->name, X509_verify_cert_error_string(verdict));
	else if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER && !SSL_is_init_finished(t->ssl))
		rmq_fail(e, RMQ_PROTOCOL, 0, "the other side does not speak TLS");
	else if (alert != NULL)
		rmq_fail(e, RMQ_PROTOCOL, 0, "the other side refuses TLS: %s", alert + strlen("alert "));
	else
		rmq_fail(e, RMQ_PROTOCOL, 0, "TLS failed: %s", why);
}

static bool
is_end(int error)		/* without a goodbye too */
{
	return error == SSL_ERROR_ZERO_RETURN || (error == SSL_ERROR_SYSCALL && errno == 0);
}

static int
fail(struct tls *t, int error, struct rmq_error *e)
{
	SSL_set_quiet_shutdown(t->ssl, 1);	/* no goodbye */
	if (is_end(error))
		rmq_fail(e, RMQ_UNAVAILABLE, 0, "the other side closed the connection%s",
		    SSL_is_init_finished(t->ssl) ? "" : " in the TLS handshake");
	else if (error == SSL_ERROR_SYSCALL)
		rmq_fail(e, RMQ_UNAVAILABLE, 0, "%s", strerror(errno));
	else
		fail_in_tls(t, e);
	return FAILED;
}

static void
forget_errors(void)
{
	ERR_clear_error();
	errno = 0;
}

static short
waits_for(int error)
{
	return error == SSL_ERROR_WANT_READ ? POLLIN : error == SSL_ERROR_WANT_WRITE ? POLLOUT : 0;
}

int
rmq_tls_handshake(struct tls *t, struct rmq_error *e)
{
	int result, error;

	forget_errors();
	result = SSL_do_handshake(t->ssl);
	error = SSL_get_error(t->ssl, result);
	t->read_waits = waits_for(error);
	if (result == 1 || t->read_waits != 0)
		return result == 1;
	fail(t, error, e);
	return -1;
}

ssize_t
rmq_tls_read(struct tls *t, void *to, size_t size, struct rmq_error *e)
{
	size_t len;
	int error;

	forget_errors();
	t->read_waits = 0;
	if (SSL_read_ex(t->ssl, to, size, &len))
		return (ssize_t)len;
	error = SSL_get_error(t->ssl, 0);
	t->read_waits = waits_for(error) & POLLOUT;	/* who does not want to read is not woken to do so */
	if (waits_for(error) != 0)
		return WOULD_BLOCK;
	return is_end(error) ? 0 : fail(t, error, e);
}

/*
 * Under TLS 1.3 a peer that refuses our certificate says so after the
 * handshake: its alert may lie unread when a write finds the socket closed.
 */
static bool
has_alert(struct tls *t)
{
	int saved = errno;
	size_t len;
	bool has;
	char c;

	ERR_clear_error();
	has = SSL_peek_ex(t->ssl, &c, 1, &len) == 0 && SSL_get_error(t->ssl, 0) == SSL_ERROR_SSL;
	errno = saved;
	return has;
}

ssize_t
rmq_tls_write(struct tls *t, const void *from, size_t size, struct rmq_error *e)
{
	size_t len;
	int error;

	forget_errors();
	t->write_waits = 0;
	if (SSL_write_ex(t->ssl, from, size, &len))
		return (ssize_t)len;
	error = SSL_get_error(t->ssl, 0);
	t->write_waits = waits_for(error);
	if (t->write_waits != 0)
		return WOULD_BLOCK;
	return fail(t, error == SSL_ERROR_SYSCALL && has_alert(t) ? SSL_ERROR_SSL : error, e);
}

short
rmq_tls_events(const struct tls *t)
{
	return t->read_waits | t->write_waits;
}

bool
rmq_tls_pending(const struct tls *t)
{
	return SSL_pending(t->ssl) > 0;
}

__attribute__((visibility("default")))
const struct tls_api rmq_tls_api = {
	rmq_tls_new, rmq_tls_free, rmq_tls_handshake, rmq_tls_read, rmq_tls_write, rmq_tls_events, rmq_tls_pending,
};
