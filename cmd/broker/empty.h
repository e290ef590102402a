/* SPDX-License-Identifier: MIT */
/*
 * empty - whether there is nothing left in some queues, by asking the broker
 *
 * A round asks for each queue.  Of what a queue had sent before it counted,
 * some may reach us after the answer; the round after that cannot overtake it.
 * So two rounds in a row must find nothing, and nothing may come between.
 *
 * Streams cannot be asked: what is read stays in them.  There, and where the
 * broker gives no answer, a time without messages decides.
 *
 *	if (rmq_now() >= empty_time(&e, last)) {
 *		rmq_look_at_queue(mq, queue);
 *		empty_asked(&e, 1);
 *	}
 *	...
 *	case RMQ_ANSWERED:
 *		if (empty_answered(&e, empty_says(event, &silent, last)))
 *			there is nothing left;
 */
#ifndef EMPTY_H
#define EMPTY_H

#include <rmq.h>

struct empty {
	size_t		 waiting;	/* for so many answers */
	unsigned	 rounds;	/* of questions that found nothing */
	bool		 found;		/* something, since this round began */
	int64_t		 ask_at;	/* not before */
};

/* When the next round is due, if something came or went last then; -1: one is under way. */
int64_t	empty_time(const struct empty *, int64_t last);
void	empty_asked(struct empty *, size_t queues);
void	empty_found(struct empty *);		/* a message, or a new connection */
void	empty_gave_back(struct empty *);	/* a message, which its queue may have again only in a moment */
/* What one answer says: nothing is left in its queue.  `silent' remembers a queue that cannot be asked. */
bool	empty_says(const struct rmq_event *, bool *silent, int64_t last);
bool	empty_answered(struct empty *, bool nothing);	/* true: there is nothing left in any of them */

#endif
