/* SPDX-License-Identifier: MIT */
/* See trust.h. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/trust.h"

enum { MOST_LINKS = 40 };

bool
trust_is_descriptor(const char *path)
{
	static const char *const descriptors[] = { "/dev/fd/", "/dev/std", "/proc/" };
	size_t i;

	for (i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++)
		if (strncmp(path, descriptors[i], strlen(descriptors[i])) == 0)
			return true;
	return false;
}

/* With the slash at its end; "" is the working directory. */
static void
folder_of(const char *path, char folder[static PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash != NULL ? (size_t)(slash - path) + 1 : 0;

	memcpy(folder, path, len);
	folder[len] = '\0';
}

/* A second name of a file may be anybody's. */
static bool
is_planted(const char *path, const struct stat *it)
{
	char folder[PATH_MAX];
	struct stat st;

	folder_of(path, folder);
	if (stat(*folder != '\0' ? folder : ".", &st) == -1)
		return false;
	if ((st.st_mode & S_ISVTX) == 0 || (st.st_mode & S_IWOTH) == 0)
		return false;
	return (it->st_uid != geteuid() && it->st_uid != st.st_uid) || (S_ISREG(it->st_mode) && it->st_nlink > 1);
}

/* Puts what a link says in place of its name. */
static bool
follow(char real[static PATH_MAX])
{
	char target[PATH_MAX], folder[PATH_MAX] = "", whole[2 * PATH_MAX];
	ssize_t n = readlink(real, target, sizeof(target) - 1);

	if (n == -1)
		return false;
	target[n] = '\0';
	if (*target != '/')
		folder_of(real, folder);
	snprintf(whole, sizeof(whole), "%s%s", folder, target);
	if (strlcpy(real, whole, PATH_MAX) < PATH_MAX)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

bool
trust_find(const char *path, char real[static PATH_MAX])
{
	struct stat st;
	int links;

	if (strlcpy(real, path, PATH_MAX) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return false;
	}
	for (links = 0; links < MOST_LINKS; links++) {
		if (trust_is_descriptor(real))
			return true;
		if (lstat(real, &st) == -1)
			return errno == ENOENT;
		if (is_planted(real, &st)) {
			errno = EACCES;
			return false;
		}
		if (!S_ISLNK(st.st_mode))
			return true;
		if (!follow(real))
			return false;
	}
	errno = ELOOP;
	return false;
}

/* Between the look and the open something else may have come there. */
static bool
is_sound(int fd, const char *path)
{
	struct stat st;

	if (trust_is_descriptor(path))
		return true;
	if (fstat(fd, &st) == -1)
		return false;
	errno = EACCES;
	return !is_planted(path, &st);
}

static bool
make_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags != -1 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != -1;
}

int
trust_open(const char *path, int flags, mode_t mode)
{
	char real[PATH_MAX];
	int fd, why, always = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

	if (!trust_find(path, real))
		return -1;
	if (!trust_is_descriptor(real))
		always |= O_NOFOLLOW;
	fd = open(real, flags | always, mode);
	if (fd == -1 || (is_sound(fd, real) && ((flags & O_NONBLOCK) != 0 || make_blocking(fd))))
		return fd;
	why = errno;
	close(fd);
	errno = why;
	return -1;
}
