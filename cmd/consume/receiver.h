/* SPDX-License-Identifier: MIT */
/* What the files of this room know of a program that receives. */
#ifndef RECEIVER_H
#define RECEIVER_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/empty.h"
#include "broker/giveback.h"
#include "consume/consume.h"
#include "output/output.h"

/* How many messages of a queue may be in hand, and how fast they are taken: see consume/pace.c. */
struct pace {
	uint64_t	 n, first;	/* now, and at least */
	bool		 fixed;
	int64_t		 since;		/* the first of these: */
	uint64_t	 came, bytes;
	uint64_t	 added;		/* by consumers beside the first */
	uint64_t	 written;	/* to the output, before */
};

/* A queue that is received from. */
struct source {
	struct pace	 pace;
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
	struct giveback	 back;

	uint64_t	 taken;		/* messages given to the output */
	uint64_t	 acked;		/* the last tag that was acknowledged */
	int64_t		 acked_at;
	int64_t		 end_at;	/* --timeout; negative: none */
	int64_t		 idle;		/* --idle-timeout: ms; negative: none */
	int64_t		 last;		/* when something came */
	int64_t		 lost_at;	/* when the last byte came over the connection that was lost */
	char		 trouble[512];	/* at the end: why there is no connection; "": there is one */
	char		 taken_back[256]; /* why the broker took messages back; "": it did not */

	struct empty	 empty;		/* --until-empty */
	bool		 warned;	/* of attempts that count */

	bool		 subscribed;	/* now */
	bool		 was_subscribed;	/* at least once */
	bool		 held;		/* deliveries stayed in the session */
	bool		 stopping, stopped, returning, closing, closed;
	bool		 no_ack;	/* the broker forgets what it sends */
	bool		 takes;		/* what is printed is acknowledged */
	bool		 in_doubt;	/* the broker may not have got the acknowledgements */
	int		 signal;	/* that ends us */
	int64_t		 give_up_at;	/* after it; negative: never */
};

void	receiver_stop(struct receiver *);	/* takes no more messages */
void	receiver_give_back(struct receiver *);		/* what is in hand, once */
void	receiver_give_back_late(struct receiver *);	/* the same, without waiting for anything */
const char *receiver_queue(const struct receiver *, size_t source);
/* A number among the headers; false: there is none of that name. */
bool	receiver_header(struct receiver *, const struct rmq_delivery *, const char *name, uint64_t *);

/* empty.c: --until-empty */
int64_t	receiver_ask_time(const struct receiver *);	/* negative: there is nothing to ask */
void	receiver_ask(struct receiver *);		/* if it is time to */
void	receiver_answered(struct receiver *, const struct rmq_event *);

/* pace.c */
void	pace_begin(struct receiver *, uint64_t n, bool fixed);	/* fixed, or not more at first */
void	pace_came(struct receiver *, const struct rmq_delivery *);
void	pace_adjust(struct receiver *, int64_t now);
int64_t	pace_time(const struct receiver *);	/* when it is to be called again; negative: when something happens */
bool	pace_quiet(const struct receiver *, int64_t now);	/* nothing is to be acknowledged for now */
void	pace_lost(struct receiver *);		/* on the next connection it begins anew */
unsigned pace_group(const struct receiver *);	/* records that are synced together */

/* stream.c */
const struct rmq_table *stream_arguments(void);		/* of a consumer; NULL: none */
bool	stream_expected(void);				/* the user says that it is one */
bool	stream_misses(const struct receiver *);		/* what is published while it is away may not come */
bool	stream_fresh(struct receiver *, struct source *, const struct rmq_delivery *);	/* false: it came before */

/* peek.c */
struct peek_options {
	bool		 peek;
};
extern struct peek_options peek_options;
void	peek_warn(struct receiver *, const struct rmq_delivery *);	/* of looks that count */
void	peek_report_rest(const struct receiver *);

/* start.c */
void	receiver_start(struct receiver *);
void	receiver_end(struct receiver *);	/* lets go of all but the session */

/* end.c */
void	receiver_set_limits(struct receiver *);
void	receiver_heed_limits(struct receiver *);
void	receiver_heed_signals(struct receiver *);
int64_t	receiver_deadline(const struct receiver *);	/* of the next limit; negative: none */
bool	receiver_over(const struct receiver *);
/* After the session was freed: says what went wrong; the exit status. */
int	receiver_report(const struct receiver *, const struct rmq_error *);

#endif
