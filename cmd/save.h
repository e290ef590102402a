/* SPDX-License-Identifier: MIT */
/* save - a file that is there as a whole or not at all */
#ifndef SAVE_H
#define SAVE_H

#include <sys/types.h>

#include <stdbool.h>

/*
 * Puts the text in place of what the file had: written beside it, synced, renamed, and the directory synced.  What is
 * no regular file (a pipe, /dev/stderr) is written to as it is.  false: errno tells why, and nothing has changed.
 */
bool	save_file(const char *path, const char *text, mode_t);

#endif
