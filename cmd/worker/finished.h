/* SPDX-License-Identifier: MIT */
/*
 * finished - messages that are done, though the broker had taken them back
 *
 * It delivers them again, and they are acknowledged then instead of being done
 * once more.  They are known by their id and by what they say; a message
 * without an id is not remembered, for another one may say the same.  Each is
 * forgotten when it has come, or when as many others have been added.
 */
#ifndef FINISHED_H
#define FINISHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/job/tasks.h"

enum { FINISHED_PLACES = 256 };

struct finished {
	struct {
		uint64_t	 content;	/* 0: nothing is here */
		const struct work_queue *queue;
		char		 id[TASK_LABEL];
	} memory[FINISHED_PLACES];
	size_t	 next;
	size_t	 count;
};

void	finished_add(struct finished *, const struct task *);	/* unless it has no id */
bool	finished_take(struct finished *, const struct task *);	/* it was there, and is there no more */

#endif
