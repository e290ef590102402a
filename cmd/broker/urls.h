/* SPDX-License-Identifier: MIT */
/* urls - the addresses that a list names, parsed */
#ifndef URLS_H
#define URLS_H

#include <stddef.h>

#include <rmq.h>

struct urls {
	struct rmq_uri	*uris;
	size_t		 count;
};

/*
 * Adds one URL or several with commas between them.  A comma ends a URL only if
 * another one follows: hosts have commas between them too.  false: the error
 * says what is wrong, without a secret.
 */
bool	urls_add(struct urls *, const char *list, struct rmq_error *);
/* Overwrites what is secret in a list that was copied, as rmq_uri_hide() does, so that argv does not show it. */
void	urls_hide(char *list);

#endif
