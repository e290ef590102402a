/* SPDX-License-Identifier: MIT */
/*
 * reply - what goes back to who asked
 *
 * It is published to the queue that the request named in reply-to, with the
 * request's correlation-id.  Its body is the standard output of the command;
 * its headers are those of outcome.h.
 */
#ifndef REPLY_H
#define REPLY_H

#include <rmq.h>

#include "message/outcome.h"

struct task;

enum { REPLY_MOST = 128 << 20 };	/* bytes of a body */

struct reply {
	char		 to[256], id[256];
	uint8_t		 to_len, id_len;
	bool		 has_id;
	struct outcome	 outcome;
	char		 error[400];	/* of the outcome; "": none */
	bool		 no_body;	/* it can only be sent without */
	unsigned	 losses;	/* connections that were lost while it was on its way */
};

/* What a request says of the reply that it wants; NULL: none, or no memory. */
struct reply *reply_wanted(const struct rmq_properties *);
/* False: it can never be sent as it is.  body: a file, -1: none. */
bool	reply_publish(const struct reply *, struct rmq *to, int body, uint64_t cookie, struct rmq_error *);

#endif
