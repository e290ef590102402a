/* SPDX-License-Identifier: MIT */
/* A session begins, and lets go of all that it had. */
#include <stdlib.h>

#include "session/session.h"

enum { FIRST_LIMIT = 10000, RETRY_LIMIT = 60000, REPLY_LIMIT = 30000 };	/* ms */

static void
set_defaults(struct rmq_config *c)
{
	if (c->first_limit == 0)
		c->first_limit = FIRST_LIMIT;
	if (c->retry_limit == 0)
		c->retry_limit = RETRY_LIMIT;
	if (c->nack_limit == 0)
		c->nack_limit = c->retry_limit;
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
	mq->qos_took = SESSION_NEVER;
	connection_init(&mq->connection, &mq->config);
	publisher_init(&mq->publisher, &mq->config);
	mq->deadline = session_after(mq->config.first_limit);
	mq->reply_deadline = mq->confirm_deadline = mq->blocked_deadline = mq->ready_at = SESSION_NEVER;
	session_attempt(mq);
	return mq;
}

void
rmq_free(struct rmq *mq)
{
	if (mq == NULL)
		return;
	connection_free(&mq->connection);
	publisher_free(&mq->publisher);
	steps_free(mq);
	orders_free(mq);
	delivery_reset(mq);
	held_free(&mq->held);
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
