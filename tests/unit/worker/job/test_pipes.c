/* SPDX-License-Identifier: MIT */
/*
 * What commands write, on its way to an output of ours: tags, whole lines, and who waits for whom.
 */
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

#include "worker/job/pipes.h"

enum { ROOM = 1024 * 1024 };

static struct output out;
static struct streams streams;
static FILE *file;

static int
to_file(void **state)
{
	(void)state;
	assert_non_null(file = tmpfile());
	output_open(&out, fileno(file), false, 1);
	return 0;
}

static int
done(void **state)
{
	(void)state;
	streams_free(&streams);
	streams = (struct streams){ 0 };
	output_close(&out);
	if (file != NULL)
		fclose(file);
	file = NULL;
	return 0;
}

static void
assert_written(const char *text)
{
	static char got[ROOM];
	ssize_t n;

	output_finish(&out);
	assert_true((n = pread(fileno(file), got, sizeof got - 1, 0)) >= 0);
	got[n] = '\0';
	assert_string_equal(got, text);
}

static void
add(struct lines *l, const char *text)
{
	lines_add(l, text, strlen(text));
}

static void
lines_of_two_are_whole(void **state)
{
	struct lines a, b;

	(void)state;
	assert_true(lines_begin(&a, &out, "a", false));
	assert_true(lines_begin(&b, &out, "b", false));
	add(&a, "one");
	add(&b, "1\n2\n\n3");
	add(&a, " line\n");
	add(&a, "rest");
	lines_finish(&a);
	lines_finish(&a);
	lines_finish(&b);
	assert_written("b\t1\nb\t2\nb\t\na\tone line\na\trest\nb\t3\n");
	lines_free(&a);
	lines_free(&b);
}

static void
a_tag_is_a_word(void **state)
{
	struct lines l;

	(void)state;
	assert_true(lines_begin(&l, &out, "a\tb\n\033", false));
	add(&l, "x\t\033\n");
	assert_written("a\\tb\\n\\033\tx\t\033\n");
	lines_free(&l);
}

static void
without_a_tag_nothing_changes(void **state)
{
	struct lines l;

	(void)state;
	assert_true(lines_begin(&l, &out, NULL, false));
	add(&l, "a\nb");
	lines_finish(&l);
	assert_written("a\nb");
	lines_free(&l);
}

/* What a line of so many bytes becomes, of which so many come at once. */
static void
check_long_line(size_t len, size_t step, bool alone, const char *wanted)
{
	static char data[ROOM];
	struct lines l;
	size_t done_now, n;

	memset(data, 'x', len);
	data[len] = '\n';
	assert_int_equal(ftruncate(fileno(file), 0), 0);
	rewind(file);
	assert_true(lines_begin(&l, &out, "t", alone));
	for (done_now = 0; done_now <= len; done_now += n) {
		n = len + 1 - done_now < step ? len + 1 - done_now : step;
		lines_add(&l, data + done_now, n);
	}
	lines_finish(&l);
	lines_free(&l);
	assert_written(wanted);
}

static char *
tagged(size_t first, size_t second)
{
	char *text = calloc(1, first + second + 10), *to = text;

	assert_non_null(text);
	to = stpcpy(to, "t\t");
	memset(to, 'x', first);
	to = stpcpy(to + first, "\n");
	if (second > 0) {
		to = stpcpy(to, "t\t");
		memset(to, 'x', second);
		stpcpy(to + second, "\n");
	}
	return text;
}

static void
long_lines_lose_nothing(void **state)
{
	static const size_t steps[] = { 1, 4096, 5000, LINES_MAX, LINES_MAX + 1, ROOM };
	char *whole = tagged(LINES_MAX, 0), *two = tagged(LINES_MAX, 1), *longer = tagged(LINES_MAX + 1, 0);

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		check_long_line(LINES_MAX, steps[i], false, whole);
		check_long_line(LINES_MAX + 1, steps[i], false, two);
		check_long_line(LINES_MAX + 1, steps[i], true, longer);
	}
	free(whole);
	free(two);
	free(longer);
}

static void
who_is_alone_holds_nothing(void **state)
{
	struct lines l;

	(void)state;
	assert_true(lines_begin(&l, &out, "t", true));
	add(&l, "a");
	output_finish(&out);
	assert_written("t\ta");
	add(&l, "b\n\nc");
	lines_finish(&l);
	lines_finish(&l);
	assert_written("t\tab\nt\t\nt\tc\n");
	lines_free(&l);
}

static void
what_a_command_left_is_passed_on(void **state)
{
	struct stream *s;
	int fd;

	(void)state;
	assert_non_null(s = stream_open(&streams, &out, "t", &fd));
	assert_int_equal(write(fd, "one\ntwo", 7), 7);
	assert_true(stream_drained(s));
	assert_written("t\tone\nt\ttwo\n");
	assert_int_equal(s->received, 7);
	assert_int_not_equal(s->fd, -1);
	assert_int_equal(write(fd, "late\n", 5), 5);
	close(fd);
	stream_release(s);
	while (streams.first != NULL) {
		struct pollfd *fds = streams_poll(&streams, 0);

		assert_non_null(fds);
		assert_true(poll(fds, (nfds_t)streams.nfds, 1000) >= 0);
		streams_read(&streams, 0);
	}
	assert_written("t\tone\nt\ttwo\nt\tlate\n");
}

static void
who_does_not_end_is_not_waited_for(void **state)
{
	struct stream *s;
	int fd;

	(void)state;
	assert_non_null(s = stream_open(&streams, &out, NULL, &fd));
	assert_true(stream_drained(s));
	assert_int_equal(write(fd, "x", 1), 1);
	assert_true(stream_drained(s));
	assert_written("");
	close(fd);
}

/* A pipe that nobody reads: its writer has to wait, and we do not. */
static void
nothing_is_read_that_cannot_be_written(void **state)
{
	static char data[60000];
	struct pollfd *fds;
	struct stream *s;
	int ours[2], fd;

	(void)state;
	assert_int_equal(pipe(ours), 0);
	output_open(&out, ours[1], false, 1);
	assert_non_null(s = stream_open(&streams, &out, NULL, &fd));
	for (int i = 0; i < 100 && !output_full(&out); i++) {
		assert_int_equal(write(fd, data, sizeof data), sizeof data);
		while (!output_full(&out) && poll(&(struct pollfd){ .fd = s->fd, .events = POLLIN }, 1, 0) == 1) {
			assert_non_null(streams_poll(&streams, 0));
			streams.fds[0].revents = POLLIN;
			streams_read(&streams, 0);
		}
	}
	assert_true(output_full(&out));
	assert_int_equal(write(fd, "x", 1), 1);
	assert_false(stream_drained(s));
	assert_non_null(fds = streams_poll(&streams, 0));
	assert_int_equal(fds[0].fd, -1);
	assert_int_equal(poll(fds, (nfds_t)streams.nfds, 0), 0);
	assert_true(read(ours[0], data, sizeof data) > 0);
	output_io(&out, POLLOUT);
	assert_true(read(ours[0], data, sizeof data) > 0);
	output_io(&out, POLLOUT);
	assert_true(stream_drained(s));
	close(fd);
	close(ours[0]);
	close(ours[1]);
}

static void
an_output_that_failed_takes_all(void **state)
{
	struct stream *s;
	int ours[2], fd;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ours), 0);
	output_open(&out, ours[1], false, 1);
	assert_non_null(s = stream_open(&streams, &out, "t", &fd));
	close(ours[0]);
	output_io(&out, POLLERR);
	assert_int_equal(write(fd, "x\n", 2), 2);
	assert_true(stream_drained(s));
	stream_close(s);
	assert_int_equal(write(fd, "x", 1), -1);
	close(fd);
	close(ours[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lines_of_two_are_whole, to_file, done),
		cmocka_unit_test_setup_teardown(a_tag_is_a_word, to_file, done),
		cmocka_unit_test_setup_teardown(without_a_tag_nothing_changes, to_file, done),
		cmocka_unit_test_setup_teardown(long_lines_lose_nothing, to_file, done),
		cmocka_unit_test_setup_teardown(who_is_alone_holds_nothing, to_file, done),
		cmocka_unit_test_setup_teardown(what_a_command_left_is_passed_on, to_file, done),
		cmocka_unit_test_setup_teardown(who_does_not_end_is_not_waited_for, to_file, done),
		cmocka_unit_test_teardown(nothing_is_read_that_cannot_be_written, done),
		cmocka_unit_test_teardown(an_output_that_failed_takes_all, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
