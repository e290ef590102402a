/* SPDX-License-Identifier: MIT */
/*
 * One AMQP connection: the handshake, heartbeats, the broker's goodbye, and
 * the two buffers between frames and the transport.  It knows nothing of what
 * happens on its one channel.  It never blocks.
 */
#ifndef RMQ_CONNECTION_H
#define RMQ_CONNECTION_H

#include "wire/codec.h"
#include "wire/transport.h"

enum connection_state {
	CONNECTION_DOWN,
	CONNECTION_REACHING,	/* resolving, TCP, TLS */
	CONNECTION_GREETING,	/* waits for connection.start */
	CONNECTION_TUNING,	/* waits for connection.tune */
	CONNECTION_OPENING,	/* waits for connection.open-ok, but the channel may be used */
	CONNECTION_OPEN,
	CONNECTION_CLOSING,	/* waits for connection.close-ok */
	CONNECTION_CLOSED
};

struct connection {
	const struct rmq_config	*config;
	const struct rmq_uri	*uri;
	const struct rmq_host	*host;		/* NULL on an adopted socket */
	enum connection_state	 state;
	struct transport	 transport;
	struct rmq_error	 error;		/* why it went down */
	struct rmq_error	 cause;		/* the same, in the words of who noticed it */
	char			*in;
	size_t			 in_start, in_end, in_size;
	bool			 in_filled;	/* by the last read: there may be more */
	size_t			 left_at_end;	/* what was not taken yet when the other side had ended */
	struct rmq_buffer	 out;		/* methods that wait to be written */
	bool			 secret;	/* a password was among them, and is still there */
	amqp_pool_t		 pool;
	size_t			 login_size;	/* of what was said before connection.tune */
	size_t			 frame_max;
	uint32_t		 channel_max;
	int64_t			 heartbeat;	/* ms, as negotiated */
	struct rmq_hint		 heard;		/* what the broker asked for */
	bool			 guessing;	/* all was said before that is known */
	bool			 has_guessed;	/* on this connection, or one before it */
	int64_t			 last_sent, last_received;
	int64_t			 stuck_since;	/* the socket takes nothing that we write; 0: it does */
	bool			 blocked;
	char			 blocked_reason[256];
	char			 server_version[32];
};

void	connection_init(struct connection *, const struct rmq_config *);
void	connection_free(struct connection *);
bool	connection_start(struct connection *, const struct rmq_uri *, const struct rmq_host *, int64_t deadline);
bool	connection_adopt(struct connection *, const struct rmq_uri *, int fd);
void	connection_drop(struct connection *);		/* without a word */
bool	connection_usable(const struct connection *);	/* methods of the channel may be sent */
void	connection_close(struct connection *);		/* sends connection.close */
const char *connection_peer(const struct connection *, char *label, size_t size);

/* Advances the handshake and reads; false: it went down, see error. */
bool	connection_input(struct connection *, short revents);
/* Enough is read until somebody takes the frames, or the other side reads what we have to say to it. */
bool	connection_choked(const struct connection *);
bool	connection_has_more(const struct connection *);	/* to be read without waiting */
/* 1: the frame `offset` bytes behind the next one; 0: it is not complete; -1: the connection went down */
int	connection_peek(struct connection *, size_t offset, struct frame *);
void	connection_skip(struct connection *, size_t);
/* Handles a frame of channel 0. */
bool	connection_control(struct connection *, const struct frame *);
/* Heartbeats; false: the other side is dead. */
bool	connection_timers(struct connection *, int64_t now, bool may_send);
int64_t	connection_deadline(const struct connection *);

bool	connection_expect_secret(struct connection *);	/* the next method has one; false: no memory */
void	connection_wipe(struct connection *);		/* once it is written */
bool	connection_put(struct connection *, uint16_t channel, amqp_method_number_t, void *method);
bool	connection_down(struct connection *, enum rmq_status, int code, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));

#endif
