/* SPDX-License-Identifier: MIT */
/*
 * output - records on standard output, and which of them are safely there
 *
 * A record is added in pieces and ended with a cookie.  Small pieces are
 * gathered, large ones are written from where they lie.  Nothing waits for a
 * reader: what a pipe does not take is kept until poll() says that it does,
 * as a copy, or where it lies if that is lent.
 *
 *	output_add(&out, body, len);
 *	output_end(&out, tag);
 *	...
 *	output_io(&out, pollfd.revents);
 *	tag = out.settled;
 *
 * A record is settled when write(2) took all its bytes and, where standard
 * output is a regular file, when the file was synced too.  The first error
 * sticks: from then on nothing is written, and what was settled stays so.  A
 * regular file then ends with a complete record, if nobody else wrote to it.
 * In a folder each record is a file of its own, and settled when the folder
 * was synced after it.
 *
 * SIGPIPE must be ignored; a reader that went away is the error EPIPE, and is
 * noticed even while there is nothing to write.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rmq.h>

#include "output/folder.h"

enum output_kind {
	OUTPUT_FILE,		/* regular: written at once, then synced */
	OUTPUT_SOCKET,
	OUTPUT_STREAM,		/* pipe, terminal, device, through a description of our own with O_NONBLOCK */
	OUTPUT_SHARED,		/* the same, where there is only the one that others have too */
	OUTPUT_FOLDER		/* a file for each record: fd is the one under way */
};

struct output_mark {		/* where a record ends */
	uint64_t	 at;
	uint64_t	 cookie;
};

struct output {
	int		 fd;
	enum output_kind kind;
	bool		 pipe;
	bool		 escape;	/* what is shown; a terminal is the default */
	bool		 sync;		/* before a record counts as settled */
	unsigned	 group;		/* sync when this many records are written */
	int		 error;		/* errno, 0 if all is well */
	bool		 uncreated;	/* the error is that of a file that could not be created */
	struct folder	*folder;	/* of OUTPUT_FOLDER */
	int64_t		 torn_at;	/* where an incomplete record had to be left in the file, or -1 */
	uint64_t	 settled;	/* cookie of the last settled record that had one */

	bool		 blocked;	/* the reader takes no more for now */
	struct rmq_bytes lent;		/* the rest of a large piece; it comes before the buffer */
	struct rmq_buffer lender;	/* where that lies, once it is ours */
	struct rmq_buffer buffer;
	size_t		 sent;		/* of the buffer: bytes before this are written */
	uint64_t	 added, written; /* bytes since the beginning */
	uint64_t	 boundary;	/* end of the last record that is written */
	struct output_mark *marks;	/* a ring: records that are not written yet */
	size_t		 first, nmarks, room;
	uint64_t	 unsynced;	/* cookie of the last record that waits for a sync */
	unsigned	 nunsynced;
	int64_t		 sync_at;	/* rmq_now() by which they are synced */
};

/* sync: of regular files alone. */
void	output_open(struct output *, int fd, bool sync, unsigned group);
/* Each record becomes a file; the folder outlives the output and says whether files are synced. */
void	output_open_folder(struct output *, struct folder *, unsigned group);
void	output_close(struct output *);

void	output_add(struct output *, const void *, size_t);
/* The same for what others wrote: on a terminal it is escaped, and so harmless. */
void	output_show(struct output *, const void *, size_t);
/* As output_show().  What is not written at once stays where it lies until output_keep(). */
void	output_lend(struct output *, const void *, size_t);
bool	output_borrows(const struct output *);		/* output_keep() has something to do */
/* What was lent becomes our own: it lies in this buffer, which is taken over, or is copied if the buffer is empty. */
void	output_keep(struct output *, struct rmq_buffer *);
void	output_end(struct output *, uint64_t cookie);	/* a record ends here; cookie 0: nobody waits for it */
void	output_wish(struct output *, struct rmq_bytes name);	/* how the file of this record shall be called */
void	output_fail(struct output *, int error);	/* a piece of a record could not be made */

size_t	output_unread(const struct output *);		/* written to a pipe, and not read by anyone yet */
bool	output_full(const struct output *);		/* add no more for now */
bool	output_pending(const struct output *);		/* something is not settled yet */
short	output_events(const struct output *);		/* for poll() */
int64_t	output_deadline(const struct output *);		/* of the next sync, -1 if none */
void	output_io(struct output *, short revents);	/* writes what can be written, syncs what is due */
void	output_finish(struct output *);			/* the same, and does not wait for more to sync */

#endif
