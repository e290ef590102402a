/* SPDX-License-Identifier: MIT */
/* See password.h. */

#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rmq.h>

#include "broker/password.h"
#include "tool/escape.h"
#include "tool/tool.h"

enum { LONGEST = 64 * 1024 };

static _Noreturn void
cannot_read(const char *path, const char *why)
{
	tool_fail(EX_CONFIG, "cannot read password file '%s': %s", path, why);
}

/* -1: it is not the name of one. */
static int
descriptor(const char *path)
{
	static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };
	const char *wrong;
	size_t len;
	int fd;

	if (strcmp(path, "/dev/stdin") == 0)
		return STDIN_FILENO;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		len = strlen(folders[i]);
		if (strncmp(path, folders[i], len) != 0)
			continue;
		fd = (int)strtonum(path + len, 0, INT_MAX, &wrong);
		return wrong == NULL ? fd : -1;
	}
	return -1;
}

/*
 * A descriptor is used as it is: one that Linux opens anew does not tell that the writer of a pipe has gone.
 * Without O_NONBLOCK a FIFO would be waited for here.
 */
static int
open_file(const char *path)
{
	int given = descriptor(path);

	if (given != -1)
		return fcntl(given, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/*
 * What makes this a bad place for a secret, or NULL.  Who may read a file of root's, root has decided: what Docker,
 * Kubernetes and systemd hand out is root's, and a container's one user, or a group, can read it.
 */
static const char *
objection(const struct stat *st, bool given)
{
	bool passes = S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode);

	if (given && passes)
		return NULL;		/* only who has the descriptor can read it */
	if (!S_ISREG(st->st_mode) && !passes)
		return "it is neither a file nor a pipe";
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "it belongs to another user";
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others than its owner can write to it (chmod 600 helps)";
	if (st->st_uid != 0 && (st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "others than its owner have access (chmod 600 helps)";
	return NULL;
}

static int
open_private(const char *path)
{
	int fd = open_file(path);
	const char *why;
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		cannot_read(path, strerror(errno));
	if ((why = objection(&st, descriptor(path) != -1)) != NULL)
		cannot_read(path, why);
	return fd;
}

/* Who writes into a pipe may ask somebody first, but not for ever. */
static bool
wait_for(int fd, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left;

	while ((left = until - rmq_now()) > 0)
		if (poll(&p, 1, (int)left) > 0)
			return true;
	errno = ETIMEDOUT;
	return false;
}

/* What there is until the end, or until there is no more room; -1: see errno. */
static ssize_t
read_all(int fd, char *text, size_t room, int64_t until)
{
	size_t len = 0;
	ssize_t n;

	while (len < room) {
		if (!wait_for(fd, until))
			return -1;
		n = read(fd, text + len, room - len);
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			return -1;
	}
	return (ssize_t)len;
}

/* What makes this no password, or NULL. */
static const char *
mistake(const char *text, size_t len)
{
	if (len == 0)
		return "it is empty";
	if (len > LONGEST)
		return "it is longer than 65536 bytes";
	if (memchr(text, '\0', len) != NULL)
		return "it has a NUL byte";
	if (memchr(text, '\r', len) != NULL)
		return "it has a carriage return, as files from Windows do";
	if (memchr(text, '\n', len) != NULL)
		return "it has more than one line";
	return NULL;
}

char *
password_from_file(const char *path, int64_t ms)
{
	static char text[LONGEST + 2];		/* a newline, and one too many */
	int fd = open_private(path);
	ssize_t n = read_all(fd, text, sizeof text, rmq_now() + ms);
	const char *wrong;
	char *copy;

	if (n == -1)
		cannot_read(path, strerror(errno));
	close(fd);
	if (n > 0 && text[n - 1] == '\n')
		n--;
	wrong = mistake(text, (size_t)n);
	copy = wrong == NULL ? strndup(text, (size_t)n) : NULL;
	explicit_bzero(text, sizeof text);
	if (wrong != NULL)
		cannot_read(path, wrong);
	if (copy == NULL)
		tool_fail(EX_OSERR, "cannot keep the password: out of memory");
	return copy;
}

char *
password_ask(const char *user)
{
	char prompt[1100], text[1024], *copy, *safe = escape(user, strlen(user));

	snprintf(prompt, sizeof(prompt), "Password for %s: ", safe != NULL ? safe : "?");
	free(safe);
	if (readpassphrase(prompt, text, sizeof(text), RPP_REQUIRE_TTY) == NULL)
		tool_fail(EX_CONFIG, "cannot ask for the password: %s", strerror(errno));
	copy = strdup(text);
	explicit_bzero(text, sizeof(text));
	if (copy == NULL)
		tool_fail(EX_OSERR, "cannot keep the password: out of memory");
	return copy;
}
