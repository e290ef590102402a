/* SPDX-License-Identifier: MIT */
/*
 * eager - what brokers asked for the last time, for --eager
 *
 * The file brokers.json in the folder rmq-tools of the user's caches holds, for
 * each host, port, user and virtual host, the limits that the broker proposed
 * and the ways to log in that it offered: nothing secret.  It is there to save
 * time: whatever is wrong with it, nothing is said, and nothing is known then.
 */
#ifndef EAGER_H
#define EAGER_H

#include <rmq.h>

void	eager_recall(struct rmq_config *);	/* adds hints for the hosts that are known */
/* At the end of a session that eager_recall() was called for: a host that was not reached is forgotten. */
void	eager_remember(const struct rmq *);

#endif
