/* SPDX-License-Identifier: MIT */
/* output/options - how messages are printed, as its users say */
#ifndef OUTPUT_OPTIONS_H
#define OUTPUT_OPTIONS_H

#include <stdbool.h>

#include "tool/opt.h"

/* -F, -J, -0, -D, --raw, --output-dir, --name, --chat */
extern const struct opt opt_output[];

extern const char *const chat_words[];	/* for opt_choice: enum chat */

enum chat { CHAT_AUTO, CHAT_ALWAYS, CHAT_NEVER };
enum name { NAME_TIME, NAME_MESSAGE_ID };
struct output_options {
	const char	*format;	/* -F, or NULL */
	bool		 raw, json;
	const char	*directory;	/* --output-dir, or NULL */
	int		 name;		/* enum name: of the files in it */
	int		 terminator;	/* after each message, -1: none */
	int		 chat;		/* enum chat */
};
extern struct output_options output_options;

#endif
