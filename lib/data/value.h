/* SPDX-License-Identifier: MIT */
/*
 * The values of a table: from text, and their kinds of integers.
 */
#ifndef RMQ_VALUE_H
#define RMQ_VALUE_H

#include "data/amqp_compat.h"

/* The integers that fit into 64 bits with a sign: all but AMQP_FIELD_KIND_U64. */
struct integer_type {
	const char	*name;
	uint8_t		 kind;
	int64_t		 min, max;
};

const struct integer_type *integer_type_by_kind(uint8_t kind);
const struct integer_type *integer_type_by_name(const char *);

void	 value_set_integer(amqp_field_value_t *, int64_t);	/* its kind is set already */
int64_t	 value_integer(const amqp_field_value_t *);
bool	 value_set_bytes(amqp_field_value_t *, amqp_pool_t *, struct rmq_bytes);	/* a copy; false: no memory */
bool	 value_is_finite(const amqp_field_value_t *);	/* no NaN, no infinity */

/* As rmq_table_set() says, of all types but RMQ_JSON. */
bool	 value_parse(amqp_field_value_t *, amqp_pool_t *, enum rmq_type, const char *text, struct rmq_error *);

#endif
