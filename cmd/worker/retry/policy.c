/* SPDX-License-Identifier: MIT */
/*
 * Delays, their queues, and the memory for failures.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "worker/retry/policy.h"

enum { SECOND = 1000, FIRST_PAUSE = SECOND, LONGEST_PAUSE = 60 * SECOND };

int64_t
policy_delay(unsigned attempt)
{
	const struct policy_options *o = &policy_options;

	if (attempt >= o->attempts)
		return POLICY_DEAD;
	return o->delays[attempt <= o->ndelays ? attempt - 1 : o->ndelays - 1];
}

bool
policy_held(int64_t delay)
{
	return delay != POLICY_DEAD && delay <= policy_options.hold;
}

static bool
seen_before(size_t place)
{
	const int64_t *delays = policy_options.delays;

	for (size_t i = 0; i < place; i++)
		if (delays[i] == delays[place])
			return true;
	return false;
}

int64_t
policy_queued_delay(size_t i)
{
	const struct policy_options *o = &policy_options;

	for (size_t place = 0; place < o->ndelays && (int64_t)place < o->attempts - 1; place++)
		if (!policy_held(o->delays[place]) && !seen_before(place) && i-- == 0)
			return o->delays[place];
	return POLICY_DEAD;
}

/* In the largest unit that leaves no rest, so that 300s and 5m are one queue. */
static void
spell(int64_t ms, char *text, size_t size)
{
	static const struct {
		int64_t		 ms;
		const char	*name;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" } };
	size_t i = 0;

	while (ms % units[i].ms != 0)
		i++;
	snprintf(text, size, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
}

bool
policy_queue(const char *queue, int64_t delay, char name[POLICY_NAME])
{
	char suffix[40] = "dead", time[24];

	if (delay != POLICY_DEAD) {
		spell(delay, time, sizeof time);
		snprintf(suffix, sizeof suffix, "%s.%s",
		    policy_options.retry_type == RETRY_CLASSIC ? "delay" : "retry", time);
	}
	return snprintf(name, POLICY_NAME, "%s.%s", queue, suffix) < POLICY_NAME;
}

/* Anybody may have written the time, and two machines' clocks may differ; what it lacks of a second is added. */
int64_t
policy_rest(int64_t delay, int64_t failed_at, int64_t now)
{
	int64_t rest;

	if (failed_at < 0 || failed_at > now + delay / SECOND)
		return POLICY_UNTOLD;
	rest = (failed_at + 1 - now) * SECOND + delay;
	if (rest < 0)
		return 0;
	return rest < delay ? rest : delay;
}

/* http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t
hash(uint64_t h, struct rmq_bytes b)
{
	const unsigned char *c = b.data;

	for (size_t i = 0; i < b.len; i++)
		h = (h ^ c[i]) * UINT64_C(0x100000001b3);
	return (h ^ b.len) * UINT64_C(0x100000001b3);
}

static const uint64_t start = UINT64_C(0xcbf29ce484222325);

static uint64_t
hash_delivery(uint64_t h, const struct rmq_delivery *d)
{
	return hash(hash(hash(h, d->exchange), d->routing_key), d->body);
}

uint64_t
policy_name(const struct rmq_delivery *d, const struct rmq_properties *p)
{
	return p->message_id.len > 0 ? hash(start, p->message_id) : hash_delivery(start, d);
}

uint64_t
policy_content(const struct rmq_delivery *d, const struct rmq_properties *p)
{
	return hash_delivery(hash(start, p->message_id), d) | 1;
}

/* Its place in memory, cleared if another message had it. */
static size_t
place_of(struct policy *policy, uint64_t message)
{
	size_t place = message % POLICY_PLACES;

	if (policy->memory[place].message != message)
		policy->memory[place].failures = policy->memory[place].overdue = 0;
	policy->memory[place].message = message;
	return place;
}

int64_t
policy_failed(struct policy *policy, uint64_t message)
{
	size_t place = place_of(policy, message);
	int64_t pause = FIRST_PAUSE;

	for (unsigned n = policy->memory[place].failures; n > 0 && pause < LONGEST_PAUSE; n--)
		pause *= 2;
	policy->memory[place].failures++;
	return pause < LONGEST_PAUSE ? pause : LONGEST_PAUSE;
}

void
policy_succeeded(struct policy *policy, uint64_t message)
{
	size_t place = message % POLICY_PLACES;

	if (policy->memory[place].message == message)
		policy->memory[place].failures = policy->memory[place].overdue = 0;
}

void
policy_overdue(struct policy *policy, uint64_t message)
{
	policy->memory[place_of(policy, message)].overdue++;
}

unsigned
policy_times_overdue(const struct policy *policy, uint64_t message)
{
	size_t place = message % POLICY_PLACES;

	return policy->memory[place].message == message ? policy->memory[place].overdue : 0;
}
