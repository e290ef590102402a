/* SPDX-License-Identifier: MIT */
/*
 * Host names to addresses.
 *
 * getaddrinfo() has no limit of time and cannot be interrupted, so it runs in
 * a thread of its own that outlives the resolver if it must: whoever is last
 * of the two frees what they share.  Addresses need no thread, and "localhost"
 * means the loopback addresses whatever a name server says (RFC 6761).
 */
#include <sys/socket.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/resolve.h"

struct resolver {
	atomic_int	 users;		/* the caller and the thread */
	int		 pipe[2];
	char		*host;
	char		 port[8];
	int		 status;	/* of getaddrinfo() */
	struct addrinfo	*answer;
	struct addrinfo	*more, *seam;	/* a second chain, and where it was tied to the first */
	bool		 done;
};

static void
release(struct resolver *r)
{
	if (atomic_fetch_sub(&r->users, 1) > 1)
		return;
	if (r->seam != NULL)
		r->seam->ai_next = NULL;
	if (r->answer != NULL)
		freeaddrinfo(r->answer);
	if (r->more != NULL)
		freeaddrinfo(r->more);
	if (r->pipe[0] != -1) {
		close(r->pipe[0]);
		close(r->pipe[1]);
	}
	free(r->host);
	free(r);
}

static int
look_up(struct resolver *r, const char *host, int flags, struct addrinfo **answer)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV,
	};

	return getaddrinfo(host, r->port, &hints, answer);
}

static void *
look_up_name(void *arg)
{
	struct resolver *r = arg;

	r->status = look_up(r, r->host, AI_ADDRCONFIG, &r->answer);
	while (write(r->pipe[1], "", 1) == -1 && errno == EINTR)
		;
	release(r);
	return NULL;
}

/* The thread takes no signals: they are the program's. */
static bool
start_thread(struct resolver *r)
{
	sigset_t all, old;
	pthread_t thread;
	int error;

	if (pipe(r->pipe) == -1) {
		r->pipe[0] = -1;
		return false;
	}
	fcntl(r->pipe[0], F_SETFD, FD_CLOEXEC);
	fcntl(r->pipe[1], F_SETFD, FD_CLOEXEC);
	fcntl(r->pipe[0], F_SETFL, O_NONBLOCK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	atomic_store(&r->users, 2);
	if ((error = pthread_create(&thread, NULL, look_up_name, r)) == 0)
		pthread_detach(thread);
	else
		atomic_store(&r->users, 1);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error == 0;
}

static bool
is_address(struct resolver *r)
{
	if (strcasecmp(r->host, "localhost") == 0)
		return look_up(r, "::1", AI_NUMERICHOST, &r->answer) == 0 &&
		    look_up(r, "127.0.0.1", AI_NUMERICHOST, &r->more) == 0;
	return look_up(r, r->host, AI_NUMERICHOST, &r->answer) == 0;
}

/* One chain is easier to walk than two. */
static void
answer_at_once(struct resolver *r)
{
	struct addrinfo *last = r->answer;

	while (last->ai_next != NULL)
		last = last->ai_next;
	last->ai_next = r->more;
	r->seam = last;
	r->done = true;
}

struct resolver *
resolver_start(const char *host, uint16_t port, struct rmq_error *e)
{
	struct resolver *r = calloc(1, sizeof *r);

	if (r == NULL || (r->host = strdup(host)) == NULL) {
		rmq_no_memory(e);
		free(r);
		return NULL;
	}
	r->pipe[0] = -1;
	snprintf(r->port, sizeof r->port, "%u", port);
	atomic_init(&r->users, 1);
	if (is_address(r)) {
		answer_at_once(r);
	} else if (!start_thread(r)) {
		rmq_fail(e, RMQ_SYSTEM, 0, "cannot resolve %s: no pipe or no thread", host);
		release(r);
		return NULL;
	}
	return r;
}

int
resolver_fd(const struct resolver *r)
{
	return r->pipe[0];
}

int
resolver_answer(struct resolver *r, const struct addrinfo **answer, struct rmq_error *e)
{
	char byte;

	if (!r->done) {
		if (read(r->pipe[0], &byte, 1) != 1)
			return 0;
		r->done = true;
	}
	if (r->answer != NULL) {
		*answer = r->answer;
		return 1;
	}
	rmq_fail(e, RMQ_NO_HOST, 0, "cannot resolve %s: %s", r->host,
	    r->status == EAI_SYSTEM ? "system error" : gai_strerror(r->status));
	return -1;
}

void
resolver_free(struct resolver *r)
{
	if (r != NULL)
		release(r);
}
