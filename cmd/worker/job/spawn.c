/* SPDX-License-Identifier: MIT */
/*
 * Starting, ending and reaping commands.
 *
 * The start is vfork() and exec: the child borrows our memory for the few
 * system calls of become(), so the cost does not grow with our size.  All
 * signals are blocked meanwhile, because a handler that ran in the child
 * would run on our memory.  An error is left there too.  Where vfork() is but
 * another name of fork() it comes back on a pipe that a successful exec closes;
 * which it is here, the first command tells.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/loop.h"
#include "worker/job/spawn.h"

extern char **environ;

static bool shares_memory;	/* vfork() gives its child our memory, and lets us go on when it has its own */

struct start {
	char *const	*argv;
	int		 input;		/* becomes descriptor 0 */
	int		 output, errors; /* become descriptors 1 and 2, -1: that stays */
	int		 report;	/* a pipe that takes errno if there is no exec, -1: it stays in `error' */
	volatile int	 error;
	volatile bool	 shared;	/* the child wrote this, and we can see it */
	pid_t		 parent;
};

static void
keep(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags != -1)
		fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

static void
keep_descriptors(void)
{
	struct dirent *entry;
	DIR *dir;
	long fd, n;

	if ((dir = opendir("/dev/fd")) != NULL) {
		while ((entry = readdir(dir)) != NULL)
			if ((fd = strtol(entry->d_name, NULL, 10)) > STDERR_FILENO)
				keep((int)fd);
		closedir(dir);
		return;
	}
	n = sysconf(_SC_OPEN_MAX);
	for (fd = STDERR_FILENO + 1; fd < n; fd++)
		keep((int)fd);
}

static void
append_output(void)
{
	struct stat st;
	int flags;

	if (fstat(STDOUT_FILENO, &st) == -1 || !S_ISREG(st.st_mode))
		return;
	if ((flags = fcntl(STDOUT_FILENO, F_GETFL)) != -1)
		fcntl(STDOUT_FILENO, F_SETFL, flags | O_APPEND);
}

void
job_setup(void)
{
	signal(SIGCHLD, SIG_DFL);
	keep_descriptors();
	append_output();
}

int
job_nameless_file(void)
{
	FILE *file;
	int fd = -1;

#ifdef MFD_CLOEXEC
	if ((fd = memfd_create("message", MFD_CLOEXEC)) != -1)
		return fd;
#endif
	if ((file = tmpfile()) != NULL) {
		fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		fclose(file);
	}
	return fd;
}

/* Written at its place, so that the file's offset stays at the start. */
static bool
fill(int fd, struct rmq_bytes body)
{
	const char *data = body.data;
	size_t done = 0;
	ssize_t n;

	while (done < body.len) {
		n = pwrite(fd, data + done, body.len - done, (off_t)done);
		if (n == -1 && errno != EINTR)
			return false;
		if (n > 0)
			done += (size_t)n;
	}
	return true;
}

static int
input_file(struct rmq_bytes body)
{
	int error, fd;

	if ((fd = job_nameless_file()) == -1 || fill(fd, body))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Beside its redelivered message a command of a killed worker must not go on. */
static bool
die_with(pid_t parent)
{
#ifdef __linux__
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
		return false;
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
#else
	(void)parent;
#endif
	return true;
}

static bool
replace(int standard, int fd)
{
	return fd == -1 || dup2(fd, standard) != -1;
}

/* What stood in the way of the exec. */
static _Noreturn void
give_up(struct start *s, int error)
{
	bool told = true;

	s->error = error;
	if (s->report != -1)
		told = write(s->report, &error, sizeof error) == sizeof error;
	_exit(told ? 127 : 126);
}

/* The child: nothing here may touch memory that the parent still needs. */
static _Noreturn void
become(struct start *s)
{
	s->shared = true;
	if (setpgid(0, 0) == 0 && replace(STDIN_FILENO, s->input) && replace(STDOUT_FILENO, s->output) &&
	    replace(STDERR_FILENO, s->errors) && die_with(s->parent)) {
		loop_leave_to_child();
		execvp(s->argv[0], s->argv);
	}
	give_up(s, errno);
}

static pid_t
launch(struct start *s)
{
	sigset_t all, old;
	pid_t pid;
	int error;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	if ((pid = vfork()) == 0)	/* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
		become(s);		/* NOLINT(clang-analyzer-unix.Vfork) */
	error = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = error;
	return pid;
}

static int
reported(int fd)
{
	int error;
	ssize_t n;

	do
		n = read(fd, &error, sizeof error);
	while (n == -1 && errno == EINTR);
	return n == sizeof error ? error : 0;
}

/* With the environment in place, because there is no portable execvpe(). */
static pid_t
launch_with(struct start *s, char *const env[])
{
	char **saved = environ;
	pid_t pid;

	environ = (char **)(uintptr_t)env;
	pid = launch(s);
	environ = saved;
	return pid;
}

/* The same with an error that comes on a pipe, if there is no memory for it. */
static pid_t
launch_told(struct start *s, char *const env[])
{
	int report[2];
	pid_t pid;

	if (shares_memory)
		return launch_with(s, env);
	if (pipe2(report, O_CLOEXEC) == -1)
		return -1;
	s->report = report[1];
	pid = launch_with(s, env);
	s->error = pid == -1 ? errno : 0;
	close(report[1]);
	if (pid != -1)
		s->error = reported(report[0]);
	close(report[0]);
	errno = s->error;
	shares_memory = s->shared;
	return pid;
}

static pid_t
start(const struct job *job, int input)
{
	struct start s = { .argv = job->argv, .input = input, .output = job->output, .errors = job->errors,
	    .report = -1, .parent = getpid() };
	pid_t pid = launch_told(&s, job->env);

	if (pid == -1 || s.error == 0)
		return pid;
	waitpid(pid, NULL, 0);
	errno = s.error;
	return -1;
}

static enum job_fault
fault_of_exec(int code)
{
	switch (code) {
	case E2BIG:
		return JOB_TOO_LARGE;
	case ENOENT:
	case ENOTDIR:
		return JOB_NOT_FOUND;
	case EAGAIN:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return JOB_NO_RESOURCES;
	default:
		return JOB_NOT_EXECUTABLE;
	}
}

pid_t
job_start(const struct job *job, struct job_error *why)
{
	pid_t pid;
	int fd;

	if ((fd = input_file(job->input)) == -1) {
		*why = (struct job_error){ JOB_NO_RESOURCES, errno };
		return -1;
	}
	if ((pid = start(job, fd)) == -1)
		*why = (struct job_error){ fault_of_exec(errno), errno };
	close(fd);
	return pid;
}

pid_t
job_ended(int *status)
{
	pid_t pid = waitpid(-1, status, WNOHANG);

	return pid > 0 ? pid : 0;
}

bool
job_succeeded(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void
job_describe(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}

void
job_kill(pid_t pid, int sig)
{
	kill(-pid, sig);
}
