/* SPDX-License-Identifier: MIT */
/*
 * Pieces of an address: text that is looked at where it lies, cut up and
 * percent-decoded.  There is no NUL inside.
 */
#ifndef RMQ_SPAN_H
#define RMQ_SPAN_H

#include <rmq.h>

struct span {
	const char	*p;
	size_t		 len;
};

struct span	 span(const char *);
bool		 span_has(struct span, char);
bool		 span_skip(struct span *, char);		/* false: it begins with another byte */
struct span	 span_cut(struct span *, const char *stops);	/* what is before the first of these; the rest stays */
bool		 span_number(struct span, int min, int max, int *);	/* digits and nothing else */
char		*span_decode(struct span, struct rmq_error *);	/* free it; NULL: error */
void		 wipe_free(char *secret);

/* parameters is what follows the question mark */
bool		 uri_parse_query(struct rmq_uri *, struct span parameters, struct rmq_error *);
struct span	 uri_next_secret(struct span *parameters);	/* a value among them; empty: there is none left */

#endif
