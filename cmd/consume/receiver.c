/* SPDX-License-Identifier: MIT */
/* What the parts of a receiver ask of it and tell it. */

#include <stdlib.h>

#include "consume/receiver.h"

void
receiver_stop(struct receiver *r)
{
	if (r->stopping)
		return;
	r->stopping = true;
	if (r->subscribed)
		rmq_stop_consuming(r->mq);
	else
		r->stopped = true;
}

const char *
receiver_queue(const struct receiver *r, size_t source)
{
	const char *queue = r->what->queues[source];

	return queue != NULL ? queue : rmq_named_queue(r->mq);
}

bool
receiver_header(struct receiver *r, const struct rmq_delivery *d, const char *name, uint64_t *value)
{
	struct rmq_buffer text = { 0 };
	struct rmq_properties properties;
	struct rmq_error error = { 0 };
	bool found;

	found = rmq_decode_properties(r->mq, d, &properties, &error) && properties.headers != NULL &&
	    rmq_table_get(properties.headers, name, &text) && rmq_buffer_add(&text, "", 1);
	*value = found ? strtoull(text.data, NULL, 10) : 0;
	rmq_buffer_free(&text);
	return found;
}

/* What is left to the end of the channel would go back too, but it would count. */
void
receiver_give_back(struct receiver *r)
{
	if (r->returning || !r->subscribed)
		return;
	r->returning = true;
	giveback_leave(&r->back);
	giveback_return_all(&r->back, r->back.last > r->acked ? r->back.last : 0);
}

void
receiver_give_back_late(struct receiver *r)
{
	if (!r->subscribed || r->closing || rmq_failed(r->mq))
		return;
	receiver_give_back(r);
	giveback_hurry(&r->back, "there is no time to wait for it");
}
