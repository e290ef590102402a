/* SPDX-License-Identifier: MIT */
/*
 * The last words of a command, for people.
 */
#include <stdlib.h>
#include <string.h>

#include "tool/escape.h"
#include "worker/job/tail.h"

void
tail_keep(struct tail *t, const char *data, size_t len)
{
	size_t excess;

	if (len > TAIL_SIZE) {
		data += len - TAIL_SIZE;
		len = TAIL_SIZE;
	}
	excess = t->len + len > TAIL_SIZE ? t->len + len - TAIL_SIZE : 0;
	memmove(t->text, t->text + excess, t->len - excess);
	memcpy(t->text + t->len - excess, data, len);
	t->len += len - excess;
}

/* A byte becomes four at most, so dropping a quarter of what is too much is never too little to go on with. */
char *
tail_text(const struct tail *t)
{
	size_t start = 0, len = t->len, escaped;
	char *text;

	while (len > 0 && (t->text[len - 1] == '\n' || t->text[len - 1] == ' '))
		len--;
	for (; start < len; start += (escaped - TAIL_SIZE + 3) / 4) {
		if ((text = escape(t->text + start, len - start)) == NULL)
			return NULL;
		if ((escaped = strlen(text)) <= TAIL_SIZE)
			return text;
		free(text);
	}
	return NULL;
}
