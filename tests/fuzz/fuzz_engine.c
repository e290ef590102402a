/* SPDX-License-Identifier: MIT */
/*
 * A broker that says anything at any time, and a caller who does anything.
 *
 * The first byte says what the session is for and how far it has come, see
 * enum flag; then come steps, see step().  Time is ours, so that every limit is
 * reached at once.  Whatever happens: what is counted adds up, no buffer grows
 * beyond its limit, the caller is never told to wait for nothing, and in the
 * end the session is closed or has failed with a word.
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "session/session.h"

enum flag {
	PUBLISHES = 1, CONSUMES = 2, HINTED = 4, GREETED = 8, READY = 16, CLOSES = 64, ORDERS = 128
};
enum { TURNS = 200, TAGS = 64, MOST_EVENTS = 200000, START_MS = 100000000 };
enum { MOST_IN = 2 << 20, MOST_OUT = 4 << 20, MOST_WAITING = 4096 };

static struct rmq *mq;
static int peer;		/* the broker's end */
static int64_t elapsed;		/* ms */
static uint64_t tags[TAGS], cookie;
static size_t ntags, nevents;

/* The linker puts these in the place of clock_gettime(), which has another name where long has 32 bits. */
int __wrap_clock_gettime(clockid_t, struct timespec *);
int __wrap___clock_gettime64(clockid_t, struct timespec *);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	int64_t ms = START_MS + elapsed;

	(void)clock;
	*t = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	return 0;
}

int
__wrap___clock_gettime64(clockid_t clock, struct timespec *t)
{
	return __wrap_clock_gettime(clock, t);
}

/* What the session says. */

/* Reads every byte, so that one outside of its block is seen. */
static unsigned
sum_of(struct rmq_bytes b)
{
	const uint8_t *byte = b.data;
	unsigned sum = 0;

	for (size_t i = 0; i < b.len; i++)
		sum += byte[i];
	return sum;
}

/* Its bytes decide what is done with it. */
static void
on_delivered(const struct rmq_delivery *d)
{
	unsigned sum = sum_of(d->body) + sum_of(d->properties) + sum_of(d->routing_key) + sum_of(d->exchange);
	struct rmq_properties properties;
	struct rmq_error error = { 0 };
	struct rmq_buffer body = { 0 };

	FUZZ_CHECK(d->routing_key.len < 256 && d->exchange.len < 256);
	rmq_decode_properties(mq, d, &properties, &error);
	if (sum & 1 && rmq_take_body(mq, d, &body))
		rmq_buffer_free(&body);
	tags[ntags++ % TAGS] = d->tag;
	if (sum & 2)
		rmq_ack(mq, d->tag, sum & 4);
}

static void
on_event(const struct rmq_event *e)
{
	FUZZ_CHECK(++nevents < MOST_EVENTS);
	sum_of(e->text);
	switch (e->type) {
	case RMQ_DELIVERED:
		on_delivered(&e->delivery);
		break;
	case RMQ_RETURNED:
	case RMQ_NACKED:
	case RMQ_REFUSED:
		FUZZ_CHECK(e->cookie >= 1 && e->cookie <= cookie);
		break;
	default:
		break;
	}
}

static void
check_limits(void)
{
	struct rmq_counts c = rmq_counts(mq);

	FUZZ_CHECK(c.accepted == c.confirmed + c.returned + c.nacked + c.refused + c.unsettled);
	FUZZ_CHECK(c.in_doubt <= c.unsettled);
	FUZZ_CHECK(mq->connection.in_size <= MOST_IN && mq->connection.out.size <= MOST_OUT);
	FUZZ_CHECK(mq->awaited_size <= MOST_WAITING && mq->events_size <= MOST_WAITING);
}

/* The caller's loop, once; false: nothing happens any more before the broker says something or time goes by. */
static bool
turn(void)
{
	static char said[65536];
	int wait = rmq_wait_ms(mq);
	struct pollfd p = { .fd = rmq_fd(mq) };
	struct rmq_event e;
	bool some = false;

	while (read(peer, said, sizeof said) > 0)
		;
	if (p.fd != -1)
		p.events = rmq_events(mq);
	poll(&p, 1, 0);
	FUZZ_CHECK(wait != -1 || rmq_failed(mq) || mq->state == SESSION_CLOSED || p.fd != -1);
	rmq_io(mq, p.revents);
	while (rmq_next(mq, &e)) {
		on_event(&e);
		some = true;
	}
	check_limits();
	return some || wait == 0 || p.revents & (POLLIN | POLLHUP);
}

static void
turns(void)
{
	for (int i = 0; i < TURNS && !rmq_failed(mq) && turn(); i++)
		;
}

/* What the broker says. */

static void
say(const void *data, size_t size)
{
	const char *at = data;
	ssize_t n;

	for (int stuck = 0; size > 0 && stuck < TURNS && !rmq_failed(mq); ) {
		n = send(peer, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		} else {
			turns();
			stuck++;
		}
	}
}

static void
say_frame(uint8_t type, uint16_t channel, const uint8_t *payload, size_t size)
{
	static uint8_t frame[FRAME_OVERHEAD + UINT16_MAX];

	codec_frame_start(frame, type, channel, size);
	memcpy(frame + FRAME_START, payload, size);
	frame[FRAME_START + size] = FRAME_END;
	say(frame, size + FRAME_OVERHEAD);
}

static void
say_method(uint16_t channel, amqp_method_number_t id, void *method)
{
	struct rmq_buffer out = { 0 };

	FUZZ_CHECK(codec_put_method(&out, channel, id, method, NULL));
	say(out.data, out.len);
	rmq_buffer_free(&out);
	turns();
}

static void
greet(void)
{
	amqp_connection_start_t start = { .version_minor = 9, .mechanisms = text_to_amqp("PLAIN"),
	    .locales = text_to_amqp("en_US") };
	amqp_connection_tune_t tune = { 2047, FRAME_MAX_OURS, 60 };
	amqp_connection_open_ok_t ok = { .known_hosts = text_to_amqp("") };

	say_method(0, AMQP_CONNECTION_START_METHOD, &start);
	say_method(0, AMQP_CONNECTION_TUNE_METHOD, &tune);
	say_method(0, AMQP_CONNECTION_OPEN_OK_METHOD, &ok);
}

static void
set_up(unsigned flags)
{
	amqp_channel_open_ok_t opened = { .channel_id = text_to_amqp("") };
	amqp_queue_declare_ok_t queue = { .queue = text_to_amqp("q") };
	amqp_basic_consume_ok_t consuming = { .consumer_tag = text_to_amqp("c0") };
	char none = 0;

	say_method(1, AMQP_CHANNEL_OPEN_OK_METHOD, &opened);
	if (flags & PUBLISHES)
		say_method(1, AMQP_CONFIRM_SELECT_OK_METHOD, &none);
	say_method(1, AMQP_QUEUE_DECLARE_OK_METHOD, &queue);
	say_method(1, AMQP_EXCHANGE_DECLARE_OK_METHOD, &none);
	say_method(1, AMQP_QUEUE_BIND_OK_METHOD, &none);
	if (flags & CONSUMES) {
		say_method(1, AMQP_BASIC_QOS_OK_METHOD, &none);
		say_method(1, AMQP_BASIC_CONSUME_OK_METHOD, &consuming);
	}
}

/* What the caller does. */

static void
publish(size_t size)
{
	static char body[140000];
	struct rmq_message m = { .exchange = { 1, "x" }, .routing_key = { 1, "k" }, .body = { size, body },
	    .mandatory = true, .cookie = cookie + 1 };
	struct rmq_error error = { 0 };

	if (mq->config.confirm && rmq_can_publish(mq) && rmq_publish(mq, &m, &error))
		cookie++;
}

static void
act(unsigned what)
{
	const struct rmq_binding binding = { .queue = "q", .exchange = "x", .routing_key = "k" };
	uint64_t tag = ntags > 0 ? tags[(ntags - 1) % TAGS] : 0;

	switch (what) {
	case 0: publish(20); break;
	case 1: publish(5000); break;
	case 2: publish(140000); break;
	case 3: rmq_stop_consuming(mq); break;
	case 4: rmq_resume_consuming(mq); break;
	case 5: rmq_close(mq); break;
	case 6: rmq_ack(mq, tag, false); break;
	case 7: rmq_nack(mq, tag, true, true); break;
	case 8: rmq_look_at_queue(mq, "q"); break;
	case 9: rmq_delete_queue(mq, "q", true, true); break;
	case 10: rmq_unbind(mq, &binding); break;
	case 11: rmq_consume(mq, &(struct rmq_consumer){ .queue = "q2", .prefetch = 1, .no_ack = true }); break;
	case 12: rmq_stocked(mq, true); break;
	case 13: rmq_stocked(mq, false); break;
	case 14: rmq_declare_queue(mq, &(struct rmq_queue){ .name = NULL }); break;
	case 15: rmq_reject(mq, tag, false); break;
	default: break;
	}
	turns();
}

/* The input. */

static size_t
at_most(size_t n, size_t left)
{
	return n < left ? n : left;
}

/* Its head: type, channel, and two bytes for the length of what follows. */
static size_t
step_frame(const uint8_t *data, size_t size)
{
	static const uint8_t types[] = { FRAME_METHOD, FRAME_METHOD, FRAME_METHOD, FRAME_HEADER, FRAME_BODY,
	    FRAME_HEARTBEAT, FRAME_METHOD, 4 };
	uint8_t type = types[data[0] & 7];
	uint16_t channel = data[1] >= 250 ? data[1] : type != FRAME_HEARTBEAT && data[1] < 200;
	size_t len = at_most(codec_u16(data + 2), size - 4);

	say_frame(type, channel, data + 4, len);
	turns();
	return 4 + len;
}

/* One step; how many bytes it took, 0: the rest is too short for it. */
static size_t
step(const uint8_t *data, size_t size)
{
	size_t len;

	switch (data[0] & 7) {
	case 0:		/* time goes by */
		if (size < 3)
			return 0;
		elapsed += codec_u16(data + 1);
		turns();
		return 3;
	case 1:		/* the broker says bytes */
		len = size < 2 ? 0 : at_most(data[1], size - 2);
		say(data + at_most(2, size), len);
		turns();
		return at_most(2, size) + len;
	case 7:		/* the caller does something */
		act(data[0] >> 3);
		return 1;
	default:	/* the broker says a frame */
		return size < 5 ? 0 : 1 + step_frame(data + 1, size - 1);
	}
}

static void
open_session(unsigned flags)
{
	static char name[] = "h", user[] = "guest", password[] = "secret", vhost[] = "/";
	static struct rmq_host host = { name, 5672 };
	static const struct rmq_uri uri = { .hosts = &host, .nhosts = 1, .user = user, .password = password,
	    .vhost = vhost, .heartbeat = -1, .connection_timeout = -1, .channel_max = -1, .frame_max = -1,
	    .verify = -1, .depth = -1 };
	static const struct rmq_hint hint = { .uri = &uri, .host = &host, .channel_max = 2047,
	    .frame_max = FRAME_MAX_OURS, .heartbeat = 60, .plain = true };
	struct rmq_config config = { .uris = &uri, .nuris = 1, .confirm = flags & PUBLISHES,
	    .own_exchanges = flags & ORDERS, .max_message = 1 << 20 };
	int ends[2];

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	peer = ends[0];
	fcntl(peer, F_SETFL, O_NONBLOCK);
	config.socket = ends[1];
	if (flags & HINTED) {
		config.hints = &hint;
		config.nhints = 1;
	}
	FUZZ_CHECK((mq = rmq_open(&config)) != NULL);
	close(ends[1]);
}

static void
declare(unsigned flags)
{
	rmq_declare_queue(mq, &(struct rmq_queue){ .name = "q" });
	rmq_declare_exchange(mq, &(struct rmq_exchange){ .name = "x", .type = "topic" });
	rmq_bind(mq, &(struct rmq_binding){ .queue = "q", .exchange = "x", .routing_key = "k" });
	if (flags & CONSUMES)
		rmq_consume(mq, &(struct rmq_consumer){ .queue = "q", .prefetch = 10 });
	for (size_t size = 10; flags & PUBLISHES && size < 13; size++)
		publish(size);
	if (flags & ORDERS) {
		rmq_look_at_queue(mq, "q");
		rmq_purge_queue(mq, "r");
	}
	turns();
}

/* The broker is gone: no session lives longer than its limits. */
static void
end_session(void)
{
	close(peer);
	peer = -1;
	for (int i = 0; i < TURNS && !rmq_failed(mq) && mq->state != SESSION_CLOSED; i++) {
		elapsed += 1000;
		turn();
	}
	FUZZ_CHECK(rmq_failed(mq) || mq->state == SESSION_CLOSED);
	FUZZ_CHECK(!rmq_failed(mq) || *rmq_error(mq)->text != '\0');
	rmq_free(mq);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned flags;
	size_t used = 1;

	if (size < 2)
		return 0;
	flags = data[0];
	elapsed = 0;
	nevents = ntags = 0;
	cookie = 0;
	open_session(flags);
	declare(flags);
	if (flags & GREETED)
		greet();
	if ((flags & (GREETED | READY)) == (GREETED | READY))
		set_up(flags);
	if (flags & CLOSES)
		rmq_close(mq);
	for (data++, size--; size > 0 && used > 0 && !rmq_failed(mq) && mq->state < SESSION_CLOSED; size -= used) {
		used = step(data, size);
		data += used;
	}
	end_session();
	return 0;
}
