/* SPDX-License-Identifier: MIT */
/*
 * A sender at work: what publish.c, publish_watch.c and publish_end.c share.
 */
#ifndef RUN_H
#define RUN_H

#include "offsets.h"
#include "progress.h"
#include "publish.h"
#include "source.h"

enum { ONE_SHOT = 10000, GRACE = 10000, GOODBYE = 5000, LATE = 250 };	/* ms */

struct run {
	struct rmq		*mq;
	const struct target	*target;
	struct rmq_message	 message;	/* the next one, and what all have in common */
	struct input		 in;
	enum input_status	 next;		/* what input_next() said last */
	bool			 single;	/* one message, with a deadline */
	bool			 verbose, talk;	/* talk: tell what will pass */
	int			 chat;
	struct progress		 progress;
	uint64_t		 input_size;

	struct rmq_counts	 counts;
	bool			 ready;		/* was so once */
	bool			 connected, closed;
	bool			 fed;		/* nothing more will be read */
	bool			 hopeless;	/* what is not settled will not be */
	int			 status;	/* exit status of the first failure */
	int			 sig;

	int64_t			 limit;		/* ms, -1: none */
	int64_t			 deadline, grace_until;	/* rmq_now(), -1: none */

	struct offsets		 offsets;	/* of the records from settled_through on */
	uint64_t		 first_failed;	/* number of the first record that was not delivered, 0: none */
	uint64_t		 resume_at;	/* where in the input that one begins */
	char			 returned[64];	/* why the first one came back */
	char			 lost[256];	/* why the connection was lost */
};

/* One line for the first failure, which stays; after it nothing more is read. */
void	run_fail(struct run *, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* One line that is not a failure. */
void	run_tell(struct run *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What happened in this turn of the loop. */
void	run_take_events(struct run *);
void	run_take_signals(struct run *);
void	run_check_times(struct run *);
int64_t	run_next_time(const struct run *);	/* when run_check_times() has something to say, -1: never */

/* What became of it all; frees.  The exit status, unless a signal is passed on. */
int	run_conclude(struct run *);

#endif
