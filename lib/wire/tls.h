/* SPDX-License-Identifier: MIT */
/*
 * A TLS session over a connected, non-blocking socket.
 *
 * The peer's chain and name are checked inside the handshake, so that nothing
 * is sent to a peer that fails the check.  Errors of
 * TLS are RMQ_PROTOCOL, of files RMQ_CONFIG, of the socket RMQ_UNAVAILABLE.
 * OpenSSL writes to the socket without MSG_NOSIGNAL: programs ignore SIGPIPE.
 * In its archives OpenSSL has a tls_free() and others of that prefix itself.
 */
#ifndef RMQ_TLS_H
#define RMQ_TLS_H

#include <sys/types.h>

#include <rmq.h>

struct tls;

struct tls_options {
	const char	*cacertfile;	/* NULL: the system's store, as OpenSSL finds it */
	const char	*certfile, *keyfile;	/* PEM; NULL: none; a key may be in certfile */
	const char	*key_password;	/* NULL: none; it is never asked for */
	bool		 verify;	/* the peer's chain and name */
	int		 depth;		/* of the chain; negative: OpenSSL's default */
	const char	*server_name;	/* to ask for and to check; NULL: the host; "": ask for none, check the host */
};

/* The socket stays the caller's.  Nothing of the options is kept. */
struct tls	*rmq_tls_new(const struct tls_options *, int fd, const char *host, struct rmq_error *);
void		 rmq_tls_free(struct tls *);	/* says goodbye if it can, never waits; NULL is fine */
int		 rmq_tls_handshake(struct tls *, struct rmq_error *);	/* 1 done, 0 not yet, -1 failed */

/*
 * How many bytes, at least one; 0: the peer has ended the stream (read only);
 * -1: would block; -2: failed.  The size is never 0.  After rmq_tls_write() has
 * returned -1, the next call must begin with the same bytes, and may have more.
 */
ssize_t		 rmq_tls_read(struct tls *, void *, size_t, struct rmq_error *);
ssize_t		 rmq_tls_write(struct tls *, const void *, size_t, struct rmq_error *);

/*
 * What to poll for besides POLLIN to read; after any of them then both are due.
 * It has POLLOUT after a write that would block.  In the handshake it is all
 * there is to poll for.
 */
short		 rmq_tls_events(const struct tls *);
/* rmq_tls_read() has more at once, which poll() cannot see: it filled the caller's buffer with part of a record. */
bool		 rmq_tls_pending(const struct tls *);

/*
 * The same as a table: TLS and its libraries are a module of their own, loaded
 * when the first amqps address asks for it, so that nobody else pays for them.
 */
struct tls_api {
	struct tls	*(*new)(const struct tls_options *, int, const char *, struct rmq_error *);
	void		 (*free)(struct tls *);
	int		 (*handshake)(struct tls *, struct rmq_error *);
	ssize_t		 (*read)(struct tls *, void *, size_t, struct rmq_error *);
	ssize_t		 (*write)(struct tls *, const void *, size_t, struct rmq_error *);
	short		 (*events)(const struct tls *);
	bool		 (*pending)(const struct tls *);
};

extern const struct tls_api rmq_tls_api;			/* in tls.c */
const struct tls_api *rmq_tls_load(struct rmq_error *);		/* in tls_load.c; NULL: there is no TLS here */

#endif
