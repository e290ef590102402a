/* SPDX-License-Identifier: MIT */
/* Where records end, for as long as somebody may ask. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "publish/offsets.h"

static void
test_nothing(void **state)
{
	struct offsets o = { 0 };

	(void)state;
	assert_int_equal(offsets_end(&o, 0), 0);
	offsets_free(&o);
}

static void
test_a_window_that_moves(void **state)
{
	struct offsets o = { 0 };
	uint64_t i, oldest;
	size_t size;

	(void)state;
	for (i = 1; i <= 100000; i++) {
		oldest = i > 1000 ? i - 1000 : 0;
		assert_true(offsets_put(&o, i, 10 * i, oldest));
		assert_int_equal(offsets_end(&o, oldest), 10 * oldest);
		assert_int_equal(offsets_end(&o, i), 10 * i);
	}
	size = o.size;
	assert_in_range(size, 1001, 2048);
	offsets_free(&o);
}

static void
test_a_window_that_grows(void **state)
{
	struct offsets o = { 0 };
	uint64_t i, j;

	(void)state;
	for (i = 1; i <= 5000; i++)
		assert_true(offsets_put(&o, i, 3 * i, 0));
	for (j = 0; j <= 5000; j++)
		assert_int_equal(offsets_end(&o, j), 3 * j);
	offsets_free(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_a_window_that_moves),
		cmocka_unit_test(test_a_window_that_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
