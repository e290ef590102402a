/* SPDX-License-Identifier: MIT */
/*
 * Signals as bytes on a pipe.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "broker/signals.h"

enum { MOST_CAUGHT = 16 };

static int	 ends[2];
static int	 caught[MOST_CAUGHT];
static size_t	 ncaught;

int
signals_open(void)
{
	return pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1 ? -1 : ends[0];
}

/* A full pipe loses the byte: what fills it is SIGCHLD, and one of those is as good as many. */
static void
on_signal(int sig)
{
	unsigned char byte = (unsigned char)sig;
	int saved = errno;

	(void)!write(ends[1], &byte, 1);
	errno = saved;
}

void
signals_catch(int sig)
{
	struct sigaction catch = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigset_t this;

	assert(ncaught < MOST_CAUGHT);
	caught[ncaught++] = sig;
	sigfillset(&catch.sa_mask);
	sigaction(sig, &catch, NULL);
	sigemptyset(&this);
	sigaddset(&this, sig);
	sigprocmask(SIG_UNBLOCK, &this, NULL);
}

size_t
signals_read(unsigned char *sigs, size_t room)
{
	ssize_t n = read(ends[0], sigs, room);

	return n > 0 ? (size_t)n : 0;
}

void
signals_leave_to_child(void)
{
	struct sigaction end = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (size_t i = 0; i < ncaught; i++)
		sigaction(caught[i], &end, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
