/* SPDX-License-Identifier: MIT */
/*
 * Messages that were delivered on a channel and are not settled: their tags,
 * in ascending order.  How many there can be the prefetch says, so a broker
 * that sends more is stopped before it fills our memory.
 */
#ifndef HELD_H
#define HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct held {
	uint64_t	*tags;		/* [first, end); those that are settled are marked */
	size_t		 first, end, size;
	size_t		 count;		/* of those that are not */
	size_t		 most;		/* so many may be held; SIZE_MAX: there is no limit */
	uint64_t	 last;		/* tag on this channel */
};

bool	held_add(struct held *, uint64_t tag);		/* greater than all before it; false: no memory */
void	held_settle(struct held *, uint64_t tag, bool all_before);
void	held_clear(struct held *);			/* the channel is gone */
void	held_free(struct held *);

#endif
