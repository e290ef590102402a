/* SPDX-License-Identifier: MIT */
/* What goes with each message: properties and headers.  https://www.rabbitmq.com/docs/publishers#message-properties */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "groups.h"

enum { SHORT = 255 };	/* bytes that most properties can have */

static opt_set set_header, set_priority, set_expiration, set_message_id, set_timestamp;

static const char *content_type, *content_encoding, *reply_to, *correlation_id, *message_id,
		*message_type, *app_id, *user_id;
static char		 expiration[24];
static int		 delivery_mode = 2;	/* persistent */
static bool		 fresh_id, fresh_time;	/* for each message */
static struct rmq_table	*headers;
static struct rmq_properties properties;

const struct opt opt_message[] = {
	{ 'C', "content-type", "TYPE", opt_string, &content_type,
	    "the body's media type: text/plain, application/json", .max = SHORT },
	{ 'E', "content-encoding", "CODING", opt_string, &content_encoding,
	    "how the body is packed: gzip, for instance", .max = SHORT },
	{ 'H', "header", "NAME=VALUE", set_header, NULL,
	    "add a header, a string; NAME:TYPE=VALUE for numbers, booleans, times, JSON" },
	{ 0, "correlation-id", "ID", opt_string, &correlation_id, "what this message belongs to", .max = SHORT },
	{ 0, "message-id", "[ID]", set_message_id, NULL,
	    "the message's identifier; \"auto\": a new UUID for each", .max = SHORT },
	{ 0, "priority", "N", set_priority, NULL, "deliver earlier than lower numbers", .max = 255 },
	{ 0, "expiration", "MS", set_expiration, NULL,
	    "drop it after so many milliseconds in a queue, or 10s, 5m", .max = UINT32_MAX },
	{ 0, "message-type", "TYPE", opt_string, &message_type, "the kind of message", .max = SHORT },
	{ 0, "app-id", "ID", opt_string, &app_id, "the program that sends it", .max = SHORT },
	{ 0, "user-id", "ID", opt_string, &user_id, "the user who sends it; the broker checks that", .max = SHORT },
	{ 0, "timestamp", "[TIME]", set_timestamp, NULL,
	    "seconds since 1970; \"now\": when each is sent", .max = INT64_MAX },
	{ 0 }
};

const struct opt opt_delivery[] = {
	{ .help = "Message" },
	{ 'p', "persistent", NULL, opt_value, &delivery_mode, "messages survive a restart of the broker (the default)",
	    .value = 2 },
	{ 0, "transient", NULL, opt_value, &delivery_mode, "they need not", .value = 1 },
	{ 't', "reply-to", "QUEUE", opt_string, &reply_to, "where answers go", .max = SHORT },
	{ 0 }
};

const struct opt opt_log_delivery[] = {
	{ .help = "Message" },
	{ 0, "persistent", NULL, opt_value, &delivery_mode, "messages survive a restart of the broker (the default)",
	    .value = 2 },
	{ 0, "transient", NULL, opt_value, &delivery_mode, "they need not", .value = 1 },
	{ 0, "reply-to", "QUEUE", opt_string, &reply_to, "where answers go", .max = SHORT },
	{ 0 }
};

const char *
groups_add_header(const char *spec)
{
	return groups_add_pair(&headers, spec);
}

static const char *
set_header(const struct opt *o, char *arg)
{
	(void)o;
	return groups_add_header(arg);
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

	fresh_id = arg == NULL || strcmp(arg, "auto") == 0;
	return fresh_id ? NULL : opt_string(&it, arg);
}

static const char *
set_timestamp(const struct opt *o, char *arg)
{
	int64_t n = 0;
	const struct opt it = { .to = &n, .min = o->min, .max = o->max };
	const char *wrong;

	properties.has |= RMQ_HAS_TIMESTAMP;
	fresh_time = arg == NULL || strcmp(arg, "now") == 0;
	if (fresh_time)
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
static struct rmq_bytes
new_id(void)
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

static void
collect(void)
{
	properties.content_type = rmq_bytes(content_type);
	properties.content_encoding = rmq_bytes(content_encoding);
	properties.correlation_id = rmq_bytes(correlation_id);
	properties.reply_to = rmq_bytes(reply_to);
	properties.expiration = rmq_bytes(*expiration != '\0' ? expiration : NULL);
	properties.message_id = rmq_bytes(message_id);
	properties.type = rmq_bytes(message_type);
	properties.user_id = rmq_bytes(user_id);
	properties.app_id = rmq_bytes(app_id);
	properties.headers = headers;
	properties.delivery_mode = (uint8_t)delivery_mode;
	properties.has |= RMQ_HAS_DELIVERY_MODE;
}

const struct rmq_properties *
groups_properties(void)
{
	static bool collected;

	if (!collected)
		collect();
	collected = true;
	if (fresh_id)
		properties.message_id = new_id();
	if (fresh_time)
		properties.timestamp = (uint64_t)time(NULL);
	return &properties;
}
