/* SPDX-License-Identifier: MIT */
/*
 * suspects - records that came back or were given up, until it is certain
 *
 * A message that came back has its confirm still to come, and may be sent
 * again before.
 */
#ifndef SUSPECTS_H
#define SUSPECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct suspect {
	uint64_t	 number;	/* of the record */
	bool		 returned, given_up;
};

struct suspects {
	struct suspect	*list;
	size_t		 count, size;
	uint64_t	 highest;	/* number that was ever among them */
};

/* false: no memory. */
bool	suspects_returned(struct suspects *, uint64_t number);
bool	suspects_given_up(struct suspects *, uint64_t number);
void	suspects_lost(struct suspects *);	/* the connection: what came back is sent again */
/* Calls `failed` for each one up to `settled` that did, and forgets those up to there. */
void	suspects_settle(struct suspects *, uint64_t settled, void (*failed)(void *, uint64_t number), void *);
void	suspects_free(struct suspects *);

#endif
