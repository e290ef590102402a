/* SPDX-License-Identifier: MIT */
/* From the input to the session. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "input/options.h"
#include "message/properties.h"
#include "publish/feed.h"
#include "publish/ledger.h"
#include "publish/sender.h"
#include "tool/tool.h"

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
open_envelope(struct sender *s, struct rmq_bytes record, struct rmq_error *why)
{
	struct rmq_envelope *env = s->envelope;
	struct rmq_message *m = &s->message;

	if (!rmq_envelope_parse(env, record.data, record.len, why))
		return false;
	if (env->body.len > (size_t)input_options.max_message)
		return bad(why, "the payload is longer than --max-message");
	m->exchange = either(s->target->exchange, env->exchange);
	m->routing_key = either(s->target->routing_key, env->routing_key);
	if (m->exchange.data == NULL && m->routing_key.data == NULL)
		return bad(why, "neither it nor an option has an exchange or a routing key");
	m->body = env->body;
	m->properties = properties_complete(&env->properties);
	if (m->properties == NULL)
		why->status = RMQ_SYSTEM;
	return m->properties != NULL;
}

static bool
make_message(struct sender *s, struct rmq_bytes record, struct rmq_error *why)
{
	if (s->envelope != NULL)
		return open_envelope(s, record, why);
	s->message.body = record;
	s->message.given = s->in.whole && !sender_chats(s) ? &s->in.buffer : NULL;
	s->message.properties = properties_make();
	return true;
}

/* A record that cannot be kept track of stays in the input. */
static void
no_memory(struct sender *s, uint64_t number)
{
	sender_fail(s, EX_OSERR, "cannot send %s: out of memory", source_place(&s->in, number));
	s->first_failed = number;
	s->resume_at = s->in.start;
}

static void
publish_record(struct sender *s, struct rmq_bytes record)
{
	uint64_t number = s->in.records;
	struct rmq_error why = { 0 };

	if (!offsets_put(&s->offsets, number, s->in.end, s->settled) || !rejects_keep(&s->rejects, &s->in, record)) {
		no_memory(s, number);
		return;
	}
	s->message.cookie = number;
	if (make_message(s, record, &why) && rmq_publish(s->mq, &s->message, &why)) {
		rate_spend(&s->rate);
	} else if (why.status == RMQ_BAD_RECORD) {
		s->bad++;
		ledger_reject(s, number, EX_DATAERR, why.text, strlen(why.text));
	} else {
		no_memory(s, number);
	}
}

/* A record that is too long goes to the reject file as it comes in; true: that was all of it. */
static bool
skip_record(struct sender *s)
{
	struct rmq_bytes piece;

	s->next = input_skip(&s->in, &piece);
	s->skipping = s->next == INPUT_MORE;
	if (!rejects_write_piece(&s->rejects, piece, s->next == INPUT_RECORD))
		sender_fail(s, EX_IOERR, "cannot write reject file '%s': %s", s->rejects.name, strerror(errno));
	else if (s->next == INPUT_RECORD && !offsets_put(&s->offsets, s->in.records, s->in.end, s->settled))
		no_memory(s, s->in.records);
	return s->next == INPUT_RECORD;
}

/* Skipping begins when all before is settled: what is kept of the input must have no gap.  false: not yet. */
static bool
on_too_long(struct sender *s)
{
	const char *place = source_place(&s->in, s->in.records + 1);
	char why[80];

	snprintf(why, sizeof(why), "longer than %zu bytes (see --max-message)", s->in.max_message);
	if (s->skip && !s->in.whole) {
		if (rmq_counts(s->mq).unsettled > 0)
			return false;
		sender_tell(s, "cannot send %s: %s", place, why);
		ledger_note_rejected(s, s->in.records + 1, EX_DATAERR);
		rejects_forget(&s->rejects, s->in.end);
		s->skipping = true;
	} else {
		sender_fail(s, EX_DATAERR, "cannot send %s: %s", place, why);
	}
	s->bad++;
	return true;
}

/* One record; false: there is nothing to do before the next turn. */
static bool
feed_one(struct sender *s)
{
	struct rmq_bytes record;

	if (s->skipping)
		return skip_record(s);
	s->next = input_next(&s->in, &record);
	switch (s->next) {
	case INPUT_RECORD:
		publish_record(s, record);
		return true;
	case INPUT_TOO_LONG:
		return on_too_long(s);
	case INPUT_FAILED:
		sender_fail(s, s->in.error == ENOMEM ? EX_OSERR : EX_IOERR, "cannot read %s: %s", s->in.name,
		    strerror(s->in.error));
		return false;
	case INPUT_END:
		s->fed = true;
		return false;
	default:
		return false;
	}
}

/* The rate is for records: that none is left, or that more is to be read, is seen at once. */
static bool
may_feed(struct sender *s)
{
	if (!sender_has_room(s))
		return false;
	if (s->skipping || rate_ready(&s->rate))
		return true;
	s->next = input_peek(&s->in);
	return s->next != INPUT_RECORD;
}

void
feed_session(struct sender *s)
{
	while (!s->fed && !rmq_failed(s->mq) && may_feed(s) && feed_one(s))
		;
	s->counts = rmq_counts(s->mq);
}

bool
feed_awaits_input(const struct sender *s)
{
	return !s->fed && s->next == INPUT_MORE && sender_has_room(s);
}
