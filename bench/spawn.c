/* SPDX-License-Identifier: MIT */
/*
 * spawn JOBS N COMMAND [ARGUMENT...]: runs the command N times, JOBS at once,
 * with an empty input; posix_spawn() and wait() and nothing else, so no runner
 * of jobs is faster.
 */
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

int
main(int argc, char **argv)
{
	long jobs, left, running = 0;
	pid_t pid;
	int status, failed = 0;

	if (argc < 4)
		errx(64, "usage: spawn JOBS N COMMAND [ARGUMENT...]");
	jobs = strtol(argv[1], NULL, 10);
	left = strtol(argv[2], NULL, 10);
	close(STDIN_FILENO);
	if (open("/dev/null", O_RDONLY) != STDIN_FILENO)
		err(1, "/dev/null");
	while (left > 0 || running > 0) {
		if (left > 0 && running < jobs) {
			errno = posix_spawnp(&pid, argv[3], NULL, NULL, argv + 3, environ);
			if (errno != 0)
				err(126, "%s", argv[3]);
			left--;
			running++;
		} else if (wait(&status) != -1) {
			running--;
			failed |= status;
		}
	}
	return failed != 0;
}
