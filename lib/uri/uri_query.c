/* SPDX-License-Identifier: MIT */
/*
 * The parameters of an address: those of RabbitMQ's Erlang client, and
 * connection_name.  https://www.rabbitmq.com/docs/uri-query-parameters
 * What is unknown, given twice or malformed is an error, and so is a
 * parameter of TLS without TLS: its author does not expect plain text.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "uri/span.h"

struct parameter {
	const char	*name;
	bool		(*set)(struct rmq_uri *, const struct parameter *, char **value);
	size_t		 field;			/* an int or a char * in struct rmq_uri */
	int		 min, max;
	enum { ANYWHERE, TLS_ONLY } where;
	enum { ONCE, REPEATABLE } how_often;
	const char	*wanted;
};

static bool
set_number(struct rmq_uri *u, const struct parameter *p, char **value)
{
	return span_number(span(*value), p->min, p->max, (int *)(void *)((char *)u + p->field));
}

static bool
set_timeout(struct rmq_uri *u, const struct parameter *p, char **value)
{
	int ms;

	if (!span_number(span(*value), p->min, p->max, &ms))
		return false;
	u->connection_timeout = ms;
	return true;
}

static bool
set_frame_max(struct rmq_uri *u, const struct parameter *p, char **value)
{
	if (strcmp(*value, "0") != 0)
		return set_number(u, p, value);
	u->frame_max = 0;
	return true;
}

static bool
set_text(struct rmq_uri *u, const struct parameter *p, char **value)
{
	char **field = (char **)(void *)((char *)u + p->field);

	*field = *value;
	*value = NULL;
	return true;
}

static bool
set_server_name(struct rmq_uri *u, const struct parameter *p, char **value)
{
	if (strcmp(*value, "disable") == 0)
		**value = '\0';
	return set_text(u, p, value);
}

static bool
set_mechanism(struct rmq_uri *u, const struct parameter *p, char **value)
{
	(void)p;
	if (strcasecmp(*value, "plain") == 0 || strcasecmp(*value, "amqplain") == 0)
		return true;
	u->external = strcasecmp(*value, "external") == 0;
	return u->external;
}

static bool
set_verify(struct rmq_uri *u, const struct parameter *p, char **value)
{
	(void)p;
	u->verify = strcmp(*value, "verify_peer") == 0;
	return u->verify || strcmp(*value, "verify_none") == 0;
}

/* Only a server can ask for this; addresses that were made for several programs have it. */
static bool
set_nothing(struct rmq_uri *u, const struct parameter *p, char **value)
{
	(void)u;
	(void)p;
	return strcmp(*value, "true") == 0 || strcmp(*value, "false") == 0;
}

#define FIELD(name)	#name, .field = offsetof(struct rmq_uri, name)

static const struct parameter parameters[] = {
	{ FIELD(heartbeat), .set = set_number, .max = UINT16_MAX,
	    .wanted = "a number of seconds between 0 and 65535" },
	{ FIELD(connection_timeout), .set = set_timeout, .min = 1, .max = INT_MAX,
	    .wanted = "a number of milliseconds between 1 and 2147483647" },
	{ FIELD(channel_max), .set = set_number, .max = UINT16_MAX,
	    .wanted = "a number between 0 and 65535" },
	{ FIELD(frame_max), .set = set_frame_max, .min = 4096, .max = INT_MAX,
	    .wanted = "0 or a number between 4096 and 2147483647" },
	{ "auth_mechanism", .set = set_mechanism, .how_often = REPEATABLE,
	    .wanted = "plain, amqplain or external" },
	{ FIELD(connection_name), .set = set_text },
	{ FIELD(cacertfile), .set = set_text, .where = TLS_ONLY },
	{ FIELD(certfile), .set = set_text, .where = TLS_ONLY },
	{ FIELD(keyfile), .set = set_text, .where = TLS_ONLY },
	{ "password", .field = offsetof(struct rmq_uri, key_password), .set = set_text, .where = TLS_ONLY },
	{ FIELD(verify), .set = set_verify, .where = TLS_ONLY,
	    .wanted = "verify_peer or verify_none" },
	{ "fail_if_no_peer_cert", .set = set_nothing, .where = TLS_ONLY,
	    .wanted = "true or false" },
	{ FIELD(depth), .set = set_number, .max = UINT8_MAX, .where = TLS_ONLY,
	    .wanted = "a number between 0 and 255" },
	{ "server_name_indication", .field = offsetof(struct rmq_uri, server_name),
	    .set = set_server_name, .where = TLS_ONLY },
};

#define NPARAMETERS	(sizeof parameters / sizeof parameters[0])

static size_t
find(const char *name)
{
	size_t i;

	for (i = 0; i < NPARAMETERS; i++)
		if (strcmp(name, parameters[i].name) == 0)
			break;
	return i;
}

static bool
set(struct rmq_uri *u, const struct parameter *p, char **value, struct rmq_error *e)
{
	if (p->where == TLS_ONLY && !u->tls)
		return rmq_fail(e, RMQ_USAGE, 0, "parameter %s needs amqps://", p->name);
	if (**value == '\0' && strcmp(p->name, "password") != 0)
		return rmq_fail(e, RMQ_USAGE, 0, "parameter %s has no value", p->name);
	if (!p->set(u, p, value))
		return rmq_fail(e, RMQ_USAGE, 0, "parameter %s is not %s", p->name, p->wanted);
	return true;
}

static bool
parse_value(struct rmq_uri *u, const struct parameter *p, struct span s, struct rmq_error *e)
{
	char *value;
	bool ok;

	if ((value = span_decode(s, e)) == NULL)
		return false;
	ok = set(u, p, &value, e);
	wipe_free(value);
	return ok;
}

/* Where an @ comes later, the "name" may be the end of a password with a bare question mark in it. */
static bool
unknown(struct span query, const char *name, struct rmq_error *e)
{
	if (span_has(query, '@') || name[strspn(name, "abcdefghijklmnopqrstuvwxyz_")] != '\0')
		return rmq_fail(e, RMQ_USAGE, 0,
		    "unknown parameter (a ? in a user name or password is written as %%3f)");
	return rmq_fail(e, RMQ_USAGE, 0, "unknown parameter %s", name);
}

static bool
parse_parameter(struct rmq_uri *u, struct span query, struct span s, bool seen[], struct rmq_error *e)
{
	struct span before = span_cut(&s, "=");
	size_t i;
	char *name;

	if ((name = span_decode(before, e)) == NULL)
		return false;
	if ((i = find(name)) == NPARAMETERS)
		unknown(query, name, e);
	wipe_free(name);
	if (i == NPARAMETERS)
		return false;
	if (seen[i] && parameters[i].how_often == ONCE)
		return rmq_fail(e, RMQ_USAGE, 0, "parameter %s is given twice", parameters[i].name);
	seen[i] = true;
	span_skip(&s, '=');
	return parse_value(u, &parameters[i], s, e);
}

bool
uri_parse_query(struct rmq_uri *u, struct span query, struct rmq_error *e)
{
	bool seen[NPARAMETERS] = { false };
	struct span rest = query, one;

	while (rest.len > 0) {
		one = span_cut(&rest, "&");
		if (one.len > 0 && !parse_parameter(u, query, one, seen, e))
			return false;
		span_skip(&rest, '&');
	}
	return true;
}

struct span
uri_next_secret(struct span *rest)
{
	struct span value;
	bool secret;
	char *name;

	while (rest->len > 0) {
		value = span_cut(rest, "&");
		span_skip(rest, '&');
		name = span_decode(span_cut(&value, "="), NULL);
		span_skip(&value, '=');
		secret = name == NULL || strcmp(name, "password") == 0;
		wipe_free(name);
		if (secret && value.len > 0)
			return value;
	}
	return (struct span){ NULL, 0 };
}
