/* SPDX-License-Identifier: MIT */
/*
 * delay MS HOST PORT: a far network.  Prints the port on which it takes
 * connections to HOST, and hands on what comes, in either direction, half of MS
 * later; no matter how much it is.  The first bytes of a client wait for MS
 * more, as they would for the handshake of TCP: here a connect() is answered
 * at once.
 */
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 65536, LINKS = 64 };

struct piece {
	STAILQ_ENTRY(piece)	 next;
	int64_t			 due;
	size_t			 len, written;	/* of length 0: the end */
	char			 data[];
};

/* What goes one way: link i and i ^ 1 are the two of a connection. */
struct link {
	STAILQ_HEAD(, piece)	 pieces;
	int			 from, to;
	int			 ended;
	int64_t			 opens;		/* not a byte before */
};

static struct link links[LINKS];
static int count;
static int64_t half;

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
prepare(int fd)
{
	int on = 1;

	if (fd == -1)
		err(1, "socket");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int
dial(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int fd;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		errx(1, "no host %s", host);
	fd = socket(list->ai_family, SOCK_STREAM, 0);
	if (fd == -1 || connect(fd, list->ai_addr, list->ai_addrlen) == -1)
		err(1, "%s", host);
	freeaddrinfo(list);
	return fd;
}

static int
listen_here(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof here;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&here, sizeof here) == -1 || listen(fd, LINKS) == -1 ||
	    getsockname(fd, (struct sockaddr *)&here, &len) == -1)
		err(1, "cannot listen");
	printf("%d\n", ntohs(here.sin_port));
	fflush(stdout);
	return fd;
}

/* Two links that are over, or two new ones. */
static int
find_links(void)
{
	for (int i = 0; i < count; i += 2) {
		if (links[i].from == -1 && links[i + 1].from == -1)
			return i;
	}
	if (count == LINKS)
		errx(1, "too many connections");
	count += 2;
	return count - 2;
}

static void
join(int client, int broker)
{
	int i = find_links();

	prepare(client);
	prepare(broker);
	links[i] = (struct link){ .from = client, .to = broker, .opens = now() + 2 * half };
	links[i + 1] = (struct link){ .from = broker, .to = client };
	STAILQ_INIT(&links[i].pieces);
	STAILQ_INIT(&links[i + 1].pieces);
}

static void
take(struct link *l)
{
	static char buffer[PIECE];
	ssize_t n = read(l->from, buffer, sizeof buffer);
	int64_t at = now();
	struct piece *p;

	if (n == -1 && errno == EAGAIN)
		return;
	n = n == -1 ? 0 : n;		/* a reset is an end too */
	p = malloc(sizeof *p + (size_t)n);
	if (p == NULL)
		err(1, "malloc");
	p->due = (at > l->opens ? at : l->opens) + half;
	p->len = (size_t)n;
	p->written = 0;
	memcpy(p->data, buffer, p->len);
	STAILQ_INSERT_TAIL(&l->pieces, p, next);
	l->ended = n == 0;
}

static void
finish(struct link *l)
{
	struct link *other = &links[(l - links) ^ 1];

	shutdown(l->to, SHUT_WR);
	l->from = -1;
	if (other->from == -1) {
		close(l->to);
		close(other->to);
	}
}

/* Hands on what is due. */
static void
give(struct link *l)
{
	struct piece *p;
	ssize_t n;

	while ((p = STAILQ_FIRST(&l->pieces)) != NULL && p->due <= now()) {
		n = p->len > 0 ? write(l->to, p->data + p->written, p->len - p->written) : 0;
		if (n == -1 && errno == EAGAIN)
			return;
		p->written = n == -1 ? p->len : p->written + (size_t)n;
		if (p->written < p->len)
			return;
		STAILQ_REMOVE_HEAD(&l->pieces, next);
		if (p->len == 0)
			finish(l);
		free(p);
	}
}

/* What to wait for, and until when at most. */
static int64_t
prepare_poll(struct pollfd *fds)
{
	int64_t wake = INT64_MAX;
	const struct piece *p;

	for (int i = 0; i < count; i++) {
		p = links[i].from == -1 ? NULL : STAILQ_FIRST(&links[i].pieces);
		fds[2 * i] = (struct pollfd){ .fd = links[i].ended ? -1 : links[i].from, .events = POLLIN };
		fds[2 * i + 1] = (struct pollfd){ .fd = -1, .events = POLLOUT };
		if (p != NULL && p->due <= now())
			fds[2 * i + 1].fd = links[i].to;
		else if (p != NULL && p->due < wake)
			wake = p->due;
	}
	return wake;
}

static void
turn(int listener, const char *host, const char *port)
{
	struct pollfd fds[2 * LINKS + 1];
	struct timespec wait;
	int64_t wake = prepare_poll(fds), left = wake - now();
	nfds_t n = (nfds_t)(2 * count);

	left = left > 0 ? left : 0;
	wait = (struct timespec){ .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };
	fds[n] = (struct pollfd){ .fd = listener, .events = POLLIN };
	if (ppoll(fds, n + 1, wake == INT64_MAX ? NULL : &wait, NULL) == -1)
		err(1, "ppoll");
	for (nfds_t i = 0; i < n; i += 2) {
		if (fds[i].revents != 0)
			take(&links[i / 2]);
		if (links[i / 2].from != -1)
			give(&links[i / 2]);
	}
	if (fds[n].revents != 0)
		join(accept(listener, NULL, NULL), dial(host, port));
}

int
main(int argc, char **argv)
{
	int listener;

	if (argc != 4)
		errx(64, "usage: delay MS HOST PORT");
	half = (int64_t)(strtod(argv[1], NULL) * 1e6 / 2);
	signal(SIGPIPE, SIG_IGN);
	listener = listen_here();
	for (;;)
		turn(listener, argv[2], argv[3]);
}
