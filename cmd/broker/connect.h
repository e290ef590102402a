/* SPDX-License-Identifier: MIT */
/* connect - how to reach a broker: options and the environment */
#ifndef CONNECT_H
#define CONNECT_H

#include <rmq.h>

#include "tool/opt.h"

/* --url, --server ..., TLS, --heartbeat, --connect-timeout, --wait, --retry-time */
extern const struct opt opt_connect[];

/*
 * What opt_connect says, with the environment and the defaults: exits 64 or 78 with a message if it is
 * wrong.  A time that was not asked for is 0, so that the caller may have a default of its own.
 * program: after which the connection is called, NULL: it has no name unless one was given.
 */
struct rmq_config connect_config(const char *program);
struct rmq *connect_open(const struct rmq_config *);	/* a session; without memory for it the program ends */
/* Where a URL may stand in the environment, in order; ends with NULL. */
extern const char *const connect_url_variables[];

#endif
