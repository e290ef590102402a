/* SPDX-License-Identifier: MIT */
/* What consume.c and consume_end.c know of a program that receives. */
#ifndef RECEIVER_H
#define RECEIVER_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "consume.h"
#include "output.h"

struct receiver {
	const struct consume *what;
	struct rmq	*mq;
	struct output	 out;
	struct pollfd	 poll;		/* of the output */

	uint64_t	 taken;		/* messages given to the output */
	uint64_t	 tag;		/* the last delivery of this connection, 0: none */
	uint64_t	 acked;		/* the last tag that was acknowledged */
	int64_t		 end_at;	/* --timeout; negative: none */
	int64_t		 idle;		/* --idle-timeout, --until-empty: ms; negative: none */
	int64_t		 last;		/* when something came */
	int64_t		 lost_at;	/* when the connection was lost */

	bool		 subscribed;	/* now */
	bool		 was_subscribed;	/* at least once */
	bool		 held;		/* deliveries stayed in the session */
	bool		 stopping, stopped, closing, closed;
	bool		 no_ack;
	bool		 in_doubt;	/* the broker may not have got the acknowledgements */
	int		 signal;	/* that ends us */
	int64_t		 give_up_at;	/* after it; negative: never */
};

void	receiver_stop(struct receiver *);	/* takes no more messages */

/* consume_end.c */
void	receiver_set_limits(struct receiver *);
void	receiver_heed_limits(struct receiver *);
void	receiver_heed_signals(struct receiver *);
int64_t	receiver_deadline(const struct receiver *);	/* of the next limit; negative: none */
bool	receiver_over(const struct receiver *);
/* After the session was freed: says what went wrong; the exit status. */
int	receiver_report(const struct receiver *, const struct rmq_error *);

#endif
