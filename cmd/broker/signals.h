/* SPDX-License-Identifier: MIT */
/*
 * signals - those that are caught, to be polled for
 *
 * There are two ways, of which the build chooses one: on Linux signals_fd.c
 * has the kernel keep them for a descriptor, see signalfd(2), so that no handler
 * runs; signals_pipe.c, for other systems, writes them to a pipe in a handler.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <stddef.h>

int	signals_open(void);		/* once; a descriptor that is readable when one has come; -1: see errno */
void	signals_catch(int sig);
size_t	signals_read(unsigned char *sigs, size_t room);		/* how many have come; does not wait */
/* In a child before its exec: what is caught has its default action, nothing is blocked.  Safe after vfork(). */
void	signals_leave_to_child(void);

#endif
