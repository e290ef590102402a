/* SPDX-License-Identifier: MIT */
/*
 * job - runs a command with a message as its standard input
 *
 * No shell and no byte of the message in the arguments.  The command gets a
 * process group of its own, default signals and no descriptor but 0 to 2.
 * Standard input is a file without a name: whether and when the command reads
 * it is its own affair.
 */
#ifndef JOB_H
#define JOB_H

#include <sys/types.h>

#include <rmq.h>

enum job_fault {
	JOB_NO_RESOURCES,	/* no process or no room for the body: may be better later */
	JOB_NOT_FOUND,		/* the command does not exist */
	JOB_NOT_EXECUTABLE,	/* it exists, but cannot be run */
	JOB_TOO_LARGE		/* this message's environment is too much for the system */
};

struct job_error {
	enum job_fault	 fault;
	int		 code;		/* of errno */
};

struct job {
	char *const	*argv, *const *env;	/* each ends with NULL */
	struct rmq_bytes input;
	int		 output, errors;	/* become its standard output and error, -1: it has ours */
};

/*
 * Once, before the first job: keeps inherited descriptors from the commands,
 * lets children be waited for, and makes a standard output that is a regular
 * file append-only.  Commands share its offset, and one that copies its
 * input with copy_file_range(2) would else write over another's line.
 */
void	job_setup(void);

/* For output that is read when its command has ended; not inherited; -1: see errno. */
int	job_nameless_file(void);

/* The command's process, or -1 and why; a command that cannot be run was never a process. */
pid_t	job_start(const struct job *, struct job_error *);

pid_t	job_ended(int *status);		/* one that has, does not wait; 0: none; the status is that of waitpid() */
bool	job_succeeded(int status);
void	job_describe(int status, char *text, size_t size);	/* "exit status 3", "signal 9 (Killed)" */
void	job_kill(pid_t, int sig);	/* the whole process group */

#endif
