/* SPDX-License-Identifier: MIT */
/* Passwords from a file or from the terminal; both exit 78 with a message if there is none to be had. */
#ifndef PASSWORD_H
#define PASSWORD_H

/* The file's one line.  It must be a regular file of this user or root that nobody else may read. */
char	*password_from_file(const char *path);
char	*password_ask(const char *user);

#endif
