/* SPDX-License-Identifier: MIT */
/*
 * drain [-p PREFETCH] [-k MESSAGES] QUEUE N: the bodies of N messages to
 * standard output, acknowledged in one go for each so many MESSAGES; as fast as
 * a broker can be relieved of them.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "wire.h"

enum { PIECE = 65536 };

static void
subscribe(struct wire *w, const char *queue, uint64_t prefetch)
{
	size_t at = put_method(&w->out, CHANNEL, BASIC_QOS);

	put_number(&w->out, 0, 4);
	put_number(&w->out, prefetch, 2);
	put_number(&w->out, 0, 1);
	put_end(&w->out, at);
	at = put_method(&w->out, CHANNEL, BASIC_CONSUME);
	put_number(&w->out, 0, 2);
	put_short(&w->out, queue);
	put_number(&w->out, 0, 6);	/* no tag, no flag, no argument */
	put_end(&w->out, at);
	wire_flush(w);
	wire_expect(w, BASIC_CONSUME_OK);
}

static void
acknowledge(struct wire *w, uint64_t tag)
{
	size_t at = put_method(&w->out, CHANNEL, BASIC_ACK);

	put_number(&w->out, tag, 8);
	put_number(&w->out, 1, 1);
	put_end(&w->out, at);
	wire_flush(w);
}

static void
write_out(struct bytes *b)
{
	ssize_t n;

	for (size_t done = 0; done < b->len; done += (size_t)n) {
		n = write(STDOUT_FILENO, b->data + done, b->len - done);
		if (n == -1)
			die("write");
	}
	b->len = 0;
}

/* Nothing is acknowledged before it has been written. */
static void
drain(struct wire *w, uint64_t messages, uint64_t every)
{
	struct bytes out = { 0 };
	struct frame f;
	uint64_t got = 0, tag = 0, body = 0;

	while (got < messages) {
		wire_next(w, &f);
		if (f.method == BASIC_DELIVER) {
			tag = get_number(f.payload + 1 + f.payload[0], 8);
		} else if (f.type == FRAME_HEADER) {
			body = get_number(f.payload + 4, 8);
		} else if (f.type == FRAME_BODY) {
			put(&out, f.payload, f.size);
			body -= f.size;
		}
		if (f.type == FRAME_METHOD || body > 0)
			continue;
		got++;
		if (out.len >= PIECE || got % every == 0 || got == messages)
			write_out(&out);
		if (got % every == 0 || got == messages)
			acknowledge(w, tag);
	}
}

int
main(int argc, char **argv)
{
	struct wire w;
	uint64_t prefetch = 500, every = 250;
	int c;

	while ((c = getopt(argc, argv, "p:k:")) != -1) {
		if (c == 'p')
			prefetch = strtoull(optarg, NULL, 10);
		else
			every = strtoull(optarg, NULL, 10);
	}
	if (argc - optind != 2 || every == 0)
		errx(64, "usage: drain [-p PREFETCH] [-k MESSAGES] QUEUE N");
	wire_connect(&w);
	subscribe(&w, argv[optind], prefetch);
	drain(&w, strtoull(argv[optind + 1], NULL, 10), every);
	wire_close(&w);
	return 0;
}
