/* SPDX-License-Identifier: MIT */
/*
 * The options of what a worker does with failures.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/job/exit_map.h"
#include "worker/retry/policy.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define LONGEST_DELAY INT64_C(0xffffffff)	/* of x-message-ttl */

static opt_set set_delays;

struct policy_options policy_options = {
	.attempts = 6,
	.delays = { SECOND, 3 * SECOND, 5 * SECOND, 30 * SECOND, 5 * MINUTE },
	.ndelays = 5,
	.hold = 3 * SECOND,
	.kill_after = 10 * SECOND,
};

static const char *const lost_words[] = { "finish", "kill", NULL };
static const char *const retry_words[] = { "quorum", "classic", NULL };

const struct opt opt_policy[] = {
	{ .help = "Failures" },
	{ 0, "attempts", "N", opt_number, &policy_options.attempts,
	    "run the command at most N times for a message (default: 6)",
	    .min = 1, .max = 1000000 },
	{ 0, "delays", "LIST", set_delays, NULL, "pause between attempts (default: 1s,3s,5s,30s,5m)" },
	{ 0, "hold", "SECS", opt_seconds, &policy_options.hold,
	    "spend pauses up to this in the worker, longer ones in a queue (default: 3)" },
	{ 0, "exit-map", "LIST", exits_set, NULL,
	    "what exit statuses mean: STATUS=ACTION,... or \"strict\" (default: 0=ack,65=dead,100=dead)" },
	{ 0, "halt-after", "N", opt_number, &policy_options.halt_after,
	    "stop with 75 when N different messages failed in a row, instead of pausing after 10",
	    .min = 1, .max = POLICY_HALT_MAX },
	{ 0, "job-timeout", "SECS", opt_seconds, &policy_options.job_timeout, "end a command after this time", .min = 1,
	    .max = SECOND * 86400 * 7 },
	{ 0, "kill-after", "SECS", opt_seconds, &policy_options.kill_after,
	    "kill it when it is still there after this time (default: 10)", .max = SECOND * 86400 },
	{ 0, "on-lost", "WHAT", opt_choice, &policy_options.on_lost,
	    "let commands finish whose message was lost with the connection, or kill them", .choices = lost_words },
	{ 0, "setup", NULL, opt_flag, &policy_options.setup, "declare the queues for this and end" },
	{ 0, "retry-type", "TYPE", opt_choice, &policy_options.retry_type,
	    "type of these queues; from classic ones workers bring messages back when a pause is over",
	    .choices = retry_words },
	{ 0 }
};

static const char *
add_delay(char *word)
{
	struct policy_options *p = &policy_options;
	const struct opt it = { .to = &p->delays[p->ndelays], .min = 1, .max = LONGEST_DELAY };
	const char *wrong;

	if (p->ndelays == POLICY_DELAYS)
		return "too long";
	if ((wrong = opt_seconds(&it, word)) == NULL)
		p->ndelays++;
	return wrong;
}

static const char *
set_delays(const struct opt *o, char *arg)
{
	char *copy = strdup(arg), *rest = copy, *word;
	const char *wrong = copy == NULL ? opt_no_memory : NULL;

	(void)o;
	policy_options.ndelays = 0;
	while (wrong == NULL && (word = strsep(&rest, ",")) != NULL)
		wrong = add_delay(word);
	free(copy);
	return wrong;
}
