/* SPDX-License-Identifier: MIT */
/*
 * trust - files that somebody else may have put in our way
 *
 * In a folder where all may write and each may remove only what is his (/tmp), another user can lay a link, a file or
 * a pipe under a name that we are going to use.  Linux refuses to follow it where fs.protected_symlinks and its like
 * are set (see proc(5)), others and containers do not: here it is refused everywhere, with EACCES.
 */
#ifndef TRUST_H
#define TRUST_H

#include <sys/types.h>
#include <sys/stat.h>

#include <limits.h>
#include <stdbool.h>

/* Where the links lead that path ends with; nothing need be there.  false: errno tells why. */
bool	trust_find(const char *path, char real[static PATH_MAX]);
/* One of our own descriptors, such as /dev/stderr: who started us has opened what it leads to. */
bool	trust_is_descriptor(const char *path);
/* open(2), with O_CLOEXEC and O_NOCTTY.  It never waits for the other end of a pipe: without one, that is ENXIO. */
int	trust_open(const char *path, int flags, mode_t);

#endif
