/* SPDX-License-Identifier: MIT */
/*
 * See call.h.  The stages: until the queue was looked at; until the request
 * is handed to the session; until its reply is there; until that is printed.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "broker/connect.h"
#include "broker/loop.h"
#include "broker/status.h"
#include "message/outcome.h"
#include "message/properties.h"
#include "output/print.h"
#include "rpc/call.h"
#include "tool/tool.h"

enum { GOODBYE_MS = 5000, LATE_MS = 250 };

static const char reply_queue[] = "amq.rabbitmq.reply-to";

enum stage { LOOKING, READY_TO_SEND, SENT, ANSWERED };

struct caller {
	const struct call *what;
	struct rmq	*mq;
	struct rmq_bytes body;
	char		 id[256];	/* the correlation-id, and its length */
	size_t		 id_len;
	enum stage	 stage;
	bool		 ready, was_ready;
	bool		 over, closed;
	int		 status;
	int64_t		 limit, deadline;	/* ms and rmq_now(); -1: none yet */
	char		 blocked[256];	/* why the broker takes no messages, "": it does */
	bool		 nacked;	/* the request, as yet */
	struct output	 out;
	struct folder	 folder;
};

/* One line, the first one: after it there is nothing more to wait for. */
static void __attribute__((format(printf, 3, 4)))
fail(struct caller *c, int status, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (c->over)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	tool_warn("%s", text);
	c->over = true;
	c->status = status;
}

/* Somebody may have the request, or get it. */
static bool
in_doubt(const struct caller *c)
{
	struct rmq_counts counts = rmq_counts(c->mq);

	return c->stage == SENT && counts.in_doubt + counts.confirmed > 0;
}

/* Sending. */

/* Nobody shall work for a caller who has gone. */
static void
expire(const struct caller *c, struct rmq_properties *p)
{
	static char text[24];
	int64_t left = c->deadline - rmq_now();

	if (c->what->keeps || p->expiration.data != NULL)
		return;
	snprintf(text, sizeof text, "%jd", (intmax_t)(left > 0 ? left : 1));
	p->expiration = rmq_bytes(text);
}

static void
keep_id(struct caller *c, struct rmq_properties *p)
{
	if (p->correlation_id.data == NULL)
		p->correlation_id = properties_new_id();
	c->id_len = p->correlation_id.len;
	memcpy(c->id, p->correlation_id.data, c->id_len);
	p->correlation_id.data = c->id;
}

static void
send_request(struct caller *c)
{
	struct rmq_properties p = *properties_make();
	struct rmq_error error = { 0 };
	const struct rmq_message m = {
		.exchange = rmq_bytes(c->what->exchange),
		.routing_key = rmq_bytes(c->what->routing_key),
		.properties = &p,
		.body = c->body,
		.mandatory = true,
		.cookie = 1,
	};

	keep_id(c, &p);
	expire(c, &p);
	p.reply_to = rmq_bytes(reply_queue);
	c->stage = SENT;
	print_chat_body(&c->out, " [x] Requesting ", c->body);
	if (!rmq_publish(c->mq, &m, &error))
		fail(c, status_of(error.status), "cannot send the request: %s", error.text);
}

static void
send_if_possible(struct caller *c)
{
	if (c->stage == READY_TO_SEND && c->ready && !c->over && rmq_can_publish(c->mq))
		send_request(c);
}

/* Events. */

static void
on_ready(struct caller *c)
{
	if (!c->was_ready && c->what->queue != NULL)
		rmq_look_at_queue(c->mq, c->what->queue);
	else if (!c->was_ready)
		c->stage = READY_TO_SEND;
	if (!c->was_ready && c->deadline < 0)
		c->deadline = rmq_now() + c->limit;
	c->ready = c->was_ready = true;
}

/* A queue that may not be looked at, as it is somebody's alone, may take the request all the same. */
static void
on_looked(struct caller *c, const struct rmq_event *e)
{
	c->stage = READY_TO_SEND;
	if (e->code == 404)
		fail(c, EX_NOUSER, "cannot call %s: %.*s", c->what->name, (int)e->text.len, (const char *)e->text.data);
	else if (e->code == 0 && e->consumers == 0 && c->what->needs_server)
		fail(c, EX_UNAVAILABLE, "cannot call %s: nobody serves it", c->what->name);
	else if (e->code == 0 && e->consumers == 0)
		tool_warn("warning: nobody serves %s for now; waiting", c->what->name);
}

static void
on_lost(struct caller *c, struct rmq_bytes why)
{
	c->ready = false;
	c->blocked[0] = '\0';
	if (in_doubt(c))
		fail(c, EX_TEMPFAIL, "cannot get a reply from %s: %.*s", c->what->name, (int)why.len,
		    (const char *)why.data);
}

static void
on_blocked(struct caller *c, struct rmq_bytes why)
{
	snprintf(c->blocked, sizeof c->blocked, "%.*s", (int)why.len, (const char *)why.data);
	if (c->stage != ANSWERED)
		tool_warn("the broker takes no messages for now: %s", c->blocked);
}

static void
on_delivered(struct caller *c, const struct rmq_delivery *d)
{
	struct rmq_properties p;
	struct rmq_error error = { 0 };

	if (c->stage != SENT || c->over)
		return;
	if (!rmq_decode_properties(c->mq, d, &p, &error)) {
		tool_warn("cannot read the properties of a reply: %s", error.text);
		return;
	}
	if (p.correlation_id.len != c->id_len || memcmp(p.correlation_id.data, c->id, c->id_len) != 0)
		return;
	c->stage = ANSWERED;
	c->status = outcome_report(p.headers, c->what->passes_status);
	print_message(&c->out, c->mq, d, reply_queue, 0);
}

static void
on_event(struct caller *c, const struct rmq_event *e)
{
	switch (e->type) {
	case RMQ_READY:
		on_ready(c);
		break;
	case RMQ_ANSWERED:
		on_looked(c, e);
		break;
	case RMQ_DELIVERED:
		on_delivered(c, &e->delivery);
		break;
	case RMQ_RETURNED:
		fail(c, EX_NOUSER, "cannot call %s: %s (%.*s)", c->what->name,
		    e->exchange.len == 0 ? "there is no such queue" : "no queue is bound", (int)e->text.len,
		    (const char *)e->text.data);
		break;
	case RMQ_NACKED:
		c->nacked = true;
		if (e->given_up)
			fail(c, EX_TEMPFAIL, "cannot call %s: the broker refused the request", c->what->name);
		break;
	case RMQ_REFUSED:
		fail(c, EX_DATAERR, "cannot send the request: %.*s", (int)e->text.len, (const char *)e->text.data);
		break;
	case RMQ_LOST:
		on_lost(c, e->text);
		break;
	case RMQ_BLOCKED:
		on_blocked(c, e->text);
		break;
	case RMQ_UNBLOCKED:
		c->blocked[0] = '\0';
		break;
	case RMQ_CLOSED:
		c->closed = true;
		break;
	default:
		break;
	}
}

static void
take_events(struct caller *c)
{
	struct rmq_event e;

	while (rmq_next(c->mq, &e))
		on_event(c, &e);
}

/* The end. */

static void
heed_failure(struct caller *c)
{
	const struct rmq_error *error = rmq_error(c->mq);
	int status;

	if (!rmq_failed(c->mq) || c->stage == ANSWERED)
		return;
	status = status_of(error->status);
	if (in_doubt(c) && (status == EX_UNAVAILABLE || status == EX_NOHOST))
		status = EX_TEMPFAIL;
	fail(c, status, "%s", error->text);
}

/* Until it was connected once, the session's own limit has a better story to tell. */
static int64_t
deadline(const struct caller *c)
{
	if (c->stage == ANSWERED || c->deadline < 0)
		return -1;
	return c->was_ready ? c->deadline : c->deadline + LATE_MS;
}

static void
heed_time(struct caller *c)
{
	const char *blocked = c->blocked[0] != '\0' ? ", the broker takes no messages: " :
	    c->nacked && rmq_counts(c->mq).unsettled > 0 ? ", the broker does not take it" : "";
	const char *trouble = rmq_trouble(c->mq);
	double secs = (double)c->limit / 1000;

	if (deadline(c) < 0 || rmq_now() < deadline(c))
		return;
	if (in_doubt(c))
		fail(c, EX_TEMPFAIL, "cannot get a reply from %s: none came within %g s%s%s", c->what->name, secs,
		    blocked, c->blocked);
	else
		fail(c, EX_UNAVAILABLE, "cannot call %s: not sent within %g s%s%s%s%s", c->what->name, secs, blocked,
		    c->blocked, *trouble != '\0' ? ": " : "", trouble);
}

static void
heed_signals(struct caller *c)
{
	int sig;

	if ((sig = loop_signal()) == 0)
		return;
	rmq_free(c->mq);
	loop_die(sig);
}

static void
wait_for_more(struct caller *c)
{
	struct pollfd out = { .fd = c->out.error == 0 ? c->out.fd : -1, .events = output_events(&c->out) };

	loop_wait(&c->mq, rmq_failed(c->mq) ? 0 : 1, &out, 1, deadline(c));
	output_io(&c->out, out.revents);
}

/* All is known, so what goes wrong from here on does not matter. */
static void
say_goodbye(struct caller *c)
{
	int64_t until = rmq_now() + GOODBYE_MS;

	if (!c->ready || (c->stage != ANSWERED && rmq_counts(c->mq).unsettled > 0))
		return;
	rmq_close(c->mq);
	while (!c->closed && !rmq_failed(c->mq) && rmq_now() < until && loop_signal() == 0) {
		loop_wait(&c->mq, 1, NULL, 0, until);
		take_events(c);
	}
}

static void
run(struct caller *c)
{
	for (;;) {
		take_events(c);
		send_if_possible(c);
		heed_failure(c);
		heed_time(c);
		output_finish(&c->out);
		c->over = c->over || c->out.error != 0;
		if (c->over || (c->stage == ANSWERED && !output_pending(&c->out)))
			return;
		wait_for_more(c);
		heed_signals(c);
	}
}

static void
start(struct caller *c, const struct rmq_config *config)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		loop_catch(signals[i]);
	print_open(&c->out, &c->folder, false, 1);
	c->mq = connect_open(config);
	rmq_consume(c->mq, &(struct rmq_consumer){ .queue = reply_queue, .no_ack = true });
}

int
call(const struct rmq_config *config, const struct call *what, struct rmq_bytes body)
{
	struct caller c = { .what = what, .body = body, .limit = what->limit, .deadline = -1 };

	start(&c, config);
	if (what->limit >= 0)
		c.deadline = rmq_now() + what->limit;
	else
		c.limit = CALL_MS;
	run(&c);
	if (c.out.error != 0)
		c.status = print_failed(&c.out);
	say_goodbye(&c);
	rmq_free(c.mq);
	print_close(&c.out, &c.folder);
	return c.status;
}
