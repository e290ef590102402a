/* SPDX-License-Identifier: MIT */
/* See broker/duplicate.h. */
#include <string.h>

#include "broker/duplicate.h"
#include "message/headers.h"
#include "message/origin.h"
#include "tool/tool.h"

/* A broker refuses a message that says it is from somebody else. */
static bool
keep_author(const char *user, struct rmq_properties *p, struct rmq_table *headers, struct rmq_error *e)
{
	struct rmq_bytes id = p->user_id;

	if (id.data == NULL || (id.len == strlen(user) && memcmp(id.data, user, id.len) == 0))
		return true;
	p->user_id = (struct rmq_bytes){ 0 };
	return headers_set(headers, "x-origin-user-id", id, e);
}

/* With CC and BCC the broker would send copies to other queues once more. */
static void
forget_journey(struct rmq_table *headers)
{
	static const char *const gone[] = { "CC", "BCC", "x-delivery-count", "x-acquired-count" };

	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
		rmq_table_remove(headers, gone[i]);
}

bool
duplicate_publish(struct outbox *o, struct rmq *consumes, const struct rmq_delivery *d, const char *queue,
    uint64_t cookie, struct rmq_error *e)
{
	struct rmq_properties p;
	struct rmq_table *headers;
	bool published;

	if (!rmq_decode_properties(consumes, d, &p, e))
		return false;
	if ((headers = rmq_table_copy(p.headers)) == NULL)
		tool_fail(EX_OSERR, "cannot give a message back: out of memory");
	published = origin_note(headers, d, queue, e) && keep_author(o->config.uris[0].user, &p, headers, e);
	forget_journey(headers);
	p.headers = headers;
	published = published && rmq_publish(o->mq, &(struct rmq_message){
	    .exchange = rmq_bytes(""), .routing_key = rmq_bytes(queue), .properties = &p, .body = d->body,
	    .mandatory = true, .cookie = cookie }, e);
	rmq_table_free(headers);
	return published;
}
