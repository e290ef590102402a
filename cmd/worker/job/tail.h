/* SPDX-License-Identifier: MIT */
/*
 * tail - the last KiB of what a command said
 */
#ifndef TAIL_H
#define TAIL_H

#include <stddef.h>

enum { TAIL_SIZE = 1024 };

/* All zero is nothing. */
struct tail {
	size_t	 len;
	char	 text[TAIL_SIZE];
};

void	 tail_keep(struct tail *, const char *data, size_t len);
char	*tail_text(const struct tail *);	/* at most TAIL_SIZE bytes, escaped; to be freed; NULL: nothing */

#endif
