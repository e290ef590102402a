/* SPDX-License-Identifier: MIT */
/*
 * What a supervisor is told.  Each test is a process of its own: what is to be
 * told, and to whom, is kept once for a process.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <rmq.h>

#include "worker/notify.h"

static char path[64];

/* A supervisor's socket of this name, which the environment tells. */
static int
listen_at(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	memcpy(at.sun_path, name, strlen(name));
	if (*name == '@')
		at.sun_path[0] = '\0';
	fcntl(fd, F_SETFL, O_NONBLOCK);
	unlink(name);
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void
heard(int fd, const char *wanted)
{
	char text[512];
	ssize_t n = recv(fd, text, sizeof text - 1, 0);

	if (wanted == NULL) {
		assert_int_equal(n, -1);
		assert_int_equal(errno, EAGAIN);
		return;
	}
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, wanted);
}

/* Runs it in a child, so that what is kept begins anew; what it printed on standard error. */
static char *
alone(void (*test)(void), int status)
{
	static char text[1024];
	int out[2], how;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		test();
		_exit(0);
	}
	close(out[1]);
	while ((n = read(out[0], text + len, sizeof text - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &how, 0), pid);
	if (!WIFEXITED(how) || WEXITSTATUS(how) != status)
		fail_msg("ended with %d: %s", how, text);
	return text;
}

static void
whole_life(int fd)
{
	notify_open(-1);
	assert_null(getenv("NOTIFY_SOCKET"));
	heard(fd, NULL);
	notify_ready("taking messages");
	heard(fd, "READY=1");
	heard(fd, "STATUS=taking messages");
	notify_status("paused");
	heard(fd, "STATUS=paused");
	notify_ready("taking messages");
	heard(fd, "STATUS=taking messages");
	notify_stopping(30000);
	heard(fd, "STOPPING=1\nSTATUS=ending\nEXTEND_TIMEOUT_USEC=35000000");
	notify_stopping(INT64_MAX);
	heard(fd, "STOPPING=1\nSTATUS=ending\nEXTEND_TIMEOUT_USEC=9223372036854775807");
	assert_int_equal(notify_time(), -1);
	notify_alive(INT64_MAX);
	heard(fd, NULL);
}

static void
by_path(void)
{
	whole_life(listen_at(path));
}

#ifdef __linux__
static void
by_name(void)
{
	char name[64];

	snprintf(name, sizeof name, "@rmq-tools/test/%ld", (long)getpid());
	whole_life(listen_at(name));
}
#endif

static void
signs_of_life(void)
{
	int fd = listen_at(path);
	int64_t first;
	char pid[24];

	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	setenv("WATCHDOG_USEC", "3000000", 1);
	notify_open(-1);
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	first = notify_time();
	assert_true(first > 0 && first <= rmq_now() + 1500);
	notify_alive(first - 1);
	heard(fd, NULL);
	notify_alive(first);
	heard(fd, "WATCHDOG=1");
	assert_int_equal(notify_time(), first + 1500);
}

static void
no_signs_of_life(const char *usec, const char *pid)
{
	listen_at(path);
	setenv("WATCHDOG_USEC", usec, 1);
	setenv("WATCHDOG_PID", pid, 1);
	notify_open(-1);
	assert_int_equal(notify_time(), -1);
}

static void
meant_for_another(void)
{
	no_signs_of_life("3000000", "1");
}

static void
without_a_number(void)
{
	char pid[24];

	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	no_signs_of_life("often", pid);
}

static void
shortest_time(void)
{
	listen_at(path);
	setenv("WATCHDOG_USEC", "1", 1);
	notify_open(-1);
	assert_true(notify_time() > 0);
}

static void
nobody(void)
{
	notify_open(-1);
	notify_ready("x");
	notify_stopping(0);
	notify_alive(rmq_now());
	assert_int_equal(notify_time(), -1);
}

static void
nobody_listens(void)
{
	close(listen_at(path));
	notify_open(-1);
	notify_ready("x");
	notify_status("y");
}

static void
of_another_kind(void)
{
	setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
	setenv("WATCHDOG_USEC", "3000000", 1);
	notify_open(-1);
	notify_ready("x");
	assert_int_equal(notify_time(), -1);
}

static void
too_long(void)
{
	char name[300];

	memset(name, 'a', sizeof name - 1);
	name[0] = '/';
	name[sizeof name - 1] = '\0';
	setenv("NOTIFY_SOCKET", name, 1);
	notify_open(-1);
}

/* The supervisor is slow: readiness is not lost, the rest may be. */
static void
full(void)
{
	int fd = listen_at(path), n;
	char text[64];

	notify_open(-1);
	for (n = 0; n < 100000; n++)
		notify_status("noise");
	notify_ready("x");
	assert_true(notify_time() > 0);
	notify_alive(notify_time() - 1);
	notify_alive(notify_time());
	assert_true(notify_time() > 0);
	while (recv(fd, text, sizeof text, 0) != -1)
		;
	notify_alive(notify_time());
	heard(fd, "READY=1");
	assert_int_equal(notify_time(), -1);
}

static void
newline(void)
{
	int fds[2];
	char text[8];

	assert_int_equal(pipe(fds), 0);
	notify_open(fds[1]);
	notify_ready("x");
	notify_ready("x");
	assert_int_equal(read(fds[0], text, sizeof text), 1);
	assert_int_equal(text[0], '\n');
	assert_int_equal(read(fds[0], text, sizeof text), 0);
}

static void
nobody_reads(void)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	notify_open(fds[1]);
	notify_ready("x");
}

static void
not_open(void)
{
	notify_open(999);
}

static void
only_for_reading(void)
{
	notify_open(open("/dev/null", O_RDONLY));
}

static void
test_socket(void **state)
{
	(void)state;
	assert_string_equal(alone(by_path, 0), "");
#ifdef __linux__
	assert_string_equal(alone(by_name, 0), "");
#endif
	assert_string_equal(alone(full, 0), "");
	assert_string_equal(alone(nobody, 0), "");
}

static void
test_watchdog(void **state)
{
	(void)state;
	assert_string_equal(alone(signs_of_life, 0), "");
	assert_string_equal(alone(meant_for_another, 0), "");
	assert_string_equal(alone(without_a_number, 0), "");
	assert_string_equal(alone(shortest_time, 0), "");
}

static void
test_newline(void **state)
{
	(void)state;
	assert_string_equal(alone(newline, 0), "");
}

/* The words for an error are the C library's own. */
static void
assert_warns_of(const char *said, int error)
{
	char wanted[128];

	snprintf(wanted, sizeof wanted, "cannot notify the supervisor: %s\n", strerror(error));
	assert_non_null(strstr(said, wanted));
}

static void
test_failures_harm_nothing(void **state)
{
	(void)state;
	assert_warns_of(alone(nobody_listens, 0), ECONNREFUSED);
	assert_warns_of(alone(of_another_kind, 0), EAFNOSUPPORT);
	assert_warns_of(alone(too_long, 0), ENAMETOOLONG);
	assert_warns_of(alone(nobody_reads, 0), EPIPE);
}

static void
test_wrong_descriptor(void **state)
{
	(void)state;
	assert_non_null(strstr(alone(not_open, 64), "descriptor 999 is not open for writing"));
	assert_non_null(strstr(alone(only_for_reading, 64), "is not open for writing"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_newline),
		cmocka_unit_test(test_failures_harm_nothing),
		cmocka_unit_test(test_wrong_descriptor),
	};
	int failures;

	snprintf(path, sizeof path, "/tmp/rmq-tools-notify-%ld", (long)getpid());
	failures = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failures;
}
