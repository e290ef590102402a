/* SPDX-License-Identifier: MIT */
/*
 * Where the standard output of a command goes.
 *
 *	OUTPUT_OURS	it is the worker's own, and nothing passes through here
 *	OUTPUT_LINES	a pipe, passed on to ours line by line, with tags
 *	OUTPUT_PIECE	a file, written to ours in one piece when the command has ended
 *
 * What passes through here is written before its message is settled: a task
 * whose command has ended is TASK_WRITING until then.  If our standard output
 * cannot be written, the message goes back and the worker ends.
 *
 * The body of a reply is a file, whatever the options say.  When the command
 * has ended, and until its task is removed or run again, task_output_file() has all that it
 * wrote to its standard output: read it with pread(2) or mmap(2); its size is
 * fstat(2)'s.  The file has no name and is closed with the task, or sooner by
 * task_release_output().
 */
#ifndef WORK_OUTPUT_H
#define WORK_OUTPUT_H

#include <poll.h>
#include <stdbool.h>

#include <rmq.h>

#include "tool/opt.h"

struct job;
struct task;
struct worker;

struct work_output_options {
	bool		 tag, collect;
	const char	*joblog;	/* NULL: none */
	int		 joblog_format;
};
extern struct work_output_options work_output_options;
extern const struct opt opt_work_output[];

void	work_output_begin(struct worker *);
void	work_output_end(struct worker *);

/* What its next command writes to, output and errors, to be closed by the caller; -1: ours.  False: see errno. */
bool	work_output_open(struct worker *, struct task *, struct job *);
/* Its command has ended: is all that it wrote where it has to be?  Else its task has to wait. */
bool	work_output_ended(struct worker *, struct task *);
bool	work_output_lost(const struct worker *, const struct task *);	/* it will never be there */

/* For the loop: writes what can be written, and then those whose output is there, one after the other. */
void	work_output_settle(struct worker *);
struct task *work_output_written(const struct worker *);	/* to be settled; NULL: none */
void	work_chat(struct worker *, const char *what, struct rmq_bytes body);
/* Then what to wait for, so many places of an array, and what came of that. */
enum { WORK_OUTPUT_FDS = 2 };
void	work_output_poll(const struct worker *, struct pollfd *);
void	work_output_io(struct worker *, const struct pollfd *);

#endif
