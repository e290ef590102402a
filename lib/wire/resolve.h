/* SPDX-License-Identifier: MIT */
/*
 * Host names to addresses without blocking the caller.
 */
#ifndef RMQ_RESOLVE_H
#define RMQ_RESOLVE_H

#include <netdb.h>

#include "base/error.h"

struct resolver;

struct resolver	*resolver_start(const char *host, uint16_t port, struct rmq_error *);
int		 resolver_fd(const struct resolver *);	/* readable when the answer is there; -1: it is there already */
/* 1: an answer, to be freed with resolver_free(); 0: not yet; -1: there is no such host */
int		 resolver_answer(struct resolver *, const struct addrinfo **, struct rmq_error *);
void		 resolver_free(struct resolver *);	/* also while the question is still open */

#endif
