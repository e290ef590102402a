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

static const char letters[] = "sSreqhTicj";
static const char of_properties[] = "hTicj";

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
		    (struct format_piece){ 0, begin, (size_t)(c->out - begin) };
}

/* A letter after '%': a piece of its own. */
static bool
compile_letter(struct compiler *c)
{
	char letter = c->in[1];

	if (letter == '\0')
		return complain(c, "incomplete", c->in, 1);
	if (strchr(letters, letter) == NULL)
		return complain(c, "unknown", c->in, 2);
	if (strchr(of_properties, letter) != NULL)
		c->format->properties = true;
	c->format->pieces[c->format->npieces++].letter = letter;
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

static void
show_headers(struct output *out, const struct rmq_table *headers, struct rmq_buffer *json)
{
	if (headers == NULL)
		output_add(out, "{}", 2);
	else
		show_json(out, json, rmq_table_json(headers, json));
}

static void
show_envelope(struct output *out, const struct record *r, struct rmq_buffer *json)
{
	show_json(out, json, rmq_envelope_json(r->delivery, r->queue, r->properties, json));
}

static void
put_property(struct format *f, char letter, const struct rmq_properties *p, struct output *out)
{
	if (letter == 'h')
		show_headers(out, p->headers, &f->json);
	else if (letter == 'i')
		show(out, p->message_id);
	else if (letter == 'c')
		show(out, p->correlation_id);
	else if (p->has & RMQ_HAS_TIMESTAMP)
		add_number(out, p->timestamp);
}

static void
put_letter(struct format *f, char letter, const struct record *r, struct output *out)
{
	static const struct rmq_properties none;

	if (letter == 's')
		output_lend(out, r->delivery->body.data, r->delivery->body.len);
	else if (letter == 'S')
		add_number(out, r->delivery->body.len);
	else if (letter == 'r')
		show(out, r->delivery->routing_key);
	else if (letter == 'e')
		show(out, r->delivery->exchange);
	else if (letter == 'q')
		show(out, rmq_bytes(r->queue));
	else if (letter == 'j')
		show_envelope(out, r, &f->json);
	else
		put_property(f, letter, r->properties != NULL ? r->properties : &none, out);
}

void
format_put(struct format *f, const struct record *r, struct output *out)
{
	const struct format_piece *p = f->pieces;
	const struct format_piece *end = p + f->npieces;

	for (; p < end; p++)
		if (p->letter == 0)
			output_add(out, p->text, p->len);
		else
			put_letter(f, p->letter, r, out);
}
