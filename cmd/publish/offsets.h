/* SPDX-License-Identifier: MIT */
/* offsets - where in the input each record that is under way ends, by its number from 1 on */
#ifndef OFFSETS_H
#define OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct offsets {
	uint64_t	*ends;		/* a ring */
	size_t		 size;		/* a power of two */
};

/* Nobody will ask for records before `oldest`.  false: no memory. */
bool	 offsets_put(struct offsets *, uint64_t number, uint64_t end, uint64_t oldest);
uint64_t offsets_end(const struct offsets *, uint64_t number);
void	 offsets_free(struct offsets *);

#endif
