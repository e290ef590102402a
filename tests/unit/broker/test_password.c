/* SPDX-License-Identifier: MIT */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/password.h"

enum { SHORT = 50, LONG = 10 * 1000 };	/* ms */

/* The exit status of a process that takes its password from there. */
static int
status_of(const char *path, int64_t ms)
{
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		fclose(stderr);
		free(password_from_file(path, ms));
		_exit(EX_OK);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
nobody_is_waited_for_without_end(void **state)
{
	char path[] = "/tmp/test_password.XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(path));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(status_of(path, SHORT), EX_CONFIG);
	assert_int_equal(unlink(path), 0);
}

static void
a_pipe_is_read_to_its_end(void **state)
{
	char name[32], *password;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	snprintf(name, sizeof name, "/dev/fd/%d", fds[0]);
	assert_int_equal(write(fds[1], "sec", 3), 3);
	assert_int_equal(status_of(name, SHORT), EX_CONFIG);
	assert_int_equal(write(fds[1], "secret\n", 7), 7);
	assert_int_equal(close(fds[1]), 0);
	password = password_from_file(name, LONG);
	assert_string_equal(password, "secret");
	free(password);
	assert_int_equal(status_of(name, LONG), EX_CONFIG);	/* nothing is left */
	close(fds[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_waited_for_without_end),
		cmocka_unit_test(a_pipe_is_read_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
