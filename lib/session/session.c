/* SPDX-License-Identifier: MIT */
/*
 * A session: the calls of the caller's loop, closing.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/session.h"
#include "wire/handshake.h"

enum {
	LEAVE_LIMIT = 2000, BLOCKED_PAUSE = 1000,
	WINDOW_NEAR = 1000, FAR_ROUND_TRIP = 2, RECORDS_PER_MS = 400, WINDOW_FAR_BYTES = 8 << 20
};

void
session_failed(struct rmq *mq)
{
	connection_drop(&mq->connection);
	mq->state = SESSION_FAILED;
}

void
session_fail(struct rmq *mq, enum rmq_status status, int code, const char *fmt, ...)
{
	char text[sizeof mq->error.text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	rmq_fail(&mq->error, status, code, "%s", text);
	session_failed(mq);
}

void
session_no_memory(struct rmq *mq)
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
			session_no_memory(mq);
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

const char *
rmq_trouble(const struct rmq *mq)
{
	return mq->trouble;
}

bool
rmq_hint(const struct rmq *mq, struct rmq_hint *hint)
{
	*hint = mq->connection.heard;
	return mq->was_ready;
}

const char *
rmq_server_version(const struct rmq *mq)
{
	return mq->connection.server_version;
}

void
session_left(struct rmq *mq)
{
	connection_drop(&mq->connection);
	mq->state = SESSION_CLOSED;
	session_event(mq, (struct rmq_event){ .type = RMQ_CLOSED });
}

void
session_stopped(struct rmq *mq)
{
	if (!mq->stopped)
		session_event(mq, (struct rmq_event){ .type = RMQ_STOPPED });
	mq->stopped = true;
}

static void
leave(struct rmq *mq)
{
	amqp_channel_close_t close = { .reply_code = 200 };
	bool consumes = mq->nconsumers > 0 && mq->state == SESSION_READY;

	mq->state = SESSION_LEAVING;
	mq->reply_deadline = rmq_now() + LEAVE_LIMIT;
	if (consumes && channel_await(mq, AMQP_CHANNEL_CLOSE_OK_METHOD, NULL))
		session_put(mq, AMQP_CHANNEL_CLOSE_METHOD, &close);
	else
		connection_close(&mq->connection);
}

void
rmq_close(struct rmq *mq)
{
	mq->closing = true;
	channel_hurry(mq);
}

static void
close_when_settled(struct rmq *mq)
{
	if (mq->publisher.counts.unsettled > 0)
		return;
	if (mq->state == SESSION_RESTING || (mq->state == SESSION_READY && mq->nawaited == 0))
		leave(mq);
	else if (mq->state < SESSION_READY && !connection_usable(&mq->connection))
		session_left(mq);
}

/* Nobody waits for these acknowledgements, and for many at once the broker works hardly more than for one. */
static bool
held_back(const struct rmq *mq)
{
	const struct connection *c = &mq->connection;

	return mq->stocked && mq->state == SESSION_READY && !mq->closing && c->out.len > 0 &&
	    !c->transport.want_write && rmq_now() < c->last_sent + RMQ_REST_MS;
}

/* A broker that changes its mind all the time is told of now and then. */
static void
tell_blocked(struct rmq *mq)
{
	bool blocked = session_blocked(mq);

	if (blocked == mq->blocked_told || (blocked && rmq_now() < mq->blocked_tell_at))
		return;
	mq->blocked_told = blocked;
	if (blocked)
		mq->blocked_tell_at = rmq_now() + BLOCKED_PAUSE;
	session_block(mq);
	session_event(mq, (struct rmq_event){
		.type = mq->blocked_told ? RMQ_BLOCKED : RMQ_UNBLOCKED,
		.text = rmq_bytes(session_blocked_reason(mq)),
	});
}

void
rmq_io(struct rmq *mq, short revents)
{
	if (mq->state >= SESSION_CLOSED)
		return;
	mq->paused = false;
	if (mq->state != SESSION_WAITING &&
	    !(connection_input(&mq->connection, revents) && handshake_guess(&mq->connection)))
		session_down(mq);
	session_timers(mq);
}

static bool
next_event(struct rmq *mq, struct rmq_event *ev)
{
	if (mq->first_event == mq->nevents)
		return false;
	*ev = mq->events[mq->first_event++];
	return true;
}

/* The window of a slow link holds what the link holds: https://en.wikipedia.org/wiki/Bandwidth-delay_product */
static void
widen_window(struct rmq *mq)
{
	int64_t round_trip = mq->connection.transport.round_trip;

	if (mq->config.window_messages > 0 || round_trip < FAR_ROUND_TRIP)
		return;
	mq->publisher.window_messages = WINDOW_NEAR + (size_t)round_trip * RECORDS_PER_MS;
	mq->publisher.window_bytes = WINDOW_FAR_BYTES;
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

/* Not in the middle of a message: who wants the next one would wait for the rest of it. */
static bool
resting(const struct rmq *mq)
{
	const struct connection *c = &mq->connection;

	return mq->stocked && mq->state == SESSION_READY && c->in_start == c->in_end && mq->content.id == 0 &&
	    rmq_now() < c->last_received + RMQ_REST_MS;
}

int64_t
rmq_round_trip(const struct rmq *mq)
{
	return mq->connection.transport.round_trip;
}

int64_t
rmq_answer_time(const struct rmq *mq)
{
	int64_t tcp = rmq_round_trip(mq);

	return mq->qos_took != SESSION_NEVER && mq->qos_took > tcp ? mq->qos_took : tcp;
}

void
rmq_stocked(struct rmq *mq, bool stocked)
{
	mq->stocked = stocked;
}

short
rmq_events(const struct rmq *mq)
{
	bool reads = !connection_choked(&mq->connection) && !resting(mq);

	return transport_events(&mq->connection.transport, reads);
}

static int64_t
next_timer(const struct rmq *mq)
{
	int64_t t = mq->state < SESSION_READY ? mq->deadline : SESSION_NEVER, beat;
	bool blocked = session_blocked(mq);

	if (mq->state == SESSION_WAITING)
		return mq->retry_at < t ? mq->retry_at : t;
	if (mq->state == SESSION_RESTING && mq->retry_at < t)
		t = mq->retry_at;
	if (mq->reply_deadline < t)
		t = mq->reply_deadline;
	if (blocked && !mq->blocked_told && mq->blocked_tell_at < t)
		t = mq->blocked_tell_at;
	if (blocked && mq->blocked_deadline < t)
		t = mq->blocked_deadline;
	if (!blocked && mq->confirm_deadline < t)
		t = mq->confirm_deadline;
	if (mq->publisher.wake_at >= 0 && mq->publisher.wake_at < t)
		t = mq->publisher.wake_at;
	if (resting(mq) && mq->connection.last_received + RMQ_REST_MS < t)
		t = mq->connection.last_received + RMQ_REST_MS;
	if (held_back(mq) && mq->connection.last_sent + RMQ_REST_MS < t)
		t = mq->connection.last_sent + RMQ_REST_MS;
	beat = connection_deadline(&mq->connection);
	return beat < t ? beat : t;
}

int
rmq_wait_ms(struct rmq *mq)
{
	int64_t t, now = rmq_now();

	if (mq->closing)
		close_when_settled(mq);
	if (mq->state < SESSION_CLOSED && mq->state != SESSION_WAITING && !held_back(mq))
		session_write(mq);
	if (mq->first_event < mq->nevents || mq->paused || connection_has_more(&mq->connection))
		return 0;
	/* It may have failed since the caller last asked: one turn more, and then never again. */
	if (mq->state == SESSION_FAILED && !mq->failure_noted) {
		mq->failure_noted = true;
		return 0;
	}
	if (mq->state >= SESSION_CLOSED)
		return -1;
	if ((t = next_timer(mq)) == SESSION_NEVER)
		return -1;
	return t <= now ? 0 : t - now > 60000 ? 60000 : (int)(t - now);
}

bool
rmq_can_publish(const struct rmq *mq)
{
	return mq->state < SESSION_LEAVING && !mq->closing && !session_blocked(mq) &&
	    publisher_has_room(&mq->publisher);
}

bool
rmq_publish(struct rmq *mq, const struct rmq_message *m, struct rmq_error *e)
{
	if (mq->state >= SESSION_LEAVING)
		return rmq_fail(e, RMQ_UNAVAILABLE, 0, "the session has ended");
	if (!publisher_add(&mq->publisher, m, e))
		return false;
	session_accepted(mq);
	return true;
}

struct rmq_counts
rmq_counts(const struct rmq *mq)
{
	return publisher_counts(&mq->publisher);
}
