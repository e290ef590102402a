/* SPDX-License-Identifier: MIT */
/*
 * Failed messages: delays and their queues, exit statuses, failures in a row,
 * and the last words of a command.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/job/exit_map.h"
#include "worker/job/tail.h"
#include "worker/retry/breaker.h"
#include "worker/retry/policy.h"

enum { LIMIT = 10, EXITED = 8 };	/* bits of a status of waitpid() below that of exit() */

static struct opt
option(const char *name)
{
	const struct opt *o = opt_policy;

	while (o->name == NULL || strcmp(o->name, name) != 0)
		o++;
	return *o;
}

static const char *
set(const char *name, const char *value)
{
	const struct opt o = option(name);
	char *copy = strdup(value);
	const char *wrong = o.set(&o, copy);

	free(copy);
	return wrong;
}

static void
delays_follow_each_other(void **state)
{
	static const int64_t expected[] = { 1000, 3000, 5000, 30000, 300000, POLICY_DEAD, POLICY_DEAD };

	(void)state;
	for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++)
		assert_int_equal(policy_delay(i + 1), expected[i]);
	assert_null(set("delays", "1s,2m"));
	assert_int_equal(policy_delay(1), 1000);
	assert_int_equal(policy_delay(2), 120000);
	assert_int_equal(policy_delay(5), 120000);
	assert_int_equal(policy_delay(6), POLICY_DEAD);
}

static void
only_longer_delays_have_queues(void **state)
{
	(void)state;
	assert_null(set("delays", "1s,60s,3s,1m,2h,10s"));
	assert_null(set("hold", "3"));
	assert_null(set("attempts", "6"));
	assert_int_equal(policy_queued_delay(0), 60000);
	assert_int_equal(policy_queued_delay(1), 7200000);
	assert_int_equal(policy_queued_delay(2), POLICY_DEAD);
	assert_null(set("attempts", "1"));
	assert_int_equal(policy_queued_delay(0), POLICY_DEAD);
	assert_int_equal(policy_delay(1), POLICY_DEAD);
	assert_false(policy_held(POLICY_DEAD));
}

static void
queues_have_names(void **state)
{
	char name[POLICY_NAME], longest[POLICY_NAME];

	(void)state;
	assert_true(policy_queue("q", POLICY_DEAD, name));
	assert_string_equal(name, "q.dead");
	assert_true(policy_queue("q", 300000, name));
	assert_string_equal(name, "q.retry.5m");
	assert_true(policy_queue("q", 90000, name));
	assert_string_equal(name, "q.retry.90s");
	assert_true(policy_queue("q", 1500, name));
	assert_string_equal(name, "q.retry.1500ms");
	assert_null(set("retry-type", "classic"));
	assert_true(policy_queue("q", 300000, name));
	assert_string_equal(name, "q.delay.5m");
	assert_true(policy_queue("q", POLICY_DEAD, name));
	assert_string_equal(name, "q.dead");
	assert_null(set("retry-type", "quorum"));
	assert_non_null(set("retry-type", "stream"));
	memset(longest, 'q', sizeof longest);
	longest[255 - strlen(".dead")] = '\0';
	assert_true(policy_queue(longest, POLICY_DEAD, name));
	assert_false(policy_queue(longest, 1000, name));
}

/* Whole seconds are known of the failure, so the rest of that second is added, but never to a whole delay. */
static void
what_failed_rests_for_its_delay(void **state)
{
	enum { DELAY = 60000 };
	const int64_t now = 1800000000;

	(void)state;
	assert_int_equal(policy_rest(DELAY, now, now), DELAY);
	assert_int_equal(policy_rest(DELAY, now - 1, now), DELAY);
	assert_int_equal(policy_rest(DELAY, now - 10, now), DELAY - 9000);
	assert_int_equal(policy_rest(DELAY, now - 60, now), 1000);
	assert_int_equal(policy_rest(DELAY, now - 61, now), 0);
	assert_int_equal(policy_rest(DELAY, now - 62, now), 0);
	assert_int_equal(policy_rest(DELAY, 0, now), 0);
	assert_int_equal(policy_rest(500, now - 1, now), 500);
	assert_int_equal(policy_rest(500, now - 2, now), 0);
}

static void
times_of_failures_are_not_believed(void **state)
{
	enum { DELAY = 60000 };
	const int64_t now = 1800000000;

	(void)state;
	assert_int_equal(policy_rest(DELAY, now + 60, now), DELAY);
	assert_int_equal(policy_rest(DELAY, now + 61, now), POLICY_UNTOLD);
	assert_int_equal(policy_rest(500, now + 1, now), POLICY_UNTOLD);
	assert_int_equal(policy_rest(DELAY, INT64_MAX, now), POLICY_UNTOLD);
	assert_int_equal(policy_rest(DELAY, -1, now), POLICY_UNTOLD);
	assert_int_equal(policy_rest(INT64_C(0xffffffff), now, now), INT64_C(0xffffffff));
}

static void
delays_are_checked(void **state)
{
	(void)state;
	assert_non_null(set("delays", ""));
	assert_non_null(set("delays", "1s,,2s"));
	assert_non_null(set("delays", "0"));
	assert_non_null(set("delays", "50d"));
	assert_non_null(set("delays", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"));
}

static void
exits_have_meanings(void **state)
{
	(void)state;
	assert_int_equal(exits_action(0), ACTION_ACK);
	assert_int_equal(exits_action(65 << EXITED), ACTION_DEAD);
	assert_int_equal(exits_action(100 << EXITED), ACTION_DEAD);
	assert_int_equal(exits_action(3 << EXITED), ACTION_RETRY);
	assert_int_equal(exits_action(SIGKILL), ACTION_RETRY);
	assert_null(set("exit-map", "3=reject,65=retry"));
	assert_int_equal(exits_action(3 << EXITED), ACTION_REJECT);
	assert_int_equal(exits_action(65 << EXITED), ACTION_RETRY);
	assert_null(set("exit-map", "strict,9=ack"));
	assert_int_equal(exits_action(0), ACTION_ACK);
	assert_int_equal(exits_action(1 << EXITED), ACTION_STOP);
	assert_int_equal(exits_action(4 << EXITED), ACTION_REJECT_REQUEUE);
	assert_int_equal(exits_action(5 << EXITED), ACTION_NACK);
	assert_int_equal(exits_action(6 << EXITED), ACTION_NACK_REQUEUE);
	assert_int_equal(exits_action(9 << EXITED), ACTION_ACK);
	assert_int_equal(exits_action(SIGKILL), ACTION_STOP);
	assert_non_null(set("exit-map", "1"));
	assert_non_null(set("exit-map", "256=ack"));
	assert_non_null(set("exit-map", "1=maybe"));
}

static void
breaker_opens_for_different_messages(void **state)
{
	static struct breaker b;

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_false(breaker_failed(&b, 1, LIMIT, 0));
	for (uint64_t i = 2; i < LIMIT; i++)
		assert_false(breaker_failed(&b, i, LIMIT, 0));
	assert_false(breaker_holds(&b, 0, 0));
	assert_true(breaker_failed(&b, LIMIT, LIMIT, 0));
	assert_true(breaker_holds(&b, 0, 0));
	assert_int_equal(b.until, 1000);
	assert_false(breaker_failed(&b, 11, LIMIT, 500));
	assert_int_equal(b.until, 1000);
	assert_false(breaker_failed(&b, 11, LIMIT, 1500));
	assert_int_equal(b.until, 3500);
	assert_true(breaker_succeeded(&b));
	assert_false(breaker_succeeded(&b));
	assert_false(breaker_failed(&b, 12, LIMIT, 4000));
}

/* One message is tried for some minutes, then it is the next one's turn. */
static void
breaker_lets_go(void **state)
{
	static struct breaker b;
	int64_t now = 0;

	(void)state;
	assert_true(breaker_failed(&b, 1, 1, now));
	while (breaker_holds(&b, 0, now)) {
		now = b.until;
		breaker_failed(&b, 1, 1, now);
	}
	assert_in_range(now, 100 * 1000, 300 * 1000);
	assert_true(breaker_holds(&b, now, now));
}

static char *
words(const char *data, size_t len)
{
	struct tail t = { 0 };

	tail_keep(&t, data, len / 2);
	tail_keep(&t, data + len / 2, len - len / 2);
	return tail_text(&t);
}

static void
last_words_are_kept(void **state)
{
	char data[8000];
	static const char end[] = { 'e', 'n', 'd' };
	char *text;

	(void)state;
	assert_null(words("", 0));
	assert_null(words("\n", 1));
	text = words("no such file\n", 13);
	assert_string_equal(text, "no such file");
	free(text);
	text = words("a\nb\033", 4);
	assert_string_equal(text, "a\\nb\\033");
	free(text);
	memset(data, 'x', sizeof data);
	text = words(data, sizeof data);
	assert_int_equal(strlen(text), TAIL_SIZE);
	free(text);
	memset(data, '\377', sizeof data);
	memcpy(data + sizeof data - sizeof end, end, sizeof end);
	text = words(data, sizeof data);
	assert_in_range(strlen(text), TAIL_SIZE - 4, TAIL_SIZE);
	assert_string_equal(text + strlen(text) - 3, "end");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_follow_each_other),
		cmocka_unit_test(only_longer_delays_have_queues),
		cmocka_unit_test(queues_have_names),
		cmocka_unit_test(what_failed_rests_for_its_delay),
		cmocka_unit_test(times_of_failures_are_not_believed),
		cmocka_unit_test(delays_are_checked),
		cmocka_unit_test(exits_have_meanings),
		cmocka_unit_test(breaker_opens_for_different_messages),
		cmocka_unit_test(breaker_lets_go),
		cmocka_unit_test(last_words_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
