/* SPDX-License-Identifier: MIT */
/* status - the exit status for what a broker said */
#ifndef STATUS_H
#define STATUS_H

#include <rmq.h>

int	status_of(enum rmq_status);
/* Of a refusal with this reply code: no permission, no such queue or exchange, or something else. */
int	status_of_refusal(int code, int otherwise);

#endif
