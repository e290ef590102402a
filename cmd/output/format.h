/* SPDX-License-Identifier: MIT */
/*
 * format - how one message is printed, compiled once
 *
 *	%s body			%S its length in bytes
 *	%r routing key		%e exchange		%q queue
 *	%h headers as JSON, {} if there are none
 *	%T timestamp in seconds since 1970, nothing if there is none
 *	%i message-id		%c correlation-id	%j JSON envelope
 *	%% a percent sign
 *
 * and \n \t \r \0 \\ \xNN outside of them.  The bytes of the format are the
 * user's; what comes out of the message is shown, not added (see output.h).
 */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdbool.h>
#include <stddef.h>

#include <rmq.h>

#include "output/output.h"

struct format_piece {
	const struct format_letter *letter;	/* NULL: text */
	const char	*text;
	size_t		 len;
};

struct format {
	struct format_piece *pieces;
	size_t		 npieces;
	char		*text;		/* of all pieces */
	bool		 properties;	/* it shows some: they must be decoded */
	struct rmq_buffer json;		/* empty between two messages */
};

/* One message, as a format needs it. */
struct record {
	const struct rmq_delivery *delivery;
	const struct rmq_properties *properties;	/* NULL: none, or not decoded */
	const char	*queue;
};

/* false and what is wrong with it; format_free() is due all the same. */
bool	format_compile(struct format *, const char *spec, char *why, size_t size);
void	format_free(struct format *);
void	format_put(struct format *, const struct record *, struct output *);

#endif
