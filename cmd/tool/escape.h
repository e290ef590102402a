/* SPDX-License-Identifier: MIT */
/*
 * Text that others wrote, made safe for a terminal: control characters, bytes
 * that are no character, and characters that reorder a line become vis(3)'s
 * escapes (\n, \033, \377).  All else, in the user's character set, stays.
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include <stddef.h>

/* The escaped text, to be freed; NULL if there is no memory. */
char	*escape(const void *bytes, size_t len);

#endif
