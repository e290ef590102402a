/* SPDX-License-Identifier: MIT */
/* See format.h. */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output/format.h"

enum { SPARE = 1024 * 1024 };	/* a larger buffer is given back */

static void
show(struct output *out, struct rmq_bytes bytes)
{
	output_show(out, bytes.data, bytes.len);
}

static void
add_number(struct output *out, uint64_t n)
{
	char digits[24];

	output_add(out, digits, (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n));
}

static void
show_json(struct output *out, struct rmq_buffer *json, bool complete)
{
	if (complete)
		output_show(out, json->data, json->len);
	else
		output_fail(out, ENOMEM);
	json->len = 0;
	if (json->size > SPARE)
		rmq_buffer_free(json);
}

/* What a letter stands for. */

static void
put_body(struct format *f, const struct record *r, struct output *out)
{
	(void)f;
	output_lend(out, r->delivery->body.data, r->delivery->body.len);
}

static void
put_size(struct format *f, const struct record *r, struct output *out)
{
	(void)f;
	add_number(out, r->delivery->body.len);
}

static void
put_key(struct format *f, const struct record *r, struct output *out)
{
	(void)f;
	show(out, r->delivery->routing_key);
}

static void
put_exchange(struct format *f, const struct record *r, struct output *out)
{
	(void)f;
	show(out, r->delivery->exchange);
}

static void
put_queue(struct format *f, const struct record *r, struct output *out)
{
	(void)f;
	show(out, rmq_bytes(r->queue));
}

static void
put_envelope(struct format *f, const struct record *r, struct output *out)
{
	show_json(out, &f->json, rmq_envelope_json(r->delivery, r->queue, r->properties, &f->json));
}

static void
put_headers(struct format *f, const struct record *r, struct output *out)
{
	if (r->properties == NULL || r->properties->headers == NULL)
		output_add(out, "{}", 2);
	else
		show_json(out, &f->json, rmq_table_json(r->properties->headers, &f->json));
}

static void
put_time(struct format *f, const struct record *r, struct output *out)
{
	(void)f;
	if (r->properties != NULL && r->properties->has & RMQ_HAS_TIMESTAMP)
		add_number(out, r->properties->timestamp);
}

static void
put_message_id(struct format *f, const struct record *r, struct output *out)
{
	(void)f;
	if (r->properties != NULL)
		show(out, r->properties->message_id);
}

static void
put_correlation_id(struct format *f, const struct record *r, struct output *out)
{
	(void)f;
	if (r->properties != NULL)
		show(out, r->properties->correlation_id);
}

struct format_letter {
	char		 letter;
	bool		 of_properties;	/* they must be decoded */
	void		 (*put)(struct format *, const struct record *, struct output *);
};

static const struct format_letter letters[] = {
	{ 's', false, put_body },
	{ 'S', false, put_size },
	{ 'r', false, put_key },
	{ 'e', false, put_exchange },
	{ 'q', false, put_queue },
	{ 'j', true, put_envelope },
	{ 'h', true, put_headers },
	{ 'T', true, put_time },
	{ 'i', true, put_message_id },
	{ 'c', true, put_correlation_id },
	{ 0 }
};

/* A specification becomes pieces. */

struct compiler {
	struct format	*format;
	const char	*in;		/* what is left of the specification */
	char		*out;		/* where the next byte of text goes */
	char		*why;
	size_t		 size;
};

static bool
complain(struct compiler *c, const char *problem, const char *what, size_t len)
{
	snprintf(c->why, c->size, "%s %.*s", problem, (int)len, what);
	return false;
}

static void
end_text(struct compiler *c, const char *begin)
{
	if (c->out > begin)
		c->format->pieces[c->format->npieces++] =
		    (struct format_piece){ NULL, begin, (size_t)(c->out - begin) };
}

/* A letter after '%': a piece of its own. */
static bool
compile_letter(struct compiler *c)
{
	const struct format_letter *l;

	if (c->in[1] == '\0')
		return complain(c, "incomplete", c->in, 1);
	for (l = letters; l->letter != c->in[1]; l++)
		if (l->letter == 0)
			return complain(c, "unknown", c->in, 2);
	c->format->properties = c->format->properties || l->of_properties;
	c->format->pieces[c->format->npieces++].letter = l;
	c->in += 2;
	return true;
}

static bool
compile_hex(struct compiler *c)
{
	char digits[3] = { 0 };

	if (!isxdigit((unsigned char)c->in[2]) || !isxdigit((unsigned char)c->in[3]))
		return complain(c, "incomplete", c->in, 2);
	memcpy(digits, c->in + 2, 2);
	*c->out++ = (char)strtol(digits, NULL, 16);
	c->in += 4;
	return true;
}

static bool
compile_escape(struct compiler *c)
{
	static const char names[] = "ntr0\\", bytes[] = "\n\t\r\0\\";
	const char *name;

	if (c->in[1] == 'x')
		return compile_hex(c);
	if (c->in[1] == '\0')
		return complain(c, "incomplete", c->in, 1);
	if ((name = strchr(names, c->in[1])) == NULL)
		return complain(c, "unknown", c->in, 2);
	*c->out++ = bytes[name - names];
	c->in += 2;
	return true;
}

/* Bytes up to the next letter, with the escapes and %% replaced. */
static bool
compile_text(struct compiler *c)
{
	const char *begin = c->out;

	while (*c->in != '\0') {
		if (c->in[0] == '%' && c->in[1] != '%')
			break;
		if (*c->in == '\\') {
			if (!compile_escape(c))
				return false;
			continue;
		}
		c->in += *c->in == '%';
		*c->out++ = *c->in++;
	}
	end_text(c, begin);
	return true;
}

bool
format_compile(struct format *f, const char *spec, char *why, size_t size)
{
	struct compiler c = { .format = f, .in = spec, .why = why, .size = size };

	*f = (struct format){ 0 };
	f->pieces = calloc(strlen(spec) + 1, sizeof(*f->pieces));
	f->text = c.out = malloc(strlen(spec) + 1);
	if (f->pieces == NULL || f->text == NULL)
		return complain(&c, "out of", "memory", 6);
	while (*c.in != '\0')
		if (!(*c.in == '%' && c.in[1] != '%' ? compile_letter(&c) : compile_text(&c)))
			return false;
	return true;
}

void
format_free(struct format *f)
{
	free(f->pieces);
	free(f->text);
	rmq_buffer_free(&f->json);
	*f = (struct format){ 0 };
}

void
format_put(struct format *f, const struct record *r, struct output *out)
{
	const struct format_piece *p = f->pieces;
	const struct format_piece *end = p + f->npieces;

	for (; p < end; p++)
		if (p->letter == NULL)
			output_add(out, p->text, p->len);
		else
			p->letter->put(f, r, out);
}
