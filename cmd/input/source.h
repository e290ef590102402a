/* SPDX-License-Identifier: MIT */
/* source - where a sender's messages come from: operands, options, defaults */
#ifndef SOURCE_H
#define SOURCE_H

#include "input/input.h"

/* What is sent if nobody says what. */
struct source_default {
	const char	*text;		/* NULL: nothing, the user has said where it should go */
	const char	*ways;		/* what else there is, for the complaint: "words, - or -l" */
};

/*
 * The operands joined by blanks; or the input that "-" and the options of
 * opt_input ask for; or the default text, unless standard input is a pipe or a
 * file: whoever has that wants it sent.  It is not read to find out.  Exits 64
 * or 66 with a message if that cannot be.
 */
void	source_open(struct input *, const struct source_default *, int argc, char *argv[]);
/* Is it one message that needs nothing to be waited for but the broker? */
bool	source_is_one_shot(void);
/* "line 3 of standard input": the record of that number, from 1 on. */
const char *source_place(const struct input *, uint64_t number);

#endif
