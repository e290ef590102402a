/* SPDX-License-Identifier: MIT */
/* save - a file that is there as a whole or not at all */
#ifndef SAVE_H
#define SAVE_H

#include <sys/types.h>

#include <stdbool.h>

/*
 * Puts the text in place of what the file had: written beside it, synced, renamed, and the directory synced; a file
 * that was there keeps its mode.  What is no regular file (a pipe, /dev/stderr) is written to as it is.  What another
 * user may have laid there is EACCES (see trust.h).  false: errno tells why, and nothing has changed.
 */
bool	save_file(const char *path, const char *text, mode_t);

#endif
