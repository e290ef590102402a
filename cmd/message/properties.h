/* SPDX-License-Identifier: MIT */
/* properties - what goes with each message that is sent: options and the environment */
#ifndef MESSAGE_PROPERTIES_H
#define MESSAGE_PROPERTIES_H

#include <rmq.h>

#include "tool/opt.h"

/* --content-type, --header, --priority, ... */
extern const struct opt opt_message[];
/* The rest of them: -p/--persistent, --transient, -t/--reply-to */
extern const struct opt opt_delivery[];
/* The same without the letters, for programs where these mean something else */
extern const struct opt opt_log_delivery[];
/* The same for requests, whose replies have a place of their own */
extern const struct opt opt_request[];

/* Of opt_message.  Call it anew for each message: its id and time may be its own. */
const struct rmq_properties *properties_make(void);
struct rmq_bytes properties_new_id(void);	/* a new UUID, good until the next call */
/* Those of a message that has some already, with what it lacks and the options say.  NULL: no memory. */
const struct rmq_properties *properties_complete(const struct rmq_properties *);
const char *properties_add_header(const char *spec);	/* as pairs_add(), of each message */

#endif
