/* SPDX-License-Identifier: MIT */
/* -c, --timeout, --idle-timeout, --until-empty. */

#include "broker/limits.h"

struct limit_options limit_options = { .count = -1, .timeout = -1, .idle_timeout = -1 };

const struct opt opt_limit[] = {
	{ .help = "End" },
	{ 'c', "count", "N", opt_number, &limit_options.count, "end after N messages",
	    .min = 1, .max = INT64_MAX },
	{ 'n', NULL, "N", opt_number, &limit_options.count, NULL, .min = 1, .max = INT64_MAX },
	{ 'W', "timeout", "SECS", opt_seconds, &limit_options.timeout, "end after this time" },
	{ 0, "idle-timeout", "SECS", opt_seconds, &limit_options.idle_timeout,
	    "end when nothing came for this time" },
	{ 0, "until-empty", NULL, opt_flag, &limit_options.until_empty,
	    "end when the queue is empty" },
	{ 0 }
};
