/* SPDX-License-Identifier: MIT */
/*
 * input - messages out of a descriptor
 *
 * Bytes are read in large pieces and cut at a delimiter, or kept whole until
 * the end.  A record borrows its bytes: they stay until the next input_read().
 * NUL bytes, carriage returns and records of any length are left as they are;
 * a last record without a delimiter is a record too.
 *
 *	while ((what = input_next(&in, &record)) == INPUT_RECORD)
 *		...
 *	if (what == INPUT_MORE)
 *		poll() for in.fd, then input_read(&in)
 */
#ifndef INPUT_H
#define INPUT_H

#include <rmq.h>

enum input_status {
	INPUT_RECORD,
	INPUT_MORE,		/* nothing whole is there: poll, then input_read() */
	INPUT_END,
	INPUT_TOO_LONG,		/* record number .records + 1 is longer than .max_message */
	INPUT_FAILED		/* a read failed: see .error */
};

struct input {
	int		 fd;
	const char	*name;		/* for messages */
	bool		 whole;		/* all of it is one record */
	unsigned char	 delimiter;
	size_t		 max_message;
	uint64_t	 records;	/* that were handed out */
	uint64_t	 start, end;	/* offsets of the last record and of what follows it */

	struct rmq_buffer buffer;	/* the only record of a whole input may be taken away with it */

	/* Of input.c. */
	size_t		 taken;		/* bytes in front that were handed out */
	size_t		 searched;	/* bytes in front that have no delimiter left */
	int		 error;		/* errno of the read that failed */
	bool		 at_end;
};

/* NULL or "-": standard input.  false: errno tells why. */
bool	input_open(struct input *, const char *file);
enum input_status input_next(struct input *, struct rmq_bytes *record);
enum input_status input_peek(struct input *);	/* what input_next() would say */
/* Begins at this offset, behind so many records.  false: errno tells why. */
bool	input_seek(struct input *, uint64_t offset, uint64_t records);
/* The next piece of a record that is too long.  INPUT_RECORD: it was the last one, INPUT_MORE: there are more. */
enum input_status input_skip(struct input *, struct rmq_bytes *piece);
void	input_read(struct input *);	/* once; blocks unless poll() said otherwise */
uint64_t input_size(const struct input *);	/* bytes in all; 0: it is no regular file */
void	input_close(struct input *);

#endif
