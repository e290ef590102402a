/* SPDX-License-Identifier: MIT */
/*
 * The scripted broker: sockets, turns, frames and events.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"

enum { TURNS = 400, CHUNK = 65536 };

static int64_t skipped;		/* ms */

/* The library's clock: it runs as the other one does, and jumps when a test says so. */
int
clock_gettime(clockid_t clock, struct timespec *t)
{
	(void)clock;
	timespec_get(t, TIME_UTC);
	t->tv_sec += (time_t)(skipped / 1000);
	t->tv_nsec += (long)(skipped % 1000) * 1000000;
	if (t->tv_nsec >= 1000000000) {
		t->tv_nsec -= 1000000000;
		t->tv_sec++;
	}
	return 0;
}

static void
prepare(struct peer *p, const struct rmq_config *config)
{
	*p = (struct peer){ .config = *config, .fd = -1, .listener = -1, .spare = -1 };
	init_amqp_pool(&p->pool, 4096);
	if (p->config.uris != NULL) {
		p->uri = p->config.uris[0];
	} else {
		p->uri = (struct rmq_uri){
			.user = (char *)(uintptr_t)"guest", .password = (char *)(uintptr_t)"secret",
			.vhost = (char *)(uintptr_t)"/", .heartbeat = -1, .connection_timeout = -1,
			.channel_max = -1, .frame_max = -1, .verify = -1, .depth = -1,
		};
	}
	p->host = (struct rmq_host){ (char *)(uintptr_t)"127.0.0.1", 0 };
	p->uri.hosts = &p->host;
	p->uri.nhosts = 1;
	p->config.uris = &p->uri;
	p->config.nuris = 1;
	if (p->config.nhints > 0) {
		p->hint = p->config.hints[0];
		p->hint.uri = &p->uri;
		p->config.hints = &p->hint;
	}
}

static void
small_buffers(int fd)
{
	int size = 16384;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

void
peer_open(struct peer *p, const struct rmq_config *config)
{
	int pair[2];

	prepare(p, config);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	small_buffers(pair[0]);
	small_buffers(pair[1]);
	p->fd = pair[0];
	p->spare = pair[1];
	fcntl(p->fd, F_SETFL, O_NONBLOCK);
	p->config.socket = pair[1];
	p->mq = rmq_open(&p->config);
	assert_non_null(p->mq);
	close(p->spare);
	p->spare = -1;
}

void
peer_listen(struct peer *p, const struct rmq_config *config)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;

	prepare(p, config);
	p->listener = socket(AF_INET, SOCK_STREAM, 0);
	small_buffers(p->listener);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(listen(p->listener, 5), 0);
	fcntl(p->listener, F_SETFL, O_NONBLOCK);
	p->host.port = ntohs(a.sin_port);
	p->hint.host = &p->host;
	p->mq = rmq_open(&p->config);
	assert_non_null(p->mq);
}

/* Time passes quickly here, so that a session that waits for its next attempt makes it. */
void
peer_accept(struct peer *p)
{
	int on = 1;

	peer_hang_up(p);
	for (int i = 0; i < TURNS && p->fd == -1; i++) {
		peer_turn(p);
		p->fd = accept(p->listener, NULL, NULL);
		if (p->fd == -1)
			peer_wait(p, 50);
	}
	assert_int_not_equal(p->fd, -1);
	fcntl(p->fd, F_SETFL, O_NONBLOCK);
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	p->in.len = p->used = 0;
}

void
peer_hang_up(struct peer *p)
{
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
}

void
peer_refuse(struct peer *p)
{
	close(p->listener);
	p->listener = -1;
}

static void
drop_event(struct peer_event *ev)
{
	rmq_buffer_free(&ev->body);
	rmq_buffer_free(&ev->properties);
}

void
peer_close(struct peer *p)
{
	rmq_free(p->mq);
	peer_hang_up(p);
	if (p->listener != -1)
		close(p->listener);
	for (size_t i = 0; i < p->nevents; i++)
		drop_event(&p->events[i]);
	free(p->events);
	free(p->marks);
	rmq_buffer_free(&p->taken);
	rmq_buffer_free(&p->in);
	rmq_buffer_free(&p->out);
	rmq_buffer_free(&p->sent);
	empty_amqp_pool(&p->pool);
}

void
peer_wait(struct peer *p, int64_t ms)
{
	(void)p;
	skipped += ms;
}

static void
copy_text(char *to, size_t size, struct rmq_bytes from)
{
	snprintf(to, size, "%.*s", (int)from.len, from.len > 0 ? (const char *)from.data : "");
}

static void
keep_event(struct peer *p, const struct rmq_event *ev)
{
	struct peer_event *to;

	if ((p->nevents & (p->nevents - 1)) == 0)
		p->events = realloc(p->events, (p->nevents == 0 ? 1 : 2 * p->nevents) * sizeof *p->events);
	assert_non_null(p->events);
	to = &p->events[p->nevents++];
	*to = (struct peer_event){
		.type = ev->type, .tag = ev->delivery.tag, .cookie = ev->cookie, .code = ev->code, .heard_at = ev->heard_at,
		.consumer = ev->delivery.consumer,
		.redelivered = ev->delivery.redelivered, .given_up = ev->given_up, .taken_back = ev->taken_back,
	};
	copy_text(to->text, sizeof to->text, ev->text);
	copy_text(to->exchange, sizeof to->exchange, ev->type == RMQ_DELIVERED ? ev->delivery.exchange : ev->exchange);
	copy_text(to->routing_key, sizeof to->routing_key,
	    ev->type == RMQ_DELIVERED ? ev->delivery.routing_key : ev->routing_key);
	rmq_buffer_add(&to->body, ev->delivery.body.data, ev->delivery.body.len);
	rmq_buffer_add(&to->properties, ev->delivery.properties.data, ev->delivery.properties.len);
	if (p->takes && ev->type == RMQ_DELIVERED) {
		rmq_buffer_free(&p->taken);
		rmq_take_body(p->mq, &ev->delivery, &p->taken);
	}
}

static bool
listen_to_session(struct peer *p)
{
	ssize_t n;

	if (p->fd == -1 || p->deaf)
		return false;
	assert_true(rmq_buffer_reserve(&p->in, CHUNK));
	n = p->read != NULL ? p->read(p, p->in.data + p->in.len, CHUNK) :
	    recv(p->fd, p->in.data + p->in.len, CHUNK, 0);
	if (n > 0)
		p->in.len += (size_t)n;
	return n > 0;
}

/* No state waits for ever: a session that has neither ended nor gone wrong has a timer. */
static short
poll_session(struct peer *p)
{
	int wait = rmq_wait_ms(p->mq), fd = rmq_fd(p->mq);
	struct pollfd f = { fd, rmq_events(p->mq), 0 };

	if (wait < 0 && !rmq_failed(p->mq) && p->mq->state != SESSION_CLOSED)
		fail_msg("a session in state %d waits for ever (seed %u)", p->mq->state, p->seed);
	if (fd == -1)
		return 0;
	poll(&f, 1, 0);
	return f.revents;
}

/* TCP takes its time on a busy machine, even within it; the other sockets deliver at once. */
static void
pause_for_tcp(const struct peer *p)
{
	if (p->host.port != 0)
		poll(NULL, 0, 1);
}

bool
peer_turn(struct peer *p)
{
	size_t before = p->nevents;
	short revents = poll_session(p);
	struct rmq_event ev;
	bool busy;

	rmq_io(p->mq, revents);
	while (rmq_next(p->mq, &ev))
		keep_event(p, &ev);
	busy = listen_to_session(p) || revents != 0 || p->nevents > before;
	if (!busy)
		pause_for_tcp(p);
	return busy;
}

void
peer_turns(struct peer *p)
{
	for (int i = 0, quiet = 0; i < 20 * TURNS && quiet < 3; i++)
		quiet = peer_turn(p) ? 0 : quiet + 1;
}

static ssize_t
tell_session(struct peer *p, const void *data, size_t len)
{
	if (p->chunk > 0 && p->chunk < len)
		len = p->chunk;
	return p->write != NULL ? p->write(p, data, len) : send(p->fd, data, len, MSG_NOSIGNAL);
}

static void
flush(struct peer *p)
{
	size_t done = 0;

	for (int stuck = 0; p->fd != -1 && done < p->out.len && stuck < TURNS;) {
		ssize_t n = tell_session(p, p->out.data + done, p->out.len - done);

		if (n == -1 && errno != EAGAIN)
			break;
		done += n > 0 ? (size_t)n : 0;
		stuck = n > 0 ? 0 : stuck + 1;
		if (n == -1 || p->chunk > 0)
			peer_turn(p);
	}
	p->out.len = 0;
}

static void
mark(struct peer *p)
{
	if ((p->nmarks & (p->nmarks - 1)) == 0)
		p->marks = realloc(p->marks, (p->nmarks == 0 ? 1 : 2 * p->nmarks) * sizeof *p->marks);
	assert_non_null(p->marks);
	p->marks[p->nmarks++] = p->sent.len;
}

void
peer_raw(struct peer *p, const void *data, size_t len)
{
	mark(p);
	assert_true(rmq_buffer_add(&p->sent, data, len));
	assert_true(rmq_buffer_add(&p->out, data, len));
	flush(p);
}

void
peer_frame(struct peer *p, uint8_t type, uint16_t channel, const void *payload, size_t len)
{
	uint8_t start[FRAME_START], end = FRAME_END;
	struct rmq_buffer frame = { 0 };

	codec_frame_start(start, type, channel, len);
	assert_true(rmq_buffer_add(&frame, start, sizeof start) && rmq_buffer_add(&frame, payload, len) &&
	    rmq_buffer_add(&frame, &end, 1));
	peer_raw(p, frame.data, frame.len);
	rmq_buffer_free(&frame);
}

void
peer_send(struct peer *p, amqp_method_number_t id, void *method)
{
	uint8_t payload[4096];
	int n = amqp_encode_method(id, method, (amqp_bytes_t){ sizeof payload - 4, payload + 4 });

	assert_true(n >= 0);
	codec_put_u32(payload, id);
	peer_frame(p, FRAME_METHOD, id >> 16 == AMQP_CONNECTION_CLASS ? 0 : CHANNEL, payload, (size_t)n + 4);
}

/* Turns until the session has said so much. */
static const uint8_t *
hear(struct peer *p, size_t len)
{
	for (int i = 0; i < TURNS && p->in.len - p->used < len; i++)
		peer_turn(p);
	if (p->in.len - p->used < len)
		fail_msg("the session says nothing: %s", rmq_failed(p->mq) ? rmq_error(p->mq)->text : "it waits");
	return (uint8_t *)p->in.data + p->used;
}

bool
peer_heard(struct peer *p, amqp_method_number_t *id)
{
	const uint8_t *frame;

	if (p->used == p->in.len)
		peer_turn(p);
	if (p->used == p->in.len)
		return false;
	frame = hear(p, FRAME_OVERHEAD);
	*id = frame[0] == FRAME_METHOD ? codec_u32(hear(p, FRAME_OVERHEAD + 4) + FRAME_START) : 0;
	return true;
}

static struct frame
next_frame(struct peer *p)
{
	struct rmq_error e = { 0 };
	struct frame f;
	size_t size;

	if (p->used == p->in.len)
		p->used = p->in.len = 0;
	size = codec_u32(hear(p, FRAME_START) + 3);
	hear(p, size + FRAME_OVERHEAD);
	if (codec_frame(&f, p->in.data + p->used, p->in.len - p->used, FRAME_MAX_OURS, &e) != 1)
		fail_msg("the session sends no frame: %s", e.text);
	p->used += f.size;
	return f;
}

void
peer_expect_header(struct peer *p)
{
	assert_memory_equal(hear(p, 8), "AMQP\0\0\x09\x01", 8);
	p->used += 8;
}

void *
peer_expect(struct peer *p, amqp_method_number_t id)
{
	struct frame f = next_frame(p);
	struct rmq_error e = { 0 };
	void *method;

	assert_int_equal(f.type, FRAME_METHOD);
	if (codec_method_id(f.payload) != id)
		fail_msg("the session sends %s, not %s", amqp_method_name(codec_method_id(f.payload)),
		    amqp_method_name(id));
	assert_int_equal(f.channel, id >> 16 == AMQP_CONNECTION_CLASS ? 0 : CHANNEL);
	recycle_amqp_pool(&p->pool);
	assert_true(codec_get_method(f.payload, &p->pool, &method, &e));
	return method;
}

void
peer_expect_heartbeat(struct peer *p)
{
	struct frame f = next_frame(p);

	assert_int_equal(f.type, FRAME_HEARTBEAT);
	assert_int_equal(f.channel, 0);
}

static uint64_t
expect_content_header(struct peer *p, struct peer_content *c)
{
	struct rmq_error e = { 0 };
	struct content_header h;
	struct frame f = next_frame(p);

	assert_int_equal(f.type, FRAME_HEADER);
	assert_int_equal(f.channel, CHANNEL);
	assert_true(codec_get_header(f.payload, &h, &e));
	assert_true(rmq_buffer_add(&c->properties, h.properties.data, h.properties.len));
	return h.body_size;
}

void
peer_expect_publish(struct peer *p, struct peer_content *c)
{
	const amqp_basic_publish_t *publish = peer_expect(p, AMQP_BASIC_PUBLISH_METHOD);
	uint64_t size;

	copy_text(c->exchange, sizeof c->exchange, bytes_from_amqp(publish->exchange));
	copy_text(c->routing_key, sizeof c->routing_key, bytes_from_amqp(publish->routing_key));
	c->mandatory = publish->mandatory;
	c->properties.len = c->body.len = c->largest = c->frames = 0;
	for (size = expect_content_header(p, c); c->body.len < size; c->frames++) {
		struct frame f = next_frame(p);

		assert_int_equal(f.type, FRAME_BODY);
		assert_int_equal(f.channel, CHANNEL);
		assert_true(rmq_buffer_add(&c->body, f.payload.data, f.payload.len));
		c->largest = f.size > c->largest ? f.size : c->largest;
	}
	assert_int_equal(c->body.len, size);
}

void
peer_content_free(struct peer_content *c)
{
	rmq_buffer_free(&c->body);
	rmq_buffer_free(&c->properties);
}

void
peer_expect_nothing(struct peer *p)
{
	peer_turns(p);
	if (p->used == p->in.len)
		return;
	fail_msg("the session sends %s unasked", amqp_method_name(codec_method_id(next_frame(p).payload)));
}

struct peer_event *
peer_event(struct peer *p, enum rmq_event_type type)
{
	for (int i = 0; i < TURNS && p->first_event == p->nevents; i++)
		peer_turn(p);
	if (p->first_event == p->nevents)
		fail_msg("no event, expected %d: %s", type, rmq_failed(p->mq) ? rmq_error(p->mq)->text : "it waits");
	if (p->events[p->first_event].type != type)
		fail_msg("event %d, expected %d (%s)", p->events[p->first_event].type, type,
		    p->events[p->first_event].text);
	return &p->events[p->first_event++];
}

void
peer_no_event(struct peer *p)
{
	peer_turns(p);
	if (p->first_event < p->nevents)
		fail_msg("event %d, expected none (%s)", p->events[p->first_event].type,
		    p->events[p->first_event].text);
}

void
peer_failed(struct peer *p, enum rmq_status status, const char *words)
{
	const struct rmq_error *e = rmq_error(p->mq);

	for (int i = 0; i < TURNS && !rmq_failed(p->mq); i++)
		peer_turn(p);
	if (!rmq_failed(p->mq))
		fail_msg("the session goes on in state %d", p->mq->state);
	if (e->status != status || strstr(e->text, words) == NULL)
		fail_msg("status %d, expected %d: '%s', expected '%s'", e->status, status, e->text, words);
	assert_int_equal(rmq_fd(p->mq), -1);
}
