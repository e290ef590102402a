/* SPDX-License-Identifier: MIT */
/*
 * What a worker writes to its job log: an attempt from the start of its
 * command to what became of its message.  Without --joblog nothing happens
 * here.
 */
#ifndef WORK_LOG_H
#define WORK_LOG_H

#include <stdbool.h>
#include <stddef.h>

struct task;
struct worker;

enum { JOBLOG_PARALLEL, JOBLOG_JSON };

void	work_log_open(struct worker *);		/* or ends the program */
void	work_log_close(struct worker *);
bool	work_log_begin(struct worker *, struct task *, size_t sent);	/* before its command; false: no memory */
void	work_log_ended(struct task *);		/* its command, just now */
void	work_log(struct worker *, struct task *, const char *outcome);	/* what became of its message */
void	work_log_lost(struct worker *);	/* of what is forgotten with its tag, before it is */

#endif
