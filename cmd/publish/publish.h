/* SPDX-License-Identifier: MIT */
/*
 * publish - what the senders share: from operands or input to the broker's
 * confirm, and the exit status that says what became of every message.
 *
 *	mq = publish_open(false);
 *	rmq_declare_queue(mq, &queue);
 *	return tool_end(publish(mq, &target, "Hello World!", argc, argv));
 */
#ifndef PUBLISH_H
#define PUBLISH_H

#include <rmq.h>

#include "message/route.h"
#include "tool/opt.h"

/* -W/--timeout, --window, --rate, --on-error, --reject-file, --checkpoint, --report, --chat, -v */
extern const struct opt opt_publish[];

struct target {
	const char	*exchange, *routing_key;	/* NULL: what each envelope says; with -J only */
	const char	*name;		/* for messages: "queue 'hello'" */
	enum route	 route;		/* what it means that no queue gets a message */
	bool		 show_key;	/* in chat: 'key':'body' */
	bool		 chosen;	/* the user named it, so the text is the user's too */
};

/* own_exchanges: each envelope names its own, so one that cannot be used is the fault of its record. */
struct rmq	*publish_open(bool own_exchanges);
/*
 * Sends the operands, joined by blanks, or what the options of opt_input and the
 * operand "-" name, or the default text if the target was not chosen: see source.h.
 * Frees the session.  The exit status.
 */
int	publish(struct rmq *, const struct target *, const char *default_text, int argc, char *argv[]);

#endif
