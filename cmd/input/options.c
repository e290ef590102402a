/* SPDX-License-Identifier: MIT */
/* -l, -0, -D, -J, -f, --max-message. */

#include "input/options.h"

static opt_set set_delimiter, set_json;

struct input_options input_options = { .delimiter = '\n', .max_message = INT64_C(128) << 20 };

const struct opt opt_input[] = {
	{ .help = "Input" },
	{ 'l', "lines", NULL, set_delimiter, &input_options.delimiter, "send one message a line", .value = '\n' },
	{ '0', "null", NULL, set_delimiter, &input_options.delimiter, "send messages that end with NUL bytes",
	    .value = '\0' },
	{ 'D', "delimiter", "BYTE", set_delimiter, &input_options.delimiter, "send messages that end with this byte" },
	{ 'J', "json", NULL, set_json, NULL, "send one message a line, a JSON envelope as receive -J prints it" },
	{ 'f', "file", "FILE", opt_string, &input_options.file,
	    "read this file instead of standard input" },
	{ 0, "max-message", "SIZE", opt_bytes, &input_options.max_message,
	    "refuse to send larger messages (default: 128MiB)", .max = INT64_C(1) << 40 },
	{ 0 }
};

static const char *
set_delimiter(const struct opt *o, char *arg)
{
	int byte = (int)o->value;
	const struct opt it = { .to = &byte };
	const char *wrong = arg != NULL ? opt_delimiter(&it, arg) : NULL;

	input_options.lines = true;
	input_options.delimiter = (unsigned char)byte;
	return wrong;
}

static const char *
set_json(const struct opt *o, char *arg)
{
	(void)o;
	(void)arg;
	input_options.lines = input_options.json = true;
	return NULL;
}
