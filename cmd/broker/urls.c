/* SPDX-License-Identifier: MIT */
/* See urls.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/urls.h"

static bool
no_memory(struct rmq_error *error)
{
	error->status = RMQ_SYSTEM;
	snprintf(error->text, sizeof(error->text), "out of memory");
	return false;
}

static bool
add(struct urls *urls, const char *url, struct rmq_error *error)
{
	struct rmq_uri *uris = reallocarray(urls->uris, urls->count + 1, sizeof(*uris));

	if (uris == NULL)
		return no_memory(error);
	urls->uris = uris;
	if (!rmq_uri_parse(&uris[urls->count], url, error))
		return false;
	urls->count++;
	return true;
}

/* Cuts the list after its first URL; what follows, or NULL. */
static char *
cut(char *list)
{
	char *comma = list;

	while ((comma = strchr(comma, ',')) != NULL) {
		comma++;
		if (strncasecmp(comma, "amqp://", 7) == 0 || strncasecmp(comma, "amqps://", 8) == 0) {
			comma[-1] = '\0';
			return comma;
		}
	}
	return NULL;
}

void
urls_hide(char *list)
{
	char *url, *next;

	for (url = list; url != NULL; url = next) {
		next = cut(url);
		rmq_uri_hide(url);
		if (next != NULL)
			next[-1] = ',';
	}
}

bool
urls_add(struct urls *urls, const char *list, struct rmq_error *error)
{
	char *copy = strdup(list), *url, *next;
	size_t len = strlen(list);
	bool ok = true;

	if (copy == NULL)
		return no_memory(error);
	for (url = copy; url != NULL && ok; url = next) {
		next = cut(url);
		ok = add(urls, url, error);
	}
	explicit_bzero(copy, len);
	free(copy);
	return ok;
}
