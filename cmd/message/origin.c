/* SPDX-License-Identifier: MIT */
/* See message/origin.h. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "message/headers.h"
#include "message/origin.h"

bool
origin_known(const struct rmq_delivery *d, const struct rmq_table *headers, const char *queue)
{
	return d->exchange.len == 0 && d->routing_key.len == strlen(queue) &&
	    memcmp(d->routing_key.data, queue, d->routing_key.len) == 0 &&
	    headers_have(headers, "x-origin-routing-key");
}

/* A list, which is of no kind that rmq_table_get() tells. */
static char *
text_of_cc(const struct rmq_table *headers)
{
	struct rmq_buffer text = { 0 };
	json_t *all = NULL;
	char *cc = NULL;

	if (rmq_table_json(headers, &text))
		all = json_loadb(text.data, text.len, 0, NULL);
	if (all != NULL)
		cc = json_dumps(json_object_get(all, "CC"), JSON_COMPACT);
	json_decref(all);
	rmq_buffer_free(&text);
	return cc;
}

bool
origin_note(struct rmq_table *headers, const struct rmq_delivery *d, const char *queue, struct rmq_error *e)
{
	char *cc;
	bool noted;

	if (origin_known(d, headers, queue))
		return true;
	cc = text_of_cc(headers);
	noted = headers_set(headers, "x-origin-exchange", d->exchange, e) &&
	    headers_set(headers, "x-origin-routing-key", d->routing_key, e) &&
	    headers_set(headers, "x-origin-queue", rmq_bytes(queue), e) &&
	    (cc == NULL || rmq_table_set(headers, "x-origin-cc", RMQ_JSON, cc, e));
	free(cc);
	return noted;
}
