/* SPDX-License-Identifier: MIT */
/*
 * rmq - RabbitMQ (AMQP 0-9-1) for a program that must not lose a message
 *
 * One struct rmq is one session with a broker: it connects, declares what it
 * was told to, publishes with confirms, consumes with acknowledgements, and
 * when the connection is lost it finds a broker again and repeats all that is
 * not settled.  A session belongs to one thread.
 *
 * Nothing here blocks, prints, exits, or reads the environment.  The caller
 * owns the loop:
 *
 *	struct rmq *mq = rmq_open(&config);
 *
 *	rmq_declare_queue(mq, &(struct rmq_queue){ .name = "tasks" });
 *	rmq_publish(mq, &message, &why);
 *	while (!rmq_failed(mq) && rmq_counts(mq).unsettled > 0) {
 *		struct pollfd p = { rmq_fd(mq), rmq_events(mq), 0 };
 *
 *		poll(&p, 1, rmq_wait_ms(mq));
 *		rmq_io(mq, p.revents);
 *		while (rmq_next(mq, &event))
 *			;
 *	}
 *	rmq_free(mq);
 *
 * Errors: a session keeps the first error that it cannot mend.  From then on
 * rmq_failed() is true, every call does nothing, and rmq_error() says what
 * happened in one line without a newline, a full stop or a secret.  Texts that
 * come from a broker are raw bytes: escape them before a terminal sees them.
 *
 * Memory: what is handed in is copied before the call returns, except what
 * struct rmq_config points to (URIs, hints, strings), which must outlive the
 * session.  What is handed out is borrowed: it lives until the next rmq_io()
 * on the same session.  Large bodies alone can change hands without a copy:
 * see "given" of struct rmq_message, and rmq_take_body().
 *
 * Times are milliseconds; a negative limit means "for ever".
 */
#ifndef RMQ_H
#define RMQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why something failed: what a caller can do about it, not where it happened. */
enum rmq_status {
	RMQ_OK,
	RMQ_USAGE,		/* a malformed argument: a URL, a name, a type */
	RMQ_BAD_RECORD,		/* this message can never be sent as it is */
	RMQ_NO_DESTINATION,	/* no such queue or exchange, or nothing bound */
	RMQ_NO_HOST,		/* the host's name does not resolve */
	RMQ_UNAVAILABLE,	/* no broker there, or it went away for too long */
	RMQ_UNCONFIRMED,	/* the broker refused to take responsibility */
	RMQ_INTERNAL,		/* a defect of this library */
	RMQ_SYSTEM,		/* no memory, no descriptors, no threads */
	RMQ_PROTOCOL,		/* not AMQP 0-9-1, broken AMQP, or TLS */
	RMQ_DENIED,		/* credentials, virtual host or permissions */
	RMQ_CONFIG		/* what exists differs from what was declared */
};

struct rmq_error {
	enum rmq_status	 status;
	int		 code;		/* AMQP reply code, 0 if there is none */
	char		 text[512];
};

/* A string of bytes with no end mark; data == NULL means "absent". */
struct rmq_bytes {
	size_t		 len;
	const void	*data;
};

/* A growing buffer; all zero is an empty one.  free it with rmq_buffer_free(). */
struct rmq_buffer {
	char		*data;
	size_t		 len, size;
};

bool	 rmq_buffer_reserve(struct rmq_buffer *, size_t more);	/* false: no memory, nothing changed */
bool	 rmq_buffer_add(struct rmq_buffer *, const void *, size_t);
bool	 rmq_buffer_add_decimal(struct rmq_buffer *, uint64_t);	/* its digits */
void	 rmq_buffer_drop(struct rmq_buffer *, size_t);		/* bytes from the front */
void	 rmq_buffer_free(struct rmq_buffer *);

struct rmq_bytes rmq_bytes(const char *);	/* of a C string; NULL gives "absent" */
int64_t	 rmq_now(void);				/* monotonic clock */

/*
 * Addresses.  https://www.rabbitmq.com/docs/uri-spec and
 * https://www.rabbitmq.com/docs/uri-query-parameters: amqp://user:password@host:port/vhost?parameters
 * Deviations: several hosts may stand with commas between them, and an empty path ("/")
 * means the virtual host "/".
 */
struct rmq_host {
	char		*name;		/* no brackets around IPv6 */
	uint16_t	 port;
};

struct rmq_uri {
	bool		 tls;
	struct rmq_host	*hosts;
	size_t		 nhosts;
	char		*user, *password, *vhost;
	int		 heartbeat;		/* seconds; -1 not given */
	int64_t		 connection_timeout;	/* ms; -1 not given */
	int		 channel_max;		/* -1 not given */
	int		 frame_max;		/* -1 not given */
	bool		 external;		/* auth_mechanism=external: the client certificate is the user */
	char		*cacertfile, *certfile, *keyfile;
	char		*key_password;		/* parameter "password": of keyfile */
	int		 verify;		/* 1 verify_peer, 0 verify_none, -1 not given */
	int		 depth;			/* of the peer's chain; -1 not given */
	char		*server_name;		/* server_name_indication; "" = "disable"; NULL not given */
	char		*connection_name;
};

bool	 rmq_uri_parse(struct rmq_uri *, const char *, struct rmq_error *);
void	 rmq_uri_free(struct rmq_uri *);	/* wipes the passwords */
/*
 * Writes x over the secrets of an address: the password, and that of the key; over all of it where it is none, for
 * then nobody knows what is what.  The length stays.
 */
void	 rmq_uri_hide(char *);

/*
 * Tables: the headers of a message and the arguments of declarations, with
 * AMQP's field types.  https://www.rabbitmq.com/amqp-0-9-1-errata#section_3
 */
enum rmq_type {
	RMQ_STRING, RMQ_BYTES, RMQ_BOOL, RMQ_INT8, RMQ_UINT8, RMQ_INT16, RMQ_UINT16,
	RMQ_INT32, RMQ_UINT32, RMQ_INT64, RMQ_UINT64, RMQ_FLOAT, RMQ_DOUBLE,
	RMQ_TIMESTAMP,		/* text: seconds since 1970, or RFC 3339 */
	RMQ_VOID,
	RMQ_JSON		/* text: a JSON value; objects become tables, arrays arrays */
};

struct rmq_table;

bool		 rmq_utf8(struct rmq_bytes);		/* as names have to be */
struct rmq_table *rmq_table_new(void);		/* NULL: no memory */
void	 rmq_table_free(struct rmq_table *);
size_t	 rmq_table_count(const struct rmq_table *);
/* Sets name to the value that text spells in the given type; an older entry of that name is replaced. */
bool	 rmq_table_set(struct rmq_table *, const char *name, enum rmq_type, const char *text, struct rmq_error *);
void	 rmq_table_remove(struct rmq_table *, const char *name);
struct rmq_table *rmq_table_copy(const struct rmq_table *);	/* of NULL: an empty one; NULL: no memory */
/* The value as text, for strings and numbers; false if there is no such entry or it is of another kind. */
bool	 rmq_table_get(const struct rmq_table *, const char *name, struct rmq_buffer *text);
/* The same for strings alone, and borrowed from the table. */
bool	 rmq_table_string(const struct rmq_table *, const char *name, struct rmq_bytes *);
bool	 rmq_type_by_name(const char *name, enum rmq_type *);	/* "int", "bool", "time", "json" ... */
/*
 * Where a message was before it was first dead-lettered; false: it never was, or its headers do not tell all of it.
 * https://www.rabbitmq.com/docs/dlx#effects
 */
bool	 rmq_table_death(const struct rmq_table *, struct rmq_bytes *exchange, struct rmq_bytes *routing_key,
	    struct rmq_bytes *queue);
/*
 * The same of the last time.  That its queue is true is all that brokers before RabbitMQ 4.0 answer for: they keep what
 * the publisher wrote into these headers, where later ones begin anew.
 */
bool	 rmq_table_last_death(const struct rmq_table *, struct rmq_bytes *exchange, struct rmq_bytes *routing_key,
	    struct rmq_bytes *queue);
/*
 * Makes the headers of a message those of a copy of it: without what brokers noted of its deliveries and deaths, and
 * without CC and BCC, which would route the copy elsewhere again.  https://www.rabbitmq.com/docs/sender-selected
 */
void	 rmq_table_scrub(struct rmq_table *);
/* Appends the table as a JSON object; types that JSON lacks are {"$int32":5} and the like. */
bool	 rmq_table_json(const struct rmq_table *, struct rmq_buffer *);

/* https://www.rabbitmq.com/docs/publishers#message-properties */
enum { RMQ_HAS_DELIVERY_MODE = 1, RMQ_HAS_PRIORITY = 2, RMQ_HAS_TIMESTAMP = 4 };

struct rmq_properties {
	struct rmq_bytes content_type, content_encoding, correlation_id, reply_to, expiration,
			 message_id, type, user_id, app_id, cluster_id;
	const struct rmq_table *headers;	/* NULL: absent */
	unsigned	 has;			/* which of the next three are present */
	uint8_t		 delivery_mode;		/* 1 transient, 2 persistent */
	uint8_t		 priority;
	uint64_t	 timestamp;		/* seconds since 1970 */
};

/*
 * JSON envelopes: one message is one object, and nothing of it is lost.
 *
 *	{"exchange":"logs","routing_key":"a.b","redelivered":false,"delivery_tag":7,
 *	 "properties":{"content_type":"text/plain","headers":{"n":{"$int32":5}},"delivery_mode":2},
 *	 "payload_bytes":5,"payload":"hello","payload_encoding":"string"}
 *
 * A property is there if the message has it.  Strings that are not UTF-8 are
 * {"$binary":base64}, such a payload is base64 with payload_encoding "base64".
 */
struct rmq_delivery;

struct rmq_envelope {
	struct rmq_bytes exchange, routing_key;	/* both at most 255 bytes; absent if they are not named */
	struct rmq_properties properties;
	struct rmq_bytes body;
};

/*
 * Appends the object, without a newline; false: no memory, nothing changed.
 * queue: the member "queue", NULL for none.  properties: decoded; NULL: they
 * could not be, so they are shown as {"$undecodable":base64}.
 */
bool	 rmq_envelope_json(const struct rmq_delivery *, const char *queue, const struct rmq_properties *,
	    struct rmq_buffer *);
struct rmq_envelope *rmq_envelope_new(void);	/* NULL: no memory */
void	 rmq_envelope_free(struct rmq_envelope *);
/*
 * What is parsed belongs to the envelope until the next call.  Only payload
 * must be there.  redelivered, delivery_tag, queue and message_count are not
 * used, payload_bytes must be true, and every other name is an error.  A
 * mistake is RMQ_BAD_RECORD; "column 9: ..." is one in the first line of text,
 * "line 2 column 9: ..." in another one.
 */
bool	 rmq_envelope_parse(struct rmq_envelope *, const char *text, size_t len, struct rmq_error *);

/*
 * What a broker asked for the last time.  A session that knows it answers
 * before it is asked: all that is there to be said travels at once, two round
 * trips less.  It does so on one connection only; if the broker asks for
 * something else now, the next one is made in order.  The user and the
 * password travel unasked too, so hint at no host that was not spoken to.
 * https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf section 2.2.4
 */
struct rmq_hint {
	const struct rmq_uri *uri;		/* whom it is about: one of the configuration's, */
	const struct rmq_host *host;		/* and one of its hosts */
	uint16_t	 channel_max;		/* as the broker proposed these three; 0: no limit, no wish */
	uint16_t	 heartbeat;		/* seconds */
	uint32_t	 frame_max;		/* bytes */
	bool		 plain, external;	/* the ways to log in that it offered */
};

/* A session. */
struct rmq_config {
	const struct rmq_uri *uris;		/* at least one; tried in turn, and the hosts of each */
	size_t		 nuris;
	const struct rmq_hint *hints;		/* NULL: none */
	size_t		 nhints;
	const char	*name;			/* shown by the broker's tools as connection_name */
	const char	*product, *version;
	const char	*cacertfile;		/* NULL: the system's store */
	int64_t		 heartbeat;		/* 0: 30 s; at least 1 s */
	int64_t		 first_limit;		/* to be connected the first time; 0: 10 s */
	int64_t		 retry_limit;		/* to be connected again after a loss; 0: 60 s */
	int64_t		 nack_limit;		/* for a record to be taken after its first nack; 0: as retry_limit */
	int64_t		 reply_limit;		/* for one answer of the broker; 0: 30 s */
	bool		 confirm;		/* this session publishes */
	bool		 own_exchanges;		/* records choose theirs: what that means, see Publishing */
	size_t		 window_messages, window_bytes;	/* unconfirmed at most; 0: 1000 and 4 MiB that grow */
	size_t		 max_message;		/* larger deliveries are refused; 0: 128 MiB */
	int		 socket;		/* > 0: this connected socket instead of an address (no reconnecting) */
};

struct rmq	*rmq_open(const struct rmq_config *);	/* NULL: no memory */
void		 rmq_free(struct rmq *);		/* at once; NULL is fine */
/* Says goodbye once nothing is unsettled any more and acknowledgements are processed; RMQ_CLOSED tells the end. */
void		 rmq_close(struct rmq *);
bool		 rmq_failed(const struct rmq *);
const struct rmq_error *rmq_error(const struct rmq *);
/* Why there is no connection, in the words of the last loss or attempt; "": there is one, or nothing to say. */
const char	*rmq_trouble(const struct rmq *);
/* What this broker asked for, for the next time; borrows from the configuration.  False before the first RMQ_READY. */
bool		 rmq_hint(const struct rmq *, struct rmq_hint *);
const char	*rmq_server_version(const struct rmq *);	/* "4.3.6"; "" before it is known */

int		 rmq_fd(const struct rmq *);		/* for poll(); -1 while there is nothing but time to wait for */
short		 rmq_events(const struct rmq *);
/* Writes what waits, and says how long poll() may sleep: ask it before rmq_events(). */
int		 rmq_wait_ms(struct rmq *);
void		 rmq_io(struct rmq *, short revents);	/* reads, writes, timers; call it at every turn */
/*
 * True: the caller has enough deliveries that it has not begun with, so others need not wake it.  rmq_events() and
 * rmq_wait_ms() then let it sleep until RMQ_REST_MS (ms) after the last that was read; what has come by then is read
 * at once.  Acknowledgements wait for each other as long, after the last that were written.  False at first, and to
 * be told anew when it changes.
 */
enum { RMQ_REST_MS = 10 };
void		 rmq_stocked(struct rmq *, bool);

enum rmq_event_type {
	RMQ_READY,		/* connected, everything declared, consumers too (each time anew) */
	RMQ_DELIVERED,		/* a message */
	RMQ_RETURNED,		/* a mandatory record that no queue wanted; its confirm has still to come */
	RMQ_NACKED,		/* a record the broker did not take; it is sent again unless it is given_up */
	RMQ_REFUSED,		/* a record that the broker never takes: text says why; its neighbours are safe */
	RMQ_SUBSCRIBED,		/* a consumer that was asked for after RMQ_READY is there now */
	RMQ_STOPPED,		/* rmq_stop_consuming() is done: no delivery comes after this */
	RMQ_BLOCKED,		/* the broker takes no messages for now: text says why */
	RMQ_UNBLOCKED,
	RMQ_LOST,		/* the connection, unless taken_back: text says why; all tags are void */
	RMQ_DIFFERS,		/* what is there differs from what was declared with arguments: text says how */
	RMQ_ANSWERED,		/* an order (see below): code 0 and counts, or the code and text of the refusal */
	RMQ_CLOSED		/* after rmq_close(): all is settled */
};

struct rmq_delivery {
	uint64_t	 tag;			/* the low 48 bits are the broker's */
	unsigned	 consumer;		/* which rmq_consume(), from 0 */
	bool		 redelivered;
	bool		 added;			/* by a consumer of rmq_prefetch(), beside the first */
	struct rmq_bytes exchange, routing_key;
	struct rmq_bytes properties;		/* encoded: see rmq_decode_properties() */
	struct rmq_bytes body;
};

struct rmq_event {
	enum rmq_event_type type;
	struct rmq_delivery delivery;		/* RMQ_DELIVERED */
	uint64_t	 cookie;		/* RMQ_RETURNED, RMQ_NACKED, RMQ_REFUSED: of the record */
	bool		 given_up;		/* RMQ_NACKED: its time is over; the record counts as nacked */
	bool		 taken_back;		/* RMQ_LOST: only deliveries; the connection stands */
	int64_t		 heard_at;		/* RMQ_LOST: when the last byte came, maybe long before */
	int		 code;			/* RMQ_RETURNED, RMQ_REFUSED: AMQP reply code */
	struct rmq_bytes text;			/* RMQ_RETURNED, RMQ_REFUSED, RMQ_BLOCKED, RMQ_LOST, RMQ_DIFFERS */
	struct rmq_bytes exchange, routing_key;	/* RMQ_RETURNED */
	uint32_t	 messages, consumers;	/* RMQ_ANSWERED: ready messages (there, deleted, purged); consumers */
};

bool		 rmq_next(struct rmq *, struct rmq_event *);	/* false: nothing more before the next rmq_io() */

/*
 * Topology: calls are remembered, carried out in their order together with
 * connecting, and repeated after a reconnect.  A failure is the session's.
 */
enum rmq_declare {
	RMQ_FIND_OR_MAKE,	/* use what is there, else declare it durable (queues; exchanges as MAKE_OR_FIND);
				   with arguments the other way round, so that a difference is told */
	RMQ_MAKE_OR_FIND,	/* declare; what is there will do, unless it is less durable, and must if we may not */
	RMQ_FIND,		/* it must exist */
	RMQ_MAKE,		/* it must be exactly so */
	RMQ_ASSUME		/* say nothing to the broker */
};

struct rmq_queue {
	const char	*name;			/* NULL: the broker chooses; the queue dies with the connection */
	enum rmq_declare declare;
	bool		 transient, exclusive, auto_delete;
	bool		 no_stream;		/* MAKE_OR_FIND: a stream will not do */
	bool		 denied_will_do;	/* FIND_OR_MAKE without the permission to: go on */
	const struct rmq_table *arguments;
};

struct rmq_exchange {
	const char	*name, *type;
	enum rmq_declare declare;
	bool		 durable, auto_delete, internal;
	const struct rmq_table *arguments;
};

struct rmq_binding {
	const char	*queue;			/* NULL: the one the broker named */
	const char	*exchange, *routing_key;
	const struct rmq_table *arguments;
};

struct rmq_consumer {
	const char	*queue;			/* NULL: the one the broker named */
	uint16_t	 prefetch;		/* 0: no limit; https://www.rabbitmq.com/docs/consumer-prefetch */
	bool		 no_ack, exclusive;
	const struct rmq_table *arguments;
};

void		 rmq_declare_queue(struct rmq *, const struct rmq_queue *);
void		 rmq_declare_exchange(struct rmq *, const struct rmq_exchange *);
void		 rmq_bind(struct rmq *, const struct rmq_binding *);
void		 rmq_consume(struct rmq *, const struct rmq_consumer *);
/*
 * From now on n messages of the n-th rmq_consume(), from 0, may be in hand, but never fewer than its prefetch: further
 * consumers are added, or cancelled; what these delivered stays in hand and counts no more.  Few steps are better than
 * many: after two dozen of them nothing is added.  It outlives the connection.  Not for a stream, which would give
 * each of them everything; an exclusive consumer stays alone, and of a queue with a single active consumer the
 * others wait.  https://www.rabbitmq.com/docs/consumer-prefetch#independent-consumers
 */
void		 rmq_prefetch(struct rmq *, unsigned consumer, uint16_t n);
int64_t		 rmq_round_trip(const struct rmq *);	/* ms to this broker, as its TCP handshake took */
int64_t		 rmq_answer_time(const struct rmq *);	/* the same of a consumer, beyond proxies too */
const char	*rmq_named_queue(const struct rmq *);	/* of the queue without a name; "" before RMQ_READY */

/*
 * Orders: done once, in turn, after the topology; each is answered by one
 * RMQ_ANSWERED.  A refusal (404, 403, 406) is an answer, not the session's failure.
 * One whose answer a lost connection took away is given again.
 */
void		 rmq_look_at_queue(struct rmq *, const char *queue);	/* is it there, and what is in it */
void		 rmq_purge_queue(struct rmq *, const char *queue);
void		 rmq_delete_queue(struct rmq *, const char *queue, bool if_unused, bool if_empty);
void		 rmq_unbind(struct rmq *, const struct rmq_binding *);

/*
 * Publishing.  https://www.rabbitmq.com/docs/confirms#publisher-confirms
 * A record is settled when the broker has confirmed it; one that came back
 * first counts as returned.  What a lost connection left unsettled is sent
 * again, so the broker may get it twice.
 * What the broker does not take (a queue is full, or its node down) is sent
 * again after pauses that grow, others meanwhile; a queue that took it before
 * another one did not gets it twice.
 * https://www.rabbitmq.com/docs/confirms#server-sent-nacks
 * An exchange that is not there or may not be written to (404, 403) fails the
 * session; with own_exchanges it is RMQ_REFUSED, of each record that names it.
 */
struct rmq_message {
	struct rmq_bytes exchange, routing_key;	/* both at most 255 bytes */
	const struct rmq_properties *properties;	/* NULL: none */
	struct rmq_bytes body;
	struct rmq_buffer *given;		/* NULL: copy the body; else it begins here, to be taken: see below */
	bool		 mandatory;
	uint64_t	 cookie;		/* the caller's; in ascending order */
};

struct rmq_counts {
	uint64_t	 accepted;		/* by rmq_publish() */
	uint64_t	 confirmed, returned;
	uint64_t	 nacked;		/* given up: not taken within nack_limit */
	uint64_t	 refused;		/* RMQ_REFUSED */
	uint64_t	 unsettled;		/* all others */
	uint64_t	 in_doubt;		/* of these: were on the wire at least once */
	uint64_t	 settled_through;	/* cookie of the last record before the first unsettled one */
};

/*
 * A body of more than one small frame lies in a buffer of its own.  One that is `given' is that buffer: the session
 * frees it, and leaves an empty one with the caller.  If the buffer is not emptied, the body was copied.
 */
bool		 rmq_can_publish(const struct rmq *);	/* there is room in the window, and the broker takes messages */
/* false: the message can never be sent as it is, nothing was taken; the error says why. */
bool		 rmq_publish(struct rmq *, const struct rmq_message *, struct rmq_error *);
struct rmq_counts rmq_counts(const struct rmq *);

/*
 * Consuming.  https://www.rabbitmq.com/docs/confirms#consumer-acknowledgements
 * A tag is good for one connection: with a tag of a lost one these do nothing
 * and return false.  The broker then delivers the message again.
 */
bool		 rmq_ack(struct rmq *, uint64_t tag, bool all_before);
/* nack: given back, not the message's fault; reject: the attempt failed, which counts from RabbitMQ 4.3 on. */
bool		 rmq_nack(struct rmq *, uint64_t tag, bool all_before, bool requeue);
bool		 rmq_reject(struct rmq *, uint64_t tag, bool requeue);
/*
 * Hands over the buffer of a large body before it is borrowed no longer: the caller frees it, and the body of the
 * delivery stays where it is.  False: the body came in one frame and has no buffer of its own, nothing was done.
 */
bool		 rmq_take_body(struct rmq *, const struct rmq_delivery *, struct rmq_buffer *);
void		 rmq_stop_consuming(struct rmq *);	/* what was delivered can still be settled */
void		 rmq_resume_consuming(struct rmq *);	/* after RMQ_STOPPED; before it, nothing happens */
/* The result borrows from the session until the next call of this function on it. */
bool		 rmq_decode_properties(struct rmq *, const struct rmq_delivery *, struct rmq_properties *,
		    struct rmq_error *);

#endif
