/* SPDX-License-Identifier: MIT */
/*
 * tool - what every program starts and ends with
 *
 *	static const struct tool tool = {
 *		.name = "emit-log",
 *		.about = "publish log lines to an exchange",
 *		.operands = "[WORD ...]",
 *		.groups = { options, opt_message, opt_connect, NULL },
 *		.aliases = {
 *			{ "emit-log-topic", { "--type=topic" }, "[KEY [WORD ...]]" },
 *		},
 *	};
 *
 *	int
 *	main(int argc, char *argv[])
 *	{
 *		tool_start(&tool, &argc, &argv);
 *		...
 *		return tool_end(status);
 *	}
 */

#ifndef TOOL_H
#define TOOL_H

#include <sysexits.h>

#include "tool/opt.h"

/*
 * Exit statuses are those of <sysexits.h>, read as follows:
 *
 *	EX_OK 0			the promise is kept
 *	EX_FEWER 1		fewer than asked for
 *	EX_USAGE 64		options or operands
 *	EX_DATAERR 65		a bad record
 *	EX_NOINPUT 66		the input file cannot be opened
 *	EX_NOUSER 67		no such destination, or unroutable
 *	EX_NOHOST 68		the host's name is not known
 *	EX_UNAVAILABLE 69	no broker, and nothing in doubt
 *	EX_SOFTWARE 70		a bug
 *	EX_OSERR 71		memory, processes, descriptors
 *	EX_CANTCREAT 73		an output file cannot be created
 *	EX_IOERR 74		reading or writing failed
 *	EX_TEMPFAIL 75		a message is in doubt
 *	EX_PROTOCOL 76		AMQP or TLS
 *	EX_NOPERM 77		credentials or permissions
 *	EX_CONFIG 78		configuration, or a declaration that differs
 */
#define EX_FEWER 1

/*
 * Another name for some options.  "_" and "-" are the same in names, so
 * emit_log needs no entry.
 */
struct alias {
	const char	*name;
	const char	*args[4];	/* options, ended by NULL; parsed before the user's */
	const char	*operands;	/* NULL: the tool's */
};

struct tool {
	const char		*name;
	const char		*about;		/* one line, lower case, no full stop */
	const char		*operands;	/* for the usage line */
	const struct opt	*groups[9];	/* ended by NULL; --help and --version are added */
	struct alias		 aliases[9];
	bool			 runs_operands;	/* they are a command, which has options of its own */
};

/*
 * Makes the process sane (descriptors 0 to 2 open, not setuid, unreadable for other programs), finds the
 * alias, parses the options of the alias and then the user's, and leaves the
 * operands: argv[0] is the first one.  Answers --help and --version itself.
 * An option that stands among the operands is warned of, unless "--" was before it.
 */
void	tool_start(const struct tool *, int *argc, char ***argv);

/* Flushes and closes standard output; the status, or EX_IOERR if that failed. */
int	tool_end(int status);

extern const char tool_version[];	/* of all programs: "1.2.3" */

/* The name the program was called by, without its directory. */
const char *tool_name(void);

/*
 * One line on standard error, "name: text", whatever bytes the text has:
 * control characters are escaped, so no broker's text drives a terminal.
 */
void	tool_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void tool_fail(int status, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* As tool_fail() with EX_USAGE, and a pointer to --help. */
_Noreturn void tool_usage(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2)));

#endif
