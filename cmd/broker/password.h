/* SPDX-License-Identifier: MIT */
/* Passwords from a file or from the terminal; both exit 78 with a message if there is none to be had. */
#ifndef PASSWORD_H
#define PASSWORD_H

#include <stdint.h>

/*
 * The file's one line, without its newline.  The file is this user's and nobody else's, or root's and nobody else
 * can write to it; or it is a pipe, a descriptor that was handed in as /dev/fd/N among them, whose end is awaited
 * for `ms'.
 */
char	*password_from_file(const char *path, int64_t ms);
char	*password_ask(const char *user);

#endif
