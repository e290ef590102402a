/* SPDX-License-Identifier: MIT */
/*
 * headers - what is read out of the headers of a message, and written there
 *
 * Whoever published it may have written anything there.
 */
#ifndef HEADERS_H
#define HEADERS_H

#include <rmq.h>

/* The table may be NULL.  To be freed; NULL: there is no string or number of that name, or no memory. */
char	*headers_text(const struct rmq_table *, const char *name);
/* -1: there is none from 0 to most. */
int64_t	 headers_number(const struct rmq_table *, const char *name, int64_t most);
bool	 headers_have(const struct rmq_table *, const char *name);	/* a string or a number of that name */

/* Sets a header to a string of 255 bytes at most; one that is absent sets nothing. */
bool	 headers_set(struct rmq_table *, const char *name, struct rmq_bytes, struct rmq_error *);

#endif
