/* SPDX-License-Identifier: MIT */
/* report - what became of the messages */
#ifndef REPORT_H
#define REPORT_H

#include "publish/sender.h"

void	report_summary(const struct sender *);	/* one line */
void	report_write(struct sender *, int status);	/* the file of --report */

#endif
