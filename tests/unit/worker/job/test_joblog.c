/* SPDX-License-Identifier: MIT */
/*
 * The lines of a job log, as GNU parallel 20221122 wrote them, and as JSON; files that are full, cut or shared.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "worker/job/joblog.h"

#define HEADER "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"
#define LINE "2\t:\t1795450447.680\t     0.007\t5\t2\t3\t0\techo a; exit 3 # m-1\n"

enum { EXIT_3 = 3 << 8, KILLED = SIGKILL };

static char path[64];
static struct joblog joblog;
static char *argv[] = { (char[]){ "echo" }, (char[]){ "a;" }, (char[]){ "exit" }, (char[]){ "3" }, NULL };

static struct job_record
a_record(void)
{
	static char id[] = "m-1", key[] = "tasks";

	return (struct job_record){ .seq = 2, .message_id = id, .routing_key = key, .queue = "tasks", .attempt = 1,
	    .started = INT64_C(1795450447680), .ms = 7, .sent = 5, .received = 2, .status = EXIT_3,
	    .outcome = "retry" };
}

static int
new_path(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/test_joblog.XXXXXX");
	assert_int_not_equal(fd = mkstemp(path), -1);
	close(fd);
	return 0;
}

static int
close_and_remove(void **state)
{
	(void)state;
	joblog_close(&joblog);
	return unlink(path);
}

static char *
contents(void)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true((n = read(fd, text, sizeof text - 1)) >= 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static void
open_log(bool json, char *const *command)
{
	assert_true(joblog_open(&joblog, path, json, command));
}

static void
lines_are_those_of_parallel(void **state)
{
	struct job_record r = a_record();

	(void)state;
	open_log(false, argv);
	assert_string_equal(contents(), HEADER);
	joblog_write(&joblog, &r);
	assert_string_equal(contents(), HEADER LINE);
	joblog_close(&joblog);
	open_log(false, argv);
	r.status = KILLED;
	r.received = -1;
	r.message_id = NULL;
	joblog_write(&joblog, &r);
	assert_string_equal(contents(),
	    HEADER LINE "2\t:\t1795450447.680\t     0.007\t5\t0\t0\t9\techo a; exit 3 # tasks\n");
}

static void
nothing_makes_two_lines_or_columns_of_one(void **state)
{
	char *hostile[] = { (char[]){ "a\tb" }, (char[]){ "\n" }, NULL };
	struct job_record r = a_record();

	(void)state;
	open_log(false, hostile);
	r.message_id = (char[]){ "x\n1\t:" };
	joblog_write(&joblog, &r);
	assert_non_null(strstr(contents(), "\ta\\tb \\n # x\\n1\\t:\n"));
	r.message_id = r.routing_key = NULL;
	joblog_write(&joblog, &r);
	assert_non_null(strstr(contents(), "\ta\\tb \\n # \n"));
}

static json_t *
json_of(const struct job_record *r)
{
	json_t *json;

	open_log(true, argv);
	joblog_write(&joblog, r);
	assert_non_null(json = json_loads(strrchr(contents(), '{'), 0, NULL));
	joblog_close(&joblog);
	return json;
}

static void
json_has_it_all(void **state)
{
	struct job_record r = a_record();
	json_t *json;

	(void)state;
	json_decref(json_of(&r));
	assert_string_equal(contents(), "{\"seq\":2,\"message_id\":\"m-1\",\"routing_key\":\"tasks\",\"queue\":\"tasks\","
	    "\"attempt\":1,\"started\":\"2026-11-23T16:14:07.680Z\",\"seconds\":0.007,\"sent\":5,\"received\":2,"
	    "\"exit\":3,\"outcome\":\"retry\",\"command\":[\"echo\",\"a;\",\"exit\",\"3\"]}\n");
	r.message_id = NULL;
	r.routing_key = (char[]){ "\xff" };
	r.received = -1;
	r.status = KILLED;
	json = json_of(&r);
	assert_true(json_is_null(json_object_get(json, "message_id")));
	assert_string_equal(json_string_value(json_object_get(json, "routing_key")), "\\377");
	assert_true(json_is_null(json_object_get(json, "received")));
	assert_null(json_object_get(json, "exit"));
	assert_int_equal(json_integer_value(json_object_get(json, "signal")), SIGKILL);
	json_decref(json);
}

static void
a_file_that_was_cut_has_a_header_again(void **state)
{
	struct job_record r = a_record();

	(void)state;
	open_log(false, argv);
	joblog_write(&joblog, &r);
	assert_int_equal(truncate(path, 0), 0);
	joblog_write(&joblog, &r);
	assert_string_equal(contents(), HEADER LINE);
}

static void
limit_files(rlim_t size)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What the file system takes of a line stays a line of its own. */
static void
a_full_disk_costs_lines_and_no_more(void **state)
{
	struct job_record r = a_record();

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	open_log(false, argv);
	joblog_write(&joblog, &r);
	limit_files(sizeof HEADER LINE + 4);
	joblog_write(&joblog, &r);
	joblog_write(&joblog, &r);
	assert_int_equal(joblog.missing, 2);
	limit_files(RLIM_INFINITY);
	joblog_write(&joblog, &r);
	assert_int_equal(joblog.missing, 0);
	assert_string_equal(contents(), HEADER LINE "2\t:\t1\n" LINE);
}

static void
a_reader_that_does_not_read_stops_nobody(void **state)
{
	struct job_record r = a_record();
	char room[65536];
	int reader;

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(joblog_open(&joblog, path, true, argv));
	assert_int_equal(errno, ENXIO);
	assert_int_not_equal(reader = open(path, O_RDONLY | O_NONBLOCK), -1);
	open_log(true, argv);
	for (int i = 0; i < 100000 && joblog.missing == 0; i++)
		joblog_write(&joblog, &r);
	assert_int_equal(joblog.missing, 1);
	while (read(reader, room, sizeof room) > 0)
		continue;
	joblog_write(&joblog, &r);
	assert_int_equal(joblog.missing, 0);
	close(reader);
}

static void
what_cannot_be_opened(void **state)
{
	(void)state;
	assert_false(joblog_open(&joblog, "/no/such/folder/log", false, argv));
	assert_int_equal(errno, ENOENT);
	assert_false(joblog_open(&joblog, "/", false, argv));
	assert_int_equal(errno, EISDIR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_are_those_of_parallel, new_path, close_and_remove),
		cmocka_unit_test_setup_teardown(nothing_makes_two_lines_or_columns_of_one, new_path, close_and_remove),
		cmocka_unit_test_setup_teardown(json_has_it_all, new_path, close_and_remove),
		cmocka_unit_test_setup_teardown(a_file_that_was_cut_has_a_header_again, new_path, close_and_remove),
		cmocka_unit_test_setup_teardown(a_full_disk_costs_lines_and_no_more, new_path, close_and_remove),
		cmocka_unit_test_setup_teardown(a_reader_that_does_not_read_stops_nobody, new_path, close_and_remove),
		cmocka_unit_test(what_cannot_be_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
