/* SPDX-License-Identifier: MIT */
/*
 * policy - how long a message rests whose command failed
 *
 * One second at first, twice as long after each further failure, a minute at
 * most.  Failures are remembered while the process lives; of two messages
 * that claim the same place in memory the later one stays.
 */
#ifndef POLICY_H
#define POLICY_H

#include <rmq.h>

enum { POLICY_PLACES = 1024 };

struct policy {
	struct {
		uint64_t	 message;
		unsigned	 failures;
	} memory[POLICY_PLACES];
};

/* What a message is known by: its id, or, as a tag is new at each delivery, what it says and where it was sent. */
uint64_t policy_name(const struct rmq_delivery *, const struct rmq_properties *);
int64_t	 policy_failed(struct policy *, uint64_t message);	/* how long it rests now, ms */
void	 policy_succeeded(struct policy *, uint64_t message);

#endif
