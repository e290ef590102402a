/* SPDX-License-Identifier: MIT */
/*
 * The headers of a copy.
 */
#include <sys/wait.h>

#include <inttypes.h>
#include <stdio.h>

#include "message/headers.h"
#include "message/origin.h"
#include "message/properties.h"
#include "worker/retry/copy.h"
#include "worker/retry/policy.h"

/* Of the attempt before. */
static const char *const outdated[] = { "x-last-exit", "x-last-signal", "x-last-error", "x-dead-reason" };

struct copy {
	struct rmq_table	*headers;
	struct rmq_error	*error;
	bool			 good;	/* so far */
};

static void
set(struct copy *c, const char *name, enum rmq_type type, const char *text)
{
	c->good = c->good && rmq_table_set(c->headers, name, type, text, c->error);
}

static void
set_number(struct copy *c, const char *name, enum rmq_type type, int64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRId64, number);
	set(c, name, type, text);
}

int64_t
copy_failed_at(const struct rmq_table *headers)
{
	return headers_number(headers, "x-last-failed-at", INT64_MAX);
}

/* Where the message came from, unless it is a copy already and says so. */
static void
set_origin(struct copy *c, const struct rmq_delivery *d, const struct rmq_properties *p, const char *queue)
{
	c->good = c->good && origin_note(c->headers, d, queue, c->error) &&
	    headers_set(c->headers, "x-origin-user-id", p->user_id, c->error) &&
	    headers_set(c->headers, "x-origin-expiration", p->expiration, c->error);
}

static void
set_end(struct copy *c, const struct failure *f)
{
	if (f->status != -1 && WIFSIGNALED(f->status))
		set_number(c, "x-last-signal", RMQ_INT32, WTERMSIG(f->status));
	else if (f->status != -1)
		set_number(c, "x-last-exit", RMQ_INT32, WEXITSTATUS(f->status));
	if (f->said != NULL)
		set(c, "x-last-error", RMQ_STRING, f->said);
	if (f->delay == POLICY_DEAD)
		set(c, "x-dead-reason", RMQ_STRING, f->reason);
}

static void
set_headers(struct copy *c, const struct task *t, const struct rmq_properties *p, const char *queue)
{
	bool failed_before = origin_known(&t->delivery, p->headers, queue) &&
	    headers_have(p->headers, "x-first-failed-at");

	set_origin(c, &t->delivery, p, queue);
	rmq_table_scrub(c->headers);
	for (size_t i = 0; i < sizeof outdated / sizeof *outdated; i++)
		rmq_table_remove(c->headers, outdated[i]);
	set_number(c, "x-attempt", RMQ_INT32, t->attempt);
	if (!failed_before)
		set_number(c, "x-first-failed-at", RMQ_TIMESTAMP, t->failure.first);
	set_number(c, "x-last-failed-at", RMQ_TIMESTAMP, t->failure.last);
	set_end(c, &t->failure);
}

static bool
publish(struct rmq *to, const struct task *t, struct rmq_properties *p, const char *target, struct rmq_error *e)
{
	const struct rmq_message message = {
		.exchange = rmq_bytes(""),
		.routing_key = rmq_bytes(target),
		.properties = p,
		.body = t->delivery.body,
		.mandatory = true,
		.cookie = t->letter.cookie,
	};

	p->user_id = p->expiration = (struct rmq_bytes){ 0 };
	p->delivery_mode = 2;
	p->has |= RMQ_HAS_DELIVERY_MODE;
	if (p->message_id.data == NULL)
		p->message_id = properties_new_id();
	return rmq_publish(to, &message, e);
}

bool
copy_publish(struct rmq *from, struct rmq *to, const struct task *t, const char *queue, const char *target,
    struct rmq_error *e)
{
	struct copy copy = { .error = e, .good = true };
	struct rmq_properties p;
	bool published;

	if (!rmq_decode_properties(from, &t->delivery, &p, e))
		return false;
	if ((copy.headers = rmq_table_copy(p.headers)) != NULL)
		set_headers(&copy, t, &p, queue);
	else {
		*e = (struct rmq_error){ .status = RMQ_SYSTEM, .text = "out of memory" };
		copy.good = false;
	}
	p.headers = copy.headers;
	published = copy.good && publish(to, t, &p, target, e);
	rmq_table_free(copy.headers);
	return published;
}
