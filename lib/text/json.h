/* SPDX-License-Identifier: MIT */
/*
 * Tables to JSON and back, without loss.
 *
 *	true, false	t	null	V	object	F
 *	integer		l	real	d	array	A
 *	string		S
 *
 * Every other type is an object with one key: $int8 $uint8 $int16 $uint16
 * $int32 $uint32 $uint64 $timestamp $float take a number (beyond 2^63-1 as a
 * string of digits), $decimal takes [scale, value], $bytes (x) and $binary (S
 * that is not UTF-8) take base64.  $double takes "NaN", "Infinity" or
 * "-Infinity", $float these too.  {"$table":[[name, value], ...]} is a table
 * that cannot be an object: a name is there twice, is not UTF-8 (then it is
 * {"$binary":...}) or has a NUL in it, or the only name begins with "$".
 */
#ifndef RMQ_JSON_H
#define RMQ_JSON_H

#include "data/amqp_compat.h"

/* Writing: false means that there is no memory. */
bool	 json_add_text(struct rmq_buffer *, const char *);		/* as it is */
bool	 json_add_string(struct rmq_buffer *, struct rmq_bytes);	/* valid UTF-8, quoted and escaped */
bool	 json_add_base64(struct rmq_buffer *, struct rmq_bytes);	/* quoted */
bool	 json_add_bytes(struct rmq_buffer *, struct rmq_bytes);		/* a string, or {"$binary":...} */
bool	 json_add_unsigned(struct rmq_buffer *, uint64_t);		/* quoted beyond INT64_MAX */
bool	 json_add_table(struct rmq_buffer *, const amqp_table_t *);

/* Reading. */
struct json_t;		/* jansson's */
struct integer_type;

struct json_reader {
	amqp_pool_t	*pool;		/* where values go */
	enum rmq_status	 bad;		/* what a mistake in the text is */
	struct rmq_error *error;
};

/* Whatever value is the whole text; json_decref() it.  NULL: the error tells the place. */
struct json_t *json_open(const struct json_reader *, struct rmq_bytes text);
/* The JSON value that is the whole text becomes a value of a message's headers. */
bool	 json_read(const struct json_reader *, struct rmq_bytes text, amqp_field_value_t *);
/* The same of what is open already; depth: of the table or array that the value is put into. */
bool	 json_read_value(const struct json_reader *, struct json_t *, unsigned depth, amqp_field_value_t *);

/* Values of one kind; the error says what the name takes.  Strings borrow from the JSON or the pool. */
bool	 json_read_bytes(const struct json_reader *, const char *name, const struct json_t *, struct rmq_bytes *);
bool	 json_read_base64(const struct json_reader *, const char *name, const struct json_t *, struct rmq_bytes *);
bool	 json_read_unsigned(const struct json_reader *, const char *name, const struct json_t *, uint64_t *);
bool	 json_read_integer(const struct json_reader *, const char *name, const struct json_t *,
	    const struct integer_type *, amqp_field_value_t *);
bool	 json_refuse(const struct json_reader *, const char *name, const char *wanted);	/* always false */

#endif
