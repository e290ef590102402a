/* SPDX-License-Identifier: MIT */
/* From the input to the session; and what happens to a record that cannot go there. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "input/options.h"
#include "message/properties.h"
#include "publish/sender.h"
#include "tool/tool.h"

/* Records that fail. */

/* The input can be resumed at the first record that was neither delivered nor set aside. */
static void
note_failure(struct run *r, uint64_t number)
{
	if (r->first_failed != 0 && r->first_failed <= number)
		return;
	r->first_failed = number;
	r->resume_at = offsets_end(&r->offsets, number - 1);
}

static bool
write_reject(struct run *r, uint64_t number)
{
	if (rejects_write(&r->rejects, offsets_end(&r->offsets, number - 1), offsets_end(&r->offsets, number)))
		return true;
	run_fail(r, EX_IOERR, "cannot write reject file '%s': %s", r->rejects.name, strerror(errno));
	return false;
}

void
run_set_aside(struct run *r, uint64_t number)
{
	if (!r->skip || !write_reject(r, number))
		note_failure(r, number);
}

/* The status of them all is that of the first one in the input, whenever it was found. */
static void
note_rejected(struct run *r, uint64_t number, int status)
{
	if (r->first_rejected != 0 && r->first_rejected <= number)
		return;
	r->first_rejected = number;
	r->rejected_status = status;
}

void
run_reject(struct run *r, uint64_t number, int status, const char *why, size_t len)
{
	const char *place = source_place(&r->in, number);

	if (r->skip) {
		run_tell(r, "cannot send %s: %.*s", place, (int)len, why);
		note_rejected(r, number, status);
		run_set_aside(r, number);
		return;
	}
	note_failure(r, number);
	run_fail(r, status, "cannot send %s: %.*s", place, (int)len, why);
	if (r->rejects.name != NULL)
		write_reject(r, number);
}

/* Records that go on. */

static struct rmq_bytes
either(const char *name, struct rmq_bytes other)
{
	return name != NULL ? rmq_bytes(name) : other;
}

static bool
bad(struct rmq_error *e, const char *text)
{
	e->status = RMQ_BAD_RECORD;
	strlcpy(e->text, text, sizeof(e->text));
	return false;
}

/* The record becomes the message that it describes. */
static bool
open_envelope(struct run *r, struct rmq_bytes record, struct rmq_error *why)
{
	struct rmq_envelope *env = r->envelope;
	struct rmq_message *m = &r->message;

	if (!rmq_envelope_parse(env, record.data, record.len, why))
		return false;
	if (env->body.len > (size_t)input_options.max_message)
		return bad(why, "the payload is longer than --max-message");
	m->exchange = either(r->target->exchange, env->exchange);
	m->routing_key = either(r->target->routing_key, env->routing_key);
	if (m->exchange.data == NULL && m->routing_key.data == NULL)
		return bad(why, "neither it nor an option has an exchange or a routing key");
	m->body = env->body;
	m->properties = properties_complete(&env->properties);
	if (m->properties == NULL)
		why->status = RMQ_SYSTEM;
	return m->properties != NULL;
}

static bool
make_message(struct run *r, struct rmq_bytes record, struct rmq_error *why)
{
	if (r->envelope != NULL)
		return open_envelope(r, record, why);
	r->message.body = record;
	r->message.given = r->in.whole && !run_chats(r) ? &r->in.buffer : NULL;
	r->message.properties = properties_make();
	return true;
}

/* A record that cannot be kept track of stays in the input. */
static void
no_memory(struct run *r, uint64_t number)
{
	run_fail(r, EX_OSERR, "cannot send %s: out of memory", source_place(&r->in, number));
	r->first_failed = number;
	r->resume_at = r->in.start;
}

static void
publish_record(struct run *r, struct rmq_bytes record)
{
	uint64_t number = r->in.records;
	struct rmq_error why = { 0 };

	if (!offsets_put(&r->offsets, number, r->in.end, r->settled) || !rejects_keep(&r->rejects, &r->in, record)) {
		no_memory(r, number);
		return;
	}
	r->message.cookie = number;
	if (make_message(r, record, &why) && rmq_publish(r->mq, &r->message, &why)) {
		rate_spend(&r->rate);
	} else if (why.status == RMQ_BAD_RECORD) {
		r->bad++;
		run_reject(r, number, EX_DATAERR, why.text, strlen(why.text));
	} else {
		no_memory(r, number);
	}
}

/* A record that is too long goes to the reject file as it comes in; true: that was all of it. */
static bool
skip_record(struct run *r)
{
	struct rmq_bytes piece;

	r->next = input_skip(&r->in, &piece);
	r->skipping = r->next == INPUT_MORE;
	if (!rejects_write_piece(&r->rejects, piece, r->next == INPUT_RECORD))
		run_fail(r, EX_IOERR, "cannot write reject file '%s': %s", r->rejects.name, strerror(errno));
	else if (r->next == INPUT_RECORD && !offsets_put(&r->offsets, r->in.records, r->in.end, r->settled))
		no_memory(r, r->in.records);
	return r->next == INPUT_RECORD;
}

/* Skipping begins when all before is settled: what is kept of the input must have no gap.  false: not yet. */
static bool
on_too_long(struct run *r)
{
	const char *place = source_place(&r->in, r->in.records + 1);
	char why[80];

	snprintf(why, sizeof(why), "longer than %zu bytes (see --max-message)", r->in.max_message);
	if (r->skip && !r->in.whole) {
		if (rmq_counts(r->mq).unsettled > 0)
			return false;
		run_tell(r, "cannot send %s: %s", place, why);
		note_rejected(r, r->in.records + 1, EX_DATAERR);
		rejects_forget(&r->rejects, r->in.end);
		r->skipping = true;
	} else {
		run_fail(r, EX_DATAERR, "cannot send %s: %s", place, why);
	}
	r->bad++;
	return true;
}

/* One record; false: there is nothing to do before the next turn. */
static bool
feed_one(struct run *r)
{
	struct rmq_bytes record;

	if (r->skipping)
		return skip_record(r);
	r->next = input_next(&r->in, &record);
	switch (r->next) {
	case INPUT_RECORD:
		publish_record(r, record);
		return true;
	case INPUT_TOO_LONG:
		return on_too_long(r);
	case INPUT_FAILED:
		run_fail(r, r->in.error == ENOMEM ? EX_OSERR : EX_IOERR, "cannot read %s: %s", r->in.name,
		    strerror(r->in.error));
		return false;
	case INPUT_END:
		r->fed = true;
		return false;
	default:
		return false;
	}
}

/*
 * A broker that takes nothing for now is handed one record all the same: from then on the session has a limit of time,
 * and before, nobody waits for it.
 */
bool
run_has_room(const struct run *r)
{
	return rmq_can_publish(r->mq) || rmq_counts(r->mq).unsettled == 0;
}

/* The rate is for records: that none is left, or that more is to be read, is seen at once. */
static bool
may_feed(struct run *r)
{
	if (!run_has_room(r))
		return false;
	if (r->skipping || rate_ready(&r->rate))
		return true;
	r->next = input_peek(&r->in);
	return r->next != INPUT_RECORD;
}

void
run_feed(struct run *r)
{
	while (!r->fed && !rmq_failed(r->mq) && may_feed(r) && feed_one(r))
		;
	r->counts = rmq_counts(r->mq);
}

bool
run_awaits_input(const struct run *r)
{
	return !r->fed && r->next == INPUT_MORE && run_has_room(r);
}
