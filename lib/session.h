/* SPDX-License-Identifier: MIT */
/*
 * struct rmq, and what the parts of a session ask of each other.
 *
 *	session.c	the face and the loop's calls
 *	recovery.c	connecting, connecting again, limits of time
 *	channel.c	what comes on the channel, and what follows from it
 *	topology.c	the steps that set a channel up
 *	steps.c		what the caller declares and consumes, as steps
 *	orders.c	what is done once and answered
 *	delivery.c	messages that come in, and what is said of them
 */
#ifndef RMQ_SESSION_H
#define RMQ_SESSION_H

#include "connection.h"
#include "properties.h"
#include "publisher.h"

enum { CHANNEL = 1 };
#define SESSION_NEVER INT64_MAX

enum session_state {
	SESSION_WAITING,	/* for the time of the next attempt */
	SESSION_CONNECTING,
	SESSION_REOPENING,	/* channel.close is on its way, for another channel */
	SESSION_SETTING_UP,	/* the channel's steps are on their way */
	SESSION_READY,
	SESSION_LEAVING,	/* channel.close or connection.close is on its way */
	SESSION_CLOSED,
	SESSION_FAILED
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
	unsigned	 tries;
	char		*queue, *exchange, *routing_key, *type;
	char		 tag[24];		/* consume: what this subscription is called */
	unsigned	 subscriptions;
	enum rmq_declare declare;
	bool		 durable, exclusive, auto_delete, internal, no_ack, denied_will_do;
	uint16_t	 prefetch;
	unsigned	 consumer;
	struct rmq_table *arguments;
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
	bool		 was_ready;
	int64_t		 retry_at;
	int64_t		 deadline;		/* to be ready (again) */
	int64_t		 reply_deadline;
	int64_t		 confirm_deadline;
	int64_t		 blocked_deadline;

	struct step	**steps;
	size_t		 nsteps;
	unsigned	 nconsumers;
	struct awaited	*awaited;		/* [0, nawaited), in the order of asking */
	size_t		 nawaited, awaited_size;
	char		 named_queue[256];
	struct order	*orders;		/* the first one is under way */

	uint16_t	 epoch;			/* of delivery tags: one channel's life */
	bool		 closing, stopping, stopped, flow_off, blocked_told, paused, stocked;
	struct content	 content;
	amqp_pool_t	 pool;
	struct properties_scratch *scratch;

	struct rmq_event *events;		/* that wait for rmq_next() */
	size_t		 nevents, first_event, events_size;
	char		 lost_text[512], refused_text[256], answer_text[256];
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
void	session_confirmed(struct rmq *);	/* progress was made */
void	session_timers(struct rmq *);
int64_t	session_after(int64_t ms);		/* from now; negative: never */

/* channel.c */
void	channel_open(struct rmq *);
bool	channel_await(struct rmq *, amqp_method_number_t reply, struct step *);
void	channel_forget(struct rmq *);		/* nothing of the old channel counts any more */
/* 1: *ev is an event, 0: the frame was dealt with, -1: more bytes are needed, or nothing goes any more */
int	channel_next(struct rmq *, struct rmq_event *);

/* topology.c */
bool	topology_run(struct rmq *);		/* sends the steps that are not done */
bool	topology_send(struct rmq *, struct step *);
void	topology_reset(struct rmq *, bool connection_lost);
void	topology_done(struct rmq *, struct step *, amqp_method_number_t reply, void *method);
/* The step was refused: true if it can be done in another way, false with the session failed. */
bool	topology_refused(struct rmq *, struct step *, int code, struct rmq_bytes text);
bool	topology_cancelled(struct rmq *, struct step *);	/* by the broker; false: for good, the session failed */
bool	topology_cancel(struct rmq *, struct step *);	/* a consumer */
void	topology_name_consumer(struct step *);
struct step *topology_consumer(struct rmq *, struct rmq_bytes tag);
void	topology_free(struct rmq *);

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
