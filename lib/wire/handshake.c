/* SPDX-License-Identifier: MIT */
/*
 * What is said on channel 0: start, tune, open, blocked, close.
 *
 * With a hint, start-ok, tune-ok and open travel with the protocol header, and
 * all that the channel needs behind them.  Start and tune then tell whether
 * the guess was right, before anything behind it is answered.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "data/table.h"
#include "wire/handshake.h"

enum { CODE_FORCED = 320, CODE_REFUSED = 403, CODE_RESOURCE = 506, CODE_NOT_ALLOWED = 530,
    CODE_NOT_IMPLEMENTED = 540, CODE_INTERNAL = 541 };

static amqp_table_entry_t
entry(const char *key, const char *value)
{
	amqp_table_entry_t e = { .key = text_to_amqp(key), .value = { .kind = AMQP_FIELD_KIND_UTF8 } };

	e.value.value.bytes = text_to_amqp(value);
	return e;
}

/*
 * Without consumer_cancel_notify a consumer of a deleted queue would wait for
 * ever, and without connection.blocked nobody would hear of an alarm.
 * https://www.rabbitmq.com/docs/consumers#capabilities
 */
static bool
say_start_ok(struct connection *c, const char *mechanism, amqp_bytes_t response)
{
	static const char *const able[] = {
		"publisher_confirms", "exchange_exchange_bindings", "basic.nack", "consumer_cancel_notify",
		"connection.blocked", "authentication_failure_close",
	};
	enum { NABLE = sizeof able / sizeof *able };
	amqp_table_entry_t capabilities[NABLE], properties[4];
	const char *name = c->uri->connection_name != NULL ? c->uri->connection_name : c->config->name;
	amqp_connection_start_ok_t ok = {
		.client_properties = { 3, properties },
		.mechanism = text_to_amqp(mechanism), .response = response, .locale = text_to_amqp("en_US"),
	};

	for (size_t i = 0; i < NABLE; i++) {
		capabilities[i] = (amqp_table_entry_t){ text_to_amqp(able[i]), { .kind = AMQP_FIELD_KIND_BOOLEAN } };
		capabilities[i].value.value.boolean = 1;
	}
	properties[0] = entry("product", c->config->product);
	properties[1] = entry("version", c->config->version);
	properties[2] = (amqp_table_entry_t){ text_to_amqp("capabilities"), { .kind = AMQP_FIELD_KIND_TABLE } };
	properties[2].value.value.table = (amqp_table_t){ NABLE, capabilities };
	if (name != NULL)
		properties[ok.client_properties.num_entries++] = entry("connection_name", name);
	if (!connection_put(c, 0, AMQP_CONNECTION_START_OK_METHOD, &ok))
		return false;
	c->login_size = c->out.len;
	return true;
}

/* RFC 4616: an empty authorization identity, the user, the password, with NUL before the last two. */
static bool
log_in(struct connection *c)
{
	struct rmq_buffer plain = { 0 };
	const struct rmq_uri *u = c->uri;
	bool ok;

	if (u->external)
		return say_start_ok(c, "EXTERNAL", text_to_amqp(u->user));
	ok = rmq_buffer_reserve(&plain, strlen(u->user) + strlen(u->password) + 2) &&
	    connection_expect_secret(c) &&
	    rmq_buffer_add(&plain, "", 1) && rmq_buffer_add(&plain, u->user, strlen(u->user)) &&
	    rmq_buffer_add(&plain, "", 1) && rmq_buffer_add(&plain, u->password, strlen(u->password));
	ok = ok ? say_start_ok(c, "PLAIN", (amqp_bytes_t){ plain.len, plain.data }) :
	    connection_down(c, RMQ_SYSTEM, 0, "out of memory");
	if (plain.data != NULL)
		explicit_bzero(plain.data, plain.size);
	rmq_buffer_free(&plain);
	return ok;
}

static bool
has_word(amqp_bytes_t list, const char *word)
{
	size_t len = strlen(word);
	const char *p = list.bytes, *end = p + list.len;

	while (p != NULL && p < end) {
		const char *blank = memchr(p, ' ', (size_t)(end - p));
		const char *stop = blank == NULL ? end : blank;

		if ((size_t)(stop - p) == len && memcmp(p, word, len) == 0)
			return true;
		p = blank == NULL ? NULL : blank + 1;
	}
	return false;
}

static void
remember_version(struct connection *c, const amqp_table_t *properties)
{
	for (int i = 0; i < properties->num_entries; i++) {
		const amqp_table_entry_t *e = &properties->entries[i];

		if (e->key.len == 7 && memcmp(e->key.bytes, "version", 7) == 0 &&
		    e->value.kind == AMQP_FIELD_KIND_UTF8)
			snprintf(c->server_version, sizeof c->server_version, "%.*s",
			    (int)(e->value.value.bytes.len < 31 ? e->value.value.bytes.len : 31),
			    (const char *)e->value.value.bytes.bytes);
	}
}

/* The one method of a broker with a table in it: looked at before librabbitmq follows its depths. */
static bool
start_is_sound(struct connection *c, struct rmq_bytes payload)
{
	const uint8_t *p = payload.data;
	struct rmq_error e = { 0 };
	size_t len;

	if (payload.len < 10 || (len = codec_u32(p + 6)) > payload.len - 10)
		return connection_down(c, RMQ_PROTOCOL, 0, "broken AMQP: connection.start is too short");
	if (!table_check((struct rmq_bytes){ len + 4, p + 6 }, TABLE_DEPTH_RECEIVED, &e))
		return connection_down(c, RMQ_PROTOCOL, 0, "broken AMQP: connection.start: %s", e.text);
	return true;
}

static bool
on_start(struct connection *c, const amqp_connection_start_t *start)
{
	const char *mechanism = c->uri->external ? "EXTERNAL" : "PLAIN";

	if (start->version_major != 0 || start->version_minor != 9)
		return connection_down(c, RMQ_PROTOCOL, 0, "the other side speaks AMQP %u-%u, not 0-9",
		    start->version_major, start->version_minor);
	if (!has_word(start->mechanisms, mechanism))
		return connection_down(c, RMQ_DENIED, 0, "cannot log in: the broker does not offer %s", mechanism);
	remember_version(c, &start->server_properties);
	c->heard.plain = has_word(start->mechanisms, "PLAIN");
	c->heard.external = has_word(start->mechanisms, "EXTERNAL");
	c->state = CONNECTION_TUNING;
	return c->guessing || log_in(c);
}

/* 0 means "no limit" or "no wish" on either side. */
static uint32_t
agree(uint32_t theirs, uint32_t ours)
{
	if (theirs == 0 || ours == 0)
		return theirs > ours ? theirs : ours;
	return theirs < ours ? theirs : ours;
}

static int64_t
wanted_heartbeat(const struct connection *c)
{
	if (c->uri->heartbeat > 0)
		return c->uri->heartbeat;
	return c->config->heartbeat > 0 ? (c->config->heartbeat + 999) / 1000 : 30;
}

static amqp_connection_tune_ok_t
answer(const struct connection *c, const amqp_connection_tune_t *tune)
{
	const struct rmq_uri *u = c->uri;
	amqp_connection_tune_ok_t ok = {
		.channel_max = (uint16_t)agree(tune->channel_max, u->channel_max > 0 ? (uint32_t)u->channel_max : 1),
		.frame_max = agree(tune->frame_max, u->frame_max > 0 ? (uint32_t)u->frame_max : FRAME_MAX_OURS),
		.heartbeat = (uint16_t)agree(tune->heartbeat, (uint32_t)wanted_heartbeat(c)),
	};

	if (ok.frame_max > FRAME_MAX_OURS)
		ok.frame_max = FRAME_MAX_OURS;
	return ok;
}

static bool
say_tune_ok(struct connection *c, amqp_connection_tune_ok_t *ok)
{
	amqp_connection_open_t open = {
		.virtual_host = text_to_amqp(c->uri->vhost), .capabilities = text_to_amqp(""), .insist = 0,
	};

	c->channel_max = ok->channel_max;
	c->frame_max = ok->frame_max;
	c->heartbeat = (int64_t)ok->heartbeat * 1000;
	transport_user_timeout(&c->transport, 2 * c->heartbeat);
	return connection_put(c, 0, AMQP_CONNECTION_TUNE_OK_METHOD, ok) &&
	    connection_put(c, 0, AMQP_CONNECTION_OPEN_METHOD, &open);
}

/* Brokers take less than they propose, and as much: 0 is no limit. */
static bool
allows(uint32_t proposed, uint32_t said)
{
	return proposed == 0 || (said != 0 && said <= proposed);
}

static bool
guess_is_right(const struct connection *c, const amqp_connection_tune_t *tune)
{
	return allows(tune->channel_max, c->channel_max) && allows(tune->frame_max, (uint32_t)c->frame_max);
}

static bool
on_tune(struct connection *c, const amqp_connection_tune_t *tune)
{
	amqp_connection_tune_ok_t ok = answer(c, tune);

	c->heard.uri = c->uri;
	c->heard.host = c->host;
	c->heard.channel_max = tune->channel_max;
	c->heard.frame_max = tune->frame_max;
	c->heard.heartbeat = tune->heartbeat;
	if (ok.frame_max < FRAME_MAX_LEAST)
		return connection_down(c, RMQ_PROTOCOL, 0,
		    "the broker allows frames of %u bytes, at least %d are needed", ok.frame_max, FRAME_MAX_LEAST);
	if (c->guessing && !guess_is_right(c, tune))
		return connection_down(c, RMQ_UNAVAILABLE, 0, "the broker has other limits than before");
	c->state = CONNECTION_OPENING;
	if (!c->guessing)
		return say_tune_ok(c, &ok);
	c->guessing = false;
	return true;
}

static const struct rmq_hint *
find_hint(const struct connection *c)
{
	for (size_t i = 0; i < c->config->nhints; i++)
		if (c->config->hints[i].uri == c->uri && c->config->hints[i].host == c->host)
			return &c->config->hints[i];
	return NULL;
}

/* A smaller frame than FRAME_MAX_SURE is legal for some brokers only: that is no guess to make. */
bool
handshake_guess(struct connection *c)
{
	const struct rmq_hint *hint = find_hint(c);
	amqp_connection_tune_ok_t ok;

	if (c->state != CONNECTION_GREETING || c->has_guessed || hint == NULL ||
	    !(c->uri->external ? hint->external : hint->plain))
		return true;
	ok = answer(c, &(amqp_connection_tune_t){ hint->channel_max, hint->frame_max, hint->heartbeat });
	if (ok.frame_max < FRAME_MAX_SURE)
		return true;
	c->guessing = c->has_guessed = true;
	return log_in(c) && say_tune_ok(c, &ok);
}

enum rmq_status
handshake_close_status(int code, struct rmq_bytes reply)
{
	if (refusal_passes(code, reply))
		return RMQ_UNAVAILABLE;
	switch (code) {
	case CODE_FORCED:
	case CODE_RESOURCE:
		return RMQ_UNAVAILABLE;
	case CODE_REFUSED:
	case CODE_NOT_ALLOWED:
		return RMQ_DENIED;
	case CODE_NOT_IMPLEMENTED:
		return RMQ_CONFIG;
	case CODE_INTERNAL:
		return bytes_contain(reply, "deprecated") ? RMQ_CONFIG : RMQ_UNAVAILABLE;
	default:
		return RMQ_PROTOCOL;
	}
}

static bool
on_close(struct connection *c, const amqp_connection_close_t *close)
{
	struct rmq_bytes reply = { close->reply_text.len, close->reply_text.bytes };
	enum rmq_status status = handshake_close_status(close->reply_code, reply);
	const char *said = reply.len > 0 ? reply.data : "no reason is given";
	int len = reply.len > 0 ? (int)reply.len : INT_MAX, code = close->reply_code;
	amqp_connection_close_ok_t ok = { 0 };
	char peer[300];

	connection_peer(c, peer, sizeof peer);
	if (c->state == CONNECTION_TUNING)
		rmq_fail(&c->error, status, code, "cannot log in to %s as '%s': %.*s", peer, c->uri->user, len, said);
	else if (c->state == CONNECTION_OPENING)
		rmq_fail(&c->error, status, code, "cannot open virtual host '%s' on %s: %.*s", c->uri->vhost, peer,
		    len, said);
	else
		rmq_fail(&c->error, status, code, "%s closed the connection: %.*s", peer, len, said);
	c->out.len = 0;
	codec_put_method(&c->out, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok, NULL);
	transport_write(&c->transport, &(struct iovec){ c->out.data, c->out.len }, 1, NULL);
	connection_drop(c);
	return false;
}

static bool
on_blocked(struct connection *c, const amqp_connection_blocked_t *blocked)
{
	size_t len = blocked->reason.len;

	c->blocked = true;
	if (len >= sizeof c->blocked_reason)
		len = sizeof c->blocked_reason - 1;
	if (len > 0)
		memcpy(c->blocked_reason, blocked->reason.bytes, len);
	c->blocked_reason[len] = '\0';
	return true;
}

/* Which method may come in which state; anything else is a broken broker. */
static bool
is_expected(const struct connection *c, amqp_method_number_t id)
{
	switch (id) {
	case AMQP_CONNECTION_START_METHOD:
		return c->state == CONNECTION_GREETING;
	case AMQP_CONNECTION_TUNE_METHOD:
		return c->state == CONNECTION_TUNING;
	case AMQP_CONNECTION_OPEN_OK_METHOD:
		return c->state == CONNECTION_OPENING;
	case AMQP_CONNECTION_CLOSE_OK_METHOD:
		return c->state == CONNECTION_CLOSING;
	case AMQP_CONNECTION_CLOSE_METHOD:
		return c->state > CONNECTION_GREETING;
	case AMQP_CONNECTION_BLOCKED_METHOD:
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		return c->state >= CONNECTION_OPEN;
	default:
		return false;
	}
}

static bool
handle(struct connection *c, amqp_method_number_t id, void *method)
{
	switch (id) {
	case AMQP_CONNECTION_START_METHOD:
		return on_start(c, method);
	case AMQP_CONNECTION_TUNE_METHOD:
		return on_tune(c, method);
	case AMQP_CONNECTION_OPEN_OK_METHOD:
		c->state = CONNECTION_OPEN;
		return true;
	case AMQP_CONNECTION_BLOCKED_METHOD:
		return on_blocked(c, method);
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		c->blocked = false;
		return true;
	case AMQP_CONNECTION_CLOSE_METHOD:
		return on_close(c, method);
	default:
		c->state = CONNECTION_CLOSED;
		return true;
	}
}

bool
connection_control(struct connection *c, const struct frame *f)
{
	amqp_method_number_t id = codec_method_id(f->payload);
	struct rmq_error e = { 0 };
	void *method;

	if (f->type == FRAME_HEARTBEAT)
		return true;
	if (f->type != FRAME_METHOD || !is_expected(c, id))
		return connection_down(c, RMQ_PROTOCOL, 0, "broken AMQP: unexpected frame of type %u (method %u.%u)",
		    f->type, id >> 16, id & 0xffff);
	if (id == AMQP_CONNECTION_START_METHOD && !start_is_sound(c, f->payload))
		return false;
	recycle_amqp_pool(&c->pool);
	if (!codec_get_method(f->payload, &c->pool, &method, &e))
		return connection_down(c, e.status, 0, "%s", e.text);
	return handle(c, id, method);
}

void
connection_close(struct connection *c)
{
	amqp_connection_close_t close = { .reply_code = 200, .reply_text = text_to_amqp("bye") };

	c->state = CONNECTION_CLOSING;
	connection_put(c, 0, AMQP_CONNECTION_CLOSE_METHOD, &close);
}
