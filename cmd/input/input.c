/* SPDX-License-Identifier: MIT */
/* See input.h. */

#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "input/input.h"

enum { PIECE = 128 * 1024 };	/* what one read(2) asks for */

/* A directory opens well and only then cannot be read. */
static bool
is_directory(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

bool
input_open(struct input *in, const char *file)
{
	if (file == NULL || strcmp(file, "-") == 0) {
		in->fd = STDIN_FILENO;
		in->name = "standard input";
		return true;
	}
	in->name = file;
	in->fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (in->fd == -1)
		return false;
	if (!is_directory(in->fd))
		return true;
	input_close(in);
	errno = EISDIR;
	return false;
}

/* A record that lies there whole. */
struct found {
	size_t len, delimiter;
};

static enum input_status
found(const struct input *in, size_t len, size_t delimiter, struct found *f)
{
	*f = (struct found){ len, delimiter };
	return len > in->max_message ? INPUT_TOO_LONG : INPUT_RECORD;
}

static void
hand_out(struct input *in, size_t len, size_t delimiter, struct rmq_bytes *record)
{
	record->data = len > 0 ? in->buffer.data + in->taken : "";
	record->len = len;
	in->records++;
	in->start = in->end;
	in->end += len + delimiter;
	in->taken += len + delimiter;
	in->searched = in->taken;
}

/* What is left when there are no more bytes: the last record, or the whole. */
static enum input_status
find_rest(const struct input *in, struct found *f)
{
	size_t left = in->buffer.len - in->taken;

	if (left == 0 && !in->whole)
		return INPUT_END;
	return found(in, left, 0, f);
}

static enum input_status
find(struct input *in, struct found *f)
{
	const char *end = NULL;

	if (in->whole && in->records > 0)
		return INPUT_END;
	if (in->buffer.len > in->searched && !in->whole)
		end = memchr(in->buffer.data + in->searched, in->delimiter, in->buffer.len - in->searched);
	if (end != NULL)
		return found(in, (size_t)(end - in->buffer.data) - in->taken, 1, f);
	in->searched = in->buffer.len;
	if (in->buffer.len - in->taken > in->max_message)
		return INPUT_TOO_LONG;
	if (in->error != 0)
		return INPUT_FAILED;
	return in->at_end ? find_rest(in, f) : INPUT_MORE;
}

enum input_status
input_next(struct input *in, struct rmq_bytes *record)
{
	struct found f;
	enum input_status status = find(in, &f);

	if (status == INPUT_RECORD)
		hand_out(in, f.len, f.delimiter, record);
	return status;
}

enum input_status
input_peek(struct input *in)
{
	struct found f;

	return find(in, &f);
}

bool
input_seek(struct input *in, uint64_t offset, uint64_t records)
{
	if (lseek(in->fd, (off_t)offset, SEEK_SET) == -1)
		return false;
	in->start = in->end = offset;
	in->records = records;
	return true;
}

enum input_status
input_skip(struct input *in, struct rmq_bytes *piece)
{
	const char *from = in->buffer.data + in->taken, *end = NULL;
	size_t left = in->buffer.len - in->taken;

	if (left > 0)
		end = memchr(from, in->delimiter, left);
	if (end != NULL)
		left = (size_t)(end - from) + 1;
	*piece = (struct rmq_bytes){ left, from };
	in->end += left;
	in->taken += left;
	in->searched = in->taken;
	if (end == NULL && !in->at_end)
		return in->error != 0 ? INPUT_FAILED : INPUT_MORE;
	in->records++;
	return INPUT_RECORD;
}

/* Only the beginning of the record that is not yet whole has to move. */
static void
move_to_front(struct input *in)
{
	rmq_buffer_drop(&in->buffer, in->taken);
	in->searched -= in->taken;
	in->taken = 0;
}

void
input_read(struct input *in)
{
	ssize_t n;

	move_to_front(in);
	if (!rmq_buffer_reserve(&in->buffer, PIECE)) {
		in->error = ENOMEM;
		return;
	}
	n = read(in->fd, in->buffer.data + in->buffer.len, PIECE);
	if (n > 0)
		in->buffer.len += (size_t)n;
	else if (n == 0)
		in->at_end = true;
	else if (errno != EINTR && errno != EAGAIN)
		in->error = errno;
}

uint64_t
input_size(const struct input *in)
{
	struct stat st;

	return fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

void
input_close(struct input *in)
{
	rmq_buffer_free(&in->buffer);
	if (in->fd > STDIN_FILENO)
		close(in->fd);
	in->fd = -1;
}
