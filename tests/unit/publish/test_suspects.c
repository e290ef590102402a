/* SPDX-License-Identifier: MIT */
/* Records that came back or were nacked: when they have failed, and when not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "publish/suspects.h"

static uint64_t	 seen[2000];
static size_t	 nseen;

static void
failed(void *arg, uint64_t number)
{
	(void)arg;
	seen[nseen++] = number;
}

static void
settle(struct suspects *s, uint64_t settled)
{
	nseen = 0;
	suspects_settle(s, settled, failed, NULL);
}

static void
test_returned_until_settled(void **state)
{
	struct suspects s = { 0 };
	uint64_t i;

	(void)state;
	for (i = 1; i <= 1000; i++)
		assert_true(suspects_returned(&s, i));
	assert_true(suspects_returned(&s, 500));
	settle(&s, 0);
	assert_int_equal(nseen, 0);
	settle(&s, 600);
	assert_int_equal(nseen, 600);
	assert_int_equal(seen[0], 1);
	assert_int_equal(seen[599], 600);
	settle(&s, 1000);
	assert_int_equal(nseen, 400);
	settle(&s, 1000);
	assert_int_equal(nseen, 0);
	suspects_free(&s);
}

static void
test_sent_again_after_a_loss(void **state)
{
	struct suspects s = { 0 };

	(void)state;
	suspects_returned(&s, 1);
	suspects_returned(&s, 2);
	suspects_lost(&s);
	suspects_returned(&s, 2);
	settle(&s, 2);
	assert_int_equal(nseen, 1);
	assert_int_equal(seen[0], 2);
	suspects_free(&s);
}

static void
test_given_up_for_good(void **state)
{
	struct suspects s = { 0 };

	(void)state;
	suspects_returned(&s, 3);
	suspects_given_up(&s, 7);
	suspects_lost(&s);
	settle(&s, 7);
	assert_int_equal(nseen, 1);
	assert_int_equal(seen[0], 7);
	suspects_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_returned_until_settled),
		cmocka_unit_test(test_sent_again_after_a_loss),
		cmocka_unit_test(test_given_up_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
