/* SPDX-License-Identifier: MIT */
/*
 * Finding a broker, and finding one again: hosts in turn, pauses that grow,
 * and the limits of time that no state outlives.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/nacked.h"
#include "session/session.h"

enum {
	ATTEMPT_LIMIT = 10000, BACKOFF_LEAST = 250, BACKOFF_MOST_FIRST = 1000, BACKOFF_MOST = 30000, REFUSALS = 5,
	SECOND_OPINION = 2,	/* what one node refuses in the middle of a fail-over, the next one does not */
	LASTS = 5000		/* what was ready for so long was worth the wait */
};

int64_t
session_after(int64_t ms)
{
	return ms < 0 ? SESSION_NEVER : rmq_now() + ms;
}

static size_t
count_hosts(const struct rmq *mq)
{
	size_t n = 0;

	for (size_t i = 0; i < mq->config.nuris; i++)
		n += mq->config.uris[i].nhosts;
	assert(n > 0);
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
	int64_t now = rmq_now(), left = mq->deadline == SESSION_NEVER ? ATTEMPT_LIMIT : mq->deadline - now;

	if (mq->attempts < hosts)
		left /= (int64_t)(hosts - mq->attempts);
	return now + (left > ATTEMPT_LIMIT ? ATTEMPT_LIMIT : left);
}

/* Until there is something better to say. */
static void
note_silence(struct rmq *mq)
{
	char peer[300];

	if (mq->trouble[0] == '\0')
		snprintf(mq->trouble, sizeof mq->trouble, "no answer from %s so far",
		    connection_peer(&mq->connection, peer, sizeof peer));
}

void
session_attempt(struct rmq *mq)
{
	const struct rmq_uri *uri;
	const struct rmq_host *host = host_in_turn(mq, &uri);
	int64_t deadline = attempt_deadline(mq);
	bool ok;

	mq->state = SESSION_CONNECTING;
	mq->share = deadline - rmq_now();
	mq->reply_deadline = deadline;
	mq->attempts++;
	mq->turn++;
	if (mq->config.socket > 0)
		ok = connection_adopt(&mq->connection, mq->config.uris, mq->config.socket);
	else
		ok = connection_start(&mq->connection, uri, host, deadline);
	if (!ok)
		session_down(mq);
	else
		note_silence(mq);
}

/* Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
static int64_t
pause_of(const struct rmq *mq, unsigned round)
{
	int64_t most = mq->was_ready ? BACKOFF_MOST : BACKOFF_MOST_FIRST;
	int64_t limit = round < 8 ? (int64_t)BACKOFF_LEAST << round : most;

	return arc4random_uniform((uint32_t)(limit > most ? most : limit)) + 10;
}

static int64_t
backoff(const struct rmq *mq)
{
	unsigned round = mq->attempts == 0 ? 0 : (mq->attempts - 1) / (unsigned)count_hosts(mq);

	return mq->attempts % count_hosts(mq) == 0 ? pause_of(mq, round + mq->relapses) : 0;
}

/* Being ready for a moment proves nothing: a broker may end each channel as soon as it is. */
static void
count_relapse(struct rmq *mq)
{
	bool lasted = mq->ready_at != SESSION_NEVER && rmq_now() - mq->ready_at >= LASTS;

	if (lasted)
		mq->relapses = 0;
	else
		mq->relapses++;
	mq->ready_at = SESSION_NEVER;
}

void
session_open_channel(struct rmq *mq)
{
	count_relapse(mq);
	if (mq->relapses <= 1) {
		channel_open(mq);
		return;
	}
	mq->state = SESSION_RESTING;
	mq->retry_at = rmq_now() + pause_of(mq, mq->relapses);
}

static bool
worth_another_try(struct rmq *mq, const struct rmq_error *e)
{
	if (mq->config.socket > 0)
		return false;
	if (e->status == RMQ_DENIED)
		return mq->was_ready && ++mq->refusals < REFUSALS;
	if (e->status == RMQ_CONFIG && e->code != 0)
		return ++mq->refusals < (mq->was_ready && mq->orders == NULL ? REFUSALS : SECOND_OPINION);
	return e->status == RMQ_UNAVAILABLE || e->status == RMQ_NO_HOST;
}

void
session_lost(struct rmq *mq, const char *why, bool taken_back)
{
	snprintf(mq->lost_text, sizeof mq->lost_text, "%s", why);
	session_event(mq, (struct rmq_event){
	    .type = RMQ_LOST, .text = rmq_bytes(mq->lost_text), .taken_back = taken_back,
	    .heard_at = mq->connection.last_received });
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

/* The broker refused what was asked for, and looked at nothing behind it. */
static bool
is_refusal(const struct rmq_error *e)
{
	return e->status == RMQ_DENIED || (e->code != 0 && e->code != AMQP_CONNECTION_FORCED);
}

/* Whatever became of it, unless the broker has said what it refuses, or there is no time left. */
static bool
guessed_wrong(const struct rmq *mq, const struct rmq_error *e)
{
	int64_t now = rmq_now();

	return mq->connection.guessing && mq->config.socket == 0 && !is_refusal(e) && e->status != RMQ_SYSTEM &&
	    now < mq->reply_deadline && now < mq->deadline;
}

/* The same host once more. */
static void
again_in_order(struct rmq *mq)
{
	mq->turn--;
	mq->attempts--;
	mq->state = SESSION_WAITING;
	mq->retry_at = rmq_now();
}

/* A publisher of whom all is settled waits for nothing, and no limit of time is for that. */
static bool
has_work(const struct rmq *mq)
{
	return !mq->config.confirm || mq->nconsumers > 0 || mq->orders != NULL || mq->publisher.counts.unsettled > 0;
}

void
session_down(struct rmq *mq)
{
	struct rmq_error e = mq->connection.error;
	bool was_up = mq->state == SESSION_READY, again = guessed_wrong(mq, &e);

	if (mq->state >= SESSION_CLOSED)
		return;
	if (mq->state == SESSION_LEAVING) {
		down_while_leaving(mq, &e);
		return;
	}
	mq->one_consumer = mq->one_consumer || strstr(e.text, "consumers per channel") != NULL;
	publisher_restart(&mq->publisher, mq->state == SESSION_SETTING_UP && is_refusal(&e));
	channel_forget(mq);
	topology_reset(mq, true);
	mq->blocked_told = mq->reopened = false;
	mq->blocked_deadline = mq->confirm_deadline = SESSION_NEVER;
	if (was_up) {
		session_lost(mq, e.text, false);
		count_relapse(mq);
	}
	if (mq->stopping)
		session_stopped(mq);
	if (was_up && mq->deadline == SESSION_NEVER && has_work(mq))
		mq->deadline = session_after(mq->config.retry_limit);
	if (again) {
		again_in_order(mq);
		return;
	}
	if (!worth_another_try(mq, &e) || rmq_now() >= mq->deadline) {
		session_fail(mq, e.status, e.code, "%s", e.text);
		return;
	}
	snprintf(mq->trouble, sizeof mq->trouble, "%s", e.text);
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
	mq->ready_at = rmq_now();
	if (!mq->was_ready || (mq->publisher.counts.unsettled == 0 && mq->orders == NULL))
		mq->deadline = SESSION_NEVER;
	mq->was_ready = true;
	mq->trouble[0] = '\0';
	mq->attempts = 0;
	if (mq->orders == NULL)
		mq->refusals = 0;	/* else it may be an order that is refused */
	mq->reply_deadline = SESSION_NEVER;
	session_event(mq, (struct rmq_event){ .type = RMQ_READY });
	more_ready(mq);
}

static void
await_confirms(struct rmq *mq)
{
	mq->confirm_deadline = publisher_awaits_confirm(&mq->publisher) ?
	    session_after(mq->config.reply_limit) : SESSION_NEVER;
}

/* What had nothing to do has its time from now on. */
void
session_accepted(struct rmq *mq)
{
	if (mq->was_ready && mq->state < SESSION_READY && mq->deadline == SESSION_NEVER)
		mq->deadline = session_after(mq->config.retry_limit);
	if (mq->blocked_told && mq->blocked_deadline == SESSION_NEVER && has_work(mq))
		mq->blocked_deadline = session_after(mq->config.retry_limit);
}

/* Only a confirm, or a refusal, proves to a publisher that it got anywhere after a loss. */
void
session_confirmed(struct rmq *mq)
{
	mq->deadline = SESSION_NEVER;
	mq->blocked_deadline = mq->blocked_told && has_work(mq) ? session_after(mq->config.retry_limit) : SESSION_NEVER;
	await_confirms(mq);
}

/* For the channel alone it is called flow: https://www.rabbitmq.com/amqp-0-9-1-reference#channel.flow */
bool
session_blocked(const struct rmq *mq)
{
	return mq->connection.blocked || mq->flow_off;
}

const char *
session_blocked_reason(const struct rmq *mq)
{
	return mq->connection.blocked ? mq->connection.blocked_reason : "channel.flow";
}

/* Between two alarms there must be a confirm, else they have the time of one. */
void
session_block(struct rmq *mq)
{
	if (mq->blocked_told && mq->blocked_deadline == SESSION_NEVER)
		mq->blocked_deadline = session_after(mq->config.retry_limit);
	if (!mq->blocked_told && mq->publisher.counts.unsettled == 0)
		mq->blocked_deadline = SESSION_NEVER;
	if (!mq->blocked_told)
		await_confirms(mq);
}

static void
reply_timers(struct rmq *mq, int64_t now)
{
	if (mq->state == SESSION_LEAVING && now >= mq->reply_deadline) {
		rmq_fail(&mq->connection.error, RMQ_UNAVAILABLE, 0, "no answer");
		session_down(mq);
	} else if (now >= mq->reply_deadline) {
		give_up(mq, mq->was_ready || mq->connection.state >= CONNECTION_OPENING ?
		    "a reply did not come in time" : "the handshake did not end in time");
	} else if (now >= mq->blocked_deadline && session_blocked(mq)) {
		session_fail(mq, RMQ_UNAVAILABLE, 0, "the broker takes no messages: %s", session_blocked_reason(mq));
	} else if (now >= mq->confirm_deadline && !session_blocked(mq)) {
		mq->deadline = mq->deadline == SESSION_NEVER ? session_after(mq->config.retry_limit) : mq->deadline;
		give_up(mq, "no confirm came in time");
	}
}

void
session_timers(struct rmq *mq)
{
	int64_t now = rmq_now();

	if (mq->state == SESSION_WAITING) {
		if (now >= mq->deadline)
			session_fail(mq, mq->connection.error.status, mq->connection.error.code, "%s",
			    mq->connection.error.text);
		else if (now >= mq->retry_at)
			session_attempt(mq);
		return;
	}
	if (!nacked_wake(&mq->publisher, now))
		session_no_memory(mq);
	if (mq->state == SESSION_RESTING && now >= mq->retry_at)
		channel_open(mq);
	if (mq->state < SESSION_READY && now >= mq->deadline)
		give_up(mq, "the time is over");
	else if (mq->state < SESSION_CLOSED)
		reply_timers(mq, now);
	if (mq->state != SESSION_WAITING && mq->state < SESSION_CLOSED &&
	    !connection_timers(&mq->connection, now, !publisher_in_record(&mq->publisher)))
		session_down(mq);
}

