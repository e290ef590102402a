/* SPDX-License-Identifier: MIT */
/*
 * What the parts of a worker know of each other.
 *
 *	loop.c		its session, and what happens in each turn
 *	subscribe.c	for how many messages, and for how long
 *	queues.c	the queues that it serves
 *	hold.c		how many messages may be in hand
 *	empty.c		whether the queues are empty
 *	report.c	how it is: for SIGUSR2, and for who supervises it
 *	end.c		limits, signals and the end
 *	take.c		a message from its delivery until its command has ended
 *	settle.c	what settles it, and stops the worker
 *	run.c		the start of its command
 *	output.c	where the output of the command goes
 *	log.c		what is written down of it
 *	failed.c	what becomes of the message when it failed
 *	copying.c	copies of the message, until they are confirmed
 *	replies.c	the reply to it, until that is confirmed
 */
#ifndef WORKER_H
#define WORKER_H

#include <rmq.h>

#include "broker/empty.h"
#include "broker/giveback.h"
#include "output/output.h"
#include "worker/finished.h"
#include "worker/job/environ.h"
#include "worker/job/exit_map.h"
#include "worker/job/joblog.h"
#include "worker/job/pipes.h"
#include "worker/job/tasks.h"
#include "worker/queues.h"
#include "worker/reply.h"
#include "worker/retry/breaker.h"
#include "worker/retry/policy.h"

enum output_mode { OUTPUT_OURS, OUTPUT_LINES, OUTPUT_PIECE };	/* see worker/output.h */

enum stage {
	WORKING,
	DRAINING,	/* takes nothing more, and waits for what runs */
	STOPPING,	/* what runs was asked to stop */
	KILLING,	/* what runs was killed */
	LEAVING		/* nothing is in hand: says goodbye to the broker */
};

/* What is known of the length of jobs: see worker/hold.c. */
struct hold {
	size_t		 ended;		/* commands, since then: */
	int64_t		 since, last;	/* and the last one */
	size_t		 ahead;		/* messages to take ahead */
	int64_t		 doubt_until;	/* nothing is taken ahead before */
};

struct worker {
	const struct rmq_config *config;
	struct rmq	*mq;
	char		**command;	/* NULL: pretend to work */
	struct work_queue *queues;
	size_t		 nqueues;
	struct rmq	**sessions;	/* that are waited for: there is room for all */
	const char	*url;		/* for its environment */
	size_t		 jobs;		/* commands that may run at once */
	size_t		 hold;		/* messages that may be in hand, of all queues */
	bool		 hold_fixed;	/* by --prefetch or a small count */
	struct hold	 pace;
	int64_t		 grace;		/* ms for running commands, at the end */
	int64_t		 count;		/* messages to take, -1: no limit */
	int64_t		 max_jobs, max_time;	/* commands to start and ms to work, 0: no limit */

	struct environ	 environ;
	struct policy	 policy;
	struct breaker	 breaker;
	struct outbox	 replies;
	struct giveback	 back;
	struct empty	 empty;		/* --until-empty */
	struct tasks	 tasks;
	struct finished	 finished;
	struct streams	 streams;
	bool		 chats;
	enum output_mode output;	/* of commands */
	struct output	 out, err;	/* our standard output and error; out only if something is written to it here */
	bool		 writes;
	bool		 out_told;	/* that it cannot be written */
	uint64_t	 last_cookie;
	struct joblog	 log;
	bool		 logs;

	int64_t		 taken, started, succeeded;
	int64_t		 no_queue_since;	/* copies come back, 0: they do not */
	bool		 not_taken;		/* copies are refused for now, which has been told */
	bool		 replies_to;		/* who asked; what else is in the queue is an ordinary job */
	bool		 no_caller_told;	/* that who asked has gone */
	int64_t		 active;	/* when a message last came or went */
	int		 obstacle;	/* exit status: no command can be run at all, 0: none in sight */

	enum stage	 stage;
	int64_t		 stage_end;	/* of all stages but the first */
	int		 status;
	char		 trouble[600];	/* when it began to end: why no messages could come; "": they could */
	int		 signals, signal; /* how many asked for the end, and which was the first */
	int64_t		 began, lost_at;
	bool		 was_connected, connected;
	bool		 subscribed;	/* the session knows of the queues */
	bool		 served;	/* and the broker once did */
	bool		 asked_for_time, no_time_to_ask_for;	/* x-consumer-timeout; it was refused */
	bool		 paused;	/* by SIGUSR1 */
	bool		 taken_back;	/* its messages, by the broker, and the connection stands */
	bool		 busy;		/* all jobs are, with messages that were lost: new ones would only wait */
	bool		 consuming;	/* deliveries may still come */
	bool		 enough;	/* `count' was taken */
	bool		 closing, closed, failed; /* the session */
};

void	hold_ended(struct worker *, int64_t now);	/* a command */
void	hold_adjust(struct worker *, int64_t now);
int64_t	hold_time(const struct worker *);		/* when to call again, -1: whenever something happens */

void	worker_begin(struct worker *, int notify_fd);	/* with what the options say, opens all that it needs */
void	worker_run(struct worker *);			/* until it is over */
void	worker_free(struct worker *);

void	worker_subscribe(struct worker *);
bool	worker_refused_time(struct worker *);	/* the queue does not know x-consumer-timeout; the next time not */

int64_t	worker_ask_time(const struct worker *);	/* -1: there is nothing to ask */
void	worker_ask(struct worker *, int64_t now);	/* the broker, if it is time to */
void	worker_answered(struct worker *, const struct rmq_event *);

void	worker_report(const struct worker *, int64_t now);	/* what runs since when, on standard error */
void	worker_notify(const struct worker *);	/* who supervises it: whether it takes messages */

void	worker_stop(struct worker *, int status);	/* the first reason decides the exit status */
void	worker_enter(struct worker *, enum stage, int64_t ms);	/* the time that it has */
void	worker_caught(struct worker *, int sig);
void	worker_resume(struct worker *);		/* taking messages, if nothing is against it */
void	worker_take_again(struct worker *, int64_t n);
int64_t	worker_deadline(const struct worker *);
void	worker_heed_limits(struct worker *, int64_t now);
bool	worker_over(struct worker *, int64_t now);
int	worker_verdict(const struct worker *);		/* the exit status, or an end by a signal */

void	work_take(struct worker *, const struct rmq_delivery *);
void	work_start(struct worker *);		/* what waits, while jobs are free */
void	work_reap(struct worker *);		/* commands that have ended */
void	work_due(struct worker *, int64_t now);	/* what has rested, pretended or run long enough */
void	work_settle(struct worker *, struct task *);	/* its command has ended, and its output is where it belongs */
void	work_nack_waiting(struct worker *);	/* what was not started */
void	work_give_back(struct worker *);	/* all that does not run */
void	work_end(struct worker *, int sig);	/* what runs, before its time */
void	work_lost(struct worker *);		/* commands whose messages are no longer ours, as --on-lost says */
/* These settle a message, and remove its task. */
void	work_turn_down(struct worker *, struct task *, enum exit_action);
void	work_done(struct worker *, struct task *, bool succeeded);	/* acknowledged; succeeded: its command, too */
void	work_nack(struct worker *, struct task *);	/* it goes back: not its fault */
void	work_reject(struct worker *, struct task *);	/* it goes back: its attempt failed */

void	work_run(struct worker *, struct task *, const struct rmq_delivery *);	/* the next attempt at it */

/* One attempt failed; t->failure.reason: it must not be tried again. */
void	work_failed(struct worker *, struct task *, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void	work_go_back(struct worker *, struct task *, const char *what);	/* to its queue, after a pause that grows */
void	work_copies(struct worker *, int64_t now);	/* sends copies, and acknowledges what was confirmed */

/* The task's reply is sent, and then the request acknowledged; error: what went wrong beside the command, or NULL. */
void	work_reply(struct task *, const char *error);
void	work_reply_outcome(struct task *);	/* as the command ended */
void	work_replies(struct worker *);

#endif
