/* SPDX-License-Identifier: MIT */
/*
 * route - what it means that no queue took a message
 *
 * The mandatory flag asks the broker whether one did.  Exchanges that keep
 * messages, or drop some of them, give the wrong answer.
 * https://www.rabbitmq.com/docs/publishers#unroutable
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "tool/opt.h"

enum route {
	ROUTE_YES,		/* a failure */
	ROUTE_NO,		/* nothing: it is not asked for */
	ROUTE_WARN		/* worth a word */
};

extern const struct opt opt_route[];

enum route route_wish(enum route otherwise);	/* as the option says, if it was given */

#endif
