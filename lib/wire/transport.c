/* SPDX-License-Identifier: MIT */
/*
 * Resolving, connecting and securing: a state machine that transport_advance()
 * moves on until it is up.  Each address gets an equal share of the time that
 * is left, so that a black-holed one does not use up the others' chance.
 */
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/resolve.h"
#include "wire/tls.h"
#include "wire/transport.h"

#ifdef SOCK_NONBLOCK
#define SOCKET_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)
#else
#define SOCKET_FLAGS 0
#endif
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0		/* the programs ignore SIGPIPE */
#endif

enum { TLS_RECORD = 16384 };

static void
prepare_socket(int fd)
{
	int on = 1;

#ifndef SOCK_NONBLOCK
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
#endif
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#ifdef SO_NOSIGPIPE
	setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

bool
transport_adopt(struct transport *t, int fd, struct rmq_error *e)
{
	*t = (struct transport){ .state = TRANSPORT_UP, .fd = dup(fd) };
	if (t->fd == -1)
		return rmq_fail(e, RMQ_SYSTEM, 0, "cannot use descriptor %d: %s", fd, strerror(errno));
	fcntl(t->fd, F_SETFD, FD_CLOEXEC);
	fcntl(t->fd, F_SETFL, O_NONBLOCK);
	prepare_socket(t->fd);
	return true;
}

static int
addresses_left(const struct addrinfo *a)
{
	int n = 0;

	for (; a != NULL; a = a->ai_next)
		n++;
	return n;
}

static int
refused(struct transport *t, int error, struct rmq_error *e)
{
	rmq_fail(e, RMQ_UNAVAILABLE, 0, "%s", strerror(error));
	t->state = TRANSPORT_DOWN;
	return -1;
}

/* Begins with t->address, or the first after it that lets us begin. */
static int
connect_from(struct transport *t, int error, struct rmq_error *e)
{
	int64_t now = rmq_now();

	for (; t->address != NULL; t->address = t->address->ai_next) {
		const struct addrinfo *a = t->address;

		if (t->fd != -1)
			close(t->fd);
		t->fd = socket(a->ai_family, a->ai_socktype | SOCKET_FLAGS, a->ai_protocol);
		if (t->fd == -1) {
			error = errno;
			continue;
		}
		prepare_socket(t->fd);
		t->address_started = now;
		t->address_deadline = now + (t->deadline - now) / addresses_left(a);
		if (connect(t->fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS) {
			t->state = TRANSPORT_CONNECTING;
			return 0;
		}
		error = errno;
	}
	return refused(t, error, e);
}

static int
resolved(struct transport *t, struct rmq_error *e)
{
	int n = resolver_answer(t->resolver, &t->address, e);

	if (n == 0 && rmq_now() >= t->deadline) {
		rmq_fail(e, RMQ_NO_HOST, 0, "cannot resolve %s: no answer in time", t->host->name);
		n = -1;
	}
	if (n == 1)
		return connect_from(t, 0, e);
	if (n == -1)
		t->state = TRANSPORT_DOWN;
	return n;
}

bool
transport_start(struct transport *t, const struct rmq_uri *uri, const struct rmq_host *host,
    const char *cacertfile, int64_t deadline, struct rmq_error *e)
{
	*t = (struct transport){
		.state = TRANSPORT_RESOLVING, .fd = -1, .uri = uri, .host = host,
		.cacertfile = cacertfile, .deadline = deadline,
	};
	if ((t->resolver = resolver_start(host->name, host->port, e)) == NULL)
		return false;
	return resolver_fd(t->resolver) != -1 || resolved(t, e) != -1;
}

static int
secured(struct transport *t, struct rmq_error *e)
{
	int n = t->api->handshake(t->tls, e);

	if (n == 0 && rmq_now() >= t->deadline)
		n = refused(t, ETIMEDOUT, e);
	if (n == 1)
		t->state = TRANSPORT_UP;
	return n;
}

static int
secure(struct transport *t, struct rmq_error *e)
{
	const struct rmq_uri *u = t->uri;
	struct tls_options options = {
		.cacertfile = u->cacertfile != NULL ? u->cacertfile : t->cacertfile,
		.certfile = u->certfile, .keyfile = u->keyfile, .key_password = u->key_password,
		.verify = u->verify != 0, .depth = u->depth, .server_name = u->server_name,
	};

	if ((t->api = rmq_tls_load(e)) == NULL || (t->tls = t->api->new(&options, t->fd, t->host->name, e)) == NULL)
		return -1;
	if ((t->staged = malloc(TLS_RECORD)) == NULL) {
		rmq_no_memory(e);
		return -1;
	}
	t->state = TRANSPORT_SECURING;
	return secured(t, e);
}

/* The kernel knows it better than a clock that waits for its turn. */
static int64_t
measure_round_trip(const struct transport *t)
{
#ifdef __linux__
	struct tcp_info info;
	socklen_t size = sizeof info;

	if (getsockopt(t->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
		return info.tcpi_rtt / 1000;
#endif
	return rmq_now() - t->address_started;
}

static int
connected(struct transport *t, struct rmq_error *e)
{
	struct pollfd p = { .fd = t->fd, .events = POLLOUT };
	int error = 0;
	socklen_t size = sizeof error;

	if (poll(&p, 1, 0) <= 0) {
		if (rmq_now() < t->address_deadline)
			return 0;
		error = ETIMEDOUT;
	} else if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1) {
		error = errno;
	}
	if (error != 0) {
		t->address = t->address->ai_next;
		return connect_from(t, error, e);
	}
	t->round_trip = measure_round_trip(t);
	resolver_free(t->resolver);
	t->resolver = NULL;
	t->address = NULL;
	if (t->uri->tls)
		return secure(t, e);
	t->state = TRANSPORT_UP;
	return 1;
}

int
transport_advance(struct transport *t, struct rmq_error *e)
{
	switch (t->state) {
	case TRANSPORT_RESOLVING:
		return resolved(t, e);
	case TRANSPORT_CONNECTING:
		return connected(t, e);
	case TRANSPORT_SECURING:
		return secured(t, e);
	case TRANSPORT_UP:
		return 1;
	case TRANSPORT_DOWN:
		break;
	}
	return -1;
}

int
transport_fd(const struct transport *t)
{
	return t->state == TRANSPORT_RESOLVING ? resolver_fd(t->resolver) : t->fd;
}

short
transport_events(const struct transport *t, bool reading)
{
	short events = reading ? POLLIN : 0;

	switch (t->state) {
	case TRANSPORT_RESOLVING:
		return POLLIN;
	case TRANSPORT_CONNECTING:
		return POLLOUT;
	case TRANSPORT_SECURING:
		return t->api->events(t->tls);
	case TRANSPORT_UP:
		if (t->tls != NULL)
			events |= t->api->events(t->tls);
		return (short)(events | (t->want_write ? POLLOUT : 0));
	case TRANSPORT_DOWN:
		break;
	}
	return 0;
}

int64_t
transport_deadline(const struct transport *t)
{
	switch (t->state) {
	case TRANSPORT_CONNECTING:
		return t->address_deadline;
	case TRANSPORT_RESOLVING:
	case TRANSPORT_SECURING:
		return t->deadline;
	case TRANSPORT_UP:
	case TRANSPORT_DOWN:
		break;
	}
	return INT64_MAX;
}

static ssize_t
outcome(ssize_t n, struct rmq_error *e)
{
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return -1;
	rmq_fail(e, RMQ_UNAVAILABLE, 0, "%s", strerror(errno));
	return -2;
}

ssize_t
transport_read(struct transport *t, void *data, size_t room, struct rmq_error *e)
{
	if (t->tls != NULL)
		return t->api->read(t->tls, data, room, e);
	return outcome(recv(t->fd, data, room, 0), e);
}

/*
 * A record of TLS is made of what is staged: many small pieces in one, and the
 * same bytes again if it could not be written the first time.
 */
static ssize_t
write_staged(struct transport *t, struct rmq_error *e)
{
	ssize_t n;

	while (t->staged_start < t->staged_end) {
		n = t->api->write(t->tls, t->staged + t->staged_start, t->staged_end - t->staged_start, e);
		if (n < 0)
			return n;
		t->staged_start += (size_t)n;
	}
	t->staged_start = t->staged_end = 0;
	return 0;
}

static ssize_t
write_record(struct transport *t, const struct iovec *pieces, int n, struct rmq_error *e)
{
	ssize_t done = write_staged(t, e);

	if (done < 0)
		return done;
	for (int i = 0; i < n && t->staged_end < TLS_RECORD; i++) {
		size_t room = TLS_RECORD - t->staged_end;
		size_t len = pieces[i].iov_len < room ? pieces[i].iov_len : room;

		memcpy(t->staged + t->staged_end, pieces[i].iov_base, len);
		t->staged_end += len;
	}
	done = (ssize_t)t->staged_end;
	return write_staged(t, e) == -2 ? -2 : done;
}

ssize_t
transport_write(struct transport *t, const struct iovec *pieces, int n, struct rmq_error *e)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)n };
	ssize_t written;

	if (t->tls != NULL)
		return write_record(t, pieces, n, e);
	written = outcome(sendmsg(t->fd, &m, MSG_NOSIGNAL), e);
	t->want_write = written == -1;
	return written;
}

bool
transport_holds_back(const struct transport *t)
{
	return t->staged_start < t->staged_end;
}

bool
transport_pending(const struct transport *t)
{
	return t->state == TRANSPORT_UP && t->tls != NULL && t->api->pending(t->tls);
}

void
transport_user_timeout(struct transport *t, int64_t ms)
{
#ifdef TCP_USER_TIMEOUT
	unsigned limit = (unsigned)ms;

	setsockopt(t->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
#else
	(void)t;
	(void)ms;
#endif
}

void
transport_close(struct transport *t)
{
	if (t->tls != NULL)
		t->api->free(t->tls);
	free(t->staged);
	resolver_free(t->resolver);
	if (t->fd != -1)
		close(t->fd);
	*t = (struct transport){ .state = TRANSPORT_DOWN, .fd = -1 };
}
