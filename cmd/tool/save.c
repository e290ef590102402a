/* SPDX-License-Identifier: MIT */
/* See save.h. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/save.h"
#include "tool/trust.h"

static bool
write_all(int fd, const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	for (; left > 0; left -= (size_t)n, text += n)
		if ((n = write(fd, text, left)) == -1) {
			if (errno != EINTR)
				return false;
			n = 0;
		}
	return true;
}

/* close(2) must not hide why. */
static bool
close_after(int fd, bool ok)
{
	int why = errno;

	if (close(fd) == -1 && ok)
		return false;
	errno = why;
	return ok;
}

/* As it is, behind what others write there: /dev/stderr may lead to a file of theirs. */
static bool
append_to(const char *path, const char *text)
{
	int fd = trust_open(path, O_WRONLY | O_APPEND, 0);

	return fd != -1 && close_after(fd, write_all(fd, text));
}

/* The mode of what was there before, if it is to be kept, in spite of umask(2). */
static bool
write_new(const char *path, const char *text, mode_t mode, bool keep_mode)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_CREAT | O_EXCL, mode);

	if (fd == -1)
		return false;
	return close_after(fd, (!keep_mode || fchmod(fd, mode) == 0) && write_all(fd, text) && fsync(fd) == 0);
}

/* A rename is certain once the directory is on the disk; where a directory cannot be synced, nothing can be done. */
static void
sync_directory(char *path)
{
	char *slash = strrchr(path, '/');
	int fd;

	if (slash != NULL)
		slash[slash == path] = '\0';
	fd = open(slash != NULL ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return;
	(void)fsync(fd);
	close(fd);
}

static bool
replace(char *path, const char *text, mode_t mode, bool keep_mode)
{
	char beside[PATH_MAX];
	int why;

	if (snprintf(beside, sizeof(beside), "%s.tmp", path) >= (int)sizeof(beside)) {
		errno = ENAMETOOLONG;
		return false;
	}
	/* One that a killed process has left. */
	(void)unlink(beside);
	if (!write_new(beside, text, mode, keep_mode) || rename(beside, path) == -1) {
		why = errno;
		(void)unlink(beside);
		errno = why;
		return false;
	}
	sync_directory(path);
	return true;
}

bool
save_file(const char *path, const char *text, mode_t mode)
{
	char real[PATH_MAX];
	struct stat st;

	if (!trust_find(path, real))
		return false;
	if (trust_is_descriptor(real))
		return append_to(real, text);
	if (lstat(real, &st) == -1)
		return errno == ENOENT && replace(real, text, mode, false);
	if (S_ISREG(st.st_mode))
		return replace(real, text, st.st_mode & 0777, true);
	return append_to(real, text);
}
