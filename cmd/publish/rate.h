/* SPDX-License-Identifier: MIT */
/*
 * rate - so many messages a second
 *
 * Time fills a bucket, each message takes one out of it.  It holds a tenth of
 * a second's messages, at least one: what was not used up is lost, so that no
 * pause is followed by a flood.
 */
#ifndef RATE_H
#define RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
	int64_t	 limit;		/* thousandths of a message a second; 0: none */
	int64_t	 credit;	/* a message costs a million */
	int64_t	 at;		/* rmq_now() when that was so */
};

void	rate_start(struct rate *, int64_t limit);
bool	rate_ready(struct rate *);		/* may a message go now? */
void	rate_spend(struct rate *);
int64_t	rate_time(const struct rate *);		/* when the next one may, -1: now, as far as this is concerned */

#endif
