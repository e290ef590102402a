/* SPDX-License-Identifier: MIT */
/*
 * oneshot [-t] EXCHANGE TYPE KEY BODY: one message to an exchange that is
 * declared for it, confirmed.  Nothing is awaited but the broker's start, tune,
 * confirm and close, so these are the fewest round trips with which a client
 * can keep to the order of the handshake.  -t: a transient one.
 */
#include <err.h>
#include <string.h>

#include "wire.h"

static void
put_declare(struct bytes *b, const char *exchange, const char *type)
{
	size_t at = put_method(b, CHANNEL, EXCHANGE_DECLARE);

	put_number(b, 0, 2);
	put_short(b, exchange);
	put_short(b, type);
	put_number(b, 0, 5);
	put_end(b, at);
}

int
main(int argc, char **argv)
{
	struct frame f;
	struct wire w;
	int mode = 2;

	if (argc == 6 && strcmp(argv[1], "-t") == 0) {
		mode = 1;
		argv++;
	} else if (argc != 5) {
		errx(64, "usage: oneshot [-t] EXCHANGE TYPE KEY BODY");
	}
	wire_connect(&w);
	put_declare(&w.out, argv[1], argv[2]);
	wire_select(&w);
	put_message(&w.out, argv[1], argv[3], mode, argv[4], strlen(argv[4]));
	wire_flush(&w);
	do
		wire_next(&w, &f);
	while (f.method != BASIC_ACK && f.method != BASIC_NACK);
	wire_close(&w);
	return f.method == BASIC_NACK;
}
