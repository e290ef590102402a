/* SPDX-License-Identifier: MIT */
/* What is laid beside a file in the moment before it is written is not written to. */

#include <sys/stat.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool/save.h"

static char folder[] = "/tmp/test_save.XXXXXX";
static const char *trap;	/* what a link leads to that is made as soon as the draft of a killed process is gone */

/* In place of the C library's: save_file() removes a draft, and somebody is faster than what it does next. */
int
unlink(const char *path)
{
	int result = unlinkat(AT_FDCWD, path, 0);

	if (trap != NULL)
		assert_int_equal(symlink(trap, path), 0);
	trap = NULL;
	return result;
}

static void
write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void
assert_holds(const char *name, const char *text)
{
	char got[32];
	FILE *f = fopen(name, "r");

	assert_non_null(f);
	got[fread(got, 1, sizeof(got) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(got, text);
}

static void
a_draft_that_was_left_is_replaced(void **state)
{
	(void)state;
	write_file("report.tmp", "half");
	assert_true(save_file("report", "whole", 0600));
	assert_holds("report", "whole");
	assert_int_equal(access("report.tmp", F_OK), -1);
	assert_int_equal(unlink("report"), 0);
}

static void
a_link_in_its_place_is_not_followed(void **state)
{
	(void)state;
	write_file("precious", "precious");
	write_file("report", "old");
	trap = "precious";
	assert_false(save_file("report", "new", 0600));
	assert_int_equal(errno, EEXIST);
	assert_holds("precious", "precious");
	assert_holds("report", "old");

	trap = "nowhere";
	assert_false(save_file("report", "new", 0600));
	assert_int_equal(access("nowhere", F_OK), -1);
	assert_int_equal(unlink("precious"), 0);
	assert_int_equal(unlink("report"), 0);
}

static int
set_up(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : chdir(folder);
}

static int
tear_down(void **state)
{
	(void)state;
	return chdir("/") == -1 ? -1 : rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_draft_that_was_left_is_replaced),
		cmocka_unit_test(a_link_in_its_place_is_not_followed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
