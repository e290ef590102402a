/* SPDX-License-Identifier: MIT */
/*
 * The properties of a message as the content header carries them: two bytes
 * of flags, then the fields that are present.
 */
#ifndef RMQ_PROPERTIES_H
#define RMQ_PROPERTIES_H

#include <sys/types.h>

#include "data/table.h"

/* Every property in the order in which it is encoded, then an empty entry. */
struct property {
	const char	*name;
	unsigned	 flag;		/* librabbitmq's */
	enum { PROPERTY_STRING, PROPERTY_TABLE, PROPERTY_OCTET, PROPERTY_SECONDS } kind;
	size_t		 ours;		/* where it is in struct rmq_properties */
	size_t		 theirs;	/* PROPERTY_STRING: where it is in librabbitmq's struct */
	unsigned	 has;		/* PROPERTY_OCTET, PROPERTY_SECONDS: the bit that says it is there */
};

extern const struct property property_list[];

/* What decoded properties point into, besides the encoded bytes; good for one message after another. */
struct properties_scratch {
	struct rmq_table headers;
};

void	 properties_scratch_init(struct properties_scratch *);
void	 properties_scratch_done(struct properties_scratch *);

/* How many bytes were written to out, -1: the message can never be sent (or not within room). */
ssize_t	 properties_encode(const struct rmq_properties *, void *out, size_t room, struct rmq_error *);
bool	 properties_decode(struct rmq_bytes encoded, struct properties_scratch *,
	    struct rmq_properties *, struct rmq_error *);

#endif
