/* SPDX-License-Identifier: MIT */
/*
 * opt - one table entry per option
 *
 * From an entry come the parsing, the line of --help, the paragraph of the
 * manual and the completion.  Nothing here knows AMQP.
 *
 *	static const struct opt options[] = {
 *		{ .help = "Input" },
 *		{ 'l', "lines", NULL, opt_flag, &lines, "send one message a line" },
 *		{ 'p', "prefetch", "N", opt_number, &prefetch, "hold at most N",
 *		    .min = 1, .max = 65535 },
 *		{ 0, "wait", "[SECS]", opt_seconds, &wait, "wait for the broker" },
 *		{ 0 }
 *	};
 *
 * A group is such an array, ended by an empty entry.  An entry with nothing
 * but help is a heading.  An entry without help is parsed but never shown.
 */

#ifndef OPT_H
#define OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct opt;

/*
 * Stores an argument and returns NULL, or says in a word or two what is wrong
 * with it: "invalid", "too large".  A flag, and an option whose optional
 * argument is not there, get NULL.  The argument lies in argv and lives as
 * long as the process.
 */
typedef const char *opt_set(const struct opt *, char *);

struct opt {
	int		 key;	/* short letter, or 0 */
	const char	*name;	/* long name; "url|uri": the others work, the first is shown */
	const char	*arg;	/* what its argument is called; "[SECS]": optional; NULL: a flag */
	opt_set		*set;
	void		*to;	/* where it goes; each setter says what that is */
	const char	*help;	/* one line, lower case, no full stop */
	int64_t		 min, max;	/* limits for numbers; both 0: anything from 0 on */
	int64_t		 value;		/* for opt_value; for an optional argument left out */
	bool		 many;		/* can be given again, and then adds something */
	const char *const *choices;	/* for opt_choice: words, then NULL */
};

struct opt_list {
	const char	**items;
	size_t		 count;
};

/* Setters, and what `to' points to. */
opt_set	opt_flag;	/* bool: becomes true */
opt_set	opt_unflag;	/* bool: becomes false */
opt_set	opt_value;	/* int: becomes .value */
opt_set	opt_string;	/* const char *; at most .max bytes if .max is set */
opt_set	opt_strings;	/* struct opt_list: one more; at most .max bytes each */
opt_set	opt_number;	/* int64_t, within .min and .max */
opt_set	opt_seconds;	/* int64_t milliseconds: 10, 1.5, 500ms, 30s, 5m, 2h, 1d; limits in ms too */
opt_set	opt_bytes;	/* int64_t: 4096, 64k, 16MiB, 1.5G */
opt_set	opt_choice;	/* int: the place of the word in .choices */
opt_set	opt_delimiter;	/* int: one byte, as itself or as \n \r \t \0 \\ \xNN */

/* Is this what opt_seconds can read? */
bool	opt_is_time(const char *);

/* What opt_parse() found, in the words of the complaint. */
struct opt_error {
	char text[320];
	bool no_memory;		/* so it is nobody's mistake */
};

extern const char opt_no_memory[];	/* what a setter says then */

/*
 * Parses argv[1] and on up to the first operand or after "--", and returns the
 * place of the first operand; or -1 and what is wrong.  Groups end with NULL.
 * An option that has a value or shares its place with others is given once,
 * unless it is marked as one of many.
 */
int	opt_parse(const struct opt *const *groups, int argc, char *argv[],
	    struct opt_error *);

/* Would this word be one of these options, "-q" or "--queue=x", had it stood before the operands? */
bool	opt_is_option(const struct opt *const *groups, const char *word);

/* The same table for people, for mdoc(7) and for shells. */
void	opt_help(const struct opt *const *groups, FILE *);
void	opt_mdoc(const struct opt *const *groups, FILE *);
void	opt_complete(const struct opt *const *groups, FILE *);

#endif
