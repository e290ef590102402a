/* SPDX-License-Identifier: MIT */
/*
 * Records that the broker did not take (basic.nack), until they are sent again.
 *
 * A queue may be full, or its node down: both can pass.  So each such record
 * waits for a pause that grows, within the time that the publisher gives it,
 * while others pass by.  It lies apart from them: what is on the wire is in
 * order, and this is not.  A confirm shows that there is room again, so what
 * waits for the same place need not wait any longer.
 * https://www.rabbitmq.com/docs/confirms#server-sent-nacks
 */
#ifndef RMQ_NACKED_H
#define RMQ_NACKED_H

#include "session/publisher.h"

/* Takes the i-th record over, or gives it up if its time is over; false: no memory, nothing was done. */
bool	nacked_keep(struct publisher *, uint64_t i, bool *given_up);
/* Puts those whose pause is over behind all others; false: no memory. */
bool	nacked_wake(struct publisher *, int64_t now);
void	nacked_has_room(struct publisher *, const struct record *confirmed);
const struct record *nacked_oldest(const struct publisher *);	/* NULL: none waits */
void	nacked_free(struct publisher *);

#endif
