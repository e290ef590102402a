/* SPDX-License-Identifier: MIT */
/*
 * breaker - notices that it is not the messages that are bad
 *
 * When different messages fail in a row, something that all commands need is
 * away.  Then nothing is started for a pause that grows, and after it one
 * message at a time, until one succeeds.  So an outage moves no more than a
 * few messages to where failed ones go.
 */
#ifndef BREAKER_H
#define BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/retry/policy.h"

struct breaker {
	uint64_t	 names[POLICY_HALT_MAX];	/* that failed since a command last succeeded */
	unsigned	 count;
	bool		 open;
	int64_t		 pause, until;	/* nothing is started before `until' */
};

/* false: it has been so for too long, or this is no outage; true: the message is kept until the pause is over */
bool	breaker_holds(const struct breaker *, int64_t held_since, int64_t now);
/* True when this failure opened it. */
bool	breaker_failed(struct breaker *, uint64_t message, unsigned limit, int64_t now);
/* True when this success closed it. */
bool	breaker_succeeded(struct breaker *);

#endif
