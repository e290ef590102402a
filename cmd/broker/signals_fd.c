/* SPDX-License-Identifier: MIT */
/*
 * Signals that the kernel keeps for a descriptor.
 */
#include <sys/signalfd.h>

#include <signal.h>
#include <unistd.h>

#include "broker/signals.h"

enum { AT_ONCE = 16 };

static int	 fd = -1;
static sigset_t	 caught;

int
signals_open(void)
{
	sigemptyset(&caught);
	return fd = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Blocked, because its default action would be taken, and not ignored, because it would be dropped. */
void
signals_catch(int sig)
{
	struct sigaction kept = { .sa_handler = SIG_DFL };

	sigaddset(&caught, sig);
	sigprocmask(SIG_BLOCK, &caught, NULL);
	sigaction(sig, &kept, NULL);
	signalfd(fd, &caught, 0);
}

size_t
signals_read(unsigned char *sigs, size_t room)
{
	static struct signalfd_siginfo info[AT_ONCE];
	ssize_t n = read(fd, info, (room < AT_ONCE ? room : AT_ONCE) * sizeof *info);
	size_t came = n > 0 ? (size_t)n / sizeof *info : 0;

	for (size_t i = 0; i < came; i++)
		sigs[i] = (unsigned char)info[i].ssi_signo;
	return came;
}

void
signals_leave_to_child(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
