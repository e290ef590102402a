/* SPDX-License-Identifier: MIT */
/* Messages out and confirms in, with one poll() for both, until all is confirmed. */
#ifndef BENCH_PUMP_H
#define BENCH_PUMP_H

#include "wire.h"

/* At most `room` messages, encoded; how many there are, 0 at the end. */
typedef size_t more_fn(void *, size_t room, struct bytes *);

void	 pump(struct wire *, uint64_t window, more_fn *, void *);	/* window 0: no limit */

#endif
