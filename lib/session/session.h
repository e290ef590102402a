/* SPDX-License-Identifier: MIT */
/*
 * struct rmq, and what the parts of a session ask of each other.
 *
 *	session.c	the face and the loop's calls
 *	recovery.c	connecting, connecting again, limits of time
 *	channel.c	what comes on the channel, and what follows from it
 *	topology.c	the steps that set a channel up
 *	session/more.c	consumers that add to the prefetch of the first
 *	steps.c		what the caller declares and consumes, as steps
 *	orders.c	what is done once and answered
 *	delivery.c	messages that come in, and what is said of them
 */
#ifndef RMQ_SESSION_H
#define RMQ_SESSION_H

#include "data/properties.h"
#include "session/held.h"
#include "session/publisher.h"
#include "wire/connection.h"

enum { CHANNEL = 1 };
#define SESSION_NEVER INT64_MAX

enum session_state {
	SESSION_WAITING,	/* for the time of the next attempt */
	SESSION_CONNECTING,
	SESSION_RESTING,	/* without a channel, for the time of the next one */
	SESSION_REOPENING,	/* channel.close is on its way, for another channel */
	SESSION_SETTING_UP,	/* the channel's steps are on their way */
	SESSION_READY,
	SESSION_LEAVING,	/* channel.close or connection.close is on its way */
	SESSION_CLOSED,
	SESSION_FAILED
};

enum { MORE_MOST = 24, MORE_TAG = 40 };

/* A consumer that adds its prefetch to that of a step's first one: see session/more.c. */
struct more {
	unsigned	 serial;		/* of its tag */
	uint16_t	 prefetch;
	bool		 there;			/* consume-ok came */
	bool		 unwanted;		/* to be cancelled when it does */
};

enum step_kind { STEP_QUEUE, STEP_EXCHANGE, STEP_BIND, STEP_CONSUME };

/* One thing to be done on a channel before it is ready. */
struct step {
	enum step_kind	 kind;
	bool		 done;
	bool		 asked;			/* consume: the broker was asked for it on this channel */
	bool		 check_first;		/* consume: see whether the queue is still there */
	bool		 passive;		/* this time, do not declare */
	bool		 skipped;		/* may not be done, need not be */
	bool		 denied;		/* may not be declared, so that it must be there */
	unsigned	 tries;
	char		*queue, *exchange, *routing_key, *type;
	char		 tag[24];		/* consume: what this subscription is called */
	unsigned	 subscriptions;
	enum rmq_declare declare;
	bool		 durable, exclusive, auto_delete, internal, no_ack, denied_will_do, no_stream;
	uint16_t	 prefetch;		/* of the first consumer, */
	unsigned	 wanted;		/* and of all together; 0: nobody said */
	unsigned	 most;			/* that was wanted on this channel */
	struct more	 more[MORE_MOST];
	size_t		 nmore;
	unsigned	 serial;		/* of the last of them */
	unsigned	 consumer;
	struct rmq_table *arguments;
	char		*difference;		/* of what is there, as it was told */
};

struct awaited {
	amqp_method_number_t reply;
	struct step	*step;			/* NULL: the channel's own, or */
	bool		 is_order;		/* the first order's */
};

/* Content that does not lie whole in the input buffer. */
struct content {
	amqp_method_number_t id;		/* basic.deliver or basic.return; 0: none is under way */
	struct rmq_buffer method, header, body;
	bool		 has_header;
	uint64_t	 body_size;
};

struct rmq {
	struct rmq_config config;
	enum session_state state;
	struct rmq_error error;
	struct connection connection;
	struct publisher publisher;

	size_t		 turn;			/* which host is next */
	unsigned	 attempts, refusals;	/* since the last time it was ready */
	unsigned	 relapses;		/* losses in turn, each soon after it was ready */
	bool		 was_ready;
	int64_t		 ready_at;		/* since when it is; SESSION_NEVER: it is not */
	int64_t		 retry_at;
	int64_t		 deadline;		/* to be ready (again) */
	int64_t		 share;			/* ms: of the time to be ready, what this attempt has */
	int64_t		 reply_deadline;
	int64_t		 confirm_deadline;
	int64_t		 blocked_deadline;
	int64_t		 blocked_tell_at;	/* not before it another change is told */

	struct step	**steps;
	size_t		 nsteps;
	unsigned	 nconsumers;
	struct awaited	*awaited;		/* [0, nawaited), in the order of asking */
	size_t		 nawaited, awaited_size;
	int64_t		 qos_at;		/* the first that is not answered was sent; 0: there is none */
	int64_t		 qos_took;		/* ms, at best, on this connection; SESSION_NEVER: not known */
	char		 named_queue[256];
	struct order	*orders;		/* the first one is under way */

	uint16_t	 epoch;			/* of delivery tags: one channel's life */
	bool		 reopened;		/* the channel, on this connection */
	bool		 one_consumer;		/* the broker allows no more on a channel */
	bool		 closing, stopping, stopped, flow_off, blocked_told, paused, stocked;
	bool		 failure_noted;		/* who waits was told not to, once */
	struct content	 content;
	struct held	 held;			/* of consumers that acknowledge */
	amqp_pool_t	 pool;
	struct properties_scratch *scratch;

	struct rmq_event *events;		/* that wait for rmq_next() */
	size_t		 nevents, first_event, events_size;
	char		 lost_text[512], refused_text[256], answer_text[256];
	char		 trouble[512];		/* why there is no connection; "": there is one */
};

/* session.c */
void	session_fail(struct rmq *, enum rmq_status, int code, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));
void	session_failed(struct rmq *);		/* its error says why */
void	session_no_memory(struct rmq *);
void	session_event(struct rmq *, struct rmq_event);
bool	session_put(struct rmq *, amqp_method_number_t, void *method);	/* on the channel */
void	session_left(struct rmq *);		/* the goodbye is said */
void	session_stopped(struct rmq *);		/* no consumer is left */

/* write.c */
void	session_write(struct rmq *);		/* as much as goes without waiting */

/* recovery.c */
void	session_attempt(struct rmq *);		/* to connect to the next host */
void	session_down(struct rmq *);		/* the connection went down: try again, or fail */
void	session_lost(struct rmq *, const char *why, bool taken_back);	/* tells it; tags are void */
void	session_ready(struct rmq *);
void	session_open_channel(struct rmq *);	/* in place of one that was taken back, now or later */
void	session_accepted(struct rmq *);		/* a record: there is something to wait for */
void	session_confirmed(struct rmq *);	/* progress was made */
bool	session_blocked(const struct rmq *);	/* the broker takes no records for now */
const char *session_blocked_reason(const struct rmq *);
void	session_block(struct rmq *);		/* that has begun or ended: the time that it has */
void	session_timers(struct rmq *);
int64_t	session_after(int64_t ms);		/* from now; negative: never */

/* channel.c */
void	channel_open(struct rmq *);
bool	channel_await(struct rmq *, amqp_method_number_t reply, struct step *);
void	channel_hurry(struct rmq *);		/* who stops or closes waits for less time */
void	channel_forget(struct rmq *);		/* nothing of the old channel counts any more */
struct awaited *channel_awaits(struct rmq *, amqp_method_number_t reply);	/* the first; NULL: none */
/* 1: *ev is an event, 0: the frame was dealt with, -1: more bytes are needed, or nothing goes any more */
int	channel_next(struct rmq *, struct rmq_event *);

/* refused.c */
void	refused_channel(struct rmq *, const amqp_channel_close_t *);
void	refused_again(struct rmq *);	/* messages were taken back: subscribes on another channel */

/* topology.c */
bool	topology_looks_first(const struct step *);	/* before it declares a queue, if it does */
bool	topology_run(struct rmq *);		/* sends the steps that are not done */
bool	topology_send(struct rmq *, struct step *);
void	topology_reset(struct rmq *, bool connection_lost);
void	topology_done(struct rmq *, struct step *, amqp_method_number_t reply, void *method);
/* The step was refused: true if it can be done in another way, false with the session failed. */
bool	topology_refused(struct rmq *, struct step *, int code, struct rmq_bytes text);
bool	topology_cancelled(struct rmq *, struct step *);	/* by the broker; false: for good, the session failed */
bool	topology_consume(struct rmq *, struct step *, const char *tag, uint16_t prefetch);
bool	topology_cancel(struct rmq *, const char *tag);	/* a consumer */
void	topology_name_consumer(struct step *);
struct step *topology_consumer(struct rmq *, struct rmq_bytes tag);
size_t	topology_prefetch(const struct rmq *);	/* of all consumers on this channel; SIZE_MAX: no limit */

/* steps.c */
struct step *steps_meant(struct rmq *, struct step *asked, struct rmq_bytes text);	/* the one that was refused */
void	steps_free(struct rmq *);

/* session/more.c */
void	more_adjust(struct rmq *, struct step *);	/* as many messages in hand as are wanted */
void	more_ready(struct rmq *);		/* the channel is: all of them */
void	more_there(struct rmq *, struct step *);	/* consume-ok of the next one */
bool	more_stop(struct rmq *, struct step *);
bool	more_is(const struct step *, struct rmq_bytes tag);	/* it is one of this step */

/* orders.c */
void	orders_run(struct rmq *);		/* sends the first, if the channel is ready and it is not sent yet */
void	orders_reset(struct rmq *);		/* the channel is gone */
void	orders_answered(struct rmq *, amqp_method_number_t reply, void *method);
void	orders_refused(struct rmq *, int code, const char *said);
void	orders_free(struct rmq *);

/* delivery.c */
int	delivery_next(struct rmq *, const struct frame *, struct rmq_event *);	/* as channel_next() */
int	delivery_part(struct rmq *, const struct frame *, struct rmq_event *);	/* a header or body on its own */
void	delivery_reset(struct rmq *);

#endif
