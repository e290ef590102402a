/* SPDX-License-Identifier: MIT */
/*
 * The address of a broker: amqp://user:password@host:port/vhost?parameters
 *
 * Split as in RFC 3986, with several hosts between commas.  An error says what
 * is wrong in words of its own and never repeats what was given: a password
 * with an unescaped delimiter can end up in any part of the address.
 */
#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "uri/span.h"

#define TEXT_MAX	8192
#define NAME_MAX_BYTES	255	/* AMQP's short strings; enough for the DNS too */

struct parts {
	struct span	 user_info, hosts, path, query;
	bool		 has_user_info;
};

static bool
wrong(struct rmq_error *e, const char *why)
{
	return rmq_fail(e, RMQ_USAGE, 0, "%s", why);
}

static bool
has_control_or_blank(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return true;
	return false;
}

static bool
parse_scheme(struct rmq_uri *u, struct span *rest, struct rmq_error *e)
{
	struct span scheme = span_cut(rest, ":");
	bool plain = scheme.len == 4 && strncasecmp(scheme.p, "amqp", 4) == 0;

	u->tls = scheme.len == 5 && strncasecmp(scheme.p, "amqps", 5) == 0;
	if ((!plain && !u->tls) || !span_skip(rest, ':') || !span_skip(rest, '/') || !span_skip(rest, '/'))
		return wrong(e, "an address begins with amqp:// or amqps://");
	return true;
}

static bool
split(struct parts *parts, struct span rest, struct rmq_error *e)
{
	*parts = (struct parts){ .hosts = span_cut(&rest, "/?#") };
	if (span_has(parts->hosts, '@')) {
		parts->user_info = span_cut(&parts->hosts, "@");
		parts->has_user_info = span_skip(&parts->hosts, '@');
	}
	if (span_has(parts->hosts, '@'))
		return wrong(e, "an @ in a user name or password is written as %40");
	parts->path = span_cut(&rest, "?#");
	if (span_skip(&rest, '?'))
		parts->query = span_cut(&rest, "#");
	if (rest.len > 0)
		return wrong(e, "a fragment is not allowed (a # itself is written as %23)");
	return true;
}

/* A user without a password has an empty one; the default password is for the default user alone. */
static bool
parse_user_info(struct rmq_uri *u, const struct parts *parts, struct rmq_error *e)
{
	struct span user = span("guest"), password = user;

	if (parts->has_user_info) {
		password = parts->user_info;
		user = span_cut(&password, ":");
		span_skip(&password, ':');
	}
	if ((u->user = span_decode(user, e)) == NULL || (u->password = span_decode(password, e)) == NULL)
		return false;
	if (strlen(u->user) > NAME_MAX_BYTES)
		return wrong(e, "the user name is longer than 255 bytes");
	return true;
}

/* A zone follows %25 (RFC 6874) or, as it is often written, a % alone. */
static char *
parse_ip6(struct span zone, struct rmq_error *e)
{
	struct span address = span_cut(&zone, "%");
	struct in6_addr binary;
	char *name;

	if (zone.len > 3 && strncmp(zone.p, "%25", 3) == 0)
		zone = (struct span){ zone.p + 2, zone.len - 2 };
	if ((name = calloc(1, address.len + zone.len + 1)) == NULL) {
		rmq_no_memory(e);
		return NULL;
	}
	memcpy(name, address.p, address.len);
	if (inet_pton(AF_INET6, name, &binary) != 1 || zone.len == 1) {
		wrong(e, "what stands in brackets is not an IPv6 address");
		free(name);
		return NULL;
	}
	if (zone.len > 0) {
		memcpy(name + address.len, zone.p, zone.len);
		name[address.len] = '%';
	}
	return name;
}

static char *
parse_host_name(struct span s, struct rmq_error *e)
{
	char *name;

	if ((name = span_decode(s.len == 0 ? span("localhost") : s, e)) == NULL)
		return NULL;
	if (!has_control_or_blank(name) && strpbrk(name, "%/?#[]@:,") == NULL)
		return name;
	wrong(e, "a host has a byte that no host name has");
	free(name);
	return NULL;
}

static bool
parse_port(struct span s, bool tls, uint16_t *port, struct rmq_error *e)
{
	int n = tls ? 5671 : 5672;

	if (s.len > 0 && !span_skip(&s, ':'))
		return wrong(e, "something other than a port follows an address in brackets");
	if (span_has(s, ':'))
		return wrong(e, "a host has more than one : (an IPv6 address stands in brackets)");
	if (s.len > 0 && !span_number(s, 1, UINT16_MAX, &n))
		return wrong(e, "port is not a number between 1 and 65535");
	*port = (uint16_t)n;
	return true;
}

static struct rmq_host *
add_host(struct rmq_uri *u, struct rmq_error *e)
{
	struct rmq_host *hosts;

	if ((hosts = reallocarray(u->hosts, u->nhosts + 1, sizeof *hosts)) == NULL) {
		rmq_no_memory(e);
		return NULL;
	}
	u->hosts = hosts;
	hosts[u->nhosts] = (struct rmq_host){ 0 };
	return &hosts[u->nhosts++];
}

static bool
parse_host(struct rmq_uri *u, struct span s, struct rmq_error *e)
{
	struct rmq_host *host;

	if ((host = add_host(u, e)) == NULL)
		return false;
	if (span_skip(&s, '[')) {
		host->name = parse_ip6(span_cut(&s, "]"), e);
		if (host->name != NULL && !span_skip(&s, ']'))
			return wrong(e, "a [ has no ]");
	} else
		host->name = parse_host_name(span_cut(&s, ":"), e);
	if (host->name == NULL)
		return false;
	if (strlen(host->name) > NAME_MAX_BYTES)
		return wrong(e, "a host is longer than 255 bytes");
	return parse_port(s, u->tls, &host->port, e);
}

/* Nothing at all is localhost; a gap in a list is more likely a slip. */
static bool
parse_hosts(struct rmq_uri *u, struct span rest, struct rmq_error *e)
{
	bool many = span_has(rest, ',');
	struct span host;

	do {
		host = span_cut(&rest, ",");
		if (many && (host.len == 0 || *host.p == ':'))
			return wrong(e, "a host in the list is empty");
		if (!parse_host(u, host, e))
			return false;
	} while (span_skip(&rest, ','));
	return true;
}

static bool
parse_vhost(struct rmq_uri *u, struct span path, struct rmq_error *e)
{
	span_skip(&path, '/');
	if (span_has(path, '/'))
		return wrong(e, "a / in the name of a virtual host is written as %2f");
	if ((u->vhost = span_decode(path.len == 0 ? span("/") : path, e)) == NULL)
		return false;
	if (strlen(u->vhost) > NAME_MAX_BYTES)
		return wrong(e, "the name of the virtual host is longer than 255 bytes");
	return true;
}

static bool
parse(struct rmq_uri *u, const char *text, struct rmq_error *e)
{
	struct parts parts;
	struct span rest;

	if (strnlen(text, TEXT_MAX + 1) > TEXT_MAX)
		return wrong(e, "the address is longer than 8192 bytes");
	if (has_control_or_blank(text))
		return wrong(e, "a blank or control character in an address is written as % and "
		    "two hexadecimal digits");
	rest = span(text);
	return parse_scheme(u, &rest, e) && split(&parts, rest, e) && parse_user_info(u, &parts, e) &&
	    parse_hosts(u, parts.hosts, e) && parse_vhost(u, parts.path, e) &&
	    uri_parse_query(u, parts.query, e);
}

bool
rmq_uri_parse(struct rmq_uri *u, const char *text, struct rmq_error *e)
{
	*u = (struct rmq_uri){
		.heartbeat = -1, .connection_timeout = -1, .channel_max = -1, .frame_max = -1,
		.verify = -1, .depth = -1
	};
	if (parse(u, text, e))
		return true;
	rmq_uri_free(u);
	return false;
}

void
rmq_uri_free(struct rmq_uri *u)
{
	while (u->nhosts > 0)
		free(u->hosts[--u->nhosts].name);
	free(u->hosts);
	free(u->user);
	wipe_free(u->password);
	free(u->vhost);
	free(u->cacertfile);
	free(u->certfile);
	free(u->keyfile);
	wipe_free(u->key_password);
	free(u->server_name);
	free(u->connection_name);
	*u = (struct rmq_uri){ 0 };
}

static void
cross_out(char *from, const char *end)
{
	for (; from < end; from++)
		*from = 'x';
}

/* Where an @ comes late, what looks like a port or a path may be a password with a bare delimiter in it. */
static void
hide_secrets(char *text, char *authority)
{
	struct span rest = span(authority), secret;
	char *colon, *at;

	(void)span_cut(&rest, "?");
	span_skip(&rest, '?');
	while ((secret = uri_next_secret(&rest)).len > 0)
		cross_out(text + (secret.p - text), secret.p + secret.len);
	colon = strchr(authority, ':');
	at = strrchr(authority, '@');
	if (colon != NULL && at != NULL)
		cross_out(colon + 1, at);
}

void
rmq_uri_hide(char *text)
{
	char *slashes = strstr(text, "://"), *authority = slashes != NULL ? slashes + 3 : text;
	struct rmq_error e = { 0 };
	struct rmq_uri u;

	if (!rmq_uri_parse(&u, text, &e)) {
		cross_out(authority, text + strlen(text));
		return;
	}
	rmq_uri_free(&u);
	hide_secrets(text, authority);
}
