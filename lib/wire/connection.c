/* SPDX-License-Identifier: MIT */
/*
 * One AMQP connection.
 *
 * Handshake: https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf section 2.2.4.
 * Start and tune are awaited, unless there is a hint; all that follows travels together with tune-ok.
 */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/connection.h"

enum { IN_SIZE = 65536, IN_BUSY = 262144, OUT_MOST = 1 << 20, POOL_PAGE = 4096, SECRET_ROOM = 16000 };

void
connection_init(struct connection *c, const struct rmq_config *config)
{
	*c = (struct connection){ .config = config, .transport.fd = -1 };
	init_amqp_pool(&c->pool, POOL_PAGE);
}

void
connection_wipe(struct connection *c)
{
	if (c->secret && c->out.len == 0) {
		explicit_bzero(c->out.data, c->out.size);
		c->secret = false;
	}
}

/* Room for all that a guess may send behind it: a buffer that grew would leave the password where it was. */
bool
connection_expect_secret(struct connection *c)
{
	c->secret = rmq_buffer_reserve(&c->out, SECRET_ROOM);
	return c->secret;
}

void
connection_drop(struct connection *c)
{
	transport_close(&c->transport);
	c->state = CONNECTION_DOWN;
	c->out.len = 0;
	connection_wipe(c);
	c->in_start = c->in_end = c->left_at_end = 0;
	c->stuck_since = 0;
	c->blocked = false;
}

void
connection_free(struct connection *c)
{
	connection_drop(c);
	free(c->in);
	rmq_buffer_free(&c->out);
	empty_amqp_pool(&c->pool);
}

bool
connection_down(struct connection *c, enum rmq_status status, int code, const char *fmt, ...)
{
	char text[sizeof c->error.text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	rmq_fail(&c->error, status, code, "%s", text);
	connection_drop(c);
	return false;
}

const char *
connection_peer(const struct connection *c, char *label, size_t size)
{
	if (c->host == NULL)
		snprintf(label, size, "the broker");
	else if (strchr(c->host->name, ':') != NULL)
		snprintf(label, size, "[%s]:%u", c->host->name, c->host->port);
	else
		snprintf(label, size, "%s:%u", c->host->name, c->host->port);
	return label;
}

static void
begin(struct connection *c, const struct rmq_uri *uri, const struct rmq_host *host)
{
	connection_drop(c);
	c->uri = uri;
	c->host = host;
	c->error = c->cause = (struct rmq_error){ 0 };
	c->frame_max = FRAME_MAX_OURS;
	c->heartbeat = 0;
	c->guessing = false;
	c->state = CONNECTION_REACHING;
}

/* A name that is not known needs no address beside it. */
static bool
unreachable(struct connection *c)
{
	char peer[300];

	if (c->cause.status == RMQ_NO_HOST)
		return connection_down(c, c->cause.status, 0, "%s", c->cause.text);
	return connection_down(c, c->cause.status, 0, "cannot connect to %s: %s",
	    connection_peer(c, peer, sizeof peer), c->cause.text);
}

bool
connection_start(struct connection *c, const struct rmq_uri *uri, const struct rmq_host *host, int64_t deadline)
{
	begin(c, uri, host);
	return transport_start(&c->transport, uri, host, c->config->cacertfile, deadline, &c->cause) ||
	    unreachable(c);
}

bool
connection_adopt(struct connection *c, const struct rmq_uri *uri, int fd)
{
	begin(c, uri, NULL);
	if (!transport_adopt(&c->transport, fd, &c->error)) {
		connection_drop(c);
		return false;
	}
	return true;
}

bool
connection_usable(const struct connection *c)
{
	return c->state == CONNECTION_OPENING || c->state == CONNECTION_OPEN ||
	    (c->guessing && c->state > CONNECTION_REACHING);
}

bool
connection_put(struct connection *c, uint16_t channel, amqp_method_number_t id, void *method)
{
	if (codec_put_method(&c->out, channel, id, method, &c->error))
		return true;
	connection_drop(c);
	return false;
}

static bool
reach(struct connection *c)
{
	static const char protocol_header[] = { 'A', 'M', 'Q', 'P', 0, 0, 9, 1 };
	int n = transport_advance(&c->transport, &c->cause);

	if (n == -1)
		return unreachable(c);
	if (n == 0)
		return true;
	c->last_sent = c->last_received = rmq_now();
	c->state = CONNECTION_GREETING;
	if (!rmq_buffer_add(&c->out, protocol_header, sizeof protocol_header))
		return connection_down(c, RMQ_SYSTEM, 0, "out of memory");
	return true;
}

/*
 * There is all that the three frames of a message can be, and nobody takes them.  Or the other side makes us say
 * more and more, and does not listen: it is not heard either, until it does.
 */
bool
connection_choked(const struct connection *c)
{
	return c->in_end - c->in_start >= 3 * c->frame_max || c->out.len >= OUT_MOST;
}

/* A busy broker fills the buffer with each read: more of it makes fewer turns, and fewer acknowledgements. */
static bool
make_room(struct connection *c)
{
	bool busy = c->in_filled && c->in_size < IN_BUSY;
	size_t size = c->in_size == 0 ? IN_SIZE : 2 * c->in_size;
	char *in;

	if (c->in_start > 0) {
		memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
		c->in_end -= c->in_start;
		c->in_start = 0;
	}
	if (c->in_end < c->in_size && !busy)
		return true;
	if ((in = realloc(c->in, size)) == NULL)
		return false;
	c->in = in;
	c->in_size = size;
	return true;
}

static const char *
doing(const struct connection *c)
{
	switch (c->state) {
	case CONNECTION_REACHING:
	case CONNECTION_GREETING:
		return "cannot connect to";
	case CONNECTION_TUNING:
		return "cannot log in to";
	default:
		return "lost the connection to";
	}
}

/* What brokers do not say of frames that they do not like: they hang up. */
static const char *
meant(const struct connection *c)
{
	bool hung_up = c->cause.status == RMQ_UNAVAILABLE && !c->guessing;

	if (hung_up && c->state == CONNECTION_TUNING && c->login_size > FRAME_MAX_LEAST)
		return "the password or token is too long for this broker";
	if (hung_up && c->state == CONNECTION_OPENING && c->frame_max < FRAME_MAX_SURE)
		return "frame_max is too small for this broker, it needs 8192";
	return NULL;
}

static bool
lost(struct connection *c)
{
	const char *why = meant(c);
	char peer[300];

	connection_peer(c, peer, sizeof peer);
	if (why != NULL)
		return connection_down(c, RMQ_CONFIG, AMQP_FRAME_ERROR, "cannot log in to %s: %s (%s)", peer, why,
		    c->cause.text);
	return connection_down(c, c->cause.status, c->cause.code, "%s %s: %s", doing(c), peer, c->cause.text);
}

/* TLS has decrypted more than was asked for: poll() knows nothing of it. */
bool
connection_has_more(const struct connection *c)
{
	return transport_pending(&c->transport) && !connection_choked(c);
}

/* What was said before the end is taken first, as long as somebody takes it. */
static bool
ended(struct connection *c)
{
	size_t left = c->in_end - c->in_start;

	if (left == c->left_at_end)
		return lost(c);
	c->left_at_end = left;
	c->cause.status = RMQ_OK;
	return true;
}

static bool
read_more(struct connection *c)
{
	ssize_t n;

	if (connection_choked(c))
		return true;
	if (!make_room(c))
		return connection_down(c, RMQ_SYSTEM, 0, "out of memory");
	n = transport_read(&c->transport, c->in + c->in_end, c->in_size - c->in_end, &c->cause);
	if (n == 0)
		rmq_fail(&c->cause, RMQ_UNAVAILABLE, 0, "the other side closed it");
	if (n == 0 || n == -2)
		return ended(c);
	if (n > 0) {
		c->in_end += (size_t)n;
		c->in_filled = c->in_end == c->in_size;
		c->last_received = rmq_now();
	}
	return true;
}

bool
connection_input(struct connection *c, short revents)
{
	if (c->state == CONNECTION_REACHING)
		return reach(c);
	if (c->state == CONNECTION_DOWN || c->state == CONNECTION_CLOSED)
		return c->state != CONNECTION_DOWN;
	if (c->stuck_since != 0 && (revents & POLLOUT || c->blocked))
		c->stuck_since = rmq_now();
	return (revents == 0 && !connection_has_more(c)) || read_more(c);
}

int
connection_peek(struct connection *c, size_t offset, struct frame *f)
{
	int n;

	if (c->in_start + offset >= c->in_end)
		return 0;
	n = codec_frame(f, c->in + c->in_start + offset, c->in_end - c->in_start - offset, c->frame_max, &c->cause);
	if (n == -1)
		lost(c);
	return n;
}

void
connection_skip(struct connection *c, size_t size)
{
	c->in_start += size;
	if (c->in_start == c->in_end)
		c->in_start = c->in_end = 0;
}

/* As long as the other side may be silent it may be deaf, too; while it is blocked, it says when that ends. */
static int64_t
deaf_until(const struct connection *c)
{
	int64_t limit = c->heartbeat > 0 ? 2 * c->heartbeat : c->config->reply_limit;

	return c->stuck_since == 0 || c->blocked || limit < 0 ? INT64_MAX : c->stuck_since + limit;
}

bool
connection_timers(struct connection *c, int64_t now, bool may_send)
{
	static const uint8_t beat[] = { FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END };
	bool beats = c->heartbeat > 0 && c->state >= CONNECTION_OPENING && c->state != CONNECTION_CLOSED;

	if (beats && !connection_choked(c) && now - c->last_received >= 2 * c->heartbeat) {
		rmq_fail(&c->cause, RMQ_UNAVAILABLE, 0, "nothing heard for %lld s",
		    (long long)(now - c->last_received) / 1000);
		return lost(c);
	}
	if (now >= deaf_until(c)) {
		rmq_fail(&c->cause, RMQ_UNAVAILABLE, 0, "it read nothing for %lld s",
		    (long long)(now - c->stuck_since) / 1000);
		return lost(c);
	}
	if (beats && may_send && c->out.len == 0 && now - c->last_sent >= c->heartbeat / 2)
		rmq_buffer_add(&c->out, beat, sizeof beat);
	return true;
}

int64_t
connection_deadline(const struct connection *c)
{
	int64_t dead, beat, deaf = deaf_until(c);

	if (c->state == CONNECTION_REACHING)
		return transport_deadline(&c->transport);
	if (c->heartbeat == 0 || c->state < CONNECTION_OPENING || c->state == CONNECTION_CLOSED)
		return deaf;
	beat = c->out.len > 0 || c->transport.want_write ? INT64_MAX : c->last_sent + c->heartbeat / 2;
	dead = connection_choked(c) ? INT64_MAX : c->last_received + 2 * c->heartbeat;
	if (deaf < beat)
		beat = deaf;
	return beat < dead ? beat : dead;
}
