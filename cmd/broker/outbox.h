/* SPDX-License-Identifier: MIT */
/*
 * outbox - a second connection of a consumer, on which messages leave
 *
 * It is apart from the first one because a broker that takes no messages
 * (https://www.rabbitmq.com/docs/alarms) must go on hearing acknowledgements.
 * It is opened when there is something to send, and then stays.  Each message
 * that it carries has a letter, which is part of what the message is about and
 * is forgotten before that is freed.
 */
#ifndef OUTBOX_H
#define OUTBOX_H

#include <sys/queue.h>

#include <rmq.h>

enum outbox_outcome { OUTBOX_UNDER_WAY, OUTBOX_ARRIVED, OUTBOX_NOT_TAKEN, OUTBOX_NO_QUEUE, OUTBOX_REFUSED };

/* All zero: it is not sent. */
struct outbox_letter {
	LIST_ENTRY(outbox_letter) next;
	uint64_t	 cookie;	/* of the message; 0: it is not sent */
	bool		 returned, refused, not_taken;
};

struct outbox {
	struct rmq_config	 config;
	struct rmq		*mq;		/* NULL: not open */
	LIST_HEAD(, outbox_letter) letters;	/* those that were sent and are not forgotten */
	const char		*many;		/* what these messages are: "replies" */
	bool			 ready, closing;
	bool			 lost;		/* the connection, since outbox_run() */
	uint64_t		 cookie;	/* of the last message */
	char			 refused[256];	/* what the broker said of the last one that it refused */
};

/* The configuration is that of the worker's first session. */
void	outbox_prepare(struct outbox *, const struct rmq_config *, const char *many);
void	outbox_open(struct outbox *);
void	outbox_run(struct outbox *);		/* takes what the session has to tell */
const struct rmq_error *outbox_error(const struct outbox *);	/* NULL: nothing is impossible for good */
bool	outbox_has_room(struct outbox *);
void	outbox_address(struct outbox *, struct outbox_letter *);	/* a new cookie: it is sent now */
enum outbox_outcome outbox_outcome(const struct outbox *, const struct outbox_letter *);
void	outbox_forget(struct outbox_letter *);	/* as if it had not been sent */
void	outbox_leave(struct outbox *);		/* mq is NULL when it has gone */
void	outbox_free(struct outbox *);

#endif
