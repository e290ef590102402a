/* SPDX-License-Identifier: MIT */
/*
 * rejects - the file for records that were not delivered, as they were in the input
 *
 * What the file may need is kept until it is certain that it does not.
 */
#ifndef REJECTS_H
#define REJECTS_H

#include "input/input.h"

struct rejects {
	const char	*name;		/* NULL: there is no such file, and all of this does nothing */
	int		 fd;
	int		 delimiter;	/* that each record ends with, -1: none */
	struct rmq_buffer input;	/* its bytes from `from` on */
	uint64_t	 from;
	bool		 written;	/* and not synced */
};

/* Exits 64 or 73 with a message if that cannot be.  name may be NULL. */
void	rejects_open(struct rejects *, const char *name, const struct input *);
/* Keeps the record that the input just gave.  false: no memory. */
bool	rejects_keep(struct rejects *, const struct input *, struct rmq_bytes record);
void	rejects_forget(struct rejects *, uint64_t before);	/* an offset */
/* Writes one record that was kept, by its offsets, with a delimiter at its end.  false: errno tells why. */
bool	rejects_write(struct rejects *, uint64_t start, uint64_t end);
/* Writes a record that is too long to be kept, piece by piece. */
bool	rejects_write_piece(struct rejects *, struct rmq_bytes piece, bool last);
bool	rejects_sync(struct rejects *);
void	rejects_close(struct rejects *);

#endif
