/* SPDX-License-Identifier: MIT */
/* input/options - where messages to send come from, as its users say */
#ifndef INPUT_OPTIONS_H
#define INPUT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tool/opt.h"

/* -l, -0, -D, -J, -f, --max-message */
extern const struct opt opt_input[];

struct input_options {
	const char	*file;		/* -f */
	bool		 lines;		/* -l, -0, -D or -J */
	bool		 json;		/* -J: each is an envelope */
	unsigned char	 delimiter;
	int64_t		 max_message;
};
extern struct input_options input_options;

#endif
