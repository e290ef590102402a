/* SPDX-License-Identifier: MIT */
/* See print.h. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "broker/loop.h"
#include "message/label.h"
#include "output/format.h"
#include "output/options.h"
#include "output/print.h"
#include "tool/tool.h"

enum { NOTHING = -1 };

static struct format	 format;
static int		 terminator;	/* a byte, or NOTHING */
static bool		 once;		/* the newline that a body ends with is that of its line */
static bool		 chats;
static bool		 complained;	/* about properties that cannot be decoded */

/* Chat is for people alone: whoever asks for a form wants data, and files are data. */
static bool
should_chat(const struct output_options *o)
{
	if (o->directory != NULL)
		return false;
	if (o->chat != CHAT_AUTO)
		return o->chat == CHAT_ALWAYS;
	return o->format == NULL && !o->json && !o->raw && o->terminator == '\n' && isatty(STDOUT_FILENO);
}

/* A newline is only what a line ends with; another byte was asked for. */
static int
choose_terminator(const struct output_options *o)
{
	bool lines = o->json || (o->format == NULL && o->directory == NULL && (chats || !o->raw));

	return lines || o->terminator != '\n' ? o->terminator : NOTHING;
}

static const char *
choose_format(const struct output_options *o, const char *line, const char *chat)
{
	if (o->json)
		return "%j";
	if (o->format != NULL)
		return o->format;
	if (o->raw || o->directory != NULL)
		return chats ? chat : "%s";
	return chats ? chat : line;
}

static void
check_options(const struct output_options *o)
{
	if (o->json && (o->format != NULL || o->raw))
		tool_usage("--json and --%s exclude each other", o->format != NULL ? "format" : "raw");
	if (o->name != NAME_TIME && o->directory == NULL)
		tool_usage("--name is for the files of --output-dir");
}

void
print_choose(const char *line, const char *chat)
{
	const struct output_options *o = &output_options;
	const char *spec;
	char why[64];

	check_options(o);
	chats = should_chat(o);
	terminator = choose_terminator(o);
	spec = choose_format(o, line, chat);
	if (format_compile(&format, spec, why, sizeof(why)))
		return;
	if (strcmp(why, opt_no_memory) == 0)
		tool_fail(EX_OSERR, "cannot prepare the output: %s", why);
	tool_usage("--format=%s: %s", spec, why);
}

void
print_no_second_newline(void)
{
	once = terminator == '\n' && !output_options.json;
}

void
print_open(struct output *out, struct folder *folder, bool sync, unsigned group)
{
	int error;

	signal(SIGXFSZ, SIG_IGN);
	if (output_options.directory == NULL) {
		output_open(out, STDOUT_FILENO, sync, group);
		out->escape = out->escape && !output_options.raw;
		return;
	}
	if ((error = folder_open(folder, output_options.directory, sync)) != 0)
		tool_fail(EX_CANTCREAT, "cannot use directory '%s': %s", output_options.directory, strerror(error));
	output_open_folder(out, folder, group);
}

void
print_close(struct output *out, struct folder *folder)
{
	output_close(out);
	if (output_options.directory != NULL)
		folder_close(folder);
	format_free(&format);
}

static int
folder_failed(const struct output *out)
{
	tool_warn("cannot %s a file in '%s': %s", out->uncreated ? "create" : "write", output_options.directory,
	    strerror(out->error));
	return out->uncreated ? EX_CANTCREAT : EX_IOERR;
}

static int
stdout_failed(const struct output *out)
{
	if (out->error == EPIPE && loop_sigpipe_was_default())
		loop_die(SIGPIPE);
	if (out->torn_at >= 0)
		tool_warn("cannot write standard output: %s; an incomplete message begins at byte %" PRId64,
		    strerror(out->error), out->torn_at);
	else
		tool_warn("cannot write standard output: %s", strerror(out->error));
	return EX_IOERR;
}

int
print_failed(const struct output *out)
{
	int status = out->kind == OUTPUT_FOLDER ? folder_failed(out) : stdout_failed(out);

	return out->error == ENOMEM ? EX_OSERR : status;
}

void
print_chat(struct output *out, const char *text)
{
	if (!chats)
		return;
	output_add(out, text, strlen(text));
	output_end(out, 0);
}

void
print_chat_body(struct output *out, const char *text, struct rmq_bytes body)
{
	if (!chats)
		return;
	output_add(out, text, strlen(text));
	output_show(out, body.data, body.len);
	output_add(out, "\n", 1);
	output_end(out, 0);
}

static const struct rmq_properties *
decode(struct rmq *mq, const struct rmq_delivery *d)
{
	static struct rmq_properties properties;
	struct rmq_error error = { 0 };
	char label[LABEL_SIZE];

	if (rmq_decode_properties(mq, d, &properties, &error))
		return &properties;
	label_message(label, (struct rmq_bytes){ 0 }, d->routing_key);
	if (!complained)
		tool_warn("cannot decode the properties of %s: %s", label, error.text);
	complained = true;
	return NULL;
}

/* A large body that the reader is slow to take is not copied. */
static void
keep_body(struct output *out, struct rmq *mq, const struct rmq_delivery *d)
{
	struct rmq_buffer buffer = { 0 };

	if (!output_borrows(out))
		return;
	rmq_take_body(mq, d, &buffer);
	output_keep(out, &buffer);
}

static bool
is_line(struct rmq_bytes body)
{
	return body.len > 0 && ((const char *)body.data)[body.len - 1] == '\n';
}

void
print_message(struct output *out, struct rmq *mq, const struct rmq_delivery *d, const char *queue, uint64_t cookie)
{
	struct rmq_delivery line = *d;
	struct record record = { .delivery = &line, .queue = queue };
	bool named = output_options.name == NAME_MESSAGE_ID;
	char byte = (char)terminator;

	if (once && is_line(d->body))
		line.body.len--;
	if (format.properties || named)
		record.properties = decode(mq, d);
	if (named && record.properties != NULL)
		output_wish(out, record.properties->message_id);
	format_put(&format, &record, out);
	if (terminator != NOTHING)
		output_add(out, &byte, 1);
	output_end(out, cookie);
	keep_body(out, mq, d);
}
