/* SPDX-License-Identifier: MIT */
/*
 * Pauses for failed messages.
 */
#include "policy.h"

enum { FIRST_PAUSE = 1000, LONGEST_PAUSE = 60 * 1000 };

/* http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t
hash(uint64_t h, struct rmq_bytes b)
{
	const unsigned char *c = b.data;

	for (size_t i = 0; i < b.len; i++)
		h = (h ^ c[i]) * UINT64_C(0x100000001b3);
	return (h ^ b.len) * UINT64_C(0x100000001b3);
}

uint64_t
policy_name(const struct rmq_delivery *d, const struct rmq_properties *p)
{
	const uint64_t start = UINT64_C(0xcbf29ce484222325);

	if (p->message_id.len > 0)
		return hash(start, p->message_id);
	return hash(hash(hash(start, d->exchange), d->routing_key), d->body);
}

int64_t
policy_failed(struct policy *policy, uint64_t message)
{
	size_t place = message % POLICY_PLACES;
	int64_t pause = FIRST_PAUSE;

	if (policy->memory[place].message != message)
		policy->memory[place].failures = 0;
	policy->memory[place].message = message;
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
		policy->memory[place].failures = 0;
}
