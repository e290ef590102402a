/* SPDX-License-Identifier: MIT */
/*
 * policy - what becomes of a message whose command failed
 *
 * The pause before the next attempt is the first of --delays, then the
 * second, and the last one again and again.  Short ones are spent in the
 * worker, for longer ones the message goes to a queue of its own for each
 * delay, QUEUE.retry.5s, which gives it back to QUEUE when the time is over.
 * After the last attempt it goes to QUEUE.dead.  Classic queues, which cannot
 * give back without a loss, only keep it; they are called QUEUE.delay.5s, and
 * a worker brings it back (see returns.h).
 *
 * Where these queues do not exist, a message rests in the worker and goes
 * back: one second at first, twice as long after each further failure, a
 * minute at most.  Failures are remembered while the process lives; of two
 * messages that claim the same place in memory the later one stays.
 */
#ifndef POLICY_H
#define POLICY_H

#include <rmq.h>

#include "tool/opt.h"

enum {
	POLICY_PLACES = 1024,
	POLICY_DELAYS = 32,
	POLICY_NAME = 256,	/* of a queue, with its NUL */
	POLICY_DEAD = -1,	/* no delay: QUEUE.dead */
	POLICY_UNTOLD = -1,	/* no time */
	POLICY_HALT_MAX = 1000
};

extern const struct opt opt_policy[];

enum { ON_LOST_FINISH, ON_LOST_KILL };
enum { RETRY_QUORUM, RETRY_CLASSIC };

struct policy_options {
	int64_t	 attempts;
	int64_t	 delays[POLICY_DELAYS];		/* ms */
	size_t	 ndelays;
	int64_t	 hold;				/* the longest delay that is spent in the worker, ms */
	int64_t	 halt_after;			/* different messages that fail in a row, 0: pause instead */
	int64_t	 job_timeout, kill_after;	/* ms; job_timeout 0: none */
	int	 on_lost;
	int	 retry_type;			/* of the queues for failed messages */
	bool	 setup;
};
extern struct policy_options policy_options;

/* The pause after this attempt, the first is 1; POLICY_DEAD: it was the last. */
int64_t	policy_delay(unsigned attempt);
bool	policy_held(int64_t delay);
/* The i-th delay that has a queue; POLICY_DEAD: there are no more. */
int64_t	policy_queued_delay(size_t i);
/* The queue for a delay or, for POLICY_DEAD, the dead; false: its name would be too long. */
bool	policy_queue(const char *queue, int64_t delay, char name[POLICY_NAME]);
/*
 * How long a message still rests, ms; when it failed, and now, in seconds since 1970.  Never longer than its
 * delay; POLICY_UNTOLD: that time is not known, or cannot be true.
 */
int64_t	policy_rest(int64_t delay, int64_t failed_at, int64_t now);

struct policy {
	struct {
		uint64_t	 message;
		unsigned	 failures, overdue;
	} memory[POLICY_PLACES];
};

/* What a message is known by: its id, or, as a tag is new at each delivery, what it says and where it was sent. */
uint64_t policy_name(const struct rmq_delivery *, const struct rmq_properties *);
/* What it says and where it was sent, together with its id; never 0. */
uint64_t policy_content(const struct rmq_delivery *, const struct rmq_properties *);
int64_t	 policy_failed(struct policy *, uint64_t message);	/* how long it rests without queues, ms */
void	 policy_succeeded(struct policy *, uint64_t message);
/* The broker took it back because it was not acknowledged in time, and how often it had done so. */
void	 policy_overdue(struct policy *, uint64_t message);
unsigned policy_times_overdue(const struct policy *, uint64_t message);

#endif
