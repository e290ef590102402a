/* SPDX-License-Identifier: MIT */
/* A directory with a file for each message: names, what is settled when, and what goes wrong. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/output.h"

static char path[] = "/tmp/test_folder.XXXXXX";
static struct folder folder;

static int
make(void **state)
{
	(void)state;
	memset(path + sizeof(path) - 7, 'X', 6);
	if (mkdtemp(path) == NULL)
		return -1;
	return folder_open(&folder, path, true);
}

static int
each_name(int (*f)(const char *))
{
	DIR *dir = fdopendir(openat(folder.fd, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *entry;
	int n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			n += f(entry->d_name);
	closedir(dir);
	return n;
}

static int
one(const char *name)
{
	(void)name;
	return 1;
}

static int
drop_file(const char *name)
{
	return unlinkat(folder.fd, name, 0) == 0;
}

static int
drop_all(void **state)
{
	(void)state;
	each_name(drop_file);
	folder_close(&folder);
	return rmdir(path);
}

static void
put(struct output *out, const char *text, uint64_t cookie)
{
	output_add(out, text, strlen(text));
	output_end(out, cookie);
}

static void
assert_holds(const char *name, const char *text)
{
	char got[64] = "";
	int fd = openat(folder.fd, name, O_RDONLY);
	struct stat st;

	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(read(fd, got, sizeof(got) - 1), strlen(text));
	assert_string_equal(got, text);
	close(fd);
}

static void
wish(struct output *out, const char *name, size_t len)
{
	output_wish(out, (struct rmq_bytes){ len, name });
}

static void
a_record_is_settled_when_the_folder_is_synced(void **state)
{
	struct output out;

	(void)state;
	output_open_folder(&out, &folder, 2);
	wish(&out, "first", 5);
	put(&out, "one", 7);
	assert_holds("first", "one");
	output_io(&out, 0);
	assert_int_equal(out.settled, 0);
	assert_true(output_pending(&out));
	put(&out, "", 8);
	output_io(&out, 0);
	assert_int_equal(out.settled, 8);
	assert_false(output_pending(&out));
	assert_int_equal(each_name(one), 2);
	output_close(&out);
}

static void
a_record_that_is_not_complete_leaves_nothing(void **state)
{
	struct output out;

	(void)state;
	output_open_folder(&out, &folder, 1);
	output_add(&out, "half", 4);
	assert_int_equal(each_name(one), 1);
	output_close(&out);
	assert_int_equal(each_name(one), 0);
	output_open_folder(&out, &folder, 1);
	put(&out, "whole", 1);
	output_add(&out, "half", 4);
	output_fail(&out, ENOSPC);
	assert_int_equal(out.error, ENOSPC);
	assert_int_equal(out.settled, 1);
	assert_int_equal(each_name(one), 1);
	output_close(&out);
}

static void
names_that_are_not_plain_are_not_used(void **state)
{
	static const struct rmq_bytes bad[] = {
		{ 0, "" }, { 0, NULL }, { 1, "." }, { 2, ".." }, { 5, ".name" }, { 3, "a/b" }, { 3, "a\0b" },
		{ 3, "a b" }, { 2, "a\n" }, { 2, "\xc3\xa4" },
		{ 65, "12345678901234567890123456789012345678901234567890123456789012345" },
	};
	struct output out;
	size_t i;

	(void)state;
	output_open_folder(&out, &folder, 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		output_wish(&out, bad[i]);
		assert_string_equal(folder.wish, "");
		put(&out, "x", i + 1);
	}
	assert_int_equal(out.error, 0);
	assert_int_equal(each_name(one), sizeof(bad) / sizeof(bad[0]));
	wish(&out, "1234567890123456789012345678901234567890123456789012345678901234", 64);
	assert_int_equal(strlen(folder.wish), 64);
	output_close(&out);
}

static void
nothing_is_replaced(void **state)
{
	struct output out;

	(void)state;
	output_open_folder(&out, &folder, 1);
	wish(&out, "same", 4);
	put(&out, "first", 1);
	wish(&out, "same", 4);
	put(&out, "second", 2);
	assert_holds("same", "first");
	assert_int_equal(each_name(one), 2);
	assert_int_equal(out.error, 0);
	output_close(&out);
}

/* Another receiver that began in the same microsecond. */
static void
names_of_another_writer_are_kept(void **state)
{
	struct folder other;
	struct output out, beside;
	int i;

	(void)state;
	assert_int_equal(folder_open(&other, path, true), 0);
	output_open_folder(&out, &folder, 1);
	output_open_folder(&beside, &other, 1);
	folder.at = other.at = INT64_C(4102444800000000);	/* later than any clock */
	for (i = 0; i < 5; i++) {
		output_add(&out, "a", 1);
		output_add(&beside, "b", 1);
		output_end(&out, 1);
		output_end(&beside, 1);
	}
	assert_int_equal(out.error, 0);
	assert_int_equal(beside.error, 0);
	assert_int_equal(each_name(one), 10);
	assert_holds("21000101T000000.000000Z-000001", "a");
	output_close(&out);
	output_close(&beside);
	folder_close(&other);
}

static void
a_file_that_cannot_be_created_is_told_apart(void **state)
{
	struct output out;
	int dir = folder.fd;

	(void)state;
	folder.fd = open("/dev/null", O_RDONLY);
	output_open_folder(&out, &folder, 1);
	put(&out, "x", 1);
	assert_int_equal(out.error, ENOTDIR);
	assert_true(out.uncreated);
	assert_int_equal(out.settled, 0);
	output_close(&out);
	close(folder.fd);
	folder.fd = dir;
}

static void
a_folder_that_cannot_be_opened(void **state)
{
	struct folder other;

	(void)state;
	assert_int_equal(folder_open(&other, "/dev/null", true), ENOTDIR);
	assert_int_equal(folder_open(&other, "/nowhere/at/all", true), ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_record_is_settled_when_the_folder_is_synced, make, drop_all),
		cmocka_unit_test_setup_teardown(a_record_that_is_not_complete_leaves_nothing, make, drop_all),
		cmocka_unit_test_setup_teardown(names_that_are_not_plain_are_not_used, make, drop_all),
		cmocka_unit_test_setup_teardown(nothing_is_replaced, make, drop_all),
		cmocka_unit_test_setup_teardown(names_of_another_writer_are_kept, make, drop_all),
		cmocka_unit_test_setup_teardown(a_file_that_cannot_be_created_is_told_apart, make, drop_all),
		cmocka_unit_test(a_folder_that_cannot_be_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
