/* SPDX-License-Identifier: MIT */
/* See loop.h.  Signals arrive at a descriptor, which poll() watches with all the rest. */

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "broker/loop.h"
#include "broker/signals.h"
#include "tool/tool.h"

enum { ECHO_MS = 250 };

static int		 signals = -1;
static unsigned char	 arrived[16];		/* signals */
static size_t		 narrived, next;	/* of them, the next one to be told */
static bool		 sigpipe_was_default;

static struct pollfd	*polled;	/* signals, the sessions, the caller's */
static size_t		 npolled;

static void
start(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, was;

	if (signals != -1)
		return;
	if ((signals = signals_open()) == -1)
		tool_fail(EX_OSERR, "cannot wait for signals: %s", strerror(errno));
	sigaction(SIGXFSZ, &ignore, NULL);	/* a file at its limit is an error of write(2) */
	sigaction(SIGPIPE, &ignore, &was);
	sigpipe_was_default = was.sa_handler == SIG_DFL;
}

bool
loop_sigpipe_was_default(void)
{
	start();
	return sigpipe_was_default;
}

void
loop_catch(int sig)
{
	struct sigaction was;

	start();
	if (sigaction(sig, NULL, &was) == -1 || was.sa_handler != SIG_IGN || sig == SIGCHLD)
		signals_catch(sig);
}

/* Not before all that were read are told; poll() does not forget the others. */
static void
read_signals(void)
{
	if (next < narrived)
		return;
	narrived = signals_read(arrived, sizeof arrived);
	next = 0;
}

/* timeout(1) tells a program to end and then its whole group: that is one wish. */
static bool
is_echo(int sig)
{
	static int64_t told = -1;
	int64_t now = rmq_now();

	if (sig != SIGINT && sig != SIGTERM && sig != SIGHUP)
		return false;
	if (told >= 0 && now < told + ECHO_MS)
		return true;
	told = now;
	return false;
}

int
loop_signal(void)
{
	int sig;

	while (next < narrived)
		if (!is_echo(sig = arrived[next++]))
			return sig;
	return 0;
}

void
loop_leave_to_child(void)
{
	struct sigaction end = { .sa_handler = SIG_DFL };

	sigaction(SIGPIPE, &end, NULL);
	sigaction(SIGXFSZ, &end, NULL);
	signals_leave_to_child();
}

static struct pollfd *
make_room(size_t n)
{
	struct pollfd *more;

	if (n > npolled) {
		more = reallocarray(polled, n, sizeof(*polled));
		if (more == NULL)
			tool_fail(EX_OSERR, "cannot wait for %zu descriptors: out of memory", n);
		polled = more;
		npolled = n;
	}
	return polled;
}

/* The nearest of all timers, for poll().  Asked first: sessions write then, and so change what they wait for. */
static int
timeout(struct rmq *const *sessions, size_t n, int64_t deadline)
{
	int64_t left, nearest = -1;

	if (deadline >= 0) {
		left = deadline - rmq_now();
		nearest = left < 0 ? 0 : left > INT_MAX ? INT_MAX : left;
	}
	for (; n > 0; n--, sessions++) {
		left = rmq_wait_ms(*sessions);
		if (left >= 0 && (nearest < 0 || left < nearest))
			nearest = left;
	}
	return (int)nearest;
}

/* What interrupted poll() is at the first of the descriptors. */
static void
wait_for(struct pollfd *fds, size_t n, int ms)
{
	size_t i;

	if (poll(fds, (nfds_t)n, ms) >= 0)
		return;
	if (errno != EINTR && errno != EAGAIN)
		tool_fail(EX_OSERR, "cannot wait for input: %s", strerror(errno));
	fds[0].revents = POLLIN;
	for (i = 1; i < n; i++)
		fds[i].revents = 0;
}

int64_t
loop_earlier(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

void
loop_wait(struct rmq *const *sessions, size_t nsessions, struct pollfd *fds, size_t nfds, int64_t deadline)
{
	struct pollfd *all, *ours;
	size_t i;
	int ms;

	start();
	all = make_room(1 + nsessions + nfds);
	ours = all + 1 + nsessions;
	ms = timeout(sessions, nsessions, deadline);
	all[0] = (struct pollfd){ .fd = signals, .events = POLLIN };
	for (i = 0; i < nsessions; i++)
		all[1 + i] = (struct pollfd){ .fd = rmq_fd(sessions[i]), .events = rmq_events(sessions[i]) };
	if (nfds > 0)
		memcpy(ours, fds, nfds * sizeof(*fds));
	wait_for(all, 1 + nsessions + nfds, ms);
	if (all[0].revents != 0)
		read_signals();
	if (nfds > 0)
		memcpy(fds, ours, nfds * sizeof(*fds));
	for (i = 0; i < nsessions; i++)
		rmq_io(sessions[i], all[1 + i].revents);
}

void
loop_die(int sig)
{
	struct sigaction end = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigaction(sig, &end, NULL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + sig);
}
