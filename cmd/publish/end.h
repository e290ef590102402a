/* SPDX-License-Identifier: MIT */
/* end - how a sender ends */
#ifndef END_H
#define END_H

#include "publish/sender.h"

/* What became of it all; frees.  The exit status, unless a signal is passed on. */
int	end_conclude(struct sender *);

#endif
