/* SPDX-License-Identifier: MIT */
/* See print.h. */

#include <string.h>
#include <unistd.h>

#include "format.h"
#include "groups.h"
#include "print.h"
#include "tool.h"

enum { NOTHING = -1 };

static struct format	 format;
static int		 terminator;	/* a byte, or NOTHING */
static bool		 chats;
static bool		 complained;	/* about properties that cannot be decoded */

/* Chat is for people alone: whoever asks for a form wants data. */
static bool
should_chat(const struct output_options *o)
{
	if (o->chat != CHAT_AUTO)
		return o->chat == CHAT_ALWAYS;
	return o->format == NULL && !o->raw && o->terminator == '\n' && isatty(STDOUT_FILENO);
}

/* A newline is only what a line ends with; another byte was asked for. */
static int
choose_terminator(const struct output_options *o)
{
	bool lines = o->format == NULL && (chats || !o->raw);

	return lines || o->terminator != '\n' ? o->terminator : NOTHING;
}

void
print_choose(const char *line, const char *chat)
{
	const struct output_options *o = &output_options;
	const char *spec = line;
	char why[64];

	chats = should_chat(o);
	terminator = choose_terminator(o);
	if (o->format != NULL)
		spec = o->format;
	else if (chats)
		spec = chat;
	else if (o->raw)
		spec = "%s";
	if (!format_compile(&format, spec, why, sizeof(why)))
		tool_usage("--format=%s: %s", spec, why);
}

void
print_done(void)
{
	format_free(&format);
}

void
print_chat(struct output *out, const char *text)
{
	if (!chats)
		return;
	output_add(out, text, strlen(text));
	output_end(out, 0);
}

static const struct rmq_properties *
decode(struct rmq *mq, const struct rmq_delivery *d)
{
	static struct rmq_properties properties;
	struct rmq_error error = { 0 };

	if (rmq_decode_properties(mq, d, &properties, &error))
		return &properties;
	if (!complained)
		tool_warn("cannot decode the properties of a message: %s", error.text);
	complained = true;
	return NULL;
}

void
print_message(struct output *out, struct rmq *mq, const struct rmq_delivery *d, const char *queue, uint64_t cookie)
{
	struct record record = { .delivery = d, .queue = queue };
	char byte = (char)terminator;

	if (format.properties)
		record.properties = decode(mq, d);
	format_put(&format, &record, out);
	if (terminator != NOTHING)
		output_add(out, &byte, 1);
	output_end(out, cookie);
}
