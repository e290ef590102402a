/* SPDX-License-Identifier: MIT */
/*
 * queue - what the commands of the program have in common
 *
 * A command is done once: it opens a session, asks for one thing after the
 * other and waits for each answer, and says goodbye.  The broker gives a
 * refusal as an answer; what ends the session is told by queue_close().
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <rmq.h>

#include "tool/opt.h"

struct queue_session {
	struct rmq	*mq;
	bool		 connected;
	int64_t		 limit;		/* ms, of -W or else the command's own */
	int64_t		 deadline;	/* of -W; negative: there was none */
	bool		 late;		/* an answer did not come in time */
};

/* limit: ms to be connected, and for each answer, if the user does not say otherwise. */
void	queue_open(struct queue_session *, int64_t limit);
/* What the last order brought; false: the session failed, or there was no answer in time. */
bool	queue_answer(struct queue_session *, struct rmq_event *);
/* Says "cannot VERB queue 'NAME'", for want of an answer; `status', but EX_OK if the session failed. */
int	queue_unanswered(struct queue_session *, const char *verb, const char *name, int status);
/* The next event of this type; false: the session failed, or the time (rmq_now(); negative: none) is over. */
bool	queue_await(struct queue_session *, enum rmq_event_type, int64_t deadline, struct rmq_event *);
/* Does nothing but stay connected; false as above. */
bool	queue_pause(struct queue_session *, int64_t ms, int64_t deadline);
/* Says "cannot VERB queue 'NAME'" and why; the exit status. */
int	queue_refused(const char *verb, const char *name, const struct rmq_event *);
/* Tells why the session failed, if it did; frees it.  The exit status: `status' unless it is EX_OK. */
int	queue_close(struct queue_session *, int status);

/* The options of each command, and what it does with its operands: the exit status. */
extern const struct opt queue_declare_options[], queue_bind_options[], queue_unbind_options[],
		queue_delete_options[], queue_stat_options[], queue_wait_options[];
extern const struct opt queue_time_options[];	/* of all: -W */

int	queue_declare(char **operands);
int	queue_bind(char **operands);
int	queue_unbind(char **operands);
int	queue_delete(char **operands);
int	queue_purge(char **operands);
int	queue_stat(char **operands);
int	queue_wait(char **operands);

#endif
