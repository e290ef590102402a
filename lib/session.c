/* SPDX-License-Identifier: MIT */
/*
 * A session: the calls of the caller's loop, the timers, and finding a broker
 * again.
 */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

enum {
	FIRST_LIMIT = 10000, RETRY_LIMIT = 60000, REPLY_LIMIT = 30000, LEAVE_LIMIT = 2000, ATTEMPT_LIMIT = 10000,
	BACKOFF_LEAST = 250, BACKOFF_MOST_FIRST = 1000, BACKOFF_MOST = 30000, REFUSALS = 5,
	FAR_ROUND_TRIP = 2, RECORDS_PER_MS = 400
};
static const int64_t NEVER = INT64_MAX;

void
session_fail(struct rmq *mq, enum rmq_status status, int code, const char *fmt, ...)
{
	char text[sizeof mq->error.text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	rmq_fail(&mq->error, status, code, "%s", text);
	connection_drop(&mq->connection);
	mq->state = SESSION_FAILED;
}

static void
no_memory(struct rmq *mq)
{
	session_fail(mq, RMQ_SYSTEM, 0, "out of memory");
}

void
session_event(struct rmq *mq, struct rmq_event ev)
{
	size_t size = mq->events_size == 0 ? 8 : 2 * mq->events_size;
	struct rmq_event *events;

	if (mq->first_event > 0 && mq->first_event == mq->nevents)
		mq->first_event = mq->nevents = 0;
	if (mq->nevents == mq->events_size) {
		if ((events = reallocarray(mq->events, size, sizeof *events)) == NULL) {
			no_memory(mq);
			return;
		}
		mq->events = events;
		mq->events_size = size;
	}
	mq->events[mq->nevents++] = ev;
}

bool
session_put(struct rmq *mq, amqp_method_number_t id, void *method)
{
	if (connection_put(&mq->connection, CHANNEL, id, method))
		return true;
	session_down(mq);
	return false;
}

static int64_t
after(int64_t ms)
{
	return ms < 0 ? NEVER : rmq_now() + ms;
}

static size_t
count_hosts(const struct rmq *mq)
{
	size_t n = 0;

	for (size_t i = 0; i < mq->config.nuris; i++)
		n += mq->config.uris[i].nhosts;
	return n;
}

static const struct rmq_host *
host_in_turn(const struct rmq *mq, const struct rmq_uri **uri)
{
	size_t i = mq->turn % count_hosts(mq);

	for (*uri = mq->config.uris; i >= (*uri)->nhosts; (*uri)++)
		i -= (*uri)->nhosts;
	return &(*uri)->hosts[i];
}

/* In the first round each host gets its share of the time, so that a dead one does not use up the others'. */
static int64_t
attempt_deadline(const struct rmq *mq)
{
	size_t hosts = count_hosts(mq);
	int64_t now = rmq_now(), left = mq->deadline == NEVER ? ATTEMPT_LIMIT : mq->deadline - now;

	if (mq->attempts < hosts)
		left /= (int64_t)(hosts - mq->attempts);
	return now + (left > ATTEMPT_LIMIT ? ATTEMPT_LIMIT : left);
}

static void
attempt(struct rmq *mq)
{
	const struct rmq_uri *uri;
	const struct rmq_host *host = host_in_turn(mq, &uri);
	int64_t deadline = attempt_deadline(mq);
	bool ok;

	mq->state = SESSION_CONNECTING;
	mq->reply_deadline = deadline;
	mq->attempts++;
	mq->turn++;
	if (mq->config.socket > 0)
		ok = connection_adopt(&mq->connection, mq->config.uris, mq->config.socket);
	else
		ok = connection_start(&mq->connection, uri, host, deadline);
	if (!ok)
		session_down(mq);
}

static void
set_defaults(struct rmq_config *c)
{
	if (c->first_limit == 0)
		c->first_limit = FIRST_LIMIT;
	if (c->retry_limit == 0)
		c->retry_limit = RETRY_LIMIT;
	if (c->reply_limit == 0)
		c->reply_limit = REPLY_LIMIT;
	if (c->max_message == 0)
		c->max_message = 128 << 20;
	if (c->product == NULL)
		c->product = "rmq-tools";
}

struct rmq *
rmq_open(const struct rmq_config *config)
{
	struct rmq *mq = calloc(1, sizeof *mq);

	if (mq == NULL)
		return NULL;
	if ((mq->scratch = calloc(1, sizeof *mq->scratch)) == NULL) {
		free(mq);
		return NULL;
	}
	properties_scratch_init(mq->scratch);
	mq->config = *config;
	set_defaults(&mq->config);
	init_amqp_pool(&mq->pool, 4096);
	connection_init(&mq->connection, &mq->config);
	publisher_init(&mq->publisher, &mq->config);
	mq->deadline = after(mq->config.first_limit);
	mq->reply_deadline = mq->confirm_deadline = mq->blocked_deadline = NEVER;
	attempt(mq);
	return mq;
}

void
rmq_free(struct rmq *mq)
{
	if (mq == NULL)
		return;
	connection_free(&mq->connection);
	publisher_free(&mq->publisher);
	topology_free(mq);
	delivery_reset(mq);
	rmq_buffer_free(&mq->content.method);
	rmq_buffer_free(&mq->content.header);
	rmq_buffer_free(&mq->content.body);
	properties_scratch_done(mq->scratch);
	free(mq->scratch);
	empty_amqp_pool(&mq->pool);
	free(mq->awaited);
	free(mq->events);
	free(mq);
}

bool
rmq_failed(const struct rmq *mq)
{
	return mq->state == SESSION_FAILED;
}

const struct rmq_error *
rmq_error(const struct rmq *mq)
{
	return &mq->error;
}

/* Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
static int64_t
backoff(const struct rmq *mq)
{
	int64_t most = mq->was_ready ? BACKOFF_MOST : BACKOFF_MOST_FIRST;
	unsigned round = (mq->attempts - 1) / (unsigned)count_hosts(mq);
	int64_t limit = round < 8 ? (int64_t)BACKOFF_LEAST << round : most;

	if (mq->attempts % count_hosts(mq) != 0)
		return 0;
	return arc4random_uniform((uint32_t)(limit > most ? most : limit)) + 10;
}

static bool
worth_another_try(struct rmq *mq, const struct rmq_error *e)
{
	if (mq->config.socket > 0)
		return false;
	if (e->status == RMQ_DENIED)
		return mq->was_ready && ++mq->refusals < REFUSALS;
	return e->status == RMQ_UNAVAILABLE || e->status == RMQ_NO_HOST;
}

void
session_left(struct rmq *mq)
{
	connection_drop(&mq->connection);
	mq->state = SESSION_CLOSED;
	session_event(mq, (struct rmq_event){ .type = RMQ_CLOSED });
}

void
session_lost(struct rmq *mq, const char *why)
{
	snprintf(mq->lost_text, sizeof mq->lost_text, "%s", why);
	mq->epoch++;
	session_event(mq, (struct rmq_event){ .type = RMQ_LOST, .text = rmq_bytes(mq->lost_text) });
}

void
session_stopped(struct rmq *mq)
{
	if (!mq->stopped)
		session_event(mq, (struct rmq_event){ .type = RMQ_STOPPED });
	mq->stopped = true;
}

/* The goodbye was not answered.  What it was to prove is known already, or will never be. */
static void
down_while_leaving(struct rmq *mq, const struct rmq_error *e)
{
	if (mq->nconsumers > 0 && mq->nawaited > 0)
		session_fail(mq, RMQ_UNCONFIRMED, e->code,
		    "cannot tell whether the last acknowledgements arrived: %s", e->text);
	else
		session_left(mq);
}

void
session_down(struct rmq *mq)
{
	struct rmq_error e = mq->connection.error;
	bool was_up = mq->state == SESSION_READY;

	if (mq->state >= SESSION_CLOSED)
		return;
	if (mq->state == SESSION_LEAVING) {
		down_while_leaving(mq, &e);
		return;
	}
	publisher_restart(&mq->publisher, mq->state == SESSION_SETTING_UP);
	channel_forget(mq);
	topology_reset(mq, true);
	mq->blocked_told = false;
	mq->blocked_deadline = mq->confirm_deadline = NEVER;
	if (was_up)
		session_lost(mq, e.text);
	if (mq->stopping)
		session_stopped(mq);
	if (was_up && mq->deadline == NEVER)
		mq->deadline = after(mq->config.retry_limit);
	if (!worth_another_try(mq, &e) || rmq_now() >= mq->deadline) {
		session_fail(mq, e.status, e.code, "%s", e.text);
		return;
	}
	mq->state = SESSION_WAITING;
	mq->retry_at = rmq_now() + backoff(mq);
}

/* A connection that leads nowhere is dropped without a word: its goodbye might wait for the broker for a minute. */
static void
give_up(struct rmq *mq, const char *why)
{
	char peer[300];

	connection_peer(&mq->connection, peer, sizeof peer);
	connection_down(&mq->connection, RMQ_UNAVAILABLE, 0, "no answer from %s: %s", peer, why);
	session_down(mq);
}

void
session_ready(struct rmq *mq)
{
	mq->state = SESSION_READY;
	mq->was_ready = true;
	mq->attempts = mq->refusals = 0;
	mq->reply_deadline = NEVER;
	if (mq->publisher.counts.unsettled == 0 || mq->deadline == NEVER)
		mq->deadline = NEVER;
	session_event(mq, (struct rmq_event){ .type = RMQ_READY });
}

/* Only a confirm proves to a publisher that it got anywhere after a loss. */
void
session_confirmed(struct rmq *mq)
{
	mq->deadline = NEVER;
	mq->confirm_deadline = NEVER;
}

static void
leave(struct rmq *mq)
{
	amqp_channel_close_t close = { .reply_code = 200 };

	mq->state = SESSION_LEAVING;
	mq->reply_deadline = rmq_now() + LEAVE_LIMIT;
	if (mq->nconsumers > 0 && channel_await(mq, AMQP_CHANNEL_CLOSE_OK_METHOD, NULL))
		session_put(mq, AMQP_CHANNEL_CLOSE_METHOD, &close);
	else
		connection_close(&mq->connection);
}

void
rmq_close(struct rmq *mq)
{
	mq->closing = true;
}

static void
close_when_settled(struct rmq *mq)
{
	if (mq->publisher.counts.unsettled > 0)
		return;
	if (mq->state == SESSION_READY && mq->nawaited == 0)
		leave(mq);
	else if (mq->state < SESSION_READY && !connection_usable(&mq->connection))
		session_left(mq);
}

static void
write_out(struct rmq *mq)
{
	struct connection *c = &mq->connection;
	struct publisher *p = &mq->publisher;

	while (c->state > CONNECTION_REACHING && c->state != CONNECTION_CLOSED) {
		struct pieces pieces = { .n = 0 };
		struct rmq_error e = { 0 };
		bool publishing = connection_usable(c) && mq->state >= SESSION_SETTING_UP && !mq->flow_off;
		size_t control = publisher_in_record(p) ? 0 : c->out.len;
		ssize_t n;

		if (control > 0)
			pieces.iov[pieces.n++] = (struct iovec){ c->out.data, control };
		if (publisher_in_record(p) || (publishing && !c->blocked && publisher_has_output(p)))
			publisher_gather(p, &pieces, publisher_in_record(p));
		if (pieces.n == 0)
			return;
		n = transport_write(&c->transport, pieces.iov, pieces.n, &e);
		if (n == -1)
			return;
		if (n == -2) {
			/* What the broker said before it hung up is the better reason. */
			if (mq->state != SESSION_LEAVING && c->in_end > c->in_start)
				return;
			connection_down(c, e.status, 0, "lost the connection: %s", e.text);
			session_down(mq);
			return;
		}
		c->last_sent = rmq_now();
		control = (size_t)n < control ? (size_t)n : control;
		rmq_buffer_drop(&c->out, control);
		publisher_sent(p, (size_t)n - control);
		if (mq->confirm_deadline == NEVER && p->counts.unsettled > 0)
			mq->confirm_deadline = after(mq->config.reply_limit);
	}
}

static void
reply_timers(struct rmq *mq, int64_t now)
{
	if (mq->state == SESSION_LEAVING && now >= mq->reply_deadline) {
		rmq_fail(&mq->connection.error, RMQ_UNAVAILABLE, 0, "no answer");
		session_down(mq);
	} else if (now >= mq->reply_deadline) {
		give_up(mq, mq->was_ready || connection_usable(&mq->connection) ? "a reply did not come in time" :
		    "the handshake did not end in time");
	} else if (mq->blocked_deadline <= now) {
		session_fail(mq, RMQ_UNAVAILABLE, 0, "the broker takes no messages: %s",
		    mq->connection.blocked_reason);
	} else if (now >= mq->confirm_deadline && !mq->connection.blocked) {
		mq->deadline = mq->deadline == NEVER ? after(mq->config.retry_limit) : mq->deadline;
		give_up(mq, "no confirm came in time");
	}
}

static void
timers(struct rmq *mq)
{
	int64_t now = rmq_now();

	if (mq->state == SESSION_WAITING) {
		if (now >= mq->deadline)
			session_fail(mq, mq->connection.error.status, mq->connection.error.code, "%s",
			    mq->connection.error.text);
		else if (now >= mq->retry_at)
			attempt(mq);
		return;
	}
	if (mq->state < SESSION_READY && now >= mq->deadline)
		give_up(mq, "the time is over");
	else if (mq->state < SESSION_CLOSED)
		reply_timers(mq, now);
	if (mq->state != SESSION_WAITING && mq->state < SESSION_CLOSED &&
	    !connection_timers(&mq->connection, now, !publisher_in_record(&mq->publisher)))
		session_down(mq);
}

static void
tell_blocked(struct rmq *mq)
{
	if (mq->connection.blocked == mq->blocked_told)
		return;
	mq->blocked_told = mq->connection.blocked;
	mq->blocked_deadline = mq->blocked_told ? after(mq->config.retry_limit) : NEVER;
	mq->confirm_deadline = NEVER;
	session_event(mq, (struct rmq_event){
		.type = mq->blocked_told ? RMQ_BLOCKED : RMQ_UNBLOCKED,
		.text = rmq_bytes(mq->connection.blocked_reason),
	});
}

/* The window of a slow link holds what the link holds: https://en.wikipedia.org/wiki/Bandwidth-delay_product */
static void
widen_window(struct rmq *mq)
{
	int64_t round_trip = mq->connection.transport.round_trip;

	if (mq->config.window_messages > 0 || round_trip < FAR_ROUND_TRIP)
		return;
	mq->publisher.window_messages = 1000 + (size_t)round_trip * RECORDS_PER_MS;
	mq->publisher.window_bytes = 8 << 20;
}

void
rmq_io(struct rmq *mq, short revents)
{
	if (mq->state >= SESSION_CLOSED)
		return;
	mq->paused = false;
	if (mq->state != SESSION_WAITING && !connection_input(&mq->connection, revents))
		session_down(mq);
	timers(mq);
}

static bool
next_event(struct rmq *mq, struct rmq_event *ev)
{
	if (mq->first_event == mq->nevents)
		return false;
	*ev = mq->events[mq->first_event++];
	return true;
}

/* Once the handshake is past tune, all that the channel needs travels with it. */
static void
next_state(struct rmq *mq)
{
	if (mq->state == SESSION_CONNECTING && connection_usable(&mq->connection)) {
		widen_window(mq);
		channel_open(mq);
	}
	if (mq->state == SESSION_LEAVING && mq->connection.state == CONNECTION_CLOSED)
		session_left(mq);
	tell_blocked(mq);
}

bool
rmq_next(struct rmq *mq, struct rmq_event *ev)
{
	int n;

	for (;;) {
		if (next_event(mq, ev))
			return true;
		if (mq->state >= SESSION_CLOSED || mq->state == SESSION_WAITING || mq->paused)
			return false;
		if ((n = channel_next(mq, ev)) == 1)
			return true;
		if (mq->state < SESSION_CLOSED && mq->state != SESSION_WAITING)
			next_state(mq);
		if (n == -1 && mq->first_event == mq->nevents)
			return false;
	}
}

int
rmq_fd(const struct rmq *mq)
{
	if (mq->state == SESSION_WAITING || mq->state >= SESSION_CLOSED)
		return -1;
	return transport_fd(&mq->connection.transport);
}

short
rmq_events(const struct rmq *mq)
{
	return transport_events(&mq->connection.transport, !connection_choked(&mq->connection));
}

static int64_t
next_timer(const struct rmq *mq)
{
	int64_t t = mq->state < SESSION_READY ? mq->deadline : NEVER, beat;

	if (mq->state == SESSION_WAITING)
		return mq->retry_at < t ? mq->retry_at : t;
	if (mq->reply_deadline < t)
		t = mq->reply_deadline;
	if (mq->blocked_deadline < t)
		t = mq->blocked_deadline;
	if (mq->confirm_deadline < t && !mq->connection.blocked)
		t = mq->confirm_deadline;
	if (mq->publisher.pause_until > rmq_now() && mq->publisher.pause_until < t)
		t = mq->publisher.pause_until;
	beat = connection_deadline(&mq->connection);
	return beat < t ? beat : t;
}

int
rmq_wait_ms(struct rmq *mq)
{
	int64_t t, now;

	if (mq->closing)
		close_when_settled(mq);
	if (mq->state < SESSION_CLOSED && mq->state != SESSION_WAITING)
		write_out(mq);
	if (mq->first_event < mq->nevents || mq->paused)
		return 0;
	if (mq->state >= SESSION_CLOSED)
		return -1;
	if ((t = next_timer(mq)) == NEVER)
		return -1;
	now = rmq_now();
	return t <= now ? 0 : t - now > 60000 ? 60000 : (int)(t - now);
}

bool
rmq_can_publish(const struct rmq *mq)
{
	return mq->state < SESSION_LEAVING && !mq->closing && !mq->connection.blocked && !mq->flow_off &&
	    publisher_has_room(&mq->publisher);
}

bool
rmq_publish(struct rmq *mq, const struct rmq_message *m, struct rmq_error *e)
{
	return publisher_add(&mq->publisher, m, e);
}

struct rmq_counts
rmq_counts(const struct rmq *mq)
{
	return publisher_counts(&mq->publisher);
}
