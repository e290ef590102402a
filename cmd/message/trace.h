/* SPDX-License-Identifier: MIT */
/*
 * trace - which trace this process belongs to, as its environment says
 *
 * https://www.w3.org/TR/trace-context/ for the values, and for the variables
 * https://opentelemetry.io/docs/specs/otel/context/env-carriers/
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>

/* NULL is neither.  A later version than 00 may say more at its end. */
bool	trace_is_parent(const char *);
bool	trace_is_state(const char *);	/* something that everybody must be able to pass on */

#endif
