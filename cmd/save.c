/* SPDX-License-Identifier: MIT */
/* See save.h. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "save.h"

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

static bool
write_to(const char *path, const char *text, int flags, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | flags, mode);

	if (fd == -1)
		return false;
	return close_after(fd, write_all(fd, text) && (!(flags & O_CREAT) || fsync(fd) == 0));
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
replace(char *path, const char *text, mode_t mode)
{
	char beside[PATH_MAX];
	int why;

	if (snprintf(beside, sizeof(beside), "%s.tmp", path) >= (int)sizeof(beside)) {
		errno = ENAMETOOLONG;
		return false;
	}
	/* One that a killed process has left. */
	(void)unlink(beside);
	if (!write_to(beside, text, O_CREAT | O_EXCL, mode) || rename(beside, path) == -1) {
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
	static const char device[] = "/dev/";	/* /dev/stderr may lead to a file that others write to */
	char real[PATH_MAX];
	struct stat st;

	if (strncmp(path, device, strlen(device)) == 0 || (stat(path, &st) == 0 && !S_ISREG(st.st_mode)))
		return write_to(path, text, O_APPEND, 0);
	if (realpath(path, real) == NULL && strlcpy(real, path, sizeof(real)) >= sizeof(real)) {
		errno = ENAMETOOLONG;
		return false;
	}
	return replace(real, text, mode);
}
