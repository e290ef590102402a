/* SPDX-License-Identifier: MIT */
/*
 * mover - messages on their way from a queue to another place
 *
 * start.c opens the sessions, loop.c turns, end.c knows when and how it ends,
 * work.c has the messages in hand, message.c what becomes of one of them;
 * mover.c is below them all.
 *
 * One session consumes, another one publishes, so that a broker that takes no
 * messages for a while still takes acknowledgements.  A message is sent; when
 * it is confirmed and did not come back it is acknowledged.  What is not to be
 * moved, or could not be, is held until the end and then given back: it would
 * only be delivered again.
 */
#ifndef MOVER_H
#define MOVER_H

#include <stdbool.h>
#include <stdint.h>

#include <rmq.h>

#include "broker/empty.h"
#include "broker/giveback.h"
#include "message/label.h"
#include "message/route.h"
#include "output/progress.h"
#include "tool/opt.h"

struct urls;

enum move_origin { ORIGIN_NONE, ORIGIN_QUEUE, ORIGIN_EXCHANGE };

/* What the user asked for. */
struct move_plan {
	const char	*source;
	const char	*target;	/* a queue, or NULL */
	const char	*exchange;	/* or NULL */
	const char	*routing_key;	/* NULL: each message's own */
	int		 origin;	/* enum move_origin */
	enum route	 route;		/* ROUTE_YES: what no queue takes stays */
	struct opt_list	 filters;	/* NAME=VALUE */
	bool		 drop_expiration, dry_run, verbose;
	int64_t		 count, timeout;	/* -1: none */
	int64_t		 prefetch;
	const char	*user;		/* who publishes */
};

/* message.c */

enum move_verdict {
	MOVE_IT,
	MOVE_OTHER,	/* the filters do not match */
	MOVE_NOWHERE,	/* --to-origin, and it does not say where that is */
	MOVE_BAD	/* the error says why */
};

/* A message as it is to be published; borrows from the delivery, and from the session until the next one. */
struct move_letter {
	struct rmq_message message;
	struct rmq_properties properties;
	struct rmq_table *headers;
	bool		 forgeable;	/* publishers may have written what its headers tell of deaths */
	bool		 tried;		/* a worker did so, and counted its attempts */
};

enum move_verdict move_prepare(struct move_letter *, const struct move_plan *, struct rmq *,
	    const struct rmq_delivery *, struct rmq_error *);
void	move_letter_free(struct move_letter *);
void	move_print(const struct move_letter *);	/* where it would go */

/* Why messages stay. */
enum move_stay { STAY_RETURNED, STAY_REFUSED, STAY_NACKED, STAY_NOWHERE, STAYS };

/* A message that was sent. */
struct parcel {
	uint64_t	 cookie, tag;
	bool		 owned;		/* the tag is good */
	bool		 failed;	/* came back, or was not taken */
	bool		 has_id;
	uint8_t		 name_len;
	char		 name[64];	/* the beginning of its id, or else of its key */
};

struct mover {
	const struct move_plan *plan;
	struct rmq	*from, *to;	/* to: NULL if nothing is moved */
	struct giveback	 back;
	struct progress	 progress;
	bool		 talk;

	struct parcel	*parcels;	/* a ring, in the order of their cookies */
	size_t		 first, count, room;
	uint64_t	 cookie;	/* of the last one */

	uint64_t	 wanted;	/* messages that were sent, or would be */
	uint64_t	 moved, returned, refused, nacked, unmatched, nowhere, again;
	uint64_t	 held;		/* messages that go back at the end */
	uint64_t	 held_from;	/* the first tag of these, 0: none */
	uint64_t	 held_to;	/* the last one that is not worn, 0: none */
	uint64_t	 size;		/* messages that were there in the beginning */

	bool		 consuming;	/* it was asked for */
	bool		 connected, counted;
	bool		 stopping, stopped, returning, closing, closed, target_closed;
	bool		 doubt;		/* the broker may not have got the last acknowledgements */
	bool		 to_failed;
	bool		 full;		/* no more can be held */
	bool		 more;		/* the source had messages when it was asked, and none came since */
	struct empty	 empty;		/* the source */
	int64_t		 active, delivered;	/* when something happened; when a message came */
	int64_t		 end_at, give_up_at;	/* rmq_now(); negative: none */
	int		 signal;
	int		 status;	/* exit status of the first failure */
	int		 refused_status;	/* of the first that was ... */
	char		 why[512];	/* ... for this */
	char		 stays[STAYS][LABEL_SIZE];	/* the first message that stays, for each reason */
};

/* One line for the first failure, which stays; after it nothing more is taken. */
void	move_fail(struct mover *, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void	move_tell(struct mover *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void	move_take(struct mover *, const struct rmq_delivery *);
struct parcel *move_find(struct mover *, uint64_t cookie);
void	move_refused(struct mover *, int status, struct rmq_bytes why);	/* one more */
void	move_name(struct mover *, enum move_stay, struct rmq_bytes id, struct rmq_bytes key);	/* if it is the first */
void	move_settle(struct mover *);	/* acknowledges what is confirmed */
void	move_give_back(struct mover *);	/* all that is not acknowledged, once */
void	move_disown(struct mover *);	/* all tags are void */

void	move_stop(struct mover *);	/* takes no more messages */
void	move_give_back_late(struct mover *);	/* the same, without waiting for anything */
void	move_look(struct mover *);	/* whether the source is empty, if it is time for that */
void	move_looked(struct mover *, const struct rmq_event *);
int64_t	move_deadline(const struct mover *);	/* of the next thing that is due, -1: none */
void	move_heed_limits(struct mover *);
void	move_heed_signals(struct mover *);

/* All of it, on the way that opt_connect says, or to the first of these; the exit status. */
int	move(struct move_plan *, const char *program, const struct urls *target);
int	move_run(struct mover *);		/* frees the sessions; the exit status */
int	move_report(struct mover *, const struct rmq_error *from, const struct rmq_error *to);

#endif
