/* SPDX-License-Identifier: MIT */
/* See wire.h. */

#include <sys/socket.h>
#include <sys/types.h>

#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

enum { READ_SIZE = 65536 };

/* amqp://USER:PASSWORD@HOST:PORT/VHOST, and nothing else. */
struct address {
	char	 user[128], password[128], host[128], port[8], vhost[128];
};

void
die(const char *what)
{
	if (errno != 0)
		err(1, "%s", what);
	errx(1, "%s", what);
}

void *
reserve(struct bytes *b, size_t len)
{
	if (b->size - b->len < len) {
		b->size = (b->len + len) * 2;
		b->data = realloc(b->data, b->size);
		if (b->data == NULL)
			die("realloc");
	}
	return b->data + b->len;
}

void
put(struct bytes *b, const void *data, size_t len)
{
	memcpy(reserve(b, len), data, len);
	b->len += len;
}

void
put_number(struct bytes *b, uint64_t n, int width)
{
	unsigned char *p = reserve(b, (size_t)width);

	for (int i = width - 1; i >= 0; i--, n >>= 8)
		p[i] = (unsigned char)n;
	b->len += (size_t)width;
}

void
put_short(struct bytes *b, const char *s)
{
	put_number(b, strlen(s), 1);
	put(b, s, strlen(s));
}

static size_t
put_begin(struct bytes *b, int type, int channel)
{
	put_number(b, (uint64_t)type, 1);
	put_number(b, (uint64_t)channel, 2);
	put_number(b, 0, 4);
	return b->len;
}

size_t
put_method(struct bytes *b, int channel, uint32_t method)
{
	size_t at = put_begin(b, FRAME_METHOD, channel);

	put_number(b, method, 4);
	return at;
}

void
put_end(struct bytes *b, size_t at)
{
	struct bytes size = { .data = b->data + at - 4, .size = 4 };

	put_number(&size, b->len - at, 4);
	put_number(b, FRAME_END, 1);
}

/* delivery-mode, and if it is to be full, message-id and timestamp */
static void
put_properties(struct bytes *b, int mode)
{
	put_number(b, (mode & FULL) != 0 ? 0x10c0 : 0x1000, 2);
	put_number(b, (uint64_t)(mode & ~FULL), 1);
	if ((mode & FULL) != 0) {
		put_short(b, "01234567-89ab-4def-8123-456789abcdef");
		put_number(b, 1700000000, 8);
	}
}

void
put_message(struct bytes *b, const char *exchange, const char *key, int mode, const void *body, size_t len)
{
	const char *p = body;
	size_t at = put_method(b, CHANNEL, BASIC_PUBLISH), piece;

	put_number(b, 0, 2);
	put_short(b, exchange);
	put_short(b, key);
	put_number(b, (mode & FULL) != 0, 1);	/* mandatory */
	put_end(b, at);
	at = put_begin(b, FRAME_HEADER, CHANNEL);
	put_number(b, 60 << 16, 4);
	put_number(b, len, 8);
	put_properties(b, mode);
	put_end(b, at);
	for (; len > 0; p += piece, len -= piece) {
		piece = len < FRAME_MAX - 8 ? len : FRAME_MAX - 8;
		at = put_begin(b, FRAME_BODY, CHANNEL);
		put(b, p, piece);
		put_end(b, at);
	}
}

uint64_t
get_number(const unsigned char *p, int width)
{
	uint64_t n = 0;

	while (width-- > 0)
		n = n << 8 | *p++;
	return n;
}

/* Moves *rest behind the first of `stops`, and decodes what stands before it. */
static void
cut(char *to, size_t size, const char **rest, const char *stops)
{
	size_t len = strcspn(*rest, stops), at = 0;
	unsigned byte;

	for (const char *p = *rest; p < *rest + len && at < size - 1; p++) {
		to[at++] = *p;
		if (*p == '%' && sscanf(p + 1, "%2x", &byte) == 1) {
			to[at - 1] = (char)byte;
			p += 2;
		}
	}
	to[at] = '\0';
	*rest += len + ((*rest)[len] != '\0');
}

static void
parse(struct address *a)
{
	const char *url = getenv("AMQP_URL"), *at;

	*a = (struct address){ "guest", "guest", "localhost", "5672", "/" };
	if (url == NULL)
		return;
	if (strncmp(url, "amqp://", 7) != 0)
		errx(1, "AMQP_URL does not begin with amqp://");
	url += 7;
	at = strchr(url, '@');
	if (at != NULL) {
		cut(a->user, sizeof a->user, &url, ":@");
		if (url < at)
			cut(a->password, sizeof a->password, &url, "@");
	}
	at = url + strcspn(url, ":/?");
	cut(a->host, sizeof a->host, &url, ":/?");
	if (*at == ':') {
		at = url + strcspn(url, "/?");
		cut(a->port, sizeof a->port, &url, "/?");
	}
	if (*at == '/')
		cut(a->vhost, sizeof a->vhost, &url, "?");
}

static int
dial(const struct address *a)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int fd, on = 1;

	if (getaddrinfo(a->host, a->port, &hints, &list) != 0)
		errx(1, "no host %s", a->host);
	fd = socket(list->ai_family, SOCK_STREAM, 0);
	if (fd == -1 || connect(fd, list->ai_addr, list->ai_addrlen) == -1)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	freeaddrinfo(list);
	return fd;
}

static void
put_login(struct bytes *b, const struct address *a)
{
	size_t at = put_method(b, 0, CONNECTION_START_OK), user = strlen(a->user), password = strlen(a->password);

	put_number(b, 0, 4);
	put_short(b, "PLAIN");
	put_number(b, user + password + 2, 4);
	put(b, "", 1);
	put(b, a->user, user + 1);
	put(b, a->password, password);
	put_short(b, "en_US");
	put_end(b, at);
}

static void
put_open(struct bytes *b, const struct address *a)
{
	size_t at = put_method(b, 0, CONNECTION_TUNE_OK);

	put_number(b, 1, 2);
	put_number(b, FRAME_MAX, 4);
	put_number(b, 0, 2);
	put_end(b, at);
	at = put_method(b, 0, CONNECTION_OPEN);
	put_short(b, a->vhost);
	put_number(b, 0, 2);
	put_end(b, at);
	at = put_method(b, CHANNEL, CHANNEL_OPEN);
	put_number(b, 0, 1);
	put_end(b, at);
}

void
wire_connect(struct wire *w)
{
	struct address a;

	parse(&a);
	*w = (struct wire){ .fd = dial(&a) };
	put(&w->out, "AMQP\0\0\11\1", 8);
	wire_flush(w);
	wire_expect(w, CONNECTION_START);
	put_login(&w->out, &a);
	wire_flush(w);
	wire_expect(w, CONNECTION_TUNE);
	put_open(&w->out, &a);
}

void
wire_select(struct wire *w)
{
	size_t at = put_method(&w->out, CHANNEL, CONFIRM_SELECT);

	put_number(&w->out, 0, 1);
	put_end(&w->out, at);
}

void
wire_flush(struct wire *w)
{
	ssize_t n;

	for (size_t done = 0; done < w->out.len; done += (size_t)n) {
		n = write(w->fd, w->out.data + done, w->out.len - done);
		if (n == -1)
			die("write");
	}
	w->out.len = 0;
}

int
wire_take(struct wire *w, struct frame *f)
{
	size_t left = w->in.len - w->taken;
	const unsigned char *p;

	if (left < 8)
		return 0;
	p = w->in.data + w->taken;
	*f = (struct frame){ .type = p[0], .size = (uint32_t)get_number(p + 3, 4), .payload = p + 7 };
	if (left < f->size + 8)
		return 0;
	w->taken += f->size + 8;
	if (f->type == FRAME_METHOD) {
		f->method = (uint32_t)get_number(f->payload, 4);
		f->payload += 4;
	}
	if (f->method == CONNECTION_CLOSE || f->method == CHANNEL_CLOSE)
		errx(1, "broker: %.*s", f->payload[2], (const char *)f->payload + 3);
	return 1;
}

void
wire_fill(struct wire *w)
{
	ssize_t n;

	memmove(w->in.data, w->in.data + w->taken, w->in.len - w->taken);
	w->in.len -= w->taken;
	w->taken = 0;
	reserve(&w->in, READ_SIZE);
	n = read(w->fd, w->in.data + w->in.len, w->in.size - w->in.len);
	if (n == 0)
		errx(1, "the broker has gone");
	if (n == -1)
		die("read");
	w->in.len += (size_t)n;
}

void
wire_next(struct wire *w, struct frame *f)
{
	while (!wire_take(w, f))
		wire_fill(w);
}

void
wire_expect(struct wire *w, uint32_t method)
{
	struct frame f;

	do
		wire_next(w, &f);
	while (f.method != method);
}

void
wire_close(struct wire *w)
{
	size_t at = put_method(&w->out, 0, CONNECTION_CLOSE);

	put_number(&w->out, 200, 2);
	put_number(&w->out, 0, 5);
	put_end(&w->out, at);
	wire_flush(w);
	wire_expect(w, CONNECTION_CLOSE_OK);
	close(w->fd);
}
