/* SPDX-License-Identifier: MIT */
/*
 * tail - the last words of commands
 *
 * Each command's standard error is a pipe of its own.  What comes is passed
 * on to ours at once, and the last KiB of it is kept.  When ours takes no
 * more, nothing is read, so that a command waits and not the worker.  A pipe
 * that a child in the background still holds is read until its end.
 */
#ifndef TAIL_H
#define TAIL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

enum { TAIL_SIZE = 1024 };

struct tail {
	struct tail	*next;
	int		 fd;		/* to read from; -1: it has ended */
	bool		 wanted;	/* by the command's task */
	size_t		 len;
	char		 text[TAIL_SIZE];
};

/* All zero is none. */
struct tails {
	struct tail	*first;
	struct pollfd	*fds;
	size_t		 nfds, room;
};

void	tails_free(struct tails *);
/* A new one, and the end to write to, which is the command's; NULL: no memory or no descriptors, see errno. */
struct tail *tail_open(struct tails *, int *fd);
void	tail_finish(struct tail *);	/* takes what is there without waiting */
char	*tail_text(const struct tail *);	/* at most TAIL_SIZE bytes, escaped; to be freed; NULL: nothing was said */
void	tail_release(struct tail *);	/* its task has gone */

/* For the loop: what to wait for, and then what came; the first `before' places of the array are the caller's. */
struct pollfd *tails_poll(struct tails *, size_t before);	/* tails->nfds of them, NULL: no memory */
void	tails_read(struct tails *, size_t before);

#endif
