/* SPDX-License-Identifier: MIT */
/* Standard output of every kind: what is settled when, slow readers, and what goes wrong. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output/output.h"

enum { BIG = 3 * 1000 * 1000 };

static void
put(struct output *out, const char *text, uint64_t cookie)
{
	output_add(out, text, strlen(text));
	output_end(out, cookie);
}

static void
put_big(struct output *out, uint64_t cookie)
{
	char *data = malloc(BIG);

	assert_non_null(data);
	memset(data, 'x', BIG);
	output_add(out, data, BIG);
	free(data);
	output_end(out, cookie);
}

static size_t
read_some(int fd, char *to, size_t size)
{
	ssize_t n = read(fd, to, size);

	assert_true(n >= 0);
	return (size_t)n;
}

/* As a loop would do it: what poll() says, until nothing is left. */
static void
pump(struct output *out, int reader, size_t *total, char *last)
{
	static char room[65536];
	struct pollfd p;
	size_t n;

	while (output_pending(out)) {
		n = read_some(reader, room, sizeof(room));
		*total += n;
		*last = n > 0 ? room[n - 1] : *last;
		p = (struct pollfd){ .fd = out->fd, .events = output_events(out) };
		poll(&p, 1, 0);
		output_io(out, p.revents);
	}
}

static void
open_pipe(struct output *out, int fds[2])
{
	assert_int_equal(pipe(fds), 0);
	output_open(out, fds[1], true, 10);
}

static void
close_pipe(struct output *out, int fds[2])
{
	output_close(out);
	close(fds[0]);
	close(fds[1]);
}

static void
a_pipe_settles_what_is_written(void **state)
{
	struct output out;
	char got[16] = "";
	int fds[2];

	(void)state;
	open_pipe(&out, fds);
	put(&out, "one\n", 7);
	output_add(&out, "half", 4);
	assert_int_equal(out.settled, 0);
	assert_true(output_pending(&out));
	output_io(&out, 0);
	assert_int_equal(out.settled, 7);
	assert_false(output_pending(&out));
	assert_int_equal(output_deadline(&out), -1);
	read_some(fds[0], got, sizeof(got));
	assert_string_equal(got, "one\nhalf");
	close_pipe(&out, fds);
}

static void
cookie_zero_waits_for_nobody(void **state)
{
	struct output out;
	int fds[2];

	(void)state;
	open_pipe(&out, fds);
	put(&out, "one\n", 7);
	put(&out, "chat\n", 0);
	output_io(&out, 0);
	assert_int_equal(out.settled, 7);
	close_pipe(&out, fds);
}

static void
a_slow_reader_blocks_nobody(void **state)
{
	struct output out;
	char last = '?';
	size_t total = 0;
	int fds[2];

	(void)state;
	open_pipe(&out, fds);
	put(&out, "first\n", 1);
	put_big(&out, 2);
	put(&out, "last\n", 3);
	output_io(&out, 0);
	assert_true(output_full(&out));
	assert_int_equal(output_events(&out), POLLOUT);
	assert_int_equal(out.settled, 1);
	pump(&out, fds[0], &total, &last);
	total += read_some(fds[0], (char[65536]){ 0 }, 65536);
	assert_int_equal(total, 6 + BIG + 5);
	assert_int_equal(out.settled, 3);
	assert_false(output_full(&out));
	close_pipe(&out, fds);
}

/* A body that is lent, then given or not: it comes whole and in order, and the second of a record is copied. */
static void
lend_big(struct output *out, bool give, uint64_t cookie)
{
	struct rmq_buffer body = { 0 };
	char *at;

	assert_true(rmq_buffer_reserve(&body, BIG));
	memset(body.data, 'x', BIG);
	body.len = BIG;
	at = body.data;
	output_lend(out, body.data, body.len);
	output_add(out, "\n", 1);
	output_lend(out, body.data, body.len);
	output_end(out, cookie);
	assert_true(output_borrows(out));
	output_keep(out, give ? &body : &(struct rmq_buffer){ 0 });
	assert_false(output_borrows(out));
	assert_int_equal(out->lender.data == at, give);
	assert_int_equal(body.data == NULL, give);
	rmq_buffer_free(&body);
}

static void
what_is_lent_is_kept(void **state)
{
	struct output out;
	char last = '?';
	size_t total;
	int fds[2];

	(void)state;
	for (int give = 0; give < 2; give++) {
		total = 0;
		open_pipe(&out, fds);
		put(&out, "first\n", 1);
		lend_big(&out, give, 2);
		put(&out, "last\n", 3);
		assert_true(output_full(&out));
		assert_true(output_pending(&out));
		assert_int_equal(output_events(&out), POLLOUT);
		assert_int_equal(out.settled, 1);
		pump(&out, fds[0], &total, &last);
		total += read_some(fds[0], (char[65536]){ 0 }, 65536);
		assert_int_equal(total, 6 + BIG + 1 + BIG + 5);
		assert_int_equal(out.settled, 3);
		assert_null(out.lender.data);
		close_pipe(&out, fds);
	}
}

static void
what_is_taken_at_once_is_not_lent(void **state)
{
	static const char body[20000];
	struct output out;
	FILE *file = tmpfile();
	int fds[2];

	(void)state;
	output_open(&out, fileno(file), false, 10);
	output_lend(&out, body, sizeof(body));
	assert_false(output_borrows(&out));
	output_close(&out);
	fclose(file);
	open_pipe(&out, fds);
	out.escape = true;
	for (int i = 0; i < 20; i++) {
		output_lend(&out, body, sizeof(body));
		output_end(&out, 0);
	}
	assert_true(out.blocked);
	assert_false(output_borrows(&out));
	close_pipe(&out, fds);
}

static void
a_reader_goes_away_before_what_is_lent(void **state)
{
	struct output out;
	int fds[2];

	(void)state;
	open_pipe(&out, fds);
	lend_big(&out, true, 2);
	close(fds[0]);
	output_io(&out, POLLERR);
	assert_int_equal(out.error, EPIPE);
	assert_int_equal(out.settled, 0);
	assert_false(output_pending(&out));
	output_close(&out);
	close(fds[1]);
}

static void
the_others_description_stays_as_it_is(void **state)
{
	struct output out;
	int fds[2];

	(void)state;
	open_pipe(&out, fds);
	put_big(&out, 1);
	output_io(&out, 0);
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	close_pipe(&out, fds);
}

static void
a_shared_description_is_written_in_small_steps(void **state)
{
	struct output out;
	char last = '?';
	size_t total = 0;
	int fds[2];

	(void)state;
	open_pipe(&out, fds);
	if (out.kind == OUTPUT_STREAM)
		close(out.fd);
	out.kind = OUTPUT_SHARED;
	out.fd = fds[1];
	put_big(&out, 5);
	put(&out, "!", 6);
	output_io(&out, 0);
	assert_true(output_full(&out));
	pump(&out, fds[0], &total, &last);
	assert_int_equal(out.settled, 6);
	assert_int_equal(out.written, BIG + 1);
	close_pipe(&out, fds);
}

static void
a_socket_blocks_nobody(void **state)
{
	struct output out;
	char last = '?';
	size_t total = 0;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	output_open(&out, fds[1], true, 10);
	assert_int_equal(out.kind, OUTPUT_SOCKET);
	put_big(&out, 1);
	output_io(&out, 0);
	assert_int_equal(out.settled, 0);
	pump(&out, fds[0], &total, &last);
	assert_int_equal(out.settled, 1);
	close_pipe(&out, fds);
}

static void
many_records_wait_in_order(void **state)
{
	struct output out;
	char line[16], last = '?';
	size_t total = 0;
	int fds[2], i;

	(void)state;
	open_pipe(&out, fds);
	for (i = 1; i <= 50000; i++) {
		snprintf(line, sizeof(line), "%d\n", i);
		put(&out, line, (uint64_t)i);
	}
	assert_true(out.settled < 50000);
	pump(&out, fds[0], &total, &last);
	assert_int_equal(out.settled, 50000);
	close_pipe(&out, fds);
}

static void
a_reader_that_goes_away_is_noticed(void **state)
{
	struct output out;
	struct pollfd p;
	int fds[2];

	(void)state;
	open_pipe(&out, fds);
	put(&out, "one\n", 1);
	output_io(&out, 0);
	close(fds[0]);
	p = (struct pollfd){ .fd = out.fd, .events = output_events(&out) };
	assert_int_equal(poll(&p, 1, 0), 1);
	output_io(&out, p.revents);
	assert_int_equal(out.error, EPIPE);
	assert_int_equal(out.settled, 1);
	fds[0] = open("/dev/null", O_RDONLY);
	close_pipe(&out, fds);
}

static void
writing_to_nobody_is_epipe(void **state)
{
	struct output out;
	int fds[2];

	(void)state;
	open_pipe(&out, fds);
	close(fds[0]);
	put(&out, "one\n", 1);
	output_io(&out, 0);
	assert_int_equal(out.error, EPIPE);
	assert_int_equal(out.settled, 0);
	assert_true(output_full(&out));
	assert_false(output_pending(&out));
	put(&out, "two\n", 2);
	fds[0] = open("/dev/null", O_RDONLY);
	close_pipe(&out, fds);
}

static void
a_full_device_is_an_error(void **state)
{
	int fd = open("/dev/full", O_WRONLY);
	struct output out;

	(void)state;
	if (fd == -1)
		skip();
	output_open(&out, fd, true, 1);
	put(&out, "one\n", 1);
	output_io(&out, 0);
	assert_int_equal(out.error, ENOSPC);
	assert_int_equal(out.settled, 0);
	output_close(&out);
	close(fd);
}

static void
what_was_opened_for_reading_stays_so(void **state)
{
	int fd = open("/dev/null", O_RDONLY);
	struct output out;

	(void)state;
	output_open(&out, fd, true, 1);
	put(&out, "one\n", 1);
	output_io(&out, 0);
	assert_int_equal(out.error, EBADF);
	assert_int_equal(out.settled, 0);
	output_close(&out);
	close(fd);
}

static void
a_file_settles_what_is_synced(void **state)
{
	FILE *file = tmpfile();
	struct output out;

	(void)state;
	output_open(&out, fileno(file), true, 3);
	assert_int_equal(out.kind, OUTPUT_FILE);
	put(&out, "one\n", 1);
	put(&out, "two\n", 2);
	output_io(&out, 0);
	assert_int_equal(out.settled, 0);
	assert_true(output_pending(&out));
	assert_in_range(output_deadline(&out), rmq_now(), rmq_now() + 200);
	put(&out, "three\n", 3);
	output_io(&out, 0);
	assert_int_equal(out.settled, 3);
	put(&out, "four\n", 4);
	output_finish(&out);
	assert_int_equal(out.settled, 4);
	assert_int_equal(output_deadline(&out), -1);
	output_close(&out);
	fclose(file);
}

static void
a_sync_is_due_after_a_while(void **state)
{
	FILE *file = tmpfile();
	struct output out;

	(void)state;
	output_open(&out, fileno(file), true, 100);
	put(&out, "one\n", 1);
	output_io(&out, 0);
	assert_int_equal(out.settled, 0);
	poll(NULL, 0, (int)(output_deadline(&out) - rmq_now()) + 1);
	output_io(&out, 0);
	assert_int_equal(out.settled, 1);
	output_close(&out);
	fclose(file);
}

static void
without_sync_a_file_is_like_a_pipe(void **state)
{
	FILE *file = tmpfile();
	struct output out;

	(void)state;
	output_open(&out, fileno(file), false, 100);
	put(&out, "one\n", 1);
	output_io(&out, 0);
	assert_int_equal(out.settled, 1);
	output_close(&out);
	fclose(file);
}

static void
limit_file_size(rlim_t bytes)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Four records fit, the fifth does not; the limit stands for a disk that is full. */
static void
write_beyond_the_limit(struct output *out)
{
	int i;

	limit_file_size(4 * 10 + 3);
	for (i = 1; i <= 6; i++) {
		put(out, "123456789\n", (uint64_t)i);
		output_io(out, 0);
	}
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(out->error, EFBIG);
	assert_int_equal(out->settled, 4);
}

static void
a_full_disk_leaves_complete_records(void **state)
{
	FILE *file = tmpfile();
	struct output out;
	struct stat st;

	(void)state;
	output_open(&out, fileno(file), true, 100);
	write_beyond_the_limit(&out);
	assert_int_equal(fstat(fileno(file), &st), 0);
	assert_int_equal(st.st_size, 40);
	assert_int_equal(lseek(fileno(file), 0, SEEK_CUR), 40);
	assert_int_equal(out.torn_at, -1);
	output_close(&out);
	fclose(file);
}

static void
what_others_wrote_is_not_cut(void **state)
{
	FILE *file = tmpfile();
	struct output out;
	struct stat st;

	(void)state;
	assert_int_equal(pwrite(fileno(file), "theirs", 6, 60), 6);
	output_open(&out, fileno(file), true, 100);
	write_beyond_the_limit(&out);
	assert_int_equal(fstat(fileno(file), &st), 0);
	assert_int_equal(st.st_size, 66);
	assert_int_equal(out.torn_at, 40);
	output_close(&out);
	fclose(file);
}

static void
a_text_is_escaped_between_characters(void **state)
{
	static char text[10001], got[40000];
	FILE *file = tmpfile();
	struct output out;
	size_t i;
	ssize_t n;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = "\xbc\xc3"[i % 2];
	text[0] = '\033';
	output_open(&out, fileno(file), false, 1);
	out.escape = true;
	output_show(&out, text, sizeof(text));
	output_finish(&out);
	n = pread(fileno(file), got, sizeof(got), 0);
	assert_true(n > 10000);
	assert_memory_equal(got, "\\033", 4);
	assert_null(memchr(got, '\033', (size_t)n));
	output_close(&out);
	fclose(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_settles_what_is_written),
		cmocka_unit_test(cookie_zero_waits_for_nobody),
		cmocka_unit_test(a_slow_reader_blocks_nobody),
		cmocka_unit_test(what_is_lent_is_kept),
		cmocka_unit_test(what_is_taken_at_once_is_not_lent),
		cmocka_unit_test(a_reader_goes_away_before_what_is_lent),
		cmocka_unit_test(the_others_description_stays_as_it_is),
		cmocka_unit_test(a_shared_description_is_written_in_small_steps),
		cmocka_unit_test(a_socket_blocks_nobody),
		cmocka_unit_test(many_records_wait_in_order),
		cmocka_unit_test(a_reader_that_goes_away_is_noticed),
		cmocka_unit_test(writing_to_nobody_is_epipe),
		cmocka_unit_test(a_full_device_is_an_error),
		cmocka_unit_test(what_was_opened_for_reading_stays_so),
		cmocka_unit_test(a_file_settles_what_is_synced),
		cmocka_unit_test(a_sync_is_due_after_a_while),
		cmocka_unit_test(without_sync_a_file_is_like_a_pipe),
		cmocka_unit_test(a_full_disk_leaves_complete_records),
		cmocka_unit_test(what_others_wrote_is_not_cut),
		cmocka_unit_test(a_text_is_escaped_between_characters),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
