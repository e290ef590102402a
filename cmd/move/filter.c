/* SPDX-License-Identifier: MIT */
/* See filter.h. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "move/filter.h"

#define TEXT(name, member) { name, offsetof(struct rmq_properties, member) }

static const struct {
	const char	*name;
	size_t		 at;
} texts[] = {
	TEXT("app-id", app_id),
	TEXT("content-encoding", content_encoding),
	TEXT("content-type", content_type),
	TEXT("correlation-id", correlation_id),
	TEXT("expiration", expiration),
	TEXT("message-id", message_id),
	TEXT("message-type", type),
	TEXT("reply-to", reply_to),
	TEXT("type", type),
	TEXT("user-id", user_id),
};

static bool
add(struct rmq_buffer *value, struct rmq_bytes text)
{
	return text.data != NULL && rmq_buffer_add(value, text.data, text.len);
}

static bool
add_number(struct rmq_buffer *value, const struct rmq_properties *p, unsigned has, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	return (p->has & has) != 0 && add(value, rmq_bytes(text));
}

static bool
add_property(struct rmq_buffer *value, const char *name, const struct rmq_properties *p, const struct rmq_delivery *d)
{
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (strcmp(name, texts[i].name) == 0)
			return add(value, *(const struct rmq_bytes *)((const char *)p + texts[i].at));
	if (strcmp(name, "routing-key") == 0)
		return add(value, d->routing_key);
	if (strcmp(name, "exchange") == 0)
		return add(value, d->exchange);
	if (strcmp(name, "priority") == 0)
		return add_number(value, p, RMQ_HAS_PRIORITY, p->priority);
	if (strcmp(name, "delivery-mode") == 0)
		return add_number(value, p, RMQ_HAS_DELIVERY_MODE, p->delivery_mode);
	return strcmp(name, "timestamp") == 0 && add_number(value, p, RMQ_HAS_TIMESTAMP, p->timestamp);
}

/* A header may be called as a property is, and comes first. */
static bool
add_value(struct rmq_buffer *value, char *name, const struct rmq_properties *p, const struct rmq_delivery *d)
{
	if (p->headers != NULL && rmq_table_get(p->headers, name, value))
		return true;
	for (char *c = name; (c = strchr(c, '_')) != NULL; )
		*c = '-';
	return add_property(value, name, p, d);
}

static bool
matches(const char *filter, const struct rmq_properties *p, const struct rmq_delivery *d)
{
	const char *equals = strchr(filter, '=');
	struct rmq_buffer value = { 0 };
	char name[256];
	bool same;

	snprintf(name, sizeof(name), "%.*s", (int)(equals - filter), filter);
	same = add_value(&value, name, p, d) && value.len == strlen(equals + 1) &&
	    memcmp(value.data != NULL ? value.data : "", equals + 1, value.len) == 0;
	rmq_buffer_free(&value);
	return same;
}

bool
filter_all(const struct opt_list *filters, const struct rmq_properties *p, const struct rmq_delivery *d)
{
	size_t i;

	for (i = 0; i < filters->count; i++)
		if (!matches(filters->items[i], p, d))
			return false;
	return true;
}
