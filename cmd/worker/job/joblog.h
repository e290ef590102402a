/* SPDX-License-Identifier: MIT */
/*
 * joblog - a line for each attempt that has ended
 *
 * Either as GNU parallel writes it, with its header if the file is empty:
 * https://www.gnu.org/software/parallel/parallel.html#--joblog-logfile
 * Or as a JSON object.
 *
 * Each line is appended by one write(2), so several processes may share a
 * file, and it may be copied and truncated at any time.  Nothing here waits.
 * A line that cannot be written is missing: that is told once, and once more
 * when lines are written again.
 */
#ifndef JOBLOG_H
#define JOBLOG_H

#include <rmq.h>

struct joblog {
	int		 fd;
	const char	*path;
	bool		 json;
	char		*const *argv;	/* the command, ends with NULL */
	char		*command;	/* the same in one line */
	uint64_t	 missing;	/* lines, since one was written */
	bool		 torn;		/* the last line in the file has no end */
};

struct job_record {
	uint64_t	 seq;
	char		*message_id, *routing_key;	/* NULL: none */
	const char	*queue;
	unsigned	 attempt;
	int64_t		 started;	/* ms since 1970 */
	int64_t		 ms;		/* it took */
	uint64_t	 sent;		/* bytes of standard input */
	int64_t		 received;	/* bytes of standard output, -1: not known */
	int		 status;	/* as waitpid() has it */
	const char	*outcome;
};

bool	joblog_open(struct joblog *, const char *path, bool json, char *const *argv);	/* false: see errno */
void	joblog_write(struct joblog *, const struct job_record *);
void	joblog_close(struct joblog *);

#endif
