/* SPDX-License-Identifier: MIT */
/*
 * Signals that the loop sees, and what is left of them in a child.
 */
#include <sys/time.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/loop.h"

static int
next_signal(void)
{
	int sig;

	while ((sig = loop_signal()) == 0)
		loop_wait(NULL, 0, NULL, 0, -1);
	return sig;
}

static void
nothing_is_left(void)
{
	loop_wait(NULL, 0, NULL, 0, 0);
	assert_int_equal(loop_signal(), 0);
}

static void
each_is_told_once(void **state)
{
	int sum;

	(void)state;
	loop_catch(SIGTERM);
	loop_catch(SIGUSR1);
	nothing_is_left();
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGUSR1);
	sum = next_signal();
	sum += next_signal();
	assert_int_equal(sum, SIGTERM + SIGUSR1);
	nothing_is_left();
	kill(getpid(), SIGTERM);
	nothing_is_left();	/* it was the same one */
	usleep(300 * 1000);
	kill(getpid(), SIGTERM);
	assert_int_equal(next_signal(), SIGTERM);
	nothing_is_left();
}

static void
interruption_is_told_at_once(void **state)
{
	struct itimerval soon = { .it_value = { .tv_usec = 20000 } };

	(void)state;
	loop_catch(SIGALRM);
	setitimer(ITIMER_REAL, &soon, NULL);
	loop_wait(NULL, 0, NULL, 0, -1);
	assert_int_equal(loop_signal(), SIGALRM);
	nothing_is_left();
}

static void
ignored_stays_ignored(void **state)
{
	(void)state;
	signal(SIGHUP, SIG_IGN);
	loop_catch(SIGHUP);
	kill(getpid(), SIGHUP);
	nothing_is_left();
	signal(SIGHUP, SIG_DFL);
}

static void
blocked_by_the_parent_is_told(void **state)
{
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	loop_catch(SIGUSR2);
	kill(getpid(), SIGUSR2);
	assert_int_equal(next_signal(), SIGUSR2);
	nothing_is_left();
}

static void
end_of_a_child_is_told(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	loop_catch(SIGCHLD);
	if ((pid = fork()) == 0)
		_exit(3);
	assert_int_equal(next_signal(), SIGCHLD);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 3);
}

/* How a child ends that gets this signal after it was left alone. */
static int
child_with(int sig)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		loop_leave_to_child();
		raise(sig);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void
child_has_defaults(void **state)
{
	(void)state;
	loop_catch(SIGTERM);
	assert_int_equal(child_with(SIGTERM), SIGTERM);
	assert_int_equal(child_with(SIGPIPE), SIGPIPE);
	signal(SIGHUP, SIG_IGN);
	assert_int_equal(child_with(SIGHUP), 0);
	signal(SIGHUP, SIG_DFL);
	loop_wait(NULL, 0, NULL, 0, 0);
	while (loop_signal() == SIGCHLD)
		continue;
	nothing_is_left();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_told_once),
		cmocka_unit_test(interruption_is_told_at_once),
		cmocka_unit_test(ignored_stays_ignored),
		cmocka_unit_test(blocked_by_the_parent_is_told),
		cmocka_unit_test(end_of_a_child_is_told),
		cmocka_unit_test(child_has_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
