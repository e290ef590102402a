/* SPDX-License-Identifier: MIT */
/* feed - from the input to the session */
#ifndef FEED_H
#define FEED_H

#include "publish/sender.h"

void	feed_session(struct sender *);		/* as long as it takes records */
bool	feed_awaits_input(const struct sender *);

#endif
