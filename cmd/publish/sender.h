/* SPDX-License-Identifier: MIT */
/*
 * A sender at work: what publish.c and publish_*.c share.
 */
#ifndef RUN_H
#define RUN_H

#include "input/source.h"
#include "output/progress.h"
#include "publish/checkpoint.h"
#include "publish/offsets.h"
#include "publish/publish.h"
#include "publish/rate.h"
#include "publish/rejects.h"
#include "publish/suspects.h"

enum { ONE_SHOT = 10000, GRACE = 10000, GOODBYE = 5000, LATE = 250 };	/* ms */

struct run {
	struct rmq		*mq;
	const struct target	*target;
	struct rmq_message	 message;	/* the next one, and what all have in common */
	struct input		 in;
	enum input_status	 next;		/* what input_next() said last */
	bool			 single;	/* one message, with a deadline */
	bool			 skip;		/* a record that fails is set aside, and the others go on */
	bool			 skipping;	/* a record that is too long */
	bool			 verbose, talk;	/* talk: tell what will pass */
	int			 chat;
	const char		*report;	/* a file, or NULL */
	struct rmq_envelope	*envelope;	/* what the records are, or NULL */
	struct rate		 rate;
	struct progress		 progress;
	uint64_t		 input_size;

	struct rmq_counts	 counts;
	bool			 ready;		/* was so once */
	bool			 connected, closed;
	int64_t			 lost_at;	/* when the last byte came; 0: the connection is not lost */
	bool			 fed;		/* nothing more will be read */
	bool			 hopeless;	/* what is not settled will not be */
	int			 status;	/* exit status of the first failure */
	int			 sig;

	int64_t			 limit;		/* ms for what is to be done, -1: none */
	int64_t			 deadline, grace_until;	/* rmq_now(), -1: none */

	struct offsets		 offsets;	/* of the records from `settled` on */
	uint64_t		 settled;	/* number of the last record before the first that is not */
	struct suspects		 suspects;
	struct rejects		 rejects;
	struct checkpoint	 checkpoint;
	uint64_t		 bad;		/* records that were not even handed to the session */
	uint64_t		 first_rejected;	/* the first record that was skipped with a word, 0: none */
	int			 rejected_status;	/* exit status that it would have ended the run with */
	uint64_t		 first_failed;	/* the first record that was neither delivered nor set aside, 0: none */
	uint64_t		 resume_at;	/* where in the input that one begins */
	uint64_t		 first_returned, first_nacked;	/* the first record, 0: none */
	char			 returned[64];	/* why the first one came back */
	char			 returned_to[600];	/* and where it was to go */
	char			 lost[256];	/* why the connection was lost */
	char			 blocked[256];	/* why the broker takes no messages, "": it does */
	int64_t			 nacked_at;	/* rmq_now(), the last time; 0: never */
	char			 error[1024];	/* the first failure */
};

/* One line for the first failure, which stays; after it nothing more is read. */
void	run_fail(struct run *, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* One line that is not a failure. */
void	run_tell(struct run *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A record will never be delivered: it is set aside, or ends the run with this status. */
void	run_reject(struct run *, uint64_t number, int status, const char *why, size_t len);
/* The same without a word, once it is known that nobody wanted it. */
void	run_set_aside(struct run *, uint64_t number);

/* Hands records to the session as long as it takes them. */
void	run_feed(struct run *);
bool	run_has_room(const struct run *);	/* for one record more */
bool	run_awaits_input(const struct run *);
/* Is there anything that a limit of time could be for? */
bool	run_has_work(const struct run *);

/* What happened in this turn of the loop. */
void	run_take_events(struct run *);
void	run_settle(struct run *);	/* what the counts say: which records need no more attention */
void	run_take_signals(struct run *);
void	run_check_times(struct run *);
int64_t	run_next_time(const struct run *);	/* when run_check_times() has something to say, -1: never */

/* Where in the input to go on: all before it was delivered, or set aside. */
uint64_t run_next_offset(const struct run *);
void	run_save_checkpoint(struct run *);

/* One line, and the file of --report. */
void	run_summarize(const struct run *);
void	run_report(struct run *, int status);

/* Will people be shown the message? */
bool	run_chats(const struct run *);
/* What became of it all; frees.  The exit status, unless a signal is passed on. */
int	run_conclude(struct run *);

#endif
