/* SPDX-License-Identifier: MIT */
/*
 * The one loop of all programs: it waits for sessions, signals, descriptors
 * and a deadline, and lets the sessions do their work.  What happened is then
 * asked for: rmq_next(), loop_signal(), the caller's own revents.
 */
#ifndef LOOP_H
#define LOOP_H

#include <poll.h>
#include <stdint.h>

#include <rmq.h>

/*
 * From now on loop_signal() tells it, and nothing else hears of it: passwords are asked for before.  One that the
 * parent had ignored stays ignored (SIGCHLD does not), one that it had blocked is told.
 */
void	loop_catch(int sig);
/*
 * The next signal that was caught, 0 if none.  Of SIGINT, SIGTERM and SIGHUP a second one within 250 ms is the first.
 */
int	loop_signal(void);
/*
 * Waits until something happens or until the time `deadline` (rmq_now(); negative: none), then
 * calls rmq_io() on each session.  The caller's pollfds may have fd -1.
 */
void	loop_wait(struct rmq *const *sessions, size_t nsessions, struct pollfd *fds, size_t nfds, int64_t deadline);
int64_t	loop_earlier(int64_t a, int64_t b);	/* of two times; negative: none */
/*
 * SIGPIPE and SIGXFSZ are ignored from the first call of this file on: a failed write() ends a program, after it has
 * cleaned up.
 */
bool	loop_sigpipe_was_default(void);
/*
 * In a child before its exec: nothing is blocked; SIGPIPE, SIGXFSZ and what is caught here have their default action.
 * What our parent had ignored stays so, for nohup(1).  It does only what is safe after vfork().
 */
void	loop_leave_to_child(void);
_Noreturn void loop_die(int sig);	/* ends this process by the signal, so that the parent sees 128+n */

#endif
