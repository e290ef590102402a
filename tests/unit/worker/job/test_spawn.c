/* SPDX-License-Identifier: MIT */
/*
 * Commands: what they get, how they end, and why they cannot start.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/job/spawn.h"

extern char **environ;

/* Runs `sh -c script` with the input; what it printed. */
static int
shell(const char *script, struct rmq_bytes input, char *output, size_t size)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, strdup(script), NULL };
	int out = job_nameless_file(), status = -1;
	struct job_error why;
	ssize_t len;
	pid_t pid;

	pid = job_start(&(struct job){ argv, environ, input, out, -1 }, &why);
	free(argv[2]);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true((len = pread(out, output, size - 1, 0)) >= 0);
	output[len] = '\0';
	close(out);
	return status;
}

static enum job_fault
fault(const char *command, char *const env[])
{
	char *argv[] = { strdup(command), NULL };
	struct job_error why = { 0 };

	assert_int_equal(job_start(&(struct job){ argv, env, rmq_bytes(""), -1, -1 }, &why), -1);
	assert_int_not_equal(why.code, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	free(argv[0]);
	return why.fault;
}

static void
body_is_standard_input(void **state)
{
	static const char body[] = "$(touch x)\0; rm -rf \"$HOME\"\n";
	struct rmq_bytes input = { sizeof body, body };
	char output[100];

	(void)state;
	assert_int_equal(shell("cat", input, output, sizeof output), 0);
	assert_memory_equal(output, body, sizeof body);
	assert_int_equal(shell("wc -c | tr -d ' '", rmq_bytes(""), output, sizeof output), 0);
	assert_string_equal(output, "0\n");
}

static void
large_body_may_stay_unread(void **state)
{
	struct rmq_bytes input = { 5 << 20, calloc(1, 5 << 20) };
	char output[100];

	(void)state;
	assert_int_equal(shell("exit 0", input, output, sizeof output), 0);
	assert_int_equal(shell("wc -c | tr -d ' '", input, output, sizeof output), 0);
	assert_string_equal(output, "5242880\n");
	free((char *)(uintptr_t)input.data);
}

static void
no_descriptor_is_inherited(void **state)
{
	int fd = open("/dev/null", O_RDONLY);
	char output[100];

	(void)state;
	assert_true(fd > STDERR_FILENO);
	job_setup();
	shell("for f in 3 4 5 6 7 8 9; do if [ -e /proc/self/fd/$f ]; then echo $f; fi; done",
	    rmq_bytes(""), output, sizeof output);
	assert_string_equal(output, "");
	close(fd);
}

static void
signals_are_default(void **state)
{
	char output[100];
	sigset_t set;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	shell("grep -E '^Sig(Blk|Ign)' /proc/self/status", rmq_bytes(""), output, sizeof output);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGPIPE, SIG_DFL);
	assert_string_equal(output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void
ignored_hangup_stays_ignored(void **state)
{
	char output[100];
	int status;

	(void)state;
	signal(SIGHUP, SIG_IGN);
	status = shell("kill -HUP $$; echo alive", rmq_bytes(""), output, sizeof output);
	signal(SIGHUP, SIG_DFL);
	assert_true(job_succeeded(status));
	assert_string_equal(output, "alive\n");
}

static void
process_group_is_its_own(void **state)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, (char[]){ "sleep 100 & wait" }, NULL };
	struct job_error why;
	pid_t ended, pid = job_start(&(struct job){ argv, environ, rmq_bytes(""), -1, -1 }, &why);
	int status;

	(void)state;
	assert_true(pid > 0);
	assert_int_equal(getpgid(pid), pid);
	assert_int_equal(job_ended(&status), 0);
	job_kill(pid, SIGTERM);
	while ((ended = job_ended(&status)) == 0)
		usleep(1000);
	assert_int_equal(ended, pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void
each_end_is_told_once(void **state)
{
	char *argv[] = { (char[]){ "true" }, NULL };
	struct job_error why;
	pid_t started[3], ended;
	int status, sum = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true((started[i] = job_start(&(struct job){ argv, environ, rmq_bytes(""), -1, -1 }, &why)) > 0);
	while (sum < 7) {
		ended = job_ended(&status);
		for (int i = 0; ended != 0 && i < 3; i++)
			sum += ended == started[i] ? 1 << i : 0;
		usleep(1000);
	}
	assert_int_equal(sum, 7);
	assert_int_equal(job_ended(&status), 0);
}

static void
faults_are_told_apart(void **state)
{
	char name[] = "/tmp/test_job.XXXXXX";
	char *env[] = { NULL, NULL };
	int fd = mkstemp(name);

	(void)state;
	close(fd);
	assert_int_equal(fault("no-such-command-here", environ), JOB_NOT_FOUND);
	assert_int_equal(fault("/no/such/command", environ), JOB_NOT_FOUND);
	assert_int_equal(fault(name, environ), JOB_NOT_EXECUTABLE);
	assert_int_equal(fault("/", environ), JOB_NOT_EXECUTABLE);
	unlink(name);

	env[0] = malloc(1 << 20);
	memset(env[0], 'x', 1 << 20);
	env[0][(1 << 20) - 1] = '\0';
	assert_int_equal(fault("/bin/true", env), JOB_TOO_LARGE);
	free(env[0]);
}

static void
exit_127_is_not_a_missing_command(void **state)
{
	char output[10], text[40];
	int status = shell("exit 127", rmq_bytes(""), output, sizeof output);

	(void)state;
	assert_false(job_succeeded(status));
	job_describe(status, text, sizeof text);
	assert_string_equal(text, "exit status 127");
}

static void
ends_are_described(void **state)
{
	char output[10], text[40];

	(void)state;
	job_describe(shell("exit 3", rmq_bytes(""), output, sizeof output), text, sizeof text);
	assert_string_equal(text, "exit status 3");
	job_describe(shell("kill -KILL $$", rmq_bytes(""), output, sizeof output), text, sizeof text);
	assert_string_equal(text, "signal 9 (Killed)");
}

static void
regular_output_is_appended_to(void **state)
{
	int saved = dup(STDOUT_FILENO), flags;
	FILE *out = tmpfile();

	(void)state;
	fflush(stdout);
	dup2(fileno(out), STDOUT_FILENO);
	job_setup();
	flags = fcntl(fileno(out), F_GETFL);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	fclose(out);
	assert_int_not_equal(flags & O_APPEND, 0);
}

static void
nothing_is_left_open(void **state)
{
	char output[10];
	int before = dup(STDOUT_FILENO), after;

	(void)state;
	close(before);
	for (int i = 0; i < 20; i++)
		shell("exit 0", rmq_bytes("x"), output, sizeof output);
	fault("no-such-command-here", environ);
	after = dup(STDOUT_FILENO);
	close(after);
	assert_int_equal(before, after);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(body_is_standard_input),
		cmocka_unit_test(large_body_may_stay_unread),
		cmocka_unit_test(no_descriptor_is_inherited),
		cmocka_unit_test(signals_are_default),
		cmocka_unit_test(ignored_hangup_stays_ignored),
		cmocka_unit_test(process_group_is_its_own),
		cmocka_unit_test(each_end_is_told_once),
		cmocka_unit_test(faults_are_told_apart),
		cmocka_unit_test(exit_127_is_not_a_missing_command),
		cmocka_unit_test(ends_are_described),
		cmocka_unit_test(regular_output_is_appended_to),
		cmocka_unit_test(nothing_is_left_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
