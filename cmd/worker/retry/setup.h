/* SPDX-License-Identifier: MIT */
/*
 * setup - declares the queues that the policy for failed messages needs
 *
 *	QUEUE		if it is missing: what the broker gives up goes to QUEUE.dead
 *	QUEUE.retry.*	one for each delay, from where messages go back to QUEUE; or
 *	QUEUE.delay.*	with --retry-type=classic, from where workers bring them back
 *	QUEUE.dead
 *
 * The dead-letter exchange of QUEUE never leads to a retry queue: a message
 * that went in such a circle without a rejection would be dropped by the
 * broker.  https://www.rabbitmq.com/docs/dlx
 */
#ifndef SETUP_H
#define SETUP_H

#include <rmq.h>

/* The exit status; what is wrong is told. */
int	setup(const struct rmq_config *, const char *queue);

#endif
