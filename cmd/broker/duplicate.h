/* SPDX-License-Identifier: MIT */
/*
 * duplicate - the same message once more, at the end of the queue that it came from
 *
 * For who consumes it nothing changes: what is known of its deaths stays, and
 * only what the broker counted for the old one goes.
 */
#ifndef DUPLICATE_H
#define DUPLICATE_H

#include <rmq.h>

#include "broker/outbox.h"

/* On the outbox's connection.  False: it cannot be published, and the error says why. */
bool	duplicate_publish(struct outbox *, struct rmq *consumes, const struct rmq_delivery *, const char *queue,
	    uint64_t cookie, struct rmq_error *);

#endif
