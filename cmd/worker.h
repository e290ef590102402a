/* SPDX-License-Identifier: MIT */
/*
 * worker - what the program (worker.c), its work on one message (work.c) and
 * its end (worker_end.c) know of each other
 */
#ifndef WORKER_H
#define WORKER_H

#include <rmq.h>

#include "environ.h"
#include "output.h"
#include "policy.h"
#include "tasks.h"

enum stage {
	WORKING,
	DRAINING,	/* takes nothing more, and waits for what runs */
	STOPPING,	/* what runs was asked to stop */
	KILLING,	/* what runs was killed */
	LEAVING		/* nothing is in hand: says goodbye to the broker */
};

struct worker {
	struct rmq	*mq;
	char		**command;	/* NULL: pretend to work */
	const char	*queue, *url;	/* for its environment */
	size_t		 jobs;		/* commands that may run at once */
	int64_t		 grace;		/* ms for running commands, at the end */
	int64_t		 count;		/* messages to take, -1: no limit */

	struct environ	 environ;
	struct policy	 policy;
	struct tasks	 tasks;
	struct output	 out;
	bool		 chats;

	int64_t		 taken, succeeded;
	int64_t		 active;	/* when a message last came or went */
	int		 obstacle;	/* exit status: no command can be run at all, 0: none in sight */

	enum stage	 stage;
	int64_t		 stage_end;	/* of all stages but the first */
	int		 status;
	int		 signals, signal; /* how many asked for the end, and which was the first */
	int64_t		 began, lost_at;
	bool		 was_connected, connected;
	bool		 consuming;	/* deliveries may still come */
	bool		 enough;	/* `count' was taken */
	bool		 closing, closed, failed; /* the session */
};

void	work_take(struct worker *, const struct rmq_delivery *);
void	work_start(struct worker *);		/* what waits, while jobs are free */
void	work_reap(struct worker *);		/* commands that have ended */
void	work_due(struct worker *, int64_t now);	/* what has rested or pretended long enough */
void	work_give_back(struct worker *);	/* all that does not run */
void	work_end(struct worker *, int sig);	/* what runs, before its time */
void	work_chat(struct worker *, const char *what, struct rmq_bytes body);

void	worker_stop(struct worker *, int status);	/* the first reason decides the exit status */
void	worker_caught(struct worker *, int sig);
int64_t	worker_deadline(const struct worker *);
void	worker_heed_limits(struct worker *, int64_t now);
bool	worker_over(struct worker *, int64_t now);
int	worker_verdict(const struct worker *);		/* the exit status, or an end by a signal */

#endif
