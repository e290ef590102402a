/* SPDX-License-Identifier: MIT */
/*
 * notify - tells who supervises this process how it is doing
 *
 * As systemd has it, in datagrams to the socket that NOTIFY_SOCKET names:
 * https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 * As s6 has it, by a newline: https://skarnet.org/software/s6/notifywhenup.html
 *
 * What fails here harms nothing: a warning says so once.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdint.h>

/*
 * Before anything else is opened.  fd: for the newline, -1: none; one that
 * cannot be written to is an error of usage.  Takes the variables that are
 * meant for this process alone out of its environment.
 */
void	notify_open(int fd);
void	notify_ready(const char *status);	/* the first time that it is so; later a status only */
void	notify_status(const char *status);
void	notify_stopping(int64_t ms);		/* something more will be told within this time */
int64_t	notify_time(void);			/* for notify_alive(), -1: never */
void	notify_alive(int64_t now);		/* at every turn */

#endif
