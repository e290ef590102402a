/* SPDX-License-Identifier: MIT */
/* What goes with each message: properties and headers.  https://www.rabbitmq.com/docs/publishers#message-properties */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "message/pairs.h"
#include "message/properties.h"
#include "message/trace.h"

enum { SHORT = 255, PERSISTENT = 2 };	/* bytes that most properties can have; a delivery mode */

static opt_set set_header, set_priority, set_expiration, set_message_id, set_timestamp;

static const char *content_type, *content_encoding, *reply_to, *correlation_id, *message_id,
		*message_type, *app_id, *user_id;
static char		 expiration[24];
static int		 delivery_mode;		/* 0: not asked for */
static struct rmq_table	*headers;
static struct opt_list	 header_specs;		/* what they were made of */
static struct rmq_properties properties;
static bool		 traces = true;

/* An identifier and a time: unless asked for, each message has new ones if it is not an envelope. */
static enum { UNASKED, NEW, GIVEN, NONE } which_id, which_time;

const struct opt opt_message[] = {
	{ 'C', "content-type", "TYPE", opt_string, &content_type,
	    "the body's media type: text/plain, application/json", .max = SHORT },
	{ 'E', "content-encoding", "CODING", opt_string, &content_encoding,
	    "how the body is packed: gzip, for instance", .max = SHORT },
	{ 'H', "header", "NAME=VALUE", set_header, NULL,
	    "add a header, a string; NAME:TYPE=VALUE for numbers, booleans, times, JSON",
	    .many = true },
	{ 0, "correlation-id", "ID", opt_string, &correlation_id, "what this message belongs to", .max = SHORT },
	{ 0, "message-id", "ID", set_message_id, NULL,
	    "the message's identifier; \"auto\": a new UUID for each (the default); \"none\"", .max = SHORT },
	{ 0, "priority", "N", set_priority, NULL, "deliver earlier than lower numbers", .max = 255 },
	{ 0, "expiration", "MS", set_expiration, NULL,
	    "drop it after so many milliseconds in a queue, or 10s, 5m", .max = UINT32_MAX },
	{ 0, "message-type", "TYPE", opt_string, &message_type, "the kind of message", .max = SHORT },
	{ 0, "app-id", "ID", opt_string, &app_id, "the program that sends it", .max = SHORT },
	{ 0, "user-id", "ID", opt_string, &user_id, "the user who sends it; the broker checks that", .max = SHORT },
	{ 0, "timestamp", "TIME", set_timestamp, NULL,
	    "seconds since 1970; \"now\": when each is sent (the default); \"none\"", .max = INT64_MAX },
	{ 0, "no-trace", NULL, opt_unflag, &traces, "do not pass on TRACEPARENT and TRACESTATE as headers" },
	{ 0 }
};

#define PERSISTENCE(letter) \
	{ .help = "Message" }, \
	{ letter, "persistent", NULL, opt_value, &delivery_mode, \
	    "messages survive a restart of the broker (the default)", \
	    .value = 2 }, \
	{ 0, "transient", NULL, opt_value, &delivery_mode, "they need not", .value = 1 }

#define REPLY_TO(letter) \
	{ letter, "reply-to", "QUEUE", opt_string, &reply_to, "where answers go", .max = SHORT }

const struct opt opt_delivery[] = { PERSISTENCE('p'), REPLY_TO('t'), { 0 } };
const struct opt opt_log_delivery[] = { PERSISTENCE(0), REPLY_TO(0), { 0 } };
const struct opt opt_request[] = { PERSISTENCE('p'), { 0 } };

const char *
properties_add_header(const char *spec)
{
	const char **specs = reallocarray(header_specs.items, header_specs.count + 1, sizeof(*specs));

	if (specs == NULL)
		return opt_no_memory;
	specs[header_specs.count++] = spec;
	header_specs.items = specs;
	return pairs_add(&headers, spec);
}

static const char *
set_header(const struct opt *o, char *arg)
{
	(void)o;
	return properties_add_header(arg);
}

static const char *
set_priority(const struct opt *o, char *arg)
{
	int64_t n = 0;
	const struct opt it = { .to = &n, .min = o->min, .max = o->max };
	const char *wrong = opt_number(&it, arg);

	properties.priority = (uint8_t)n;
	properties.has |= RMQ_HAS_PRIORITY;
	return wrong;
}

/* Plain digits are milliseconds, as the property itself has them; with a unit it is a time as elsewhere. */
static const char *
set_expiration(const struct opt *o, char *arg)
{
	int64_t ms = 0;
	const struct opt it = { .to = &ms, .min = o->min, .max = o->max };
	bool plain = arg[strspn(arg, "0123456789")] == '\0';
	const char *wrong = plain ? opt_number(&it, arg) : opt_seconds(&it, arg);

	snprintf(expiration, sizeof(expiration), "%jd", (intmax_t)ms);
	return wrong;
}

static const char *
set_message_id(const struct opt *o, char *arg)
{
	const struct opt it = { .to = &message_id, .max = o->max };

	message_id = NULL;
	which_id = strcmp(arg, "auto") == 0 ? NEW : strcmp(arg, "none") == 0 ? NONE : GIVEN;
	return which_id == GIVEN ? opt_string(&it, arg) : NULL;
}

static const char *
set_timestamp(const struct opt *o, char *arg)
{
	int64_t n = 0;
	const struct opt it = { .to = &n, .min = o->min, .max = o->max };
	const char *wrong;

	which_time = strcmp(arg, "now") == 0 ? NEW : strcmp(arg, "none") == 0 ? NONE : GIVEN;
	if (which_time != GIVEN)
		return NULL;
	wrong = opt_number(&it, arg);
	properties.timestamp = (uint64_t)n;
	return wrong;
}

/* Random bytes are asked for in bulk: on some systems each call is a system call. */
static const unsigned char *
random_16(void)
{
	static unsigned char pool[128 * 16];
	static size_t used = sizeof(pool);

	if (used == sizeof(pool)) {
		arc4random_buf(pool, sizeof(pool));
		used = 0;
	}
	used += 16;
	return pool + used - 16;
}

/* A UUID of version 4: https://www.rfc-editor.org/rfc/rfc9562#section-5.4 */
struct rmq_bytes
properties_new_id(void)
{
	static const char digits[] = "0123456789abcdef";
	static char text[36];
	unsigned char bytes[16];
	size_t i, n = 0;

	memcpy(bytes, random_16(), sizeof(bytes));
	bytes[6] = (bytes[6] & 0x0f) | 0x40;
	bytes[8] = (bytes[8] & 0x3f) | 0x80;
	for (i = 0; i < sizeof(bytes); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[n++] = '-';
		text[n++] = digits[bytes[i] >> 4];
		text[n++] = digits[bytes[i] & 15];
	}
	return (struct rmq_bytes){ n, text };
}

/* What the options say and the message does not have. */
static void
fill(struct rmq_bytes *to, const char *value)
{
	if (to->data == NULL)
		*to = rmq_bytes(value);
}

static void
fill_id_and_time(struct rmq_properties *p, bool always)
{
	bool has_time = (p->has & RMQ_HAS_TIMESTAMP) != 0;

	if (p->message_id.data == NULL && (which_id == NEW || (which_id == UNASKED && always)))
		p->message_id = properties_new_id();
	if (has_time || which_time == NONE || (which_time == UNASKED && !always))
		return;
	p->timestamp = which_time == GIVEN ? properties.timestamp : (uint64_t)time(NULL);
	p->has |= RMQ_HAS_TIMESTAMP;
}

static void
fill_properties(struct rmq_properties *p)
{
	fill(&p->content_type, content_type);
	fill(&p->content_encoding, content_encoding);
	fill(&p->correlation_id, correlation_id);
	fill(&p->reply_to, reply_to);
	fill(&p->expiration, *expiration != '\0' ? expiration : NULL);
	fill(&p->message_id, message_id);
	fill(&p->type, message_type);
	fill(&p->user_id, user_id);
	fill(&p->app_id, app_id);
	if (!(p->has & RMQ_HAS_PRIORITY) && properties.has & RMQ_HAS_PRIORITY) {
		p->priority = properties.priority;
		p->has |= RMQ_HAS_PRIORITY;
	}
	if (!(p->has & RMQ_HAS_DELIVERY_MODE) && delivery_mode != 0) {
		p->delivery_mode = (uint8_t)delivery_mode;
		p->has |= RMQ_HAS_DELIVERY_MODE;
	}
}

static bool
has_header(const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < header_specs.count; i++)
		if (strncmp(header_specs.items[i], name, len) == 0 && strchr(":=", header_specs.items[i][len]) != NULL)
			return true;
	return false;
}

static bool
add_header(const char *name, const char *value)
{
	struct rmq_error error;

	if (headers == NULL)
		headers = rmq_table_new();
	return headers != NULL && rmq_table_set(headers, name, RMQ_STRING, value, &error);
}

/* Whoever gets the message goes on with the trace that we belong to. */
static void
add_trace(void)
{
	const char *parent = getenv("TRACEPARENT"), *state = getenv("TRACESTATE");

	if (!traces || !trace_is_parent(parent) || has_header("traceparent") || !add_header("traceparent", parent))
		return;
	if (trace_is_state(state) && !has_header("tracestate"))
		add_header("tracestate", state);
}

const struct rmq_properties *
properties_make(void)
{
	static struct rmq_properties common, p;
	static bool filled;

	if (!filled) {
		delivery_mode = delivery_mode != 0 ? delivery_mode : PERSISTENT;
		fill_properties(&common);
		add_trace();
		common.headers = headers;
	}
	filled = true;
	p = common;
	fill_id_and_time(&p, true);
	return &p;
}

/* Headers are added, in place of those of the same name. */
static bool
add_headers(struct rmq_properties *p)
{
	static struct rmq_table *table;
	size_t i;

	rmq_table_free(table);
	table = rmq_table_copy(p->headers);
	for (i = 0; i < header_specs.count && table != NULL; i++)
		if (pairs_add(&table, header_specs.items[i]) != NULL)
			return false;
	p->headers = table;
	return table != NULL;
}

const struct rmq_properties *
properties_complete(const struct rmq_properties *have)
{
	static struct rmq_properties p;

	p = *have;
	fill_properties(&p);
	fill_id_and_time(&p, false);
	return header_specs.count == 0 || add_headers(&p) ? &p : NULL;
}
