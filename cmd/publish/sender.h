/* SPDX-License-Identifier: MIT */
/*
 * A sender at work.  publish.c turns the loop: feed.c fills the session, watch.c sees what happened, end.c says what
 * became of it all; ledger.c and report.c are below these.
 */
#ifndef SENDER_H
#define SENDER_H

#include "input/source.h"
#include "output/progress.h"
#include "publish/checkpoint.h"
#include "publish/offsets.h"
#include "publish/publish.h"
#include "publish/rate.h"
#include "publish/rejects.h"
#include "publish/suspects.h"

enum { ONE_SHOT = 10000, GRACE = 10000, GOODBYE = 5000, LATE = 250 };	/* ms */

struct sender {
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
void	sender_fail(struct sender *, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* One line that is not a failure. */
void	sender_tell(struct sender *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool	sender_chats(const struct sender *);		/* will people be shown the message? */
bool	sender_has_room(const struct sender *);	/* for one record more */

#endif
