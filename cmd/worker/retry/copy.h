/* SPDX-License-Identifier: MIT */
/*
 * copy - a failed message as it goes to a retry queue or to the dead
 *
 * The body and the properties are the message's own, except:
 *
 *	x-attempt			how often its command was run
 *	x-first-failed-at, x-last-failed-at
 *	x-last-exit or x-last-signal	how the command ended
 *	x-last-error			the end of its standard error
 *	x-dead-reason			attempts, exit or timeout; for the dead
 *	x-origin-user-id, x-origin-expiration
 *					what the copy itself must not have
 *	x-origin-exchange, ...		see message/origin.h
 *
 * What brokers note in headers is left out, the delivery mode is persistent,
 * and a message without an id gets one.
 */
#ifndef COPY_H
#define COPY_H

#include <rmq.h>

#include "worker/job/tasks.h"

/* The first session decodes the properties, the copy is published on the second.  False: it can never be sent. */
bool	copy_publish(struct rmq *from, struct rmq *to, const struct task *, const char *queue, const char *target,
	    struct rmq_error *);
int64_t	copy_failed_at(const struct rmq_table *headers);	/* last, seconds since 1970; -1: they do not say */

#endif
