/* SPDX-License-Identifier: MIT */
/*
 * stream - what commands write, on its way to an output of ours
 *
 * Each stream is a pipe of its own: a command's standard output or error.
 * What comes is passed on at once, in lines if they have a tag, and the last
 * KiB of it is kept.  When our output takes no more, nothing is read, so that
 * a command waits and not the worker.  A pipe that a child in the background
 * still holds is read until its end.
 */
#ifndef STREAM_H
#define STREAM_H

#include <poll.h>

#include "worker/job/lines.h"
#include "worker/job/tail.h"

struct stream {
	struct stream	*next;
	int		 fd;		/* to read from; -1: it has ended */
	bool		 wanted;	/* by the command's task */
	bool		 draining;	/* the command has ended ... */
	size_t		 left;		/* ... and had written so much that is not passed on yet */
	uint64_t	 received;	/* bytes */
	struct lines	 lines;
	struct tail	 tail;
};

/* All zero is none. */
struct streams {
	struct stream	*first;
	struct pollfd	*fds;
	size_t		 nfds, room;
};

void	streams_free(struct streams *);
/* A new one, and the end to write to, which is the command's; NULL: no memory or no descriptors, see errno. */
struct stream *stream_open(struct streams *, struct output *to, const char *tag, int *fd);
/* Its command has ended: passes on what is there without waiting; true: all that the command itself wrote. */
bool	stream_drained(struct stream *);
void	stream_close(struct stream *);		/* reads no more: who still writes gets SIGPIPE */
void	stream_release(struct stream *);	/* its task has gone */

/* For the loop: what to wait for, and then what came; the first `before' places of the array are the caller's. */
struct pollfd *streams_poll(struct streams *, size_t before);	/* streams->nfds of them, NULL: no memory */
void	streams_read(struct streams *, size_t before);

#endif
