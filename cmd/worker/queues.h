/* SPDX-License-Identifier: MIT */
/*
 * queues - the queues that a worker takes messages from
 *
 * Each has a consumer on the worker's one channel, its own queues for failed
 * messages, and its own way back from these.  The number of --prefetch is
 * divided among them; without it each may fill all jobs alone.
 */
#ifndef QUEUES_H
#define QUEUES_H

#include "tool/opt.h"
#include "worker/retry/copies.h"
#include "worker/retry/delays.h"

struct worker;

struct work_queue {
	const char	*name;
	size_t		 hold;		/* messages of it that may be in hand */
	struct copies	 copies;
	struct returns	 returns;
	bool		 policy_told;	/* that failed messages have no queues */
	bool		 silent;	/* it cannot be asked whether it is empty */
	uint32_t	 keeps;		/* messages, and gives us none: is it a stream? */
};

#define QUEUES_FOREACH(q, w) for ((q) = (w)->queues; (q) < (w)->queues + (w)->nqueues; (q)++)

/* Those that were asked for, or the other one.  A wrong name ends the program. */
void	queues_choose(struct worker *, const struct opt_list *, const char *otherwise);
void	queues_share(struct worker *, size_t hold, bool all);	/* all: each has as much, else they divide it */
size_t	queues_resting(const struct worker *, const struct work_queue *);

/* The configuration is that of the worker's first session. */
void	queues_look(struct worker *, const struct rmq_config *);	/* whether failed messages have places */
bool	queues_decided(const struct worker *);	/* that is known of all */
void	queues_run(struct worker *, const struct rmq_config *, int64_t now);
size_t	queues_most_sessions(const struct worker *);
size_t	queues_sessions(const struct worker *, struct rmq **);
int64_t	queues_deadline(const struct worker *);		/* -1: none */
const char *queues_trouble(const struct worker *);	/* why it is not decided; "": it is, or nothing is known */
void	queues_stop(struct worker *, int64_t now);	/* nothing more comes back */
void	queues_leave(struct worker *);
bool	queues_gone(const struct worker *);
void	queues_free(struct worker *);

#endif
