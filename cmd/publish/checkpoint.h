/* SPDX-License-Identifier: MIT */
/*
 * checkpoint - a file that says how far another file was sent
 *
 * It also says which file that was, and what it begins with and what stands
 * before the place: a file that took its place is not mistaken for it.
 */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include "input/input.h"

struct checkpoint {
	const char	*path;		/* NULL: there is none, and all of this does nothing */
	const struct input *in;
	uint64_t	 offset;	/* that is in the file */
	int64_t		 saved_at;
};

/*
 * Lets the input go on where the checkpoint says; makes one that says "at the beginning" if there is none. Exits 64, 73
 * or 78 with a message if that cannot be.
 */
void	checkpoint_open(struct checkpoint *, const char *path, struct input *);
/* When checkpoint_save() has something to save, at most once a second; -1: never. */
int64_t	checkpoint_time(const struct checkpoint *, uint64_t offset);
/* All before the offset, so many records, is done.  false: errno tells why. */
bool	checkpoint_save(struct checkpoint *, uint64_t offset, uint64_t records);

#endif
