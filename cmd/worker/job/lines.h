/* SPDX-License-Identifier: MIT */
/*
 * lines - a tag and a tab before each line
 *
 * Bytes come as they come; lines are passed on whole, so that those of
 * several commands are not mixed.  A line that is longer than LINES_MAX goes
 * on as several.  Who writes alone has lines of any length, and nothing is
 * held: the record in the output is the caller's to end.  Without a tag bytes
 * are passed on as they are.
 */
#ifndef LINES_H
#define LINES_H

#include "output/output.h"

enum { LINES_MAX = 64 * 1024 };

struct lines {
	struct output	*to;
	char		*tag;		/* with its tab; NULL: none */
	bool		 alone;
	bool		 within;	/* alone: in a line that has begun */
	struct rmq_buffer held;		/* the beginning of a line */
};

/* The tag may be any text: what cannot be seen in it is escaped.  False: no memory. */
bool	lines_begin(struct lines *, struct output *to, const char *tag, bool alone);
void	lines_add(struct lines *, const void *, size_t);
void	lines_finish(struct lines *);	/* a last line without a newline gets one */
void	lines_free(struct lines *);

#endif
