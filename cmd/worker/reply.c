/* SPDX-License-Identifier: MIT */
/* See reply.h. */

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message/properties.h"
#include "worker/reply.h"

static void
keep(char *to, uint8_t *len, struct rmq_bytes from)
{
	*len = (uint8_t)from.len;
	if (from.len > 0)
		memcpy(to, from.data, from.len);
}

struct reply *
reply_wanted(const struct rmq_properties *p)
{
	struct reply *r;

	if (p->reply_to.len == 0 || (r = calloc(1, sizeof *r)) == NULL)
		return NULL;
	keep(r->to, &r->to_len, p->reply_to);
	keep(r->id, &r->id_len, p->correlation_id);
	r->has_id = p->correlation_id.data != NULL;
	return r;
}

static bool
fail(struct rmq_error *e, enum rmq_status status, const char *text)
{
	*e = (struct rmq_error){ .status = status };
	strlcpy(e->text, text, sizeof e->text);
	return false;
}

static bool
read_all(struct rmq_buffer *b, int file, struct rmq_error *e)
{
	struct stat st;
	ssize_t n = 1;

	if (fstat(file, &st) == -1)
		return fail(e, RMQ_SYSTEM, strerror(errno));
	if (st.st_size > REPLY_MOST)
		return fail(e, RMQ_BAD_RECORD, "the output is longer than 128 MiB");
	if (!rmq_buffer_reserve(b, (size_t)st.st_size))
		return fail(e, RMQ_SYSTEM, "out of memory");
	while (n != 0 && b->len < (size_t)st.st_size) {
		n = pread(file, b->data + b->len, (size_t)st.st_size - b->len, (off_t)b->len);
		if (n == -1 && errno != EINTR)
			return fail(e, RMQ_SYSTEM, strerror(errno));
		if (n > 0)
			b->len += (size_t)n;
	}
	return true;
}

/*
 * RabbitMQ 3.10 and 4.0 return what goes to such a name although it arrives.
 * https://www.rabbitmq.com/docs/direct-reply-to
 */
static bool
is_direct(const struct reply *r)
{
	static const char prefix[] = "amq.rabbitmq.reply-to.";

	return r->to_len >= sizeof prefix - 1 && memcmp(r->to, prefix, sizeof prefix - 1) == 0;
}

static bool
publish(const struct reply *r, struct rmq *to, struct rmq_bytes body, const struct rmq_table *headers, uint64_t cookie,
    struct rmq_error *e)
{
	struct rmq_properties p = *properties_make();
	const struct rmq_message m = {
		.exchange = rmq_bytes(""),
		.routing_key = { r->to_len, r->to },
		.properties = &p,
		.body = body,
		.mandatory = !is_direct(r),
		.cookie = cookie,
	};

	if (r->has_id)
		p.correlation_id = (struct rmq_bytes){ r->id_len, r->id };
	p.headers = headers;
	return rmq_publish(to, &m, e);
}

bool
reply_publish(const struct reply *r, struct rmq *to, int file, uint64_t cookie, struct rmq_error *e)
{
	const char *error = r->error[0] != '\0' ? r->error : NULL;
	struct rmq_table *headers = rmq_table_new();
	struct rmq_buffer body = { 0 };
	bool good;

	if (headers == NULL)
		return fail(e, RMQ_SYSTEM, "out of memory");
	good = outcome_set(headers, &r->outcome, error, e) &&
	    (file == -1 || r->no_body || read_all(&body, file, e)) &&
	    publish(r, to, (struct rmq_bytes){ body.len, body.data }, headers, cookie, e);
	rmq_buffer_free(&body);
	rmq_table_free(headers);
	return good;
}
