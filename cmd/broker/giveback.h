/* SPDX-License-Identifier: MIT */
/*
 * giveback - messages go back to their queue, and none is lost by that
 *
 * A quorum queue counts how often a message came back, and drops it, or hands
 * it to a dead-letter exchange, after 20 times unless it is told otherwise.
 * RabbitMQ 4.0 to 4.2 count it whatever the reason; from 4.3 on basic.nack does
 * not count, but what its connection leaves behind does.
 * https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling
 *
 * So a message that came back half as often is worn.  It is not given back but
 * replaced: a copy goes to the same queue, and when the broker has confirmed it
 * the original is acknowledged.  If that cannot be done in time, the message
 * goes back all the same, and it is said which one.
 *
 * The program tells of each delivery, and settles through here:
 *
 *	giveback_begin(&g, &config, mq);
 *	case RMQ_DELIVERED:
 *		worn = giveback_look(&g, &event.delivery, queue);
 *	...
 *	giveback_ack(&g, tag, false);	 or	giveback_return(&g, tag, failed);
 *	...
 *	giveback_run(&g, rmq_now());	at every turn
 *
 * Before it says goodbye it calls giveback_leave() and waits until
 * giveback_done(): what is settled counts for nothing at the end of a channel.
 */
#ifndef GIVEBACK_H
#define GIVEBACK_H

#include <sys/queue.h>

#include <rmq.h>

#include "broker/outbox.h"

struct giveback_item;

struct giveback {
	struct rmq	*mq;		/* it consumes */
	struct outbox	 outbox;
	TAILQ_HEAD(giveback_items, giveback_item) items;	/* what is worn, in the order of the tags */
	size_t		 leaving;	/* of these: on their way back */
	uint64_t	 last;		/* tag of the last delivery that is not worn, 0: none on this connection */
	uint64_t	 rest;		/* all up to this one goes back after them, 0: there is nothing more */
	bool		 hurried;	/* the program ends: each has some seconds */
	bool		 unable;	/* the broker takes no copies from us */
	bool		 told;		/* that there are copies */
	bool		 failed;	/* something that is worn went back as it was */
};

/* The configuration is that of the session, which may be another one later. */
void	giveback_begin(struct giveback *, const struct rmq_config *, struct rmq *);
/* Of each delivery that can be given back: is it worn?  Then it is kept until it is settled. */
bool	giveback_look(struct giveback *, const struct rmq_delivery *, const char *queue);
bool	giveback_has(const struct giveback *, uint64_t tag);	/* it is worn, and not settled */

/* These are false if the tag is not good any more: the connection is lost. */
bool	giveback_ack(struct giveback *, uint64_t tag, bool all_before);
bool	giveback_drop(struct giveback *, uint64_t tag, bool rejected);	/* lost to its queue: the user wants it so */
/*
 * Back to its queue.  failed: the attempt at it did, and there is a place for what fails too often: this counts
 * everywhere, while it is not worn.
 */
bool	giveback_return(struct giveback *, uint64_t tag, bool failed);
/* All that is worn, and when that is settled all up to the tag of a message that is not; 0: there is none. */
void	giveback_return_all(struct giveback *, uint64_t last);

void	giveback_run(struct giveback *, int64_t now);
int64_t	giveback_deadline(const struct giveback *);	/* of the next thing that is due, -1: none */
void	giveback_lost(struct giveback *);	/* all tags are void */
void	giveback_leave(struct giveback *);	/* from now on nothing takes longer than some seconds */
bool	giveback_done(const struct giveback *);	/* nothing is on its way */
void	giveback_hurry(struct giveback *, const char *why);	/* everything goes back now, as it is, and is written */
void	giveback_free(struct giveback *);

#endif
