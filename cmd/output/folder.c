/* SPDX-License-Identifier: MIT */
/* See folder.h. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "output/folder.h"
#include "tool/trust.h"

enum { MICROSECONDS = 1000000, MODE = 0600, TRIES = 100 };

int
folder_open(struct folder *f, const char *path, bool sync)
{
	*f = (struct folder){ .sync = sync };
	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		return errno;
	f->fd = trust_open(path, O_RDONLY | O_DIRECTORY, 0);
	return f->fd == -1 ? errno : 0;
}

void
folder_close(struct folder *f)
{
	close(f->fd);
	f->fd = -1;
}

/* Never before the last one, or names would not sort as the messages came. */
static void
note_time(struct folder *f)
{
	struct timespec t;
	int64_t now;

	clock_gettime(CLOCK_REALTIME, &t);
	now = (int64_t)t.tv_sec * MICROSECONDS + t.tv_nsec / 1000;
	if (now > f->at)
		f->at = now;
}

static void
own_name(const struct folder *f, char *name, size_t size)
{
	time_t seconds = (time_t)(f->at / MICROSECONDS);
	char when[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%S", &tm);
	snprintf(name, size, "%s.%06dZ-%06" PRIu64, when, (int)(f->at % MICROSECONDS), f->count);
}

/* Another program may write here too, under the same process number in a container of its own. */
int
folder_begin(struct folder *f)
{
	char name[FOLDER_NAME_SIZE];
	int fd = -1, tries;

	f->count++;
	f->wish[0] = '\0';
	note_time(f);
	for (tries = 0; tries < TRIES; tries++, f->at++) {
		own_name(f, name, sizeof(name));
		snprintf(f->draft, sizeof(f->draft), ".%s.%ld", name, (long)getpid());
		fd = openat(f->fd, f->draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
		if (fd != -1 || errno != EEXIST)
			break;
	}
	return fd;
}

/* Neither hidden nor, where a shell writes out *, an option. */
static bool
is_plain(const char *name, size_t len)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t i;

	if (len == 0 || len >= FOLDER_NAME_SIZE || name[0] == '.' || name[0] == '-')
		return false;
	for (i = 0; i < len; i++)
		if (memchr(plain, name[i], sizeof(plain) - 1) == NULL)
			return false;
	return true;
}

void
folder_wish(struct folder *f, struct rmq_bytes name)
{
	f->wish[0] = '\0';
	if (!is_plain(name.data, name.len))
		return;
	memcpy(f->wish, name.data, name.len);
	f->wish[name.len] = '\0';
}

/* Where there are no hard links, an empty file keeps the place for a moment. */
static bool
move_to(const struct folder *f, const char *name)
{
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);

	if (fd == -1)
		return false;
	close(fd);
	return renameat(f->fd, f->draft, f->fd, name) == 0;
}

/* rename(2) would replace what is there; link(2) does not. */
static bool
give_name(const struct folder *f, const char *name)
{
	if (linkat(f->fd, f->draft, f->fd, name, 0) == 0)
		return unlinkat(f->fd, f->draft, 0) == 0;
	if (errno == EPERM || errno == ENOSYS || errno == EOPNOTSUPP || errno == EMLINK)
		return move_to(f, name);
	return false;
}

static bool
find_name(struct folder *f)
{
	char name[FOLDER_NAME_SIZE];
	int tries;

	if (f->wish[0] != '\0' && give_name(f, f->wish))
		return true;
	if (f->wish[0] != '\0' && errno != EEXIST)
		return false;
	for (tries = 0; tries < TRIES; tries++, f->at++) {
		own_name(f, name, sizeof(name));
		if (give_name(f, name))
			return true;
		if (errno != EEXIST)
			return false;
	}
	return false;
}

/* Some file systems have nothing to sync with. */
static bool
sync_fd(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL || errno == ENOSYS;
}

bool
folder_keep(struct folder *f, int fd)
{
	bool synced = !f->sync || sync_fd(fd);
	int error = errno;

	if (close(fd) == -1 && synced) {
		error = errno;
		synced = false;
	}
	if (synced && find_name(f))
		return true;
	f->unnamed = synced;
	error = synced ? errno : error;
	(void)unlinkat(f->fd, f->draft, 0);
	errno = error;
	return false;
}

void
folder_drop(struct folder *f, int fd)
{
	close(fd);
	(void)unlinkat(f->fd, f->draft, 0);
}

bool
folder_sync(struct folder *f)
{
	return sync_fd(f->fd);
}
