/* SPDX-License-Identifier: MIT */
/* declare - how a queue or an exchange is declared, as users say */
#ifndef DECLARE_H
#define DECLARE_H

#include <rmq.h>

#include "tool/opt.h"

/* --declare, --arg, --durable, --queue-type, -x */
extern const struct opt opt_declare[];
/* The same without what only queues have */
extern const struct opt opt_declare_exchange[];

struct declare_options {
	int		 how;		/* enum declare_how below */
	bool		 durable, exclusive;
	struct rmq_table *arguments;	/* --queue-type and --arg; NULL: none */
};
enum declare_how { DECLARE_AUTO, DECLARE_STRICT, DECLARE_PASSIVE, DECLARE_NONE };
extern struct declare_options declare_options;

/* Of RMQ_DIFFERS: a line that what is there is used as it is. */
void	declare_warn_differs(const struct rmq_event *);
/* What --declare means for this queue or exchange, if "auto" means `automatic` for this program. */
enum rmq_declare declare_how(const char *name, enum rmq_declare automatic);

#endif
