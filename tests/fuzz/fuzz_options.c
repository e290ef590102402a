/* SPDX-License-Identifier: MIT */
/*
 * Options.  The first byte chooses: the setter of one value, or a whole command
 * line, whose words end with NUL bytes.
 */
#include "broker/limits.h"
#include "fuzz.h"
#include "message/declare.h"
#include "message/pairs.h"
#include "output/options.h"
#include "worker/job/exit_map.h"
#include "worker/retry/policy.h"

enum { WORDS = 40, LIMIT = INT32_MAX };

static void
check_number(opt_set *set, char *text, int64_t min)
{
	int64_t value = -1;
	const struct opt o = { .to = &value, .min = min, .max = min > 0 ? LIMIT : 0 };

	if (set(&o, text) == NULL)
		FUZZ_CHECK(value >= min && (o.max == 0 || value <= o.max));
}

static void
check_byte(char *text)
{
	int value = -1;
	const struct opt o = { .to = &value };

	if (opt_delimiter(&o, text) == NULL)
		FUZZ_CHECK(value >= 0 && value <= UINT8_MAX);
}

static void
check_pair(const char *add(struct rmq_table **, const char *), const char *text)
{
	struct rmq_table *table = NULL;
	struct rmq_buffer json = { 0 };

	if (add(&table, text) == NULL) {
		FUZZ_CHECK(rmq_table_count(table) == 1);
		FUZZ_CHECK(rmq_table_json(table, &json));
		rmq_buffer_free(&json);
	}
	rmq_table_free(table);
}

static void
check_exit_map(char *text)
{
	const struct opt o = { 0 };

	exits_set(&o, text);
	for (int status = 0; status < 256; status++)
		FUZZ_CHECK(exits_action(status << 8) <= ACTION_STOP);
}

static void
check_delays(void)
{
	char name[POLICY_NAME];

	FUZZ_CHECK(policy_options.ndelays <= POLICY_DELAYS);
	for (size_t i = 0; i < policy_options.ndelays; i++)
		FUZZ_CHECK(policy_options.delays[i] >= 1 && policy_options.delays[i] <= UINT32_MAX);
	for (unsigned attempt = 1; policy_options.ndelays > 0 && attempt < WORDS; attempt++)
		policy_queue("q", policy_delay(attempt), name);
}

/* Who parses may write over the words, as over those of a process. */
static void
check_line(char *text, size_t size)
{
	const struct opt *const groups[] = { opt_policy, opt_limit, opt_output, opt_declare, NULL };
	static char name[] = "fuzz";
	char *argv[WORDS + 1] = { name };
	struct opt_error error = { "" };
	int argc = 1, first;

	for (char *word = text; word < text + size && argc < WORDS; word += strlen(word) + 1)
		argv[argc++] = word;
	first = opt_parse(groups, argc, argv, &error);
	FUZZ_CHECK(first == -1 ? *error.text != '\0' : first >= 1 && first <= argc);
	if (first != -1)
		check_delays();
	rmq_table_free(declare_options.arguments);
	declare_options.arguments = NULL;
}

/* Options keep what they were given as long as the process lives, and so does the text. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *kept;
	char *text;

	if (size < 1)
		return 0;
	text = fuzz_copy(data + 1, size - 1, 1);
	switch (data[0] % 7) {
	case 0:
		check_number(opt_seconds, text, 1);
		break;
	case 1:
		check_number(opt_bytes, text, 0);
		break;
	case 2:
		check_number(opt_number, text, 0);
		break;
	case 3:
		check_byte(text);
		break;
	case 4:
		check_pair(pairs_add, text);
		check_pair(pairs_add_argument, text);
		break;
	case 5:
		check_exit_map(text);
		break;
	default:
		check_line(text, size - 1);
		break;
	}
	free(kept);
	kept = text;
	return 0;
}
