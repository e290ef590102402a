/* SPDX-License-Identifier: MIT */
/* watch - what happened in this turn of the loop */
#ifndef WATCH_H
#define WATCH_H

#include "publish/sender.h"

void	watch_events(struct sender *);
void	watch_signals(struct sender *);
void	watch_times(struct sender *);
int64_t	watch_next_time(const struct sender *);	/* when watch_times() has something to say, -1: never */
bool	watch_has_work(const struct sender *);	/* is there anything that a limit of time could be for? */

#endif
