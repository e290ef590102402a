/* SPDX-License-Identifier: MIT */
/* How a receiver begins: its options, its output, its subscriptions. */

#include <stdlib.h>

#include "broker/connect.h"
#include "broker/limits.h"
#include "consume/receiver.h"
#include "output/print.h"
#include "tool/tool.h"

enum { PREFETCH = 500 };	/* where it is fixed and nobody says it */

static int64_t	prefetch;		/* 0: as it fits */
static bool	no_ack;
static bool	sync_files = true;
static struct rmq_config config;

const struct opt opt_consume[] = {
	{ .help = "Receiving" },
	{ 'p', "prefetch|prefetch-count", "N", opt_number, &prefetch,
	    "hold at most N messages that are not acknowledged (default: as many as are taken in a few round trips)",
	    .min = 1, .max = UINT16_MAX },
	{ 'A', "no-ack", NULL, opt_flag, &no_ack, "let the broker forget each message as it sends it" },
	{ 0, "no-sync", NULL, opt_unflag, &sync_files, "acknowledge before a file is on the disk" },
	{ 0 }
};

/* A count needs no more; and who looks holds all that there is to see. */
static void
choose_prefetch(struct receiver *r)
{
	int64_t count = limit_options.count;

	r->prefetch = (uint64_t)(prefetch > 0 ? prefetch : PREFETCH);
	if (count >= 0 && (count < (int64_t)r->prefetch || (peek_options.peek && prefetch == 0)))
		r->prefetch = (uint64_t)count;
	pace_begin(r, r->prefetch, prefetch > 0 || no_ack || peek_options.peek || stream_expected());
}

static void
subscribe(struct receiver *r)
{
	size_t i;

	if (no_ack)
		tool_warn("with --no-ack, messages that cannot be printed%s are lost",
		    limit_options.count >= 0 ? " and those that come after the last one" : "");
	for (i = 0; i < r->what->nqueues; i++)
		rmq_consume(r->mq, &(struct rmq_consumer){
		    .queue = r->what->queues[i], .prefetch = (uint16_t)r->sources[i].pace.first, .no_ack = no_ack,
		    .arguments = stream_arguments() });
}

static void
open_output(struct receiver *r)
{
	print_open(&r->out, &r->folder, sync_files && r->takes, pace_group(r));
}

void
receiver_start(struct receiver *r)
{
	r->sources = calloc(r->what->nqueues, sizeof(*r->sources));
	if (r->sources == NULL)
		tool_fail(EX_OSERR, "cannot receive: out of memory");
	choose_prefetch(r);
	r->no_ack = no_ack;
	r->takes = !no_ack && !peek_options.peek;
	receiver_set_limits(r);
	giveback_begin(&r->back, &config, r->mq);
	open_output(r);
	subscribe(r);
}

void
receiver_end(struct receiver *r)
{
	print_close(&r->out, &r->folder);
	free(r->sources);
}

static void
check_options(void)
{
	if (no_ack && peek_options.peek)
		tool_usage("--no-ack and --peek exclude each other");
	if (no_ack && stream_expected())
		tool_usage("a stream needs acknowledgements: it has no --no-ack");
	if (peek_options.peek && limit_options.count > UINT16_MAX)
		tool_usage("--peek can look at %d messages at most", UINT16_MAX);
	limit_options.until_empty = limit_options.until_empty || peek_options.peek;
}

struct rmq *
consume_open(const char *program, const struct consume *what)
{
	config = connect_config(program);
	check_options();
	print_choose(what->line, what->chat);
	if (config.retry_limit == 0)
		config.retry_limit = -1;
	return connect_open(&config);
}
