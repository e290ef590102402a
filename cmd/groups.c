/* SPDX-License-Identifier: MIT */
/* Input, output, limits and declarations.  What goes with a message and how to connect have files of their own. */

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "groups.h"
#include "message/pairs.h"
#include "tool/tool.h"

static opt_set set_delimiter, set_json, set_argument, set_queue_type;

/* Input. */

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

/* Output. */

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

/* Limits. */

struct limit_options limit_options = { .count = -1, .timeout = -1, .idle_timeout = -1 };

const struct opt opt_limit[] = {
	{ .help = "End" },
	{ 'c', "count", "N", opt_number, &limit_options.count, "end after N messages",
	    .min = 1, .max = INT64_MAX },
	{ 'n', NULL, "N", opt_number, &limit_options.count, NULL, .min = 1, .max = INT64_MAX },
	{ 'W', "timeout", "SECS", opt_seconds, &limit_options.timeout, "end after this time" },
	{ 0, "idle-timeout", "SECS", opt_seconds, &limit_options.idle_timeout,
	    "end when nothing came for this time" },
	{ 0, "until-empty", NULL, opt_flag, &limit_options.until_empty,
	    "end when the queue is empty" },
	{ 0 }
};

/* Declarations. */

struct declare_options declare_options;

static const char *const declare_words[] = { "auto", "strict", "passive", "none", NULL };

#define DECLARE_ENTRIES \
	{ .help = "Declaration" }, \
	{ 0, "declare", "HOW", opt_choice, &declare_options.how, \
	    "make what is missing, insist on it, only look, or do nothing", .choices = declare_words }, \
	{ 'd', NULL, NULL, opt_value, &declare_options.how, "the same as --declare=auto", \
	    .value = DECLARE_AUTO }, \
	{ 0, "durable", NULL, opt_flag, &declare_options.durable, \
	    "an exchange survives a restart of the broker (queues always do)" }, \
	{ 0, "arg", "NAME=VALUE", set_argument, NULL, \
	    "declare with this argument; NAME:TYPE=VALUE if it is no string, number or boolean", \
	    .many = true }

const struct opt opt_declare[] = {
	DECLARE_ENTRIES,
	{ 0, "queue-type", "TYPE", set_queue_type, NULL, "declare a quorum, classic or stream queue" },
	{ 'x', "exclusive", NULL, opt_flag, &declare_options.exclusive,
	    "declare a queue for this connection alone" },
	{ 0 }
};

const struct opt opt_declare_exchange[] = { DECLARE_ENTRIES, { 0 } };

/* Exchanges that the broker owns must not be declared; the one without a name not even asked for. */
enum rmq_declare
groups_declare(const char *name, enum rmq_declare automatic)
{
	if (declare_options.how >= DECLARE_PASSIVE && declare_options.arguments != NULL)
		tool_usage("--declare=%s declares nothing that --arg or --queue-type could be for",
		    declare_words[declare_options.how]);
	if (declare_options.how == DECLARE_NONE || *name == '\0')
		return RMQ_ASSUME;
	if (declare_options.how == DECLARE_PASSIVE || strncmp(name, "amq.", 4) == 0)
		return RMQ_FIND;
	return declare_options.how == DECLARE_STRICT ? RMQ_MAKE : automatic;
}

static const char *
set_argument(const struct opt *o, char *arg)
{
	(void)o;
	return pairs_add_argument(&declare_options.arguments, arg);
}

static const char *
set_queue_type(const struct opt *o, char *arg)
{
	(void)o;
	return pairs_add_typed(&declare_options.arguments, "x-queue-type", RMQ_STRING, arg);
}

void
groups_warn_differs(const struct rmq_event *e)
{
	tool_warn("warning: --arg and --queue-type are for what is not there yet: %.*s", (int)e->text.len,
	    (const char *)e->text.data);
}

int
groups_exit_status(enum rmq_status status)
{
	static const int statuses[] = {
		[RMQ_OK] = EX_OK,
		[RMQ_USAGE] = EX_USAGE,
		[RMQ_BAD_RECORD] = EX_DATAERR,
		[RMQ_NO_DESTINATION] = EX_NOUSER,
		[RMQ_NO_HOST] = EX_NOHOST,
		[RMQ_UNAVAILABLE] = EX_UNAVAILABLE,
		[RMQ_UNCONFIRMED] = EX_TEMPFAIL,
		[RMQ_INTERNAL] = EX_SOFTWARE,
		[RMQ_SYSTEM] = EX_OSERR,
		[RMQ_PROTOCOL] = EX_PROTOCOL,
		[RMQ_DENIED] = EX_NOPERM,
		[RMQ_CONFIG] = EX_CONFIG,
	};

	return statuses[status];
}

/* https://www.rabbitmq.com/amqp-0-9-1-reference#constants */
int
groups_refusal_status(int code, int otherwise)
{
	switch (code) {
	case 403:
		return EX_NOPERM;
	case 404:
		return EX_NOUSER;
	default:
		return otherwise;
	}
}
