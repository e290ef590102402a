/* SPDX-License-Identifier: MIT */
/* limits - when receiving ends */
#ifndef LIMITS_H
#define LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "tool/opt.h"

/* -c, --timeout, --idle-timeout, --until-empty */
extern const struct opt opt_limit[];

struct limit_options {
	int64_t		 count;		/* -c, -1: no limit */
	int64_t		 timeout, idle_timeout;	/* ms, -1: none */
	bool		 until_empty;
};
extern struct limit_options limit_options;

#endif
