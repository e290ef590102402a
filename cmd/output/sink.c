/* SPDX-License-Identifier: MIT */
/* See sink.h. */

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "output/sink.h"

/*
 * O_NONBLOCK belongs to the description, which other processes share: ours is
 * a new one.  What cannot be written to must not become writable by that.
 */
static int
open_again(int fd)
{
	char path[32];

	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void
sink_open(struct output *out)
{
	struct stat st = { 0 };
	int own;

	(void)fstat(out->fd, &st);
	out->pipe = S_ISFIFO(st.st_mode);
	if (S_ISREG(st.st_mode))
		out->kind = OUTPUT_FILE;
	else if (S_ISSOCK(st.st_mode))
		out->kind = OUTPUT_SOCKET;
	else if ((own = open_again(out->fd)) != -1) {
		out->fd = own;
		out->kind = OUTPUT_STREAM;
	} else
		out->kind = OUTPUT_SHARED;
}

static ssize_t
write_shared(int fd, const char *data, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (poll(&p, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(fd, data, len < PIPE_BUF ? len : PIPE_BUF);
}

ssize_t
sink_write(struct output *out, const char *data, size_t len)
{
	switch (out->kind) {
	case OUTPUT_SOCKET:
		return send(out->fd, data, len, MSG_DONTWAIT);
	case OUTPUT_SHARED:
		return write_shared(out->fd, data, len);
	default:
		return write(out->fd, data, len);
	}
}

/* Some file systems have nothing to sync with. */
bool
sink_sync(const struct output *out)
{
	if (out->kind == OUTPUT_FOLDER)
		return folder_sync(out->folder);
	return fdatasync(out->fd) == 0 || errno == EINVAL || errno == EROFS || errno == ENOSYS;
}

/* Only where nobody else wrote after us. */
static void
cut_torn_record(struct output *out)
{
	off_t torn = (off_t)(out->written - out->boundary);
	off_t end = lseek(out->fd, 0, SEEK_CUR);
	struct stat st;

	if (out->kind != OUTPUT_FILE || torn == 0 || end < torn)
		return;
	if (fstat(out->fd, &st) == -1 || st.st_size != end || ftruncate(out->fd, end - torn) == -1)
		out->torn_at = end - torn;
	else
		(void)lseek(out->fd, end - torn, SEEK_SET);
}

static void
drop_torn_file(struct output *out)
{
	if (out->kind != OUTPUT_FOLDER || out->fd == -1)
		return;
	folder_drop(out->folder, out->fd);
	out->fd = -1;
}

void
sink_drop_torn(struct output *out)
{
	cut_torn_record(out);
	drop_torn_file(out);
}
