/* SPDX-License-Identifier: MIT */
/*
 * latency FILE RATE N SENDER [ARGUMENT...] -- RECEIVER [ARGUMENT...]: writes N
 * lines to the sender, RATE in a second, and reads them from the receiver; to
 * FILE go the 50th and the 99th of hundred parts of their times under way, in
 * microseconds.
 *
 * A line is the time at which it was written, with as many digits always, so
 * that it is found again whether the receiver puts newlines between them or not.
 * The first tenth is not counted: programs start and memory is touched.
 */
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { DIGITS = 18, PATIENCE = 10000 };		/* ms without a line */

struct probe {
	pid_t		 sender, receiver;
	int		 to, from;
	uint64_t	 count, sent, got;
	uint64_t	 interval, next;	/* ns */
	uint64_t	*times;			/* ns under way, of each line */
	char		 line[DIGITS];		/* the one that comes in */
	size_t		 digits;
};

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A child with one end of a pipe as its descriptor `fd`; ours is the other. */
static pid_t
start(char **argv, int fd, int *ours)
{
	posix_spawn_file_actions_t actions;
	int ends[2];
	pid_t pid;

	if (pipe(ends) == -1)
		err(1, "pipe");
	*ours = ends[fd == STDIN_FILENO];
	fcntl(*ours, F_SETFD, FD_CLOEXEC);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[fd != STDIN_FILENO], fd);
	posix_spawn_file_actions_addclose(&actions, ends[fd != STDIN_FILENO]);
	errno = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	if (errno != 0)
		err(126, "%s", argv[0]);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[fd != STDIN_FILENO]);
	return pid;
}

static void
send_line(struct probe *p)
{
	char line[DIGITS + 2];

	snprintf(line, sizeof line, "%0*llu\n", DIGITS, (unsigned long long)now());
	if (write(p->to, line, DIGITS + 1) != DIGITS + 1)
		err(1, "the sender takes no line");
	p->next += p->interval;
	if (++p->sent == p->count)
		close(p->to);
}

static void
take_digit(struct probe *p, char c)
{
	if (c < '0' || c > '9')
		return;
	p->line[p->digits++] = c;
	if (p->digits < DIGITS)
		return;
	p->digits = 0;
	p->times[p->got++] = now() - strtoull(p->line, NULL, 10);
}

static void
take_lines(struct probe *p)
{
	char piece[65536];
	ssize_t n = read(p->from, piece, sizeof piece);

	if (n <= 0)
		errx(1, "the receiver ended after %llu lines", (unsigned long long)p->got);
	for (ssize_t i = 0; i < n && p->got < p->count; i++)
		take_digit(p, piece[i]);
}

/* How long to wait until the next line is due. */
static struct timespec
pause_of(const struct probe *p)
{
	uint64_t t = now(), left = p->next > t ? p->next - t : 0;

	if (p->sent == p->count)
		return (struct timespec){ .tv_sec = PATIENCE / 1000 };
	return (struct timespec){ .tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000) };
}

static void
run(struct probe *p)
{
	struct pollfd fd = { .fd = p->from, .events = POLLIN };
	struct timespec left;
	int n;

	for (p->next = now(); p->got < p->count; ) {
		left = pause_of(p);
		n = ppoll(&fd, 1, &left, NULL);
		if (n == -1)
			err(1, "poll");
		if (n == 0 && p->sent == p->count)
			errx(1, "%llu lines did not come", (unsigned long long)(p->count - p->got));
		if (n == 1)
			take_lines(p);
		if (p->sent < p->count && now() >= p->next)
			send_line(p);
	}
}

static int
by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
report(struct probe *p, const char *name)
{
	uint64_t skipped = p->count / 10, n = p->count - skipped, *times = p->times + skipped;
	FILE *file = fopen(name, "w");

	if (file == NULL)
		err(1, "%s", name);
	qsort(times, n, sizeof *times, by_size);
	fprintf(file, "%.1f %.1f\n", (double)times[n / 2] / 1e3, (double)times[n * 99 / 100] / 1e3);
	if (fclose(file) != 0)
		err(1, "%s", name);
}

static int
end(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

int
main(int argc, char **argv)
{
	struct probe p = { 0 };
	char **receiver = argv;

	while (*receiver != NULL && strcmp(*receiver, "--") != 0)
		receiver++;
	if (argc < 7 || *receiver == NULL || receiver[1] == NULL)
		errx(64, "usage: latency FILE RATE N SENDER [ARGUMENT...] -- RECEIVER [ARGUMENT...]");
	*receiver++ = NULL;
	p.interval = 1000000000 / strtoull(argv[2], NULL, 10);
	p.count = strtoull(argv[3], NULL, 10);
	if ((p.times = calloc(p.count, sizeof *p.times)) == NULL)
		err(1, "calloc");
	signal(SIGPIPE, SIG_IGN);
	p.receiver = start(receiver, STDOUT_FILENO, &p.from);
	p.sender = start(argv + 4, STDIN_FILENO, &p.to);
	run(&p);
	report(&p, argv[1]);
	end(p.sender);
	end(p.receiver);
	free(p.times);
	return 0;
}
