/* SPDX-License-Identifier: MIT */
/* See checkpoint.h. */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "publish/checkpoint.h"
#include "tool/save.h"
#include "tool/tool.h"
#include "tool/trust.h"

enum { HEAD = 1024, TAIL = 64, PAUSE = 1000 };	/* bytes, bytes, ms */

struct state {
	json_int_t	 version, device, inode, size, offset, records;
	const char	*head, *tail;	/* hexadecimal; up to the size, and to the offset */
};

static _Noreturn void __attribute__((format(printf, 2, 3)))
refuse(const struct checkpoint *c, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	tool_fail(EX_CONFIG, "cannot resume '%s' from checkpoint '%s': %s", c->in->name, c->path, why);
}

static bool
read_hex(const struct input *in, size_t len, uint64_t at, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[HEAD];
	ssize_t n = pread(in->fd, bytes, len, (off_t)at);
	size_t i;

	if (n != (ssize_t)len) {
		errno = n >= 0 ? EIO : errno;
		return false;
	}
	for (i = 0; i < len; i++) {
		*hex++ = digits[bytes[i] >> 4];
		*hex++ = digits[bytes[i] & 15];
	}
	*hex = '\0';
	return true;
}

static json_t *
open_state(const struct checkpoint *c)
{
	json_error_t e = { .text = "" };
	struct stat st;
	json_t *json;
	int fd = trust_open(c->path, O_RDONLY, 0);

	if (fd == -1 && errno == ENOENT)
		return NULL;
	if (fd == -1 || fstat(fd, &st) == -1)
		refuse(c, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		refuse(c, "it is no regular file");
	json = json_loadfd(fd, JSON_REJECT_DUPLICATES, &e);
	close(fd);
	if (json == NULL && st.st_size > 0)
		refuse(c, "it is broken: %s", e.text);
	return json;
}

static void
take_state(const struct checkpoint *c, json_t *json, struct state *s)
{
	json_error_t e;

	if (json_unpack_ex(json, &e, JSON_STRICT, "{s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s}", "version", &s->version,
	    "device", &s->device, "inode", &s->inode, "size", &s->size, "offset", &s->offset, "records", &s->records,
	    "head", &s->head, "tail", &s->tail) == -1)
		refuse(c, "it is broken: %s", e.text);
	if (s->version != 1)
		refuse(c, "it is of another version");
	if (s->offset < 0 || s->records < 0 || s->offset > s->size || s->records > s->offset)
		refuse(c, "it is broken: its numbers do not agree");
	if (strlen(s->head) != 2 * (size_t)(s->size < HEAD ? s->size : HEAD) ||
	    strlen(s->tail) != 2 * (size_t)(s->offset < TAIL ? s->offset : TAIL))
		refuse(c, "it is broken: its samples have another length");
}

static void
check_sample(const struct checkpoint *c, const char *sample, uint64_t at)
{
	char hex[2 * HEAD + 1];

	if (!read_hex(c->in, strlen(sample) / 2, at, hex))
		tool_fail(EX_IOERR, "cannot read '%s': %s", c->in->name, strerror(errno));
	if (strcmp(hex, sample) != 0)
		refuse(c, "the file has other content than the one that was read");
}

static void
check_file(const struct checkpoint *c, const struct state *s, const struct stat *st)
{
	if ((json_int_t)st->st_dev != s->device || (json_int_t)st->st_ino != s->inode)
		refuse(c, "the file is not the one that was read");
	if (st->st_size < s->size)
		refuse(c, "the file is shorter than it was");
	check_sample(c, s->head, 0);
	check_sample(c, s->tail, (uint64_t)s->offset - strlen(s->tail) / 2);
}

static bool
write_state(const struct checkpoint *c, uint64_t offset, uint64_t records)
{
	char head[2 * HEAD + 1], tail[2 * TAIL + 1], text[4 * HEAD];
	size_t tail_len = offset < TAIL ? (size_t)offset : TAIL;
	struct stat st;

	if (fstat(c->in->fd, &st) == -1)
		return false;
	if ((uint64_t)st.st_size < offset) {
		errno = ESTALE;
		return false;
	}
	if (!read_hex(c->in, st.st_size < HEAD ? (size_t)st.st_size : HEAD, 0, head) ||
	    !read_hex(c->in, tail_len, offset - tail_len, tail))
		return false;
	snprintf(text, sizeof(text), "{\"version\": 1, \"device\": %jd, \"inode\": %jd, \"size\": %jd, "
	    "\"offset\": %ju, \"records\": %ju,\n\"head\": \"%s\",\n\"tail\": \"%s\"}\n",
	    (intmax_t)st.st_dev, (intmax_t)st.st_ino, (intmax_t)st.st_size, (uintmax_t)offset, (uintmax_t)records,
	    head, tail);
	return save_file(c->path, text, 0600);
}

static void
resume(struct checkpoint *c, json_t *json, const struct stat *st, struct input *in)
{
	struct state s = { 0 };

	take_state(c, json, &s);
	check_file(c, &s, st);
	if (!input_seek(in, (uint64_t)s.offset, (uint64_t)s.records))
		tool_fail(EX_IOERR, "cannot read '%s': %s", in->name, strerror(errno));
	c->offset = (uint64_t)s.offset;
}

void
checkpoint_open(struct checkpoint *c, const char *path, struct input *in)
{
	struct stat st;
	json_t *json;

	*c = (struct checkpoint){ .path = path, .in = in, .saved_at = rmq_now() };
	if (path == NULL)
		return;
	if (in->whole || in->fd <= STDIN_FILENO || fstat(in->fd, &st) == -1 || !S_ISREG(st.st_mode))
		tool_usage("--checkpoint needs a regular file of --file, and -l, -0, -D or -J");
	if ((json = open_state(c)) != NULL)
		resume(c, json, &st, in);
	else if (!write_state(c, 0, 0))
		tool_fail(EX_CANTCREAT, "cannot write checkpoint '%s': %s", path, strerror(errno));
	json_decref(json);
}

int64_t
checkpoint_time(const struct checkpoint *c, uint64_t offset)
{
	return c->path == NULL || offset == c->offset ? -1 : c->saved_at + PAUSE;
}

bool
checkpoint_save(struct checkpoint *c, uint64_t offset, uint64_t records)
{
	if (c->path == NULL || offset == c->offset)
		return true;
	if (!write_state(c, offset, records))
		return false;
	c->offset = offset;
	c->saved_at = rmq_now();
	return true;
}
