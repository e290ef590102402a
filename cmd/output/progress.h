/* SPDX-License-Identifier: MIT */
/*
 * progress - how far a long job is: one line on a terminal, written over and over
 *
 *	progress_start(&p, isatty(STDERR_FILENO));
 *	loop_wait(..., progress_time(&p));
 *	progress_tell(&p, &state);
 *	progress_clear(&p);		before anything else is written there, and at the end
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool		 wanted, shown;
	int64_t		 started, told;		/* rmq_now() */
	uint64_t	 done;			/* when it was told last */
	double		 rate;			/* a second, smoothed */
};

struct progress_state {
	uint64_t	 done, in_flight;	/* messages */
	const char	*done_word;		/* "confirmed" */
	uint64_t	 at, size;		/* bytes of input; size 0: nobody knows */
};

void	progress_start(struct progress *, bool wanted);
int64_t	progress_time(const struct progress *);		/* when there is something to tell, -1: never */
void	progress_tell(struct progress *, const struct progress_state *);	/* if it is time for it */
void	progress_clear(struct progress *);

#endif
