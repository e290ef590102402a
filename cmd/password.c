/* SPDX-License-Identifier: MIT */
/* See password.h. */

#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <readpassphrase.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "password.h"
#include "tool.h"

enum { LONGEST = 4096 };

/*
 * systemd's credentials belong to root and have an entry in their access list for the one who may read them: that is
 * shown as a group's right, of root's own group.
 */
static mode_t
forbidden(const struct stat *st)
{
	return st->st_uid == 0 && st->st_gid == 0 ? 037 : 077;
}

/* What makes this a bad place for a secret, or NULL. */
static const char *
objection(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is not a regular file";
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "it belongs to another user";
	if ((st->st_mode & forbidden(st)) != 0)
		return "others than its owner have access (chmod 600 helps)";
	if (st->st_size > LONGEST)
		return "it is longer than 4096 bytes";
	return NULL;
}

/* Without O_NONBLOCK a FIFO would be waited for. */
static int
open_private(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
	const char *why;
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		tool_fail(EX_CONFIG, "cannot read password file '%s': %s", path,
		    errno == ELOOP ? "it is a symbolic link" : strerror(errno));
	why = objection(&st);
	if (why != NULL)
		tool_fail(EX_CONFIG, "cannot read password file '%s': %s", path, why);
	return fd;
}

char *
password_from_file(const char *path)
{
	char text[LONGEST + 1];
	int fd = open_private(path);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char *copy;

	if (n == -1)
		tool_fail(EX_CONFIG, "cannot read password file '%s': %s", path, strerror(errno));
	close(fd);
	n -= n > 0 && text[n - 1] == '\n';
	text[n] = '\0';
	if (strlen(text) != (size_t)n)
		tool_fail(EX_CONFIG, "cannot read password file '%s': it has a NUL byte", path);
	copy = strdup(text);
	explicit_bzero(text, sizeof(text));
	if (copy == NULL)
		tool_fail(EX_OSERR, "cannot keep the password: out of memory");
	return copy;
}

char *
password_ask(const char *user)
{
	char prompt[300], text[1024], *copy;

	snprintf(prompt, sizeof(prompt), "Password for %s: ", user);
	if (readpassphrase(prompt, text, sizeof(text), RPP_REQUIRE_TTY) == NULL)
		tool_fail(EX_CONFIG, "cannot ask for the password: %s", strerror(errno));
	copy = strdup(text);
	explicit_bzero(text, sizeof(text));
	if (copy == NULL)
		tool_fail(EX_OSERR, "cannot keep the password: out of memory");
	return copy;
}
