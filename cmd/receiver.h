/* SPDX-License-Identifier: MIT */
/* What the files consume*.c know of a program that receives. */
#ifndef RECEIVER_H
#define RECEIVER_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "consume.h"
#include "empty.h"
#include "output.h"

/* A queue that is received from. */
struct source {
	uint64_t	 held;		/* delivered on this connection */
	bool		 seen;		/* it sent a message */
	bool		 stream;	/* known when it did */
	bool		 silent;	/* it cannot be asked whether it is empty */
	uint64_t	 offset;	/* of the last message of a stream */
	uint32_t	 rest;		/* --peek: messages beyond the prefetch */
};

struct receiver {
	const struct consume *what;
	struct source	*sources;	/* one for each queue */
	uint64_t	 prefetch;
	struct rmq	*mq;
	struct output	 out;
	struct folder	 folder;	/* --output-dir */
	struct pollfd	 poll;		/* of the output */

	uint64_t	 taken;		/* messages given to the output */
	uint64_t	 tag;		/* the last delivery of this connection, 0: none */
	uint64_t	 acked;		/* the last tag that was acknowledged */
	int64_t		 end_at;	/* --timeout; negative: none */
	int64_t		 idle;		/* --idle-timeout: ms; negative: none */
	int64_t		 last;		/* when something came */
	int64_t		 lost_at;	/* when the connection was lost */
	char		 taken_back[256]; /* why the broker took messages back; "": it did not */

	struct empty	 empty;		/* --until-empty */
	uint64_t	 worn;		/* --peek: attempts of a message that had too many, or 0 */
	bool		 warned;	/* of attempts that count */

	bool		 subscribed;	/* now */
	bool		 was_subscribed;	/* at least once */
	bool		 held;		/* deliveries stayed in the session */
	bool		 stopping, stopped, closing, closed;
	bool		 no_ack;	/* the broker forgets what it sends */
	bool		 takes;		/* what is printed is acknowledged */
	bool		 in_doubt;	/* the broker may not have got the acknowledgements */
	int		 signal;	/* that ends us */
	int64_t		 give_up_at;	/* after it; negative: never */
};

void	receiver_stop(struct receiver *);	/* takes no more messages */
const char *receiver_queue(const struct receiver *, size_t source);
/* A number among the headers; false: there is none of that name. */
bool	receiver_header(struct receiver *, const struct rmq_delivery *, const char *name, uint64_t *);

/* consume_empty.c: --until-empty */
int64_t	receiver_ask_time(const struct receiver *);	/* negative: there is nothing to ask */
void	receiver_ask(struct receiver *);		/* if it is time to */
void	receiver_answered(struct receiver *, const struct rmq_event *);

/* consume_stream.c */
const struct rmq_table *stream_arguments(void);		/* of a consumer; NULL: none */
bool	stream_expected(void);				/* the user says that it is one */
bool	stream_misses(const struct receiver *);		/* what is published while it is away may not come */
bool	stream_fresh(struct receiver *, struct source *, const struct rmq_delivery *);	/* false: it came before */

/* consume_peek.c */
struct peek_options {
	bool		 peek, force;
};
extern struct peek_options peek_options;
bool	peek_allowed(struct receiver *, const struct rmq_delivery *);
int	peek_report_worn(const struct receiver *);	/* the exit status */
void	peek_report_rest(const struct receiver *);

/* consume_start.c */
void	receiver_start(struct receiver *);
void	receiver_end(struct receiver *);	/* lets go of all but the session */

/* consume_end.c */
void	receiver_set_limits(struct receiver *);
void	receiver_heed_limits(struct receiver *);
void	receiver_heed_signals(struct receiver *);
int64_t	receiver_deadline(const struct receiver *);	/* of the next limit; negative: none */
bool	receiver_over(const struct receiver *);
/* After the session was freed: says what went wrong; the exit status. */
int	receiver_report(const struct receiver *, const struct rmq_error *);

#endif
