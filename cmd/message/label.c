/* SPDX-License-Identifier: MIT */
/* See label.h. */

#include <stdio.h>

#include "message/label.h"

void
label_message(char text[LABEL_SIZE], struct rmq_bytes id, struct rmq_bytes key)
{
	struct rmq_bytes name = id.len > 0 ? id : key;

	if (name.len == 0)
		snprintf(text, LABEL_SIZE, "message without a name");
	else
		snprintf(text, LABEL_SIZE, "message %s'%.*s'", id.len > 0 ? "" : "with key ", (int)name.len,
		    (const char *)name.data);
}
