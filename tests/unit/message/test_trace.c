/* SPDX-License-Identifier: MIT */
/*
 * Which values of TRACEPARENT and TRACESTATE are passed on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "message/trace.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static void
test_parent(void **state)
{
	(void)state;
	assert_true(trace_is_parent("00-" TRACE "-" SPAN "-01"));
	assert_true(trace_is_parent("00-" TRACE "-" SPAN "-00"));
	assert_true(trace_is_parent("cc-" TRACE "-" SPAN "-01"));
	assert_true(trace_is_parent("cc-" TRACE "-" SPAN "-01-more"));
}

static void
test_no_parent(void **state)
{
	static const char *const wrong[] = {
		"", "00", "0-" TRACE "-" SPAN "-01", "00-" TRACE "-" SPAN, "00-" TRACE "-" SPAN "-0",
		"00-" TRACE "-" SPAN "-01-", "00-" TRACE "-" SPAN "-01-more", "00-" TRACE "-" SPAN "-011",
		"ff-" TRACE "-" SPAN "-01", "cc-" TRACE "-" SPAN "-01.more", "00-" TRACE "-" SPAN "-01 ",
		" 00-" TRACE "-" SPAN "-01", "00_" TRACE "-" SPAN "-01", "00-" TRACE "_" SPAN "-01",
		"00-" TRACE "-" SPAN "_01", "00-" TRACE "-" SPAN "-0x", "0x-" TRACE "-" SPAN "-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", "00-" TRACE "-00F067AA0BA902B7-01",
		"00-" TRACE "-" SPAN "-0A", "00-00000000000000000000000000000000-" SPAN "-01",
		"00-" TRACE "-0000000000000000-01", "00-" TRACE "0-0f067aa0ba902b7-01",
	};

	(void)state;
	assert_false(trace_is_parent(NULL));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (trace_is_parent(wrong[i]))
			fail_msg("'%s' was taken", wrong[i]);
}

static void
test_state(void **state)
{
	char text[514];

	(void)state;
	assert_true(trace_is_state("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"));
	assert_false(trace_is_state(NULL));
	assert_false(trace_is_state(""));
	assert_false(trace_is_state("a=\n"));
	assert_false(trace_is_state("a=\xc3\xa9"));
	memset(text, 'a', sizeof text);
	text[513] = '\0';
	assert_false(trace_is_state(text));
	text[512] = '\0';
	assert_true(trace_is_state(text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parent),
		cmocka_unit_test(test_no_parent),
		cmocka_unit_test(test_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
