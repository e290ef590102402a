/* SPDX-License-Identifier: MIT */
/* See broker/giveback.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/duplicate.h"
#include "broker/giveback.h"
#include "message/headers.h"
#include "message/label.h"
#include "tool/tool.h"

enum {
	WORN = 10,		/* half of what a quorum queue allows by default */
	LIMIT = 5 * 1000,	/* ms for a copy, when the program ends */
	PAUSE = 1000		/* ms before the next try */
};

struct giveback_item {
	TAILQ_ENTRY(giveback_item) next;
	struct rmq_delivery	 delivery;
	const char		*queue;
	bool			 counts;	/* basic.nack does, so a copy goes; else it must only not be rejected */
	bool			 leaves;	/* it is on its way back */
	int64_t			 try_at;	/* a copy, not before; 0: as soon as there is room */
	int64_t			 until;		/* 0: for as long as it takes */
	struct outbox_letter	 letter;
	char			 bytes[];	/* of the delivery */
};

void
giveback_begin(struct giveback *g, const struct rmq_config *config, struct rmq *mq)
{
	*g = (struct giveback){ .mq = mq };
	TAILQ_INIT(&g->items);
	outbox_prepare(&g->outbox, config, "messages on their way back");
}

/* Does a return by basic.nack count in this queue?  Its machine may be older than the node that we speak to. */
static bool
counts(const struct giveback *g, const struct rmq_table *headers)
{
	const char *version = rmq_server_version(g->mq);
	char *rest;
	unsigned long major = strtoul(version, &rest, 10), minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;
	bool old = major < 4 || (major == 4 && minor < 3);

	return old || !headers_have(headers, "x-acquired-count");
}

enum wear { FRESH, WORN_BY_FAILURES, WORN_BY_RETURNS };

static enum wear
wear(const struct giveback *g, const struct rmq_delivery *d)
{
	struct rmq_properties p;
	struct rmq_error e = { 0 };

	if (!d->redelivered || !rmq_decode_properties(g->mq, d, &p, &e) ||
	    headers_number(p.headers, "x-delivery-count", INT64_MAX) < WORN)
		return FRESH;
	return counts(g, p.headers) ? WORN_BY_RETURNS : WORN_BY_FAILURES;
}

static void
keep(struct rmq_bytes *b, char **to)
{
	if (b->len > 0)
		memcpy(*to, b->data, b->len);
	b->data = *to;
	*to += b->len;
}

static struct giveback_item *
new_item(const struct rmq_delivery *d, const char *queue)
{
	size_t size = d->exchange.len + d->routing_key.len + d->properties.len + d->body.len;
	struct giveback_item *i = calloc(1, sizeof *i + size);
	char *to;

	if (i == NULL)
		tool_fail(EX_OSERR, "cannot keep a message: out of memory");
	to = i->bytes;
	i->queue = queue;
	i->delivery = *d;
	keep(&i->delivery.exchange, &to);
	keep(&i->delivery.routing_key, &to);
	keep(&i->delivery.properties, &to);
	keep(&i->delivery.body, &to);
	return i;
}

bool
giveback_look(struct giveback *g, const struct rmq_delivery *d, const char *queue)
{
	enum wear how = wear(g, d);
	struct giveback_item *i;

	if (how != WORN_BY_RETURNS)
		g->last = d->tag;
	if (how == FRESH)
		return false;
	i = new_item(d, queue);
	i->counts = how == WORN_BY_RETURNS;
	TAILQ_INSERT_TAIL(&g->items, i, next);
	return i->counts;
}

static void
forget(struct giveback *g, struct giveback_item *i)
{
	g->leaving -= i->leaves;
	outbox_forget(&i->letter);
	TAILQ_REMOVE(&g->items, i, next);
	free(i);
}

static struct giveback_item *
find(const struct giveback *g, uint64_t tag)
{
	struct giveback_item *i;

	TAILQ_FOREACH(i, &g->items, next)
		if (i->delivery.tag == tag)
			return i;
	return NULL;
}

bool
giveback_has(const struct giveback *g, uint64_t tag)
{
	const struct giveback_item *i = find(g, tag);

	return i != NULL && i->counts;
}

bool
giveback_ack(struct giveback *g, uint64_t tag, bool all_before)
{
	struct giveback_item *i;

	while (all_before && (i = TAILQ_FIRST(&g->items)) != NULL && i->delivery.tag <= tag)
		forget(g, i);
	if (!all_before && (i = find(g, tag)) != NULL)
		forget(g, i);
	return rmq_ack(g->mq, tag, all_before);
}

bool
giveback_drop(struct giveback *g, uint64_t tag, bool rejected)
{
	struct giveback_item *i = find(g, tag);

	if (i != NULL)
		forget(g, i);
	return rejected ? rmq_reject(g->mq, tag, false) : rmq_nack(g->mq, tag, false, false);
}

/* https://www.rabbitmq.com/docs/quorum-queues#configure-poison-message-handling */
static void
tell(struct giveback *g, const struct giveback_item *i)
{
	if (!g->told)
		tool_warn("warning: queue '%s' drops what is given back too often; "
		    "copies of what came back %d times go to its end instead", i->queue, WORN);
	g->told = true;
}

static void
send_off(struct giveback *g, struct giveback_item *i)
{
	if (i->leaves)
		return;
	i->leaves = true;
	g->leaving++;
	i->try_at = rmq_now();
	i->until = g->hurried ? i->try_at + LIMIT : 0;
	tell(g, i);
}

bool
giveback_return(struct giveback *g, uint64_t tag, bool failed)
{
	struct giveback_item *i = find(g, tag);
	bool rejects = failed && i == NULL;

	if (i != NULL && i->counts) {
		send_off(g, i);
		return true;
	}
	if (i != NULL)
		forget(g, i);
	return rejects ? rmq_reject(g->mq, tag, true) : rmq_nack(g->mq, tag, false, true);
}

static void
return_rest(struct giveback *g)
{
	if (g->rest != 0 && g->leaving == 0) {
		rmq_nack(g->mq, g->rest, true, true);
		g->rest = 0;
	}
}

void
giveback_return_all(struct giveback *g, uint64_t last)
{
	struct giveback_item *i;

	g->rest = last;
	TAILQ_FOREACH(i, &g->items, next)
		if (i->counts)
			send_off(g, i);
	return_rest(g);
}

/* By what its owner would know it. */
static void
tell_failure(struct giveback *g, const struct giveback_item *i, const char *why)
{
	struct rmq_properties p = { 0 };
	struct rmq_error e = { 0 };
	char label[LABEL_SIZE];

	rmq_decode_properties(g->mq, &i->delivery, &p, &e);
	label_message(label, p.message_id, i->delivery.routing_key);
	tool_warn("cannot put a copy of %s into queue '%s': %s; it goes back as it is, and may be dropped", label,
	    i->queue, why);
}

static void
give_up(struct giveback *g, struct giveback_item *i, const char *why)
{
	tell_failure(g, i, why);
	g->failed = true;
	rmq_nack(g->mq, i->delivery.tag, false, true);
	forget(g, i);
}

static void
send_copy(struct giveback *g, struct giveback_item *i, int64_t now)
{
	struct rmq_error e = { 0 };

	if (now < i->try_at)
		return;
	i->try_at = 0;
	if (!outbox_has_room(&g->outbox))
		return;
	outbox_address(&g->outbox, &i->letter);
	if (!duplicate_publish(&g->outbox, g->mq, &i->delivery, i->queue, i->letter.cookie, &e))
		give_up(g, i, e.text);
}

static void
arrived(struct giveback *g, struct giveback_item *i)
{
	g->unable = false;
	rmq_ack(g->mq, i->delivery.tag, false);
	forget(g, i);
}

static void
heed_outcome(struct giveback *g, struct giveback_item *i, int64_t now)
{
	switch (outbox_outcome(&g->outbox, &i->letter)) {
	case OUTBOX_UNDER_WAY:
		break;
	case OUTBOX_ARRIVED:
		arrived(g, i);
		break;
	case OUTBOX_NOT_TAKEN:
		outbox_forget(&i->letter);
		i->try_at = now + PAUSE;
		break;
	case OUTBOX_NO_QUEUE:
		give_up(g, i, "there is no such queue");
		break;
	case OUTBOX_REFUSED:
		give_up(g, i, g->outbox.refused);
		break;
	}
}

static void
heed_error(struct giveback *g)
{
	const struct rmq_error *error = outbox_error(&g->outbox);
	struct giveback_item *i, *following;

	if (error == NULL)
		return;
	g->unable = true;
	TAILQ_FOREACH_SAFE(i, &g->items, next, following)
		if (i->leaves)
			give_up(g, i, error->text);
	outbox_free(&g->outbox);
}

static void
run_item(struct giveback *g, struct giveback_item *i, int64_t now)
{
	if (i->until != 0 && now >= i->until)
		give_up(g, i, "the broker has not confirmed it in time");
	else if (i->letter.cookie != 0)
		heed_outcome(g, i, now);
	else
		send_copy(g, i, now);
}

void
giveback_run(struct giveback *g, int64_t now)
{
	struct giveback_item *i, *following;

	outbox_run(&g->outbox);
	heed_error(g);
	if (g->leaving == 0)
		return;
	TAILQ_FOREACH_SAFE(i, &g->items, next, following)
		if (i->leaves)
			run_item(g, i, now);
	return_rest(g);
}

int64_t
giveback_deadline(const struct giveback *g)
{
	const struct giveback_item *i;
	int64_t when = -1;

	if (g->leaving == 0)
		return -1;
	TAILQ_FOREACH(i, &g->items, next) {
		if (i->leaves && i->letter.cookie == 0 && i->try_at != 0 && (when < 0 || i->try_at < when))
			when = i->try_at;
		if (i->leaves && i->until != 0 && (when < 0 || i->until < when))
			when = i->until;
	}
	return when;
}

/* The broker delivers them again, so what is being published need not be sent once more. */
void
giveback_lost(struct giveback *g)
{
	while (!TAILQ_EMPTY(&g->items))
		forget(g, TAILQ_FIRST(&g->items));
	g->last = g->rest = 0;
	if (g->outbox.mq != NULL && rmq_counts(g->outbox.mq).unsettled > 0)
		outbox_free(&g->outbox);
}

void
giveback_leave(struct giveback *g)
{
	struct giveback_item *i;

	if (g->hurried)
		return;
	g->hurried = true;
	TAILQ_FOREACH(i, &g->items, next)
		if (i->leaves)
			i->until = rmq_now() + LIMIT;
}

bool
giveback_done(const struct giveback *g)
{
	return g->leaving == 0 && g->rest == 0;
}

void
giveback_hurry(struct giveback *g, const char *why)
{
	struct giveback_item *i, *following;

	TAILQ_FOREACH_SAFE(i, &g->items, next, following)
		if (i->counts)
			give_up(g, i, why);
	return_rest(g);
	rmq_wait_ms(g->mq);
}

void
giveback_free(struct giveback *g)
{
	while (!TAILQ_EMPTY(&g->items))
		forget(g, TAILQ_FIRST(&g->items));
	outbox_free(&g->outbox);
}
