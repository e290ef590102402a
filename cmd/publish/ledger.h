/* SPDX-License-Identifier: MIT */
/* ledger - what became of each record, and where in the input to go on */
#ifndef LEDGER_H
#define LEDGER_H

#include "publish/sender.h"

/* A record will never be delivered: it is set aside, or ends the run with this status. */
void	ledger_reject(struct sender *, uint64_t number, int status, const char *why, size_t len);
/* The same without a word, once it is known that nobody wanted it. */
void	ledger_set_aside(struct sender *, uint64_t number);
/* The status of them all is that of the first one in the input. */
void	ledger_note_rejected(struct sender *, uint64_t number, int status);
void	ledger_settle(struct sender *);	/* what the counts say: which records need no more attention */

/* Where in the input to go on: all before it was delivered, or set aside. */
uint64_t ledger_next_offset(const struct sender *);
void	ledger_save_checkpoint(struct sender *);

#endif
