/* SPDX-License-Identifier: MIT */
/*
 * Groups of options that several programs share, and where their values are
 * kept.  A program lists the groups that it takes in its struct tool.
 */
#ifndef GROUPS_H
#define GROUPS_H

#include <rmq.h>

#include "tool/opt.h"

/* --url, --server ..., TLS, --heartbeat, --connect-timeout, --wait, --retry-time */
extern const struct opt opt_connect[];
/* --content-type, --header, --priority, ... : what goes with each message that is sent */
extern const struct opt opt_message[];
/* The rest of them: -p/--persistent, --transient, -t/--reply-to */
extern const struct opt opt_delivery[];
/* The same without the letters, for programs where these mean something else */
extern const struct opt opt_log_delivery[];
/* The same for requests, whose replies have a place of their own */
extern const struct opt opt_request[];
/* -l, -0, -D, -J, -f, --max-message: where messages to send come from */
extern const struct opt opt_input[];
/* -F, -J, -0, --raw, --output-dir, --chat ...: how messages are printed */
extern const struct opt opt_output[];
/* -c, --timeout, --idle-timeout, --until-empty: when receiving ends */
extern const struct opt opt_limit[];
/* --declare, --arg, --durable, --queue-type, -x */
extern const struct opt opt_declare[];
/* The same without what only queues have */
extern const struct opt opt_declare_exchange[];

extern const char *const chat_words[];	/* for opt_choice: enum chat */

/*
 * What opt_connect says, with the environment and the defaults: exits 64 or 78 with a message if it is
 * wrong.  A time that was not asked for is 0, so that the caller may have a default of its own.
 * program: after which the connection is called, NULL: it has no name unless one was given.
 */
struct rmq_config groups_config(const char *program);
struct rmq *groups_open(const struct rmq_config *);	/* a session; without memory for it the program ends */
/* Where a URL may stand in the environment, in order; ends with NULL. */
extern const char *const groups_url_variables[];

/* Of opt_message.  Call it anew for each message: its id and time may be its own. */
const struct rmq_properties *groups_properties(void);
struct rmq_bytes groups_new_id(void);	/* a new UUID, good until the next call */
/* Those of a message that has some already, with what it lacks and the options say.  NULL: no memory. */
const struct rmq_properties *groups_complete(const struct rmq_properties *);
const char *groups_add_header(const char *spec);	/* as pairs_add(), of each message */

int	groups_exit_status(enum rmq_status);
/* Of a refusal with this reply code: no permission, no such queue or exchange, or something else. */
int	groups_refusal_status(int code, int otherwise);

struct input_options {
	const char	*file;		/* -f */
	bool		 lines;		/* -l, -0, -D or -J */
	bool		 json;		/* -J: each is an envelope */
	unsigned char	 delimiter;
	int64_t		 max_message;
};
extern struct input_options input_options;

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

struct limit_options {
	int64_t		 count;		/* -c, -1: no limit */
	int64_t		 timeout, idle_timeout;	/* ms, -1: none */
	bool		 until_empty;
};
extern struct limit_options limit_options;

struct declare_options {
	int		 how;		/* enum declare_how below */
	bool		 durable, exclusive;
	struct rmq_table *arguments;	/* --queue-type and --arg; NULL: none */
};
enum declare_how { DECLARE_AUTO, DECLARE_STRICT, DECLARE_PASSIVE, DECLARE_NONE };
extern struct declare_options declare_options;

/* Of RMQ_DIFFERS: a line that what is there is used as it is. */
void	groups_warn_differs(const struct rmq_event *);
/* What --declare means for this queue or exchange, if "auto" means `automatic` for this program. */
enum rmq_declare groups_declare(const char *name, enum rmq_declare automatic);

#endif
