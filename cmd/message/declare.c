/* SPDX-License-Identifier: MIT */
/* --declare, --arg, --durable, --queue-type, -x. */

#include <string.h>

#include "message/declare.h"
#include "message/pairs.h"
#include "tool/tool.h"

static opt_set set_argument, set_queue_type;

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
declare_how(const char *name, enum rmq_declare automatic)
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
declare_warn_differs(const struct rmq_event *e)
{
	tool_warn("warning: --arg and --queue-type are for what is not there yet: %.*s", (int)e->text.len,
	    (const char *)e->text.data);
}
