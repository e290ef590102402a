/* SPDX-License-Identifier: MIT */
/*
 * tasks - the messages that a worker has in its hands
 *
 * Each is waiting for a free job, or its command runs, or its command failed
 * and it rests before it goes back.  A tag is good until its connection is
 * lost; a command that still runs then is no longer ours to settle.
 */
#ifndef TASKS_H
#define TASKS_H

#include <sys/queue.h>
#include <sys/types.h>

#include <rmq.h>

enum task_state { TASK_WAITING, TASK_RUNNING, TASK_RESTING };

struct task {
	TAILQ_ENTRY(task)	 next;
	enum task_state		 state;
	uint64_t		 tag;
	bool			 owned;		/* the tag is good */
	uint64_t		 message;	/* its policy_name() */
	pid_t			 pid;		/* of the command; 0: nothing but time runs */
	int64_t			 until;		/* resting, or running without a command */
	struct rmq_delivery	 delivery;	/* waiting: a copy */
	char			*copy;
};

TAILQ_HEAD(tasks, task);

struct task	*tasks_add(struct tasks *, const struct rmq_delivery *);	/* waiting; NULL: no memory */
bool		 task_keep(struct task *, const struct rmq_delivery *);		/* for longer than it is borrowed */
void		 tasks_remove(struct tasks *, struct task *);

size_t		 tasks_count(const struct tasks *, enum task_state);
struct task	*tasks_first(const struct tasks *, enum task_state);	/* NULL: none */
struct task	*tasks_due(const struct tasks *, int64_t now);		/* one whose time has come */
struct task	*tasks_ended(const struct tasks *, int *status);	/* one whose command has ended */
int64_t		 tasks_deadline(const struct tasks *);			/* of the next that will be due, -1: none */
void		 tasks_kill(const struct tasks *, int sig);
void		 tasks_disown(struct tasks *);	/* forgets all but what runs */

#endif
