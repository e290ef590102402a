/* SPDX-License-Identifier: MIT */
/*
 * blast [-ft] [-w WINDOW] QUEUE N SIZE: N messages of SIZE bytes, encoded once
 * for all of them, and all confirmed; as fast as a broker can be given
 * messages.  -t: transient ones; -f: with what the programs' own have too.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pump.h"

enum { PIECE = 65536 };

struct blast {
	struct bytes	 many;		/* the same message, as often as it fits */
	size_t		 one, left;
};

static void
prepare(struct blast *b, const char *queue, int mode, size_t size)
{
	char *body = malloc(size + 1);

	if (body == NULL)
		die("malloc");
	memset(body, 'x', size);
	put_message(&b->many, "", queue, mode, body, size);
	b->one = b->many.len;
	while (b->many.len + b->one <= PIECE)
		put_message(&b->many, "", queue, mode, body, size);
	free(body);
}

static size_t
more(void *arg, size_t room, struct bytes *out)
{
	struct blast *b = arg;
	size_t n = b->many.len / b->one;

	n = n < room ? n : room;
	n = n < b->left ? n : b->left;
	b->left -= n;
	*out = (struct bytes){ .data = b->many.data, .len = n * b->one };
	return n;
}

int
main(int argc, char **argv)
{
	struct blast b = { 0 };
	struct wire w;
	uint64_t window = 0;
	int c, mode = 2, full = 0;

	while ((c = getopt(argc, argv, "ftw:")) != -1) {
		if (c == 'w')
			window = strtoull(optarg, NULL, 10);
		else if (c == 'f')
			full = FULL;
		else
			mode = 1;
	}
	if (argc - optind != 3)
		errx(64, "usage: blast [-ft] [-w WINDOW] QUEUE N SIZE");
	b.left = strtoull(argv[optind + 1], NULL, 10);
	prepare(&b, argv[optind], mode | full, strtoull(argv[optind + 2], NULL, 10));
	wire_connect(&w);
	wire_select(&w);
	wire_flush(&w);
	wire_expect(&w, CONFIRM_SELECT_OK);
	pump(&w, window, more, &b);
	wire_close(&w);
	return 0;
}
