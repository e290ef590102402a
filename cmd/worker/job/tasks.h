/* SPDX-License-Identifier: MIT */
/*
 * tasks - the messages that a worker has in its hands
 *
 * Each is waiting for a free job, or its command runs; or its command failed,
 * and it rests before it is tried again or goes back, or a copy of it is on
 * its way to where failed messages go; or its reply is on its way.  A tag is
 * good until its connection is lost; a command that still runs then is no
 * longer ours to settle.
 */
#ifndef TASKS_H
#define TASKS_H

#include <sys/queue.h>
#include <sys/types.h>

#include <rmq.h>

#include "broker/outbox.h"
#include "message/label.h"
#include "worker/job/joblog.h"
#include "worker/job/pipes.h"

/* WRITING: its command has ended, but its output is not yet where it has to be. */
enum task_state { TASK_WAITING, TASK_RUNNING, TASK_WRITING, TASK_RESTING, TASK_COPYING, TASK_REPLYING };

/* What is to be said of it on a copy. */
struct failure {
	int64_t	 delay;			/* where the copy goes: to this delay's queue, or POLICY_DEAD */
	const char *reason;		/* for the dead */
	int64_t	 first, last;		/* seconds since 1970 */
	int	 status;		/* of the command, as waitpid() has it; -1: there was none */
	char	*said;			/* the end of its standard error; NULL: nothing */
};

/* What its command writes to standard output, if that is not ours. */
struct task_output {
	struct stream	*stream;	/* NULL: none */
	int		 file;		/* -1: none */
	struct lines	 lines;		/* of the file */
	off_t		 done;		/* of the file: bytes before this are passed on */
	bool		 lost;		/* somebody else's output cannot be written, so this one is not read */
	bool		 begun;		/* nobody else's output comes before the rest */
	uint64_t	 cookie;	/* of the end of it in our own output; 0: it is not there */
};

enum { TASK_LABEL = 256 };

struct work_queue;

struct task {
	TAILQ_ENTRY(task)	 next;
	enum task_state		 state;
	struct work_queue	*queue;		/* it came from */
	uint64_t		 tag;
	bool			 owned;		/* the tag is good */
	bool			 worn;		/* it came back often: see broker/giveback.h */
	int64_t			 since;		/* when it was taken */
	uint64_t		 message;	/* its policy_name() */
	uint64_t		 content;	/* its policy_content(); 0: it has no id */
	char			 label[TASK_LABEL];	/* its id, or else its routing key */
	unsigned		 attempt;	/* which one it is now; 0: not looked at yet */
	pid_t			 pid;		/* of the command; 0: nothing but time runs */
	int64_t			 started;
	int64_t			 until;		/* the end of a rest, pretended work, or a command's time; 0: none */
	bool			 timed_out;	/* the command's time is over */
	bool			 again;		/* when it has rested: the next attempt here */
	int64_t			 held_since;	/* by an open breaker; 0: it is not */
	struct stream		*errors;	/* the command's standard error, or NULL: it is ours */
	struct task_output	 output;
	struct job_record	*record;	/* of the attempt, if there is a log; NULL: it is written */
	struct failure		 failure;
	struct reply		*reply;		/* that it wants, or NULL */
	struct outbox_letter	 letter;	/* the copy or the reply */
	struct rmq_delivery	 delivery;	/* if there is a copy */
	char			*copy;
};

TAILQ_HEAD(tasks, task);

struct task	*tasks_add(struct tasks *, const struct rmq_delivery *);	/* waiting; NULL: no memory */
bool		 task_keep(struct task *, const struct rmq_delivery *);		/* for longer than it is borrowed */
const char	*task_called(const struct task *, char text[LABEL_SIZE]);	/* in a line for people */
void		 task_forget_record(struct task *);
void		 task_release_output(struct task *);
void		 tasks_remove(struct tasks *, struct task *);

size_t		 tasks_count(const struct tasks *, enum task_state);
size_t		 tasks_owned(const struct tasks *);
size_t		 tasks_at_work(const struct tasks *);	/* each is one of the jobs at once */
struct task	*tasks_first(const struct tasks *, enum task_state);	/* NULL: none */
struct task	*tasks_due(const struct tasks *, int64_t now);		/* one whose time has come */
struct task	*tasks_ended(const struct tasks *, int *status);	/* one whose command has ended */
int64_t		 tasks_deadline(const struct tasks *);			/* of the next that will be due, -1: none */
void		 tasks_kill(const struct tasks *, int sig);
/* Forgets all but what runs or is being written and, if so wished, copies that were sent. */
void		 tasks_disown(struct tasks *, bool keep_copies);
/* All that its command wrote to its standard output, if that is not ours: see worker/output.h. */
int	task_output_file(const struct task *);	/* -1: there is none */
int64_t	task_output_size(const struct task *);	/* bytes so far; -1: not known, as it is ours */

#endif
