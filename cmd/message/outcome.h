/* SPDX-License-Identifier: MIT */
/*
 * outcome - what a reply says of the command that made it
 *
 *	x-exit-status	its exit status, if it has one
 *	x-signal	the number of the signal that ended it
 *	x-error		what else went wrong, in words
 *
 * A reply without them, from a server that is not ours, is a success.
 */
#ifndef OUTCOME_H
#define OUTCOME_H

#include <rmq.h>

#define OUTCOME_EXIT "x-exit-status"
#define OUTCOME_SIGNAL "x-signal"
#define OUTCOME_ERROR "x-error"

struct outcome {
	int	 status;	/* -1: none */
	int	 signal;	/* 0: none */
};

/* For who serves; error: NULL for none. */
bool	outcome_set(struct rmq_table *, const struct outcome *, const char *error, struct rmq_error *);

/*
 * For who calls: the exit status, 0 or 1, and a line on standard error about a failure; or that of the
 * command itself, 128 and more for a signal, and then its exit status needs no line.
 */
int	outcome_report(const struct rmq_table *, bool passed_on);

#endif
