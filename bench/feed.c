/* SPDX-License-Identifier: MIT */
/*
 * feed [-t] [-w WINDOW] QUEUE: a message for each line of standard input, all
 * confirmed; what a pipe costs when nothing but the lines is looked at.
 * -t: transient ones.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pump.h"

enum { PIECE = 65536 };

struct feed {
	struct bytes	 in, out;
	size_t		 taken;		/* of in */
	const char	*queue;
	int		 mode;
};

/* Is there more? */
static int
read_input(struct feed *f)
{
	ssize_t n;

	memmove(f->in.data, f->in.data + f->taken, f->in.len - f->taken);
	f->in.len -= f->taken;
	f->taken = 0;
	n = read(STDIN_FILENO, reserve(&f->in, PIECE), PIECE);
	if (n == -1)
		die("read");
	f->in.len += (size_t)n;
	return n > 0;
}

static size_t
more(void *arg, size_t room, struct bytes *out)
{
	struct feed *f = arg;
	size_t n = 0;
	unsigned char *line, *end;

	f->out.len = 0;
	do {
		while (n < room && f->in.len > f->taken) {
			line = f->in.data + f->taken;
			end = memchr(line, '\n', f->in.len - f->taken);
			if (end == NULL)
				break;
			put_message(&f->out, "", f->queue, f->mode, line, (size_t)(end - line));
			f->taken += (size_t)(end - line) + 1;
			n++;
		}
	} while (n == 0 && read_input(f));
	*out = f->out;
	return n;
}

int
main(int argc, char **argv)
{
	struct feed f = { .mode = 2 };
	struct wire w;
	uint64_t window = 0;
	int c;

	while ((c = getopt(argc, argv, "tw:")) != -1) {
		if (c == 'w')
			window = strtoull(optarg, NULL, 10);
		else
			f.mode = 1;
	}
	if (argc - optind != 1)
		errx(64, "usage: feed [-t] [-w WINDOW] QUEUE");
	f.queue = argv[optind];
	reserve(&f.in, PIECE);
	wire_connect(&w);
	wire_select(&w);
	wire_flush(&w);
	wire_expect(&w, CONFIRM_SELECT_OK);
	pump(&w, window, more, &f);
	wire_close(&w);
	return 0;
}
