/* SPDX-License-Identifier: MIT */
/* See rejects.h. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "publish/rejects.h"
#include "tool/tool.h"
#include "tool/trust.h"

enum { PIECE = 256 * 1024 };	/* bytes that are forgotten at once */

static bool
is_input(const struct rejects *r, const struct input *in)
{
	struct stat a, b;

	return fstat(r->fd, &a) == 0 && fstat(in->fd, &b) == 0 && S_ISREG(a.st_mode) &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void
rejects_open(struct rejects *r, const char *name, const struct input *in)
{
	*r = (struct rejects){ .name = name, .fd = -1, .delimiter = in->whole ? -1 : in->delimiter };
	if (name == NULL)
		return;
	r->fd = trust_open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (r->fd == -1)
		tool_fail(EX_CANTCREAT, "cannot write reject file '%s': %s", name, strerror(errno));
	if (is_input(r, in))
		tool_usage("--reject-file is the input itself");
}

bool
rejects_keep(struct rejects *r, const struct input *in, struct rmq_bytes record)
{
	char delimiter = (char)in->delimiter;

	if (r->name == NULL)
		return true;
	if (r->input.len == 0)
		r->from = in->start;
	return rmq_buffer_add(&r->input, record.data, record.len) &&
	    (in->end - in->start == record.len || rmq_buffer_add(&r->input, &delimiter, 1));
}

void
rejects_forget(struct rejects *r, uint64_t before)
{
	size_t len = before > r->from ? (size_t)(before - r->from) : 0;

	if (len >= PIECE || len >= r->input.len) {
		rmq_buffer_drop(&r->input, len < r->input.len ? len : r->input.len);
		r->from = before > r->from ? before : r->from;
	}
}

static bool
write_all(struct rejects *r, const char *bytes, size_t len)
{
	ssize_t n;

	r->written = true;
	for (; len > 0; len -= (size_t)n, bytes += n)
		if ((n = write(r->fd, bytes, len)) == -1) {
			if (errno != EINTR)
				return false;
			n = 0;
		}
	return true;
}

bool
rejects_write_piece(struct rejects *r, struct rmq_bytes piece, bool last)
{
	const char *bytes = piece.data;
	char delimiter = (char)r->delimiter;
	bool ended = piece.len > 0 && bytes[piece.len - 1] == delimiter;

	if (r->name == NULL)
		return true;
	if (!write_all(r, bytes, piece.len))
		return false;
	return !last || ended || r->delimiter == -1 || write_all(r, &delimiter, 1);
}

bool
rejects_write(struct rejects *r, uint64_t start, uint64_t end)
{
	return r->name == NULL || rejects_write_piece(r,
	    (struct rmq_bytes){ (size_t)(end - start), r->input.data + (start - r->from) }, true);
}

/* What cannot be synced, such as a pipe, is as good as it gets. */
bool
rejects_sync(struct rejects *r)
{
	if (r->written && fsync(r->fd) == -1 && errno != EINVAL && errno != ENOTSUP)
		return false;
	r->written = false;
	return true;
}

void
rejects_close(struct rejects *r)
{
	if (r->fd != -1)
		close(r->fd);
	rmq_buffer_free(&r->input);
}
