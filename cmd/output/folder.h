/* SPDX-License-Identifier: MIT */
/*
 * folder - a directory with one file for each message
 *
 * A file is written under a name that begins with '.', synced, and only then
 * given its own name, which replaces nothing: who looks into the directory
 * sees whole messages.  A file is safe when folder_sync() was called after it.
 *
 * A name is the time when the message came and its number in this run, so that
 * names sort as the messages came: 20261123T140137.123456Z-000001.  Nothing of
 * a message becomes a part of it, unless a name is wished for.
 */
#ifndef FOLDER_H
#define FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include <rmq.h>

enum { FOLDER_NAME_SIZE = 65, FOLDER_DRAFT_SIZE = 96 };

struct folder {
	int		 fd;		/* of the directory */
	bool		 sync;		/* each file before it gets its name */
	bool		 unnamed;	/* what failed was to give a file its name */
	uint64_t	 count;		/* files that were begun */
	int64_t		 at;		/* when the last one was, in microseconds since 1970 */
	char		 draft[FOLDER_DRAFT_SIZE];	/* the name of the file that is being written */
	char		 wish[FOLDER_NAME_SIZE];
};

/* Makes the directory if it is missing, for this user alone.  0, or an errno. */
int	folder_open(struct folder *, const char *path, bool sync);
void	folder_close(struct folder *);

int	folder_begin(struct folder *);			/* a file to write to, or -1 and errno */
/*
 * The file under way shall have this name, if it is a plain one (letters, digits, '.', '_', '-', not '.' first,
 * 64 at most) and not taken.
 */
void	folder_wish(struct folder *, struct rmq_bytes name);
bool	folder_keep(struct folder *, int fd);		/* it is complete: false and errno if it cannot be kept */
void	folder_drop(struct folder *, int fd);
bool	folder_sync(struct folder *);			/* false and errno */

#endif
