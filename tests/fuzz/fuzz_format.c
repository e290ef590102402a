/* SPDX-License-Identifier: MIT */
/* A format of receive -F: compiled or refused with a word, and used on a message that says the same. */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "fuzz.h"
#include "output/format.h"

static void
use(struct format *f, char *text, size_t size)
{
	static int null = -1;
	struct rmq_error error = { 0 };
	struct rmq_table *headers = rmq_table_new();
	struct rmq_properties p = { .message_id = rmq_bytes(text), .headers = headers, .has = RMQ_HAS_TIMESTAMP,
	    .timestamp = 1 };
	struct rmq_delivery d = { .body = { size, text }, .exchange = { 1, "x" },
	    .routing_key = { size < 255 ? size : 255, text } };
	struct record r = { &d, &p, "q" };
	struct output out;

	if (null == -1)
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	FUZZ_CHECK(headers != NULL && null != -1);
	rmq_table_set(headers, "a", RMQ_STRING, text, &error);
	output_open(&out, null, false, 1);
	out.escape = size & 1;
	format_put(f, &r, &out);
	format_put(f, &r, &out);
	output_end(&out, 1);
	output_io(&out, POLLOUT);
	output_finish(&out);
	output_close(&out);
	rmq_table_free(headers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[128] = "", *text = fuzz_copy(data, size, 1);
	struct format f;

	if (format_compile(&f, text, why, sizeof why))
		use(&f, text, size);
	else
		FUZZ_CHECK(*why != '\0');
	format_free(&f);
	free(text);
	return 0;
}
