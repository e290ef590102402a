/* SPDX-License-Identifier: MIT */
/*
 * timed FILE COMMAND [ARGUMENT...]: runs the command and writes to FILE its
 * wall time and CPU time in seconds, its largest resident size in KiB, and its
 * exit status.  Children that it waited for are counted with it.
 *
 * A program of its own because a child inherits the resident size of who
 * starts it, and a script's is larger than that of what is measured.
 */
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <time.h>

extern char **environ;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int
main(int argc, char **argv)
{
	struct rusage used;
	double start, end;
	FILE *file;
	pid_t pid;
	int status;

	if (argc < 3)
		errx(64, "usage: timed FILE COMMAND [ARGUMENT...]");
	start = now();
	errno = posix_spawnp(&pid, argv[2], NULL, NULL, argv + 2, environ);
	if (errno != 0)
		err(126, "%s", argv[2]);
	if (wait4(pid, &status, 0, &used) == -1)
		err(1, "wait4");
	end = now();
	file = fopen(argv[1], "w");
	if (file == NULL)
		err(1, "%s", argv[1]);
	fprintf(file, "%f %f %ld %d\n", end - start, seconds(used.ru_utime) + seconds(used.ru_stime), used.ru_maxrss,
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return fclose(file) != 0;
}
