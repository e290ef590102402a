/* SPDX-License-Identifier: MIT */
/* source - where a sender's messages come from: operands, options, defaults */
#ifndef SOURCE_H
#define SOURCE_H

#include "input.h"

/*
 * The operands joined by blanks; without any, the default text; or the input
 * that "-" and the options of opt_input ask for.  Exits 64 or 66 with a message
 * if that cannot be.
 */
void	source_open(struct input *, const char *default_text, int argc, char *argv[]);
/* Is it one message that needs nothing to be waited for but the broker? */
bool	source_is_one_shot(void);
/* "line 3 of standard input": the record of that number, from 1 on. */
const char *source_place(const struct input *, uint64_t number);

#endif
