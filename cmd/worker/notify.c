/* SPDX-License-Identifier: MIT */
/* See notify.h. */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rmq.h>

#include "tool/tool.h"
#include "worker/notify.h"

enum {
	AGAIN_MS = 100,		/* until a full socket may have room */
	MARGIN_MS = 5000	/* for a busy machine */
};

static struct {
	int			 newline, sock;	/* -1: none */
	struct sockaddr_un	 to;
	socklen_t		 to_len;
	int64_t			 every, next;	/* signs of life: ms, 0: none are wanted; when */
	int64_t			 again;		/* readiness is to be told again then, 0: it was told */
	bool			 ready, warned;
} notify = { .newline = -1, .sock = -1 };

static void
failed(void)
{
	if (!notify.warned)
		tool_warn("cannot notify the supervisor: %s", strerror(errno));
	notify.warned = true;
}

/* A path, or after an @ a name that is in no directory. */
static bool
set_address(const char *name)
{
	size_t len = strlen(name);

	errno = *name != '/' && *name != '@' ? EAFNOSUPPORT : len >= sizeof notify.to.sun_path ? ENAMETOOLONG : 0;
	if (errno != 0)
		return false;
	notify.to.sun_family = AF_UNIX;
	memcpy(notify.to.sun_path, name, len + 1);
	if (*name == '@')
		notify.to.sun_path[0] = '\0';
	notify.to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

static void
open_socket(const char *name)
{
	if (name == NULL || *name == '\0')
		return;
	if (!set_address(name) || (notify.sock = socket(AF_UNIX, SOCK_DGRAM, 0)) == -1 ||
	    fcntl(notify.sock, F_SETFD, FD_CLOEXEC) == -1 || fcntl(notify.sock, F_SETFL, O_NONBLOCK) == -1)
		failed();
}

/* Twice within the time after which the supervisor would lose patience. */
static void
start_watchdog(const char *usec, const char *pid)
{
	const char *wrong;

	if (usec == NULL || notify.sock == -1)
		return;
	if (pid != NULL && strtonum(pid, 1, INT32_MAX, &wrong) != getpid())
		return;
	notify.every = strtonum(usec, 1, INT64_MAX, &wrong) / 2000;
	if (wrong == NULL && notify.every == 0)
		notify.every = 1;
	notify.next = rmq_now() + notify.every;
}

void
notify_open(int fd)
{
	int flags;

	if (fd != -1 && ((flags = fcntl(fd, F_GETFL)) == -1 || (flags & O_ACCMODE) == O_RDONLY))
		tool_usage("descriptor %d is not open for writing", fd);
	notify.newline = fd;
	open_socket(getenv("NOTIFY_SOCKET"));
	start_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

/* False: there is no room for now. */
static bool
tell(const char *text)
{
	if (notify.sock == -1 || sendto(notify.sock, text, strlen(text), 0, (const struct sockaddr *)&notify.to,
	    notify.to_len) != -1)
		return true;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
		return false;
	failed();
	return true;
}

static void
write_newline(void)
{
	if (notify.newline == -1)
		return;
	if (write(notify.newline, "\n", 1) == -1)
		failed();
	close(notify.newline);
	notify.newline = -1;
}

static void
tell_ready(void)
{
	notify.again = tell("READY=1") ? 0 : rmq_now() + AGAIN_MS;
}

void
notify_status(const char *status)
{
	char text[256];

	snprintf(text, sizeof text, "STATUS=%s", status);
	tell(text);
}

void
notify_ready(const char *status)
{
	if (!notify.ready) {
		notify.ready = true;
		write_newline();
		tell_ready();
	}
	notify_status(status);
}

void
notify_stopping(int64_t ms)
{
	int64_t usec = ms < INT64_MAX / 1000 - MARGIN_MS ? (ms + MARGIN_MS) * 1000 : INT64_MAX;
	char text[128];

	snprintf(text, sizeof text, "STOPPING=1\nSTATUS=ending\nEXTEND_TIMEOUT_USEC=%" PRId64, usec);
	tell(text);
}

int64_t
notify_time(void)
{
	int64_t alive = notify.every > 0 ? notify.next : -1;

	return notify.again > 0 && (alive == -1 || notify.again < alive) ? notify.again : alive;
}

void
notify_alive(int64_t now)
{
	if (notify.again > 0 && now >= notify.again)
		tell_ready();
	if (notify.every == 0 || now < notify.next)
		return;
	tell("WATCHDOG=1");
	notify.next = now + notify.every;
}
