/* SPDX-License-Identifier: MIT */
/* Records out of a descriptor: where they are cut, what is left as it is, where it ends. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input/input.h"

enum { LIMIT = 1 << 20 };

static int write_end;

/* An input that reads what is written to write_end. */
static struct input
open_pipe(unsigned char delimiter)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	write_end = fds[1];
	return (struct input){ .fd = fds[0], .delimiter = delimiter, .max_message = LIMIT };
}

static void
feed(struct input *in, const char *bytes, size_t len)
{
	assert_int_equal(write(write_end, bytes, len), len);
	input_read(in);
}

static void
end(struct input *in)
{
	close(write_end);
	input_read(in);
}

static void
expect(struct input *in, const char *bytes, size_t len)
{
	struct rmq_bytes record;

	assert_int_equal(input_next(in, &record), INPUT_RECORD);
	assert_int_equal(record.len, len);
	assert_memory_equal(record.data, bytes, len);
}

static void
expect_not(struct input *in, enum input_status status)
{
	struct rmq_bytes record;

	assert_int_equal(input_next(in, &record), status);
}

static void
test_lines(void **state)
{
	struct input in = open_pipe('\n');

	(void)state;
	expect_not(&in, INPUT_MORE);
	feed(&in, "one\n\ntwo\r\nthr", 13);
	expect(&in, "one", 3);
	expect(&in, "", 0);
	expect(&in, "two\r", 4);
	expect_not(&in, INPUT_MORE);
	feed(&in, "ee\n", 3);
	expect(&in, "three", 5);
	expect_not(&in, INPUT_MORE);
	end(&in);
	expect_not(&in, INPUT_END);
	expect_not(&in, INPUT_END);
	input_close(&in);
}

/* To look ahead takes nothing away. */
static void
test_peek(void **state)
{
	struct input in = open_pipe('\n');

	(void)state;
	assert_int_equal(input_peek(&in), INPUT_MORE);
	feed(&in, "one\ntw", 6);
	assert_int_equal(input_peek(&in), INPUT_RECORD);
	assert_int_equal(input_peek(&in), INPUT_RECORD);
	expect(&in, "one", 3);
	assert_int_equal(input_peek(&in), INPUT_MORE);
	end(&in);
	assert_int_equal(input_peek(&in), INPUT_RECORD);
	expect(&in, "tw", 2);
	assert_int_equal(input_peek(&in), INPUT_END);
	input_close(&in);
}

static void
test_last_record_without_delimiter(void **state)
{
	struct input in = open_pipe('\n');

	(void)state;
	feed(&in, "a\nb", 3);
	expect(&in, "a", 1);
	expect_not(&in, INPUT_MORE);
	end(&in);
	expect(&in, "b", 1);
	expect_not(&in, INPUT_END);
	assert_int_equal(in.records, 2);
	assert_int_equal(in.end, 3);
	input_close(&in);
}

static void
test_nul_bytes_stay(void **state)
{
	struct input in = open_pipe('\n');

	(void)state;
	feed(&in, "a\0b\n\0\n", 6);
	expect(&in, "a\0b", 3);
	expect(&in, "\0", 1);
	end(&in);
	expect_not(&in, INPUT_END);
	input_close(&in);
}

static void
test_nul_as_delimiter(void **state)
{
	struct input in = open_pipe('\0');

	(void)state;
	feed(&in, "a\nb\0\0c", 6);
	expect(&in, "a\nb", 3);
	expect(&in, "", 0);
	expect_not(&in, INPUT_MORE);
	end(&in);
	expect(&in, "c", 1);
	input_close(&in);
}

static void
test_high_byte_as_delimiter(void **state)
{
	struct input in = open_pipe(0xff);

	(void)state;
	feed(&in, "a\xff" "b\xff", 4);
	expect(&in, "a", 1);
	expect(&in, "b", 1);
	input_close(&in);
	close(write_end);
}

static void
test_offsets(void **state)
{
	struct input in = open_pipe('\n');

	(void)state;
	feed(&in, "ab\n\ncde\n", 8);
	expect(&in, "ab", 2);
	assert_int_equal(in.end, 3);
	expect(&in, "", 0);
	assert_int_equal(in.start, 3);
	assert_int_equal(in.end, 4);
	expect(&in, "cde", 3);
	assert_int_equal(in.start, 4);
	assert_int_equal(in.end, 8);
	input_close(&in);
	close(write_end);
}

static void
test_whole(void **state)
{
	struct input in = open_pipe('\n');

	(void)state;
	in.whole = true;
	feed(&in, "a\nb", 3);
	expect_not(&in, INPUT_MORE);
	feed(&in, "\n", 1);
	expect_not(&in, INPUT_MORE);
	end(&in);
	expect(&in, "a\nb\n", 4);
	expect_not(&in, INPUT_END);
	input_close(&in);
}

static void
test_whole_is_taken_away(void **state)
{
	struct input in = open_pipe('\n');

	(void)state;
	in.whole = true;
	feed(&in, "a\nb", 3);
	end(&in);
	expect(&in, "a\nb", 3);
	rmq_buffer_free(&in.buffer);
	expect_not(&in, INPUT_END);
	expect_not(&in, INPUT_END);
	assert_int_equal(in.end, 3);
	input_close(&in);
}

static void
test_nothing(void **state)
{
	struct input lines = open_pipe('\n'), whole;

	(void)state;
	end(&lines);
	expect_not(&lines, INPUT_END);
	input_close(&lines);

	whole = open_pipe('\n');
	whole.whole = true;
	end(&whole);
	expect(&whole, "", 0);
	expect_not(&whole, INPUT_END);
	input_close(&whole);
}

static void
test_record_longer_than_a_piece(void **state)
{
	struct input in = open_pipe('\n');
	size_t len = 1000000, at, n;
	char *line = malloc(len + 1);

	(void)state;
	assert_non_null(line);
	memset(line, 'x', len);
	line[len] = '\n';
	for (at = 0; at <= len; at += n) {
		n = len + 1 - at < 4096 ? len + 1 - at : 4096;
		feed(&in, line + at, n);
		if (at + n <= len)
			expect_not(&in, INPUT_MORE);
	}
	expect(&in, line, len);
	free(line);
	input_close(&in);
	close(write_end);
}

static void
test_too_long(void **state)
{
	struct input in = open_pipe('\n');

	(void)state;
	in.max_message = 3;
	feed(&in, "abc\nabcd\nx\n", 11);
	expect(&in, "abc", 3);
	expect_not(&in, INPUT_TOO_LONG);
	assert_int_equal(in.records, 1);
	input_close(&in);
	close(write_end);
}

static enum input_status
expect_piece(struct input *in, const char *bytes, size_t len)
{
	struct rmq_bytes piece;
	enum input_status what = input_skip(in, &piece);

	assert_int_equal(piece.len, len);
	if (len > 0)
		assert_memory_equal(piece.data, bytes, len);
	return what;
}

static void
test_too_long_is_skipped_in_pieces(void **state)
{
	struct input in = open_pipe('\n');

	(void)state;
	in.max_message = 3;
	feed(&in, "abcd", 4);
	expect_not(&in, INPUT_TOO_LONG);
	assert_int_equal(expect_piece(&in, "abcd", 4), INPUT_MORE);
	assert_int_equal(expect_piece(&in, "", 0), INPUT_MORE);
	feed(&in, "e\nx\nlast one", 12);
	assert_int_equal(expect_piece(&in, "e\n", 2), INPUT_RECORD);
	assert_int_equal(in.records, 1);
	assert_int_equal(in.end, 6);
	expect(&in, "x", 1);
	expect_not(&in, INPUT_TOO_LONG);
	assert_int_equal(expect_piece(&in, "last one", 8), INPUT_MORE);
	end(&in);
	assert_int_equal(expect_piece(&in, "", 0), INPUT_RECORD);
	assert_int_equal(in.records, 3);
	assert_int_equal(in.end, 16);
	expect_not(&in, INPUT_END);
	input_close(&in);
}

static void
test_seek(void **state)
{
	char name[] = "/tmp/test_input.XXXXXX";
	struct input in = { .fd = mkstemp(name), .delimiter = '\n', .max_message = LIMIT };

	(void)state;
	assert_int_equal(write(in.fd, "one\ntwo\n", 8), 8);
	assert_true(input_seek(&in, 4, 1));
	input_read(&in);
	expect(&in, "two", 3);
	assert_int_equal(in.records, 2);
	assert_int_equal(in.start, 4);
	assert_int_equal(in.end, 8);
	input_close(&in);
	unlink(name);
}

static void
test_too_long_is_known_before_the_end(void **state)
{
	struct input in = open_pipe('\n');

	(void)state;
	in.max_message = 3;
	feed(&in, "abc", 3);
	expect_not(&in, INPUT_MORE);
	feed(&in, "d", 1);
	expect_not(&in, INPUT_TOO_LONG);
	input_close(&in);
	close(write_end);
}

/* What was complete before the failure is used, what was not is not. */
static void
test_read_error(void **state)
{
	struct input in = open_pipe('\n');
	int fd = in.fd;

	(void)state;
	feed(&in, "a\nb", 3);
	in.fd = -1;
	input_read(&in);
	expect(&in, "a", 1);
	expect_not(&in, INPUT_FAILED);
	assert_int_equal(in.error, EBADF);
	in.fd = fd;
	input_close(&in);
	close(write_end);
}

static void
test_files(void **state)
{
	struct input in = { .delimiter = '\n', .max_message = LIMIT };
	char path[] = "/tmp/test_input.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, "a\nb\n", 4), 4);
	close(fd);
	assert_true(input_open(&in, path));
	assert_string_equal(in.name, path);
	input_read(&in);
	expect(&in, "a", 1);
	expect(&in, "b", 1);
	expect_not(&in, INPUT_MORE);
	input_read(&in);
	expect_not(&in, INPUT_END);
	input_close(&in);
	unlink(path);
}

static void
test_cannot_open(void **state)
{
	struct input in = { .fd = -1 };

	(void)state;
	assert_false(input_open(&in, "/nonexistent/file"));
	assert_int_equal(errno, ENOENT);
	assert_false(input_open(&in, "/"));
	assert_int_equal(errno, EISDIR);
	assert_true(input_open(&in, "-"));
	assert_int_equal(in.fd, STDIN_FILENO);
	assert_true(input_open(&in, NULL));
	assert_int_equal(in.fd, STDIN_FILENO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_last_record_without_delimiter),
		cmocka_unit_test(test_nul_bytes_stay),
		cmocka_unit_test(test_nul_as_delimiter),
		cmocka_unit_test(test_high_byte_as_delimiter),
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_whole_is_taken_away),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_record_longer_than_a_piece),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_too_long_is_skipped_in_pieces),
		cmocka_unit_test(test_seek),
		cmocka_unit_test(test_too_long_is_known_before_the_end),
		cmocka_unit_test(test_read_error),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_cannot_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
