/* SPDX-License-Identifier: MIT */
/*
 * origin - where a message came from before a copy of it was put into its queue
 *
 * A copy goes through the default exchange, with the name of its queue as
 * routing key.  What the message had instead is in headers of the copy:
 *
 *	x-origin-exchange, x-origin-routing-key, x-origin-queue
 *	x-origin-cc	what routed it elsewhere too, and must not do so again
 */
#ifndef MESSAGE_ORIGIN_H
#define MESSAGE_ORIGIN_H

#include <rmq.h>

/* Is what was delivered from this queue such a copy? */
bool	origin_known(const struct rmq_delivery *, const struct rmq_table *headers, const char *queue);
/*
 * Notes it in the headers of a copy of what was delivered from this queue, which are the message's own until now;
 * a copy of a copy keeps what it has.
 */
bool	origin_note(struct rmq_table *headers, const struct rmq_delivery *, const char *queue, struct rmq_error *);

#endif
