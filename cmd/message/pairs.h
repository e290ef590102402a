/* SPDX-License-Identifier: MIT */
/*
 * pairs - headers of messages, arguments of declarations and bindings
 *
 *	NAME=VALUE, NAME: VALUE		a string
 *	NAME:TYPE=VALUE			the last colon before the sign of equality begins the type
 */
#ifndef PAIRS_H
#define PAIRS_H

#include <rmq.h>

/* Into a table that is made if it is NULL, in place of one of that name.  NULL, or what is wrong. */
const char *pairs_add(struct rmq_table **, const char *spec);
/* The same, but numbers are numbers, true and false are booleans: brokers insist on it. */
const char *pairs_add_argument(struct rmq_table **, const char *spec);
const char *pairs_add_typed(struct rmq_table **, const char *name, enum rmq_type, const char *value);

#endif
