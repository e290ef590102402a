/* SPDX-License-Identifier: MIT */
/* See worker/finished.h. */
#include <string.h>

#include "worker/finished.h"

void
finished_add(struct finished *f, const struct task *t)
{
	if (t->content == 0)
		return;
	f->count += f->memory[f->next].content == 0;
	f->memory[f->next].content = t->content;
	f->memory[f->next].queue = t->queue;
	memcpy(f->memory[f->next].id, t->label, sizeof t->label);
	f->next = (f->next + 1) % FINISHED_PLACES;
}

bool
finished_take(struct finished *f, const struct task *t)
{
	if (f->count == 0 || t->content == 0)
		return false;
	for (size_t i = 0; i < FINISHED_PLACES; i++)
		if (f->memory[i].content == t->content && f->memory[i].queue == t->queue &&
		    strcmp(f->memory[i].id, t->label) == 0) {
			f->memory[i].content = 0;
			f->count--;
			return true;
		}
	return false;
}
