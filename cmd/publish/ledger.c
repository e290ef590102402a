/* SPDX-License-Identifier: MIT */
/* What became of each record of the input: settled, set aside, or where to go on. */

#include <errno.h>
#include <string.h>

#include "publish/ledger.h"
#include "publish/sender.h"
#include "tool/tool.h"

/* The input can be resumed at the first record that was neither delivered nor set aside. */
static void
note_failure(struct sender *s, uint64_t number)
{
	if (s->first_failed != 0 && s->first_failed <= number)
		return;
	s->first_failed = number;
	s->resume_at = offsets_end(&s->offsets, number - 1);
}

static bool
write_reject(struct sender *s, uint64_t number)
{
	if (rejects_write(&s->rejects, offsets_end(&s->offsets, number - 1), offsets_end(&s->offsets, number)))
		return true;
	sender_fail(s, EX_IOERR, "cannot write reject file '%s': %s", s->rejects.name, strerror(errno));
	return false;
}

void
ledger_set_aside(struct sender *s, uint64_t number)
{
	if (!s->skip || !write_reject(s, number))
		note_failure(s, number);
}

/* Whenever it was found. */
void
ledger_note_rejected(struct sender *s, uint64_t number, int status)
{
	if (s->first_rejected != 0 && s->first_rejected <= number)
		return;
	s->first_rejected = number;
	s->rejected_status = status;
}

void
ledger_reject(struct sender *s, uint64_t number, int status, const char *why, size_t len)
{
	const char *place = source_place(&s->in, number);

	if (s->skip) {
		sender_tell(s, "cannot send %s: %.*s", place, (int)len, why);
		ledger_note_rejected(s, number, status);
		ledger_set_aside(s, number);
		return;
	}
	note_failure(s, number);
	sender_fail(s, status, "cannot send %s: %.*s", place, (int)len, why);
	if (s->rejects.name != NULL)
		write_reject(s, number);
}

/* How many records there are before the first one that is neither delivered nor set aside. */
static uint64_t
done(const struct sender *s)
{
	return s->first_failed != 0 && s->first_failed <= s->settled ? s->first_failed - 1 : s->settled;
}

uint64_t
ledger_next_offset(const struct sender *s)
{
	uint64_t number = done(s);

	return s->first_failed == number + 1 ? s->resume_at : offsets_end(&s->offsets, number);
}

/* What was set aside must be on the disk before a checkpoint passes it. */
void
ledger_save_checkpoint(struct sender *s)
{
	if (!rejects_sync(&s->rejects))
		sender_fail(s, EX_IOERR, "cannot write reject file '%s': %s", s->rejects.name, strerror(errno));
	else if (!checkpoint_save(&s->checkpoint, ledger_next_offset(s), done(s)))
		sender_fail(s, EX_IOERR, "cannot write checkpoint '%s': %s", s->checkpoint.path, strerror(errno));
}

static void
failed(void *arg, uint64_t number)
{
	ledger_set_aside(arg, number);
}

/* What is settled by now will not change; where it lies in the input is known until the next record is read. */
void
ledger_settle(struct sender *s)
{
	if (s->counts.unsettled == 0)
		s->settled = s->in.records;
	else if (s->counts.settled_through > s->settled)
		s->settled = s->counts.settled_through;
	suspects_settle(&s->suspects, s->settled, failed, s);
	rejects_forget(&s->rejects, offsets_end(&s->offsets, s->settled));
}
