/* SPDX-License-Identifier: MIT */
/* See pump.h. */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pump.h"

struct pump {
	struct wire	*wire;
	struct bytes	 now;		/* what is being written, and how much of it has been */
	size_t		 written;
	unsigned char	*done;		/* one byte for each delivery tag */
	size_t		 size;
	uint64_t	 window, sent, confirmed, low;
	int		 end;
};

/* Without `multiple` confirms come in any order. */
static void
confirm(struct pump *p, uint64_t tag, int multiple)
{
	for (uint64_t t = multiple ? p->low : tag; t <= tag; t++) {
		p->confirmed += !p->done[t];
		p->done[t] = 1;
	}
	while (p->done[p->low])
		p->low++;
}

static void
take_confirms(struct pump *p)
{
	struct frame f;

	wire_fill(p->wire);
	while (wire_take(p->wire, &f)) {
		if (f.method == BASIC_NACK)
			errx(1, "the broker refused a message");
		if (f.method == BASIC_ACK)
			confirm(p, get_number(f.payload, 8), f.payload[8]);
	}
}

static void
grow(struct pump *p)
{
	size_t size = p->size;

	if (p->sent + 2 <= size)
		return;
	p->size = (p->sent + 2) * 2;
	p->done = realloc(p->done, p->size);
	if (p->done == NULL)
		die("realloc");
	memset(p->done + size, 0, p->size - size);
}

static void
refill(struct pump *p, more_fn *more, void *arg)
{
	uint64_t room = p->window == 0 ? SIZE_MAX : p->window - (p->sent - p->confirmed);
	size_t n;

	if (p->written < p->now.len || p->end || room == 0)
		return;
	p->written = 0;
	n = more(arg, room, &p->now);
	p->sent += n;
	p->end = n == 0;
	grow(p);
}

static void
push(struct pump *p)
{
	ssize_t n = write(p->wire->fd, p->now.data + p->written, p->now.len - p->written);

	if (n == -1 && errno != EAGAIN)
		die("write");
	if (n > 0)
		p->written += (size_t)n;
}

void
pump(struct wire *w, uint64_t window, more_fn *more, void *arg)
{
	struct pump p = { .wire = w, .window = window, .low = 1 };
	struct pollfd fd = { .fd = w->fd };

	grow(&p);
	p.done[0] = 1;
	fcntl(w->fd, F_SETFL, O_NONBLOCK);
	for (;;) {
		refill(&p, more, arg);
		if (p.end && p.confirmed == p.sent)
			break;
		fd.events = p.written < p.now.len ? POLLIN | POLLOUT : POLLIN;
		if (poll(&fd, 1, -1) == -1)
			die("poll");
		if (fd.revents & ~POLLOUT)
			take_confirms(&p);
		if (fd.revents & POLLOUT)
			push(&p);
	}
	fcntl(w->fd, F_SETFL, 0);
	free(p.done);
}
