/* SPDX-License-Identifier: MIT */
/* -F, -J, -0, -D, --raw, --output-dir, --name, --chat. */

#include "output/options.h"

struct output_options output_options = { .terminator = '\n' };

const char *const chat_words[] = { "auto", "always", "never", NULL };
static const char *const name_words[] = { "time", "message-id", NULL };

const struct opt opt_output[] = {
	{ .help = "Output" },
	{ 'F', "format", "FORMAT", opt_string, &output_options.format,
	    "print messages this way: %s body, %r routing key, ... see rmq-tools(7)" },
	{ 'J', "json", NULL, opt_flag, &output_options.json,
	    "print each message as a JSON envelope, a line that send -J reads" },
	{ '0', "null", NULL, opt_value, &output_options.terminator,
	    "end each message with a NUL byte", .value = '\0' },
	{ 'D', "delimiter", "BYTE", opt_delimiter, &output_options.terminator,
	    "end each message with this byte" },
	{ 0, "raw", NULL, opt_flag, &output_options.raw, "print bodies with nothing between" },
	{ 0, "output-dir", "DIR", opt_string, &output_options.directory,
	    "write each message to a file of its own in this directory" },
	{ 0, "name", "HOW", opt_choice, &output_options.name,
	    "name these files by their time, or by the message-id where that is a plain one", .choices = name_words },
	{ 0, "chat", "WHEN", opt_choice, &output_options.chat, "talk as the tutorials do",
	    .choices = chat_words },
	{ 0 }
};
