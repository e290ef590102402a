/* SPDX-License-Identifier: MIT */
/*
 * What a session writes: methods, and records between them.
 */
#include <poll.h>

#include "session/session.h"

/* Methods of ours, but not in the middle of a record. */
static size_t
methods_to_write(const struct rmq *mq)
{
	return publisher_in_record(&mq->publisher) ? 0 : mq->connection.out.len;
}

static bool
has_records_to_write(const struct rmq *mq)
{
	const struct connection *c = &mq->connection;

	if (publisher_in_record(&mq->publisher))
		return true;
	return connection_usable(c) && mq->state >= SESSION_SETTING_UP && !session_blocked(mq) &&
	    publisher_has_output(&mq->publisher);
}

/* What the broker said before it hung up is the better reason. */
static void
cannot_write(struct rmq *mq)
{
	struct connection *c = &mq->connection;
	struct rmq_error e = c->cause;

	c->cause.status = RMQ_OK;
	connection_input(c, POLLIN);
	if (mq->state != SESSION_LEAVING && c->in_end > c->in_start)
		return;
	connection_down(c, e.status, 0, "lost the connection: %s", e.text);
	session_down(mq);
}

static void
written(struct rmq *mq, size_t n, size_t methods)
{
	mq->connection.last_sent = rmq_now();
	mq->connection.stuck_since = 0;
	if (methods > n)
		methods = n;
	rmq_buffer_drop(&mq->connection.out, methods);
	connection_wipe(&mq->connection);
	publisher_sent(&mq->publisher, n - methods);
	if (mq->confirm_deadline == SESSION_NEVER && publisher_awaits_confirm(&mq->publisher))
		mq->confirm_deadline = session_after(mq->config.reply_limit);
}

/* False: there is no more, or no room for it. */
static bool
write_some(struct rmq *mq)
{
	struct connection *c = &mq->connection;
	size_t methods = methods_to_write(mq);
	struct pieces pieces = { .n = 0 };
	ssize_t n;

	if (methods > 0)
		pieces.iov[pieces.n++] = (struct iovec){ c->out.data, methods };
	if (has_records_to_write(mq))
		publisher_gather(&mq->publisher, &pieces, publisher_in_record(&mq->publisher));
	n = transport_write(&c->transport, pieces.iov, pieces.n, &c->cause);
	if (n == -2)
		cannot_write(mq);
	else if (n > 0)
		written(mq, (size_t)n, methods);
	else if (c->stuck_since == 0)
		c->stuck_since = rmq_now();
	return n > 0;
}

static bool
writes(const struct rmq *mq)
{
	const struct connection *c = &mq->connection;

	return c->state > CONNECTION_REACHING && c->state != CONNECTION_CLOSED &&
	    (methods_to_write(mq) > 0 || has_records_to_write(mq) || transport_holds_back(&c->transport));
}

void
session_write(struct rmq *mq)
{
	while (writes(mq) && write_some(mq))
		;
}
