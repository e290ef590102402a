/* SPDX-License-Identifier: MIT */
/* See source.h. */

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "input/options.h"
#include "input/source.h"
#include "tool/tool.h"

/* How long a line can be for a body of one byte, and for what goes with it: "\u0000" is six bytes. */
enum { ESCAPE_MOST = 6, ENVELOPE_MOST = 2 << 20 };

static void
add(struct input *in, const char *text, size_t len)
{
	if (!rmq_buffer_add(&in->buffer, text, len))
		tool_fail(EX_OSERR, "cannot keep the message: out of memory");
}

/* A terminal and /dev/null, which stands for what is closed too, are character devices. */
static bool
has_standard_input(void)
{
	struct stat st;

	return fstat(STDIN_FILENO, &st) == 0 && !S_ISCHR(st.st_mode);
}

/* Words are an input that is already at its end. */
static void
take_words(struct input *in, const struct source_default *otherwise, int argc, char *argv[])
{
	int i;

	*in = (struct input){ .fd = -1, .whole = true, .at_end = true };
	if (argc == 0 && (otherwise->text == NULL || has_standard_input()))
		tool_usage("nothing to send: %s", otherwise->ways);
	if (argc == 0)
		add(in, otherwise->text, strlen(otherwise->text));
	for (i = 0; i < argc; i++) {
		if (i > 0)
			add(in, " ", 1);
		add(in, argv[i], strlen(argv[i]));
	}
}

static void
open_input(struct input *in)
{
	*in = (struct input){
		.whole = !input_options.lines,
		.delimiter = input_options.delimiter,
	};
	if (!input_open(in, input_options.file))
		tool_fail(EX_NOINPUT, "cannot read '%s': %s", input_options.file, strerror(errno));
}

void
source_open(struct input *in, const struct source_default *otherwise, int argc, char *argv[])
{
	bool dash = argc == 1 && strcmp(argv[0], "-") == 0;

	if (dash && input_options.file != NULL)
		tool_usage("- and --file exclude each other");
	if (!dash && !input_options.lines && input_options.file == NULL)
		take_words(in, otherwise, argc, argv);
	else if (argc > 0 && !dash)
		tool_usage("words and -l, -0, -D, -J or -f exclude each other");
	else
		open_input(in);
	in->max_message = (size_t)input_options.max_message;
	if (input_options.json)
		in->max_message = ENVELOPE_MOST + ESCAPE_MOST * in->max_message;
}

bool
source_is_one_shot(void)
{
	return !input_options.lines && input_options.file == NULL;
}

const char *
source_place(const struct input *in, uint64_t number)
{
	static char place[1024];

	if (in->whole)
		return in->name != NULL ? in->name : "the message";
	snprintf(place, sizeof(place), "%s %ju of %s", in->delimiter == '\n' ? "line" : "message",
	    (uintmax_t)number, in->name);
	return place;
}
