/* SPDX-License-Identifier: MIT */
/* So many a second: none sooner, and no flood after a pause. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "publish/rate.h"

static int
take_all(struct rate *r)
{
	int n = 0;

	while (n < 100000 && rate_ready(r)) {
		rate_spend(r);
		n++;
	}
	return n;
}

static void
test_no_limit(void **state)
{
	struct rate r;

	(void)state;
	rate_start(&r, 0);
	assert_int_equal(take_all(&r), 100000);
	assert_int_equal(rate_time(&r), -1);
}

static void
test_the_first_goes_at_once(void **state)
{
	struct rate r;
	int64_t first;

	(void)state;
	rate_start(&r, 500);
	assert_int_equal(rate_time(&r), -1);
	assert_true(rate_ready(&r));
	first = r.at;
	rate_spend(&r);
	assert_false(rate_ready(&r));
	assert_int_equal(rate_time(&r), first + 2000);
}

static void
test_time_fills_up_to_a_tenth(void **state)
{
	struct rate r;

	(void)state;
	rate_start(&r, 1000000);
	take_all(&r);
	r.at -= 20;
	assert_in_range(take_all(&r), 20, 40);
	r.at -= 60000;
	assert_in_range(take_all(&r), 100, 120);
}

static void
test_the_highest_limit(void **state)
{
	struct rate r;

	(void)state;
	rate_start(&r, INT64_C(1000000000) * 1000);
	r.at -= INT64_C(1) << 40;
	assert_true(rate_ready(&r));
	assert_int_equal(rate_time(&r), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_the_first_goes_at_once),
		cmocka_unit_test(test_time_fills_up_to_a_tenth),
		cmocka_unit_test(test_the_highest_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
