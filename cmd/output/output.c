/* SPDX-License-Identifier: MIT */
/* See output.h. */

#include <sys/ioctl.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/output.h"
#include "output/sink.h"
#include "tool/escape.h"

enum {
	GATHER = 64 * 1024,		/* bytes that go to write(2) together */
	LARGE = 16 * 1024,		/* from here on a piece is written from where it lies */
	SPARE = 1024 * 1024,		/* a larger buffer is given back once it is empty */
	SYNC_MS = 200,
	ESCAPE_STEP = 4096
};

void
output_open(struct output *out, int fd, bool sync, unsigned group)
{
	*out = (struct output){ .fd = fd, .group = group, .torn_at = -1 };
	out->escape = isatty(fd) != 0;
	sink_open(out);
	out->sync = sync && out->kind == OUTPUT_FILE;
}

void
output_open_folder(struct output *out, struct folder *folder, unsigned group)
{
	*out = (struct output){ .fd = -1, .kind = OUTPUT_FOLDER, .folder = folder, .group = group, .torn_at = -1 };
	out->sync = folder->sync;
}

void
output_close(struct output *out)
{
	if (out->kind == OUTPUT_STREAM)
		close(out->fd);
	if (out->kind == OUTPUT_FOLDER && out->fd != -1)
		folder_drop(out->folder, out->fd);
	rmq_buffer_free(&out->lender);
	rmq_buffer_free(&out->buffer);
	free(out->marks);
	*out = (struct output){ .fd = -1 };
}

/* Takes what is complete from the ring of marks. */
static void
note_written(struct output *out)
{
	while (out->nmarks > 0 && out->marks[out->first].at <= out->written) {
		struct output_mark m = out->marks[out->first];
		uint64_t *cookie = out->sync ? &out->unsynced : &out->settled;

		out->first = (out->first + 1) & (out->room - 1);
		out->nmarks--;
		out->boundary = m.at;
		if (m.cookie != 0)
			*cookie = m.cookie;
		if (out->sync && out->nunsynced++ == 0)
			out->sync_at = rmq_now() + SYNC_MS;
	}
}

static bool
sync_file(struct output *out)
{
	if (out->nunsynced == 0)
		return true;
	if (!sink_sync(out))
		return false;
	if (out->unsynced != 0)
		out->settled = out->unsynced;
	out->unsynced = 0;
	out->nunsynced = 0;
	return true;
}

void
output_fail(struct output *out, int error)
{
	if (out->error != 0)
		return;
	out->error = error;
	note_written(out);
	sink_drop_torn(out);
	(void)sync_file(out);
}

/* As much as is taken without waiting. */
static size_t
write_some(struct output *out, const char *data, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len && out->error == 0 && !out->blocked) {
		n = sink_write(out, data + done, len - done);
		if (n >= 0) {
			done += (size_t)n;
			out->written += (uint64_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK)
			out->blocked = true;
		else if (errno != EINTR)
			output_fail(out, errno);
	}
	return done;
}

static void
empty(struct rmq_buffer *b)
{
	b->len = 0;
	if (b->size > SPARE)
		rmq_buffer_free(b);
}

static void
write_lent(struct output *out)
{
	size_t done = write_some(out, out->lent.data, out->lent.len);	/* less: blocked, so nothing can overtake it */

	out->lent.data = (const char *)out->lent.data + done;
	out->lent.len -= done;
	if (out->lent.len == 0)
		empty(&out->lender);
}

static size_t
waiting(const struct output *out)
{
	return out->lent.len + out->buffer.len - out->sent;
}

static void
write_buffer(struct output *out)
{
	struct rmq_buffer *b = &out->buffer;

	if (out->lent.len > 0)
		write_lent(out);
	if (out->sent < b->len)
		out->sent += write_some(out, b->data + out->sent, b->len - out->sent);
	if (out->sent == b->len) {
		out->sent = 0;
		empty(b);
	}
	note_written(out);
}

static void
gather(struct output *out, const void *data, size_t len)
{
	if (out->sent > out->buffer.len / 2) {
		rmq_buffer_drop(&out->buffer, out->sent);
		out->sent = 0;
	}
	if (!rmq_buffer_add(&out->buffer, data, len))
		output_fail(out, ENOMEM);
}

/* In a folder a record begins with a file. */
static bool
has_file(struct output *out)
{
	if (out->kind != OUTPUT_FOLDER || out->fd != -1)
		return true;
	if (out->error != 0)
		return false;
	if ((out->fd = folder_begin(out->folder)) != -1)
		return true;
	out->uncreated = true;
	output_fail(out, errno);
	return false;
}

void
output_add(struct output *out, const void *data, size_t len)
{
	size_t done = 0;

	if (!has_file(out))
		return;
	out->added += len;
	if (len >= LARGE) {
		write_buffer(out);
		if (waiting(out) == 0)
			done = write_some(out, data, len);
	}
	if (done < len && out->error == 0)
		gather(out, (const char *)data + done, len - done);
}

/* Where to cut so that no UTF-8 character is cut in two. */
static size_t
step(const char *s, size_t len)
{
	size_t n = ESCAPE_STEP;

	if (len <= ESCAPE_STEP)
		return len;
	while (n > ESCAPE_STEP - 4 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	return n;
}

void
output_show(struct output *out, const void *data, size_t len)
{
	const char *s = data;
	size_t n;

	if (!out->escape) {
		output_add(out, data, len);
		return;
	}
	for (; len > 0 && out->error == 0; s += n, len -= n) {
		char *safe = escape(s, n = step(s, len));

		if (safe == NULL)
			output_fail(out, ENOMEM);
		else
			output_add(out, safe, strlen(safe));
		free(safe);
	}
}

void
output_lend(struct output *out, const void *data, size_t len)
{
	if (out->escape || len < LARGE || !has_file(out)) {
		output_show(out, data, len);
		return;
	}
	write_buffer(out);
	if (waiting(out) > 0) {
		output_add(out, data, len);
		return;
	}
	out->added += len;
	out->lent = (struct rmq_bytes){ len, data };
	write_lent(out);
}

bool
output_borrows(const struct output *out)
{
	return out->lent.len > 0 && out->lender.len == 0;
}

void
output_keep(struct output *out, struct rmq_buffer *from)
{
	if (from->len > 0) {
		rmq_buffer_free(&out->lender);
		out->lender = *from;
		*from = (struct rmq_buffer){ 0 };
		return;
	}
	if (!rmq_buffer_add(&out->lender, out->lent.data, out->lent.len)) {
		out->lent.len = 0;
		output_fail(out, ENOMEM);
	}
	out->lent.data = out->lender.data;
}

static bool
grow_marks(struct output *out)
{
	size_t i, room = out->room == 0 ? 64 : out->room * 2;
	struct output_mark *marks = calloc(room, sizeof(*marks));

	if (marks == NULL)
		return false;
	for (i = 0; i < out->nmarks; i++)
		marks[i] = out->marks[(out->first + i) & (out->room - 1)];
	free(out->marks);
	out->marks = marks;
	out->room = room;
	out->first = 0;
	return true;
}

void
output_wish(struct output *out, struct rmq_bytes name)
{
	if (out->kind == OUTPUT_FOLDER && has_file(out))
		folder_wish(out->folder, name);
}

/* All of the record goes into its file, which gets its name. */
static void
end_file(struct output *out)
{
	int fd;

	if (!has_file(out))
		return;
	write_buffer(out);
	fd = out->fd;
	if (out->error != 0)
		return;
	out->fd = -1;
	if (folder_keep(out->folder, fd))
		return;
	out->uncreated = out->folder->unnamed;
	output_fail(out, errno);
}

void
output_end(struct output *out, uint64_t cookie)
{
	if (out->kind == OUTPUT_FOLDER)
		end_file(out);
	if (out->error != 0)
		return;
	if (out->nmarks == out->room && !grow_marks(out)) {
		output_fail(out, ENOMEM);
		return;
	}
	out->marks[(out->first + out->nmarks++) & (out->room - 1)] =
	    (struct output_mark){ out->added, cookie };
	if (out->kind == OUTPUT_FOLDER || (waiting(out) >= GATHER && !out->blocked))
		write_buffer(out);
}

size_t
output_unread(const struct output *out)
{
	int n = 0;

	if (!out->pipe || ioctl(out->fd, FIONREAD, &n) == -1)
		return 0;
	return (size_t)n;
}

bool
output_full(const struct output *out)
{
	return out->error != 0 || (out->blocked && waiting(out) >= GATHER);
}

bool
output_pending(const struct output *out)
{
	return out->error == 0 && (out->nmarks > 0 || waiting(out) > 0 || out->nunsynced > 0);
}

short
output_events(const struct output *out)
{
	return out->error == 0 && waiting(out) > 0 ? POLLOUT : 0;
}

int64_t
output_deadline(const struct output *out)
{
	return out->error == 0 && out->nunsynced > 0 ? out->sync_at : -1;
}

static void
sync_due(struct output *out, bool now)
{
	if (out->error != 0 || out->nunsynced == 0)
		return;
	if (!now && out->nunsynced < out->group && rmq_now() < out->sync_at)
		return;
	if (!sync_file(out))
		out->error = errno;
}

void
output_io(struct output *out, short revents)
{
	if (revents & POLLOUT)
		out->blocked = false;
	if ((revents & (POLLERR | POLLHUP)) && !(revents & POLLOUT) && out->error == 0)
		output_fail(out, EPIPE);
	if (out->error == 0)
		write_buffer(out);
	sync_due(out, false);
}

void
output_finish(struct output *out)
{
	if (out->error == 0)
		write_buffer(out);
	sync_due(out, true);
}
