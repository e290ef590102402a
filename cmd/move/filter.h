/* SPDX-License-Identifier: MIT */
/*
 * filter - "NAME=VALUE": which messages are meant
 *
 * NAME is a header, or else a property as an envelope calls it, with "-" or "_":
 * message-id, type, priority, routing-key.
 */
#ifndef MOVE_FILTER_H
#define MOVE_FILTER_H

#include <rmq.h>

#include "tool/opt.h"

/* Does the message have what all of them ask for? */
bool	filter_all(const struct opt_list *filters, const struct rmq_properties *, const struct rmq_delivery *);

#endif
