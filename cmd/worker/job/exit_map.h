/* SPDX-License-Identifier: MIT */
/*
 * exits - what the end of a command means for its message
 *
 * 0 acknowledges it, 65 and 100 say that the message will never be any good,
 * all else is a failure and tried again.  --exit-map changes that, so that
 * commands written for rabbitmq-cli-consumer work as they are:
 * https://github.com/corvus-ch/rabbitmq-cli-consumer
 */
#ifndef EXITS_H
#define EXITS_H

#include "tool/opt.h"

enum exit_action {
	ACTION_RETRY,
	ACTION_DEAD,
	ACTION_ACK,
	ACTION_REJECT,		/* dropped, or where the queue's own dead-letter exchange leads */
	ACTION_REJECT_REQUEUE,
	ACTION_NACK,
	ACTION_NACK_REQUEUE,
	ACTION_STOP		/* the worker: it goes back as it came */
};

opt_set	exits_set;
enum exit_action exits_action(int status);	/* that of waitpid() */

#endif
