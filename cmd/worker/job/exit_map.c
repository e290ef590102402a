/* SPDX-License-Identifier: MIT */
/*
 * The map from exit statuses to actions.
 */
#include <sys/wait.h>

#include <stdlib.h>
#include <string.h>

#include "worker/job/exit_map.h"

static unsigned char	 map[256] = { [0] = ACTION_ACK, [65] = ACTION_DEAD, [100] = ACTION_DEAD };
static enum exit_action	 on_signal = ACTION_RETRY;

static const char *const words[] = {
	[ACTION_RETRY] = "retry", [ACTION_DEAD] = "dead", [ACTION_ACK] = "ack",
	[ACTION_REJECT] = "reject", [ACTION_REJECT_REQUEUE] = "reject-requeue",
	[ACTION_NACK] = "nack", [ACTION_NACK_REQUEUE] = "nack-requeue", [ACTION_STOP] = "stop", NULL
};

static void
set_strict(void)
{
	static const enum exit_action first[] = {
		[0] = ACTION_ACK, [1] = ACTION_STOP, [2] = ACTION_STOP,
		[3] = ACTION_REJECT, [4] = ACTION_REJECT_REQUEUE, [5] = ACTION_NACK, [6] = ACTION_NACK_REQUEUE,
	};

	memset(map, ACTION_STOP, sizeof map);
	for (size_t i = 0; i < sizeof first / sizeof *first; i++)
		map[i] = (unsigned char)first[i];
	on_signal = ACTION_STOP;
}

/* STATUS=ACTION */
static const char *
set_pair(char *word)
{
	char *number = strsep(&word, "=");
	int action = 0;
	const struct opt it = { .to = &action, .choices = words };
	const char *wrong;
	int64_t status;

	if (word == NULL)
		return "needs STATUS=ACTION";
	status = strtonum(number, 0, 255, &wrong);
	if (wrong == NULL && (wrong = opt_choice(&it, word)) == NULL)
		map[status] = (unsigned char)action;
	return wrong;
}

const char *
exits_set(const struct opt *o, char *arg)
{
	char *copy = strdup(arg), *rest = copy, *word;
	const char *wrong = copy == NULL ? opt_no_memory : NULL;

	(void)o;
	while (wrong == NULL && (word = strsep(&rest, ",")) != NULL) {
		if (strcmp(word, "strict") == 0)
			set_strict();
		else
			wrong = set_pair(word);
	}
	free(copy);
	return wrong;
}

enum exit_action
exits_action(int status)
{
	return WIFEXITED(status) ? (enum exit_action)map[WEXITSTATUS(status)] : on_signal;
}
