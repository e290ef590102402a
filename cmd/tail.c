/* SPDX-License-Identifier: MIT */
/*
 * Standard error on its way from commands to ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"
#include "tail.h"

enum { CHUNK = 4096, MOST_CHUNKS = 32 };	/* poll() promises room for PIPE_BUF bytes, which is no less than CHUNK */

static void
end(struct tail *t)
{
	if (t->fd != -1)
		close(t->fd);
	t->fd = -1;
}

static void
sweep(struct tails *tails)
{
	struct tail **link = &tails->first, *t;

	while ((t = *link) != NULL) {
		if (t->wanted || t->fd != -1) {
			link = &t->next;
		} else {
			*link = t->next;
			free(t);
		}
	}
}

void
tails_free(struct tails *tails)
{
	struct tail *t;

	for (t = tails->first; t != NULL; t = t->next) {
		end(t);
		t->wanted = false;
	}
	sweep(tails);
	free(tails->fds);
}

struct tail *
tail_open(struct tails *tails, int *fd)
{
	struct tail *t;
	int fds[2];

	if ((t = calloc(1, sizeof *t)) == NULL)
		return NULL;
	if (pipe2(fds, O_CLOEXEC) == -1) {
		free(t);
		return NULL;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	t->fd = fds[0];
	t->wanted = true;
	*fd = fds[1];
	t->next = tails->first;
	tails->first = t;
	return t;
}

static bool
ours_takes_more(void)
{
	struct pollfd ours = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&ours, 1, 0) != 0;
}

static void
keep(struct tail *t, const char *data, size_t len)
{
	size_t excess;

	if (len > TAIL_SIZE) {
		data += len - TAIL_SIZE;
		len = TAIL_SIZE;
	}
	excess = t->len + len > TAIL_SIZE ? t->len + len - TAIL_SIZE : 0;
	memmove(t->text, t->text + excess, t->len - excess);
	memcpy(t->text + t->len - excess, data, len);
	t->len += len - excess;
}

static void
pass_on(const char *data, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(STDERR_FILENO, data, len);
		if (n == -1 && errno != EINTR)
			return;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
}

/* False: nothing more for now. */
static bool
take(struct tail *t)
{
	char chunk[CHUNK];
	ssize_t n = read(t->fd, chunk, sizeof chunk);

	if (n == -1)
		return errno == EINTR;
	if (n == 0) {
		end(t);
		return false;
	}
	keep(t, chunk, (size_t)n);
	pass_on(chunk, (size_t)n);
	return true;
}

void
tail_finish(struct tail *t)
{
	for (int i = 0; i < MOST_CHUNKS && t->fd != -1 && ours_takes_more(); i++)
		if (!take(t))
			break;
}

/* A byte becomes four at most, so dropping a quarter of what is too much is never too little to go on with. */
char *
tail_text(const struct tail *t)
{
	size_t start = 0, len = t->len, escaped;
	char *text;

	while (len > 0 && (t->text[len - 1] == '\n' || t->text[len - 1] == ' '))
		len--;
	for (; start < len; start += (escaped - TAIL_SIZE + 3) / 4) {
		if ((text = escape(t->text + start, len - start)) == NULL)
			return NULL;
		if ((escaped = strlen(text)) <= TAIL_SIZE)
			return text;
		free(text);
	}
	return NULL;
}

void
tail_release(struct tail *t)
{
	t->wanted = false;
}

static bool
make_room(struct tails *tails, size_t n)
{
	struct pollfd *fds;

	if (n > tails->room) {
		if ((fds = reallocarray(tails->fds, n, sizeof *fds)) == NULL)
			return false;
		tails->fds = fds;
		tails->room = n;
	}
	return true;
}

static size_t
count(const struct tails *tails)
{
	const struct tail *t;
	size_t n = 0;

	for (t = tails->first; t != NULL; t = t->next)
		n += t->fd != -1;
	return n;
}

struct pollfd *
tails_poll(struct tails *tails, size_t before)
{
	struct pollfd *to;
	struct tail *t;

	sweep(tails);
	tails->nfds = count(tails);
	if (!make_room(tails, before + tails->nfds + 1))
		return NULL;
	to = tails->fds + before;
	if (tails->nfds > 0 && !ours_takes_more()) {
		*to = (struct pollfd){ .fd = STDERR_FILENO, .events = POLLOUT };
		tails->nfds = 1;
		return tails->fds;
	}
	for (t = tails->first; t != NULL; t = t->next)
		if (t->fd != -1)
			*to++ = (struct pollfd){ .fd = t->fd, .events = POLLIN };
	return tails->fds;
}

void
tails_read(struct tails *tails, size_t before)
{
	const struct pollfd *p = tails->fds + before, *last = p + tails->nfds;
	struct tail *t;

	for (t = tails->first; t != NULL; t = t->next) {
		if (p == last || p->fd == STDERR_FILENO || !ours_takes_more())
			return;
		if (t->fd == -1 || t->fd != p->fd)
			continue;
		if ((p++)->revents != 0)
			take(t);
	}
}
