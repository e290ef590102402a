/* SPDX-License-Identifier: MIT */
/* sink - what an output is written to: how it is opened, written, synced, and rid of half a record */
#ifndef SINK_H
#define SINK_H

#include <sys/types.h>

#include "output/output.h"

void	sink_open(struct output *);	/* what kind the descriptor is, and one of our own where that helps */
ssize_t	sink_write(struct output *, const char *, size_t);	/* as write(2), and never waits */
bool	sink_sync(const struct output *);
void	sink_drop_torn(struct output *);	/* only where nobody else wrote after us */

#endif
