/* SPDX-License-Identifier: MIT */
/* See headers.h. */

#include <stdio.h>
#include <stdlib.h>

#include "message/headers.h"

char *
headers_text(const struct rmq_table *headers, const char *name)
{
	struct rmq_buffer text = { 0 };

	if (headers != NULL && rmq_table_get(headers, name, &text) && rmq_buffer_add(&text, "", 1))
		return text.data;
	rmq_buffer_free(&text);
	return NULL;
}

int64_t
headers_number(const struct rmq_table *headers, const char *name, int64_t most)
{
	char *text = headers_text(headers, name);
	const char *wrong = "absent";
	int64_t n = text != NULL ? strtonum(text, 0, most, &wrong) : -1;

	free(text);
	return wrong == NULL ? n : -1;
}

bool
headers_have(const struct rmq_table *headers, const char *name)
{
	char *text = headers_text(headers, name);
	bool have = text != NULL;

	free(text);
	return have;
}

bool
headers_set(struct rmq_table *headers, const char *name, struct rmq_bytes value, struct rmq_error *e)
{
	char text[256];

	if (value.data == NULL)
		return true;
	snprintf(text, sizeof text, "%.*s", (int)value.len, (const char *)value.data);
	return rmq_table_set(headers, name, RMQ_STRING, text, e);
}
