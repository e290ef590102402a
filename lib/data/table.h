/* SPDX-License-Identifier: MIT */
/*
 * Tables inside the library: librabbitmq's tables with the memory they live
 * in, and the checks that come before librabbitmq sees a byte.
 *
 * Depth counts tables and arrays that stand in one another; the outermost
 * table is 1.
 */
#ifndef RMQ_TABLE_H
#define RMQ_TABLE_H

#include "data/amqp_compat.h"

enum {
	TABLE_DEPTH_RECEIVED = 64,	/* librabbitmq itself gives up at 100 */
	TABLE_DEPTH_SENT = TABLE_DEPTH_RECEIVED,
	TABLE_KEY_SIZE = 255
};

struct rmq_table {
	amqp_pool_t	 pool;		/* what entries and values are made of */
	amqp_table_t	 table;
	int		 room;		/* for so many entries */
};

void	 table_init(struct rmq_table *);
void	 table_clear(struct rmq_table *);	/* no entries; the memory is kept for the next ones */
void	 table_done(struct rmq_table *);

const amqp_table_entry_t *table_find(const amqp_table_t *, struct rmq_bytes name);	/* the first one; NULL: none */
/* An entry anew, or in the place of the first one of this name; what the value is made of lies in the table's pool. */
bool	 table_put(struct rmq_table *, struct rmq_bytes name, const amqp_field_value_t *);	/* false: no memory */
/* False: there is no such string. */
bool	 table_string(const amqp_table_t *, const char *name, struct rmq_bytes *);
const amqp_table_t *table_amqp(const struct rmq_table *);	/* of NULL: an empty one */
size_t	 table_encoded_size(const struct rmq_table *);	/* with the four bytes of its length */
/* Names, depth and numbers are such that a broker takes them. */
bool	 table_sendable(const struct rmq_table *, struct rmq_error *);

/*
 * Both take the encoded table from its length on to its last byte.  A decoded
 * table borrows names and strings from there.
 */
bool	 table_check(struct rmq_bytes encoded, unsigned max_depth, struct rmq_error *);
bool	 table_decode(struct rmq_table *, struct rmq_bytes encoded, struct rmq_error *);

#endif
