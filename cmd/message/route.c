/* SPDX-License-Identifier: MIT */
/* See route.h. */

#include "message/route.h"

enum { UNASKED = -1 };

static int wish = UNASKED;

static const char *const wishes[] = { [ROUTE_YES] = "yes", [ROUTE_NO] = "no", [ROUTE_WARN] = "warn", NULL };

const struct opt opt_route[] = {
	{ 0, "require-route", "[HOW]", opt_choice, &wish,
	    "a message that no queue gets is a failure, nothing, or worth a warning", .choices = wishes,
	    .value = ROUTE_YES },
	{ 0 }
};

enum route
route_wish(enum route otherwise)
{
	return wish == UNASKED ? otherwise : (enum route)wish;
}
