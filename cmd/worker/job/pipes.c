/* SPDX-License-Identifier: MIT */
/*
 * From the pipes of commands to our outputs.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/job/pipes.h"

enum { CHUNK = 16 * 1024 };

void
stream_close(struct stream *s)
{
	if (s->fd == -1)
		return;
	close(s->fd);
	s->fd = -1;
	s->left = 0;
}

static void
drop(struct stream *s)
{
	stream_close(s);
	lines_free(&s->lines);
	free(s);
}

static void
sweep(struct streams *streams)
{
	struct stream **link = &streams->first, *s;

	while ((s = *link) != NULL) {
		if (s->wanted || s->fd != -1) {
			link = &s->next;
		} else {
			*link = s->next;
			drop(s);
		}
	}
}

void
streams_free(struct streams *streams)
{
	struct stream *s;

	while ((s = streams->first) != NULL) {
		streams->first = s->next;
		drop(s);
	}
	free(streams->fds);
}

struct stream *
stream_open(struct streams *streams, struct output *to, const char *tag, int *fd)
{
	struct stream *s;
	int fds[2];

	if ((s = calloc(1, sizeof *s)) == NULL)
		return NULL;
	s->fd = -1;
	if (!lines_begin(&s->lines, to, tag, false) || pipe2(fds, O_CLOEXEC) == -1) {
		drop(s);
		return NULL;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	s->fd = fds[0];
	s->wanted = true;
	*fd = fds[1];
	s->next = streams->first;
	streams->first = s;
	return s;
}

/* What cannot be written at all is dropped. */
static bool
takes_more(const struct stream *s)
{
	return s->fd != -1 && (s->lines.to->error != 0 || !output_full(s->lines.to));
}

static void
pass_on(struct stream *s, const char *data, size_t len)
{
	s->received += len;
	s->left -= len < s->left ? len : s->left;
	tail_keep(&s->tail, data, len);
	lines_add(&s->lines, data, len);
}

/* False: nothing more for now. */
static bool
take(struct stream *s)
{
	char chunk[CHUNK];
	ssize_t n = read(s->fd, chunk, sizeof chunk);

	if (n == -1 && errno == EINTR)
		return true;
	if (n > 0) {
		pass_on(s, chunk, (size_t)n);
		return true;
	}
	s->left = 0;
	if (n == 0) {
		lines_finish(&s->lines);
		stream_close(s);
	}
	return false;
}

/* A child in the background may never stop writing, so what is there now is counted. */
bool
stream_drained(struct stream *s)
{
	int n = INT_MAX;

	if (!s->draining && s->fd != -1) {
		(void)ioctl(s->fd, FIONREAD, &n);
		s->left = (size_t)n;
	}
	s->draining = true;
	while (s->left > 0 && takes_more(s))
		if (!take(s))
			break;
	if (s->left == 0)
		lines_finish(&s->lines);
	return s->left == 0;
}

void
stream_release(struct stream *s)
{
	s->wanted = false;
}

static bool
make_room(struct streams *streams, size_t n)
{
	struct pollfd *fds;

	if (n > streams->room) {
		if ((fds = reallocarray(streams->fds, n, sizeof *fds)) == NULL)
			return false;
		streams->fds = fds;
		streams->room = n;
	}
	return true;
}

struct pollfd *
streams_poll(struct streams *streams, size_t before)
{
	struct pollfd *to;
	struct stream *s;

	sweep(streams);
	streams->nfds = 0;
	for (s = streams->first; s != NULL; s = s->next)
		streams->nfds++;
	if (!make_room(streams, before + streams->nfds + 1))
		return NULL;
	to = streams->fds + before;
	for (s = streams->first; s != NULL; s = s->next)
		*to++ = (struct pollfd){ .fd = takes_more(s) ? s->fd : -1, .events = POLLIN };
	return streams->fds;
}

void
streams_read(struct streams *streams, size_t before)
{
	const struct pollfd *p = streams->fds + before;
	struct stream *s;

	for (s = streams->first; s != NULL; s = s->next, p++)
		if (p->fd != -1 && p->revents != 0 && takes_more(s))
			take(s);
}
