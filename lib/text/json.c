/* SPDX-License-Identifier: MIT */
/*
 * JSON, written without a tree in between: one pass over the table, straight
 * into the buffer.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "data/table.h"
#include "data/value.h"
#include "text/json.h"

/* Bytes of the UTF-8 character at p: no overlong forms, no surrogates, at most U+10FFFF; 0: it is none. */
static size_t
utf8_length(const uint8_t *p, size_t left)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (len == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || left < len)
		return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

static bool
eight_are_ascii(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
	return (word & UINT64_C(0x8080808080808080)) == 0;
}

bool
rmq_utf8(struct rmq_bytes s)
{
	const uint8_t *p = s.data;
	size_t i = 0, len;

	while (i < s.len)
		if (s.len - i >= 8 && eight_are_ascii(p + i))
			i += 8;
		else if ((len = utf8_length(p + i, s.len - i)) > 0)
			i += len;
		else
			return false;
	return true;
}

bool
json_add_text(struct rmq_buffer *b, const char *text)
{
	return rmq_buffer_add(b, text, strlen(text));
}

static bool
is_plain(char c)
{
	return (uint8_t)c >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
}

static bool
add_escaped(struct rmq_buffer *b, char c)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt", hex[] = "0123456789abcdef";
	char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4 & 15], hex[c & 15] };

	for (size_t i = 0; letters[i] != '\0'; i += 2)
		if (letters[i] == c) {
			escape[1] = letters[i + 1];
			return rmq_buffer_add(b, escape, 2);
		}
	return rmq_buffer_add(b, escape, sizeof escape);
}

bool
json_add_string(struct rmq_buffer *b, struct rmq_bytes s)
{
	const char *p = s.data;
	size_t i = 0, plain;

	if (!rmq_buffer_reserve(b, s.len + 2) || !rmq_buffer_add(b, "\"", 1))
		return false;
	while (i < s.len) {
		for (plain = i; i < s.len && is_plain(p[i]); i++)
			;
		if (!rmq_buffer_add(b, p + plain, i - plain))
			return false;
		if (i < s.len && !add_escaped(b, p[i++]))
			return false;
	}
	return rmq_buffer_add(b, "\"", 1);
}

static void
encode_three(char out[4], const uint8_t *p, size_t n)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	unsigned bits = (unsigned)p[0] << 16 | (n > 1 ? (unsigned)p[1] << 8 : 0) | (n > 2 ? p[2] : 0u);

	out[0] = digits[bits >> 18];
	out[1] = digits[bits >> 12 & 63];
	out[2] = digits[n > 1 ? bits >> 6 & 63 : 64];
	out[3] = digits[n > 2 ? bits & 63 : 64];
}

bool
json_add_base64(struct rmq_buffer *b, struct rmq_bytes s)
{
	const uint8_t *p = s.data;

	if (!rmq_buffer_reserve(b, s.len / 3 * 4 + 6))
		return false;
	b->data[b->len++] = '"';
	for (size_t i = 0; i < s.len; i += 3, b->len += 4)
		encode_three(b->data + b->len, p + i, s.len - i);
	b->data[b->len++] = '"';
	return true;
}

bool
json_add_unsigned(struct rmq_buffer *b, uint64_t n)
{
	const char *quote = n > INT64_MAX ? "\"" : "";

	return json_add_text(b, quote) && rmq_buffer_add_decimal(b, n) && json_add_text(b, quote);
}

static bool write_value(struct rmq_buffer *, const amqp_field_value_t *);

static bool
open_typed(struct rmq_buffer *b, const char *name)
{
	return json_add_text(b, "{\"$") && json_add_text(b, name) && json_add_text(b, "\":");
}

static bool
write_typed_base64(struct rmq_buffer *b, const char *name, struct rmq_bytes s)
{
	return open_typed(b, name) && json_add_base64(b, s) && json_add_text(b, "}");
}

static bool
write_typed_unsigned(struct rmq_buffer *b, const char *name, uint64_t n)
{
	return open_typed(b, name) && json_add_unsigned(b, n) && json_add_text(b, "}");
}

static bool
write_typed_integer(struct rmq_buffer *b, const amqp_field_value_t *v)
{
	const struct integer_type *type = integer_type_by_kind(v->kind);

	return type != NULL && open_typed(b, type->name) &&
	    number_add_integer(b, value_integer(v)) && json_add_text(b, "}");
}

static bool
write_infinite(struct rmq_buffer *b, double n)
{
	return json_add_text(b, isnan(n) ? "\"NaN\"" : n > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

static bool
write_float(struct rmq_buffer *b, float n)
{
	return open_typed(b, "float") &&
	    (isfinite(n) ? number_add_float(b, n) : write_infinite(b, (double)n)) && json_add_text(b, "}");
}

static bool
write_double(struct rmq_buffer *b, double n)
{
	if (isfinite(n))
		return number_add_double(b, n);
	return open_typed(b, "double") && write_infinite(b, n) && json_add_text(b, "}");
}

static bool
write_decimal(struct rmq_buffer *b, const amqp_decimal_t *d)
{
	return open_typed(b, "decimal") && json_add_text(b, "[") &&
	    rmq_buffer_add_decimal(b, d->decimals) && json_add_text(b, ",") &&
	    rmq_buffer_add_decimal(b, d->value) && json_add_text(b, "]}");
}

bool
json_add_bytes(struct rmq_buffer *b, struct rmq_bytes s)
{
	if (rmq_utf8(s))
		return json_add_string(b, s);
	return write_typed_base64(b, "binary", s);
}

static bool
write_array(struct rmq_buffer *b, const amqp_array_t *a)
{
	if (!json_add_text(b, "["))
		return false;
	for (int i = 0; i < a->num_entries; i++)
		if ((i > 0 && !json_add_text(b, ",")) || !write_value(b, &a->entries[i]))
			return false;
	return json_add_text(b, "]");
}

static bool
is_object_key(amqp_bytes_t key)
{
	return rmq_utf8(bytes_from_amqp(key)) &&
	    (key.len == 0 || memchr(key.bytes, '\0', key.len) == NULL);
}

static int
compare_keys(const void *a, const void *b)
{
	const amqp_bytes_t *x = &(*(const amqp_table_entry_t *const *)a)->key;
	const amqp_bytes_t *y = &(*(const amqp_table_entry_t *const *)b)->key;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->bytes, y->bytes, x->len);
}

static bool
sorted_keys_differ(const amqp_table_t *t, const amqp_table_entry_t **sorted)
{
	size_t n = (size_t)t->num_entries;

	for (size_t i = 0; i < n; i++)
		sorted[i] = &t->entries[i];
	qsort(sorted, n, sizeof sorted[0], compare_keys);
	for (size_t i = 1; i < n; i++)
		if (compare_keys(&sorted[i - 1], &sorted[i]) == 0)
			return false;
	return true;
}

/* Sorted, because a message can have tens of thousands of headers. */
static bool
keys_differ(const amqp_table_t *t)
{
	const amqp_table_entry_t *few[32], **many;
	bool differ;

	if (t->num_entries <= (int)(sizeof few / sizeof few[0]))
		return sorted_keys_differ(t, few);
	if ((many = malloc((size_t)t->num_entries * sizeof *many)) == NULL)
		return false;
	differ = sorted_keys_differ(t, many);
	free(many);
	return differ;
}

static bool
fits_object(const amqp_table_t *t)
{
	for (int i = 0; i < t->num_entries; i++)
		if (!is_object_key(t->entries[i].key))
			return false;
	if (t->num_entries == 1)
		return t->entries[0].key.len == 0 || *(const char *)t->entries[0].key.bytes != '$';
	return t->num_entries == 0 || keys_differ(t);
}

static bool
write_object(struct rmq_buffer *b, const amqp_table_t *t)
{
	if (!json_add_text(b, "{"))
		return false;
	for (int i = 0; i < t->num_entries; i++)
		if ((i > 0 && !json_add_text(b, ",")) ||
		    !json_add_string(b, bytes_from_amqp(t->entries[i].key)) ||
		    !json_add_text(b, ":") || !write_value(b, &t->entries[i].value))
			return false;
	return json_add_text(b, "}");
}

static bool
write_pairs(struct rmq_buffer *b, const amqp_table_t *t)
{
	if (!open_typed(b, "table") || !json_add_text(b, "["))
		return false;
	for (int i = 0; i < t->num_entries; i++)
		if (!json_add_text(b, i > 0 ? ",[" : "[") || !json_add_bytes(b, bytes_from_amqp(t->entries[i].key)) ||
		    !json_add_text(b, ",") || !write_value(b, &t->entries[i].value) || !json_add_text(b, "]"))
			return false;
	return json_add_text(b, "]}");
}

bool
json_add_table(struct rmq_buffer *b, const amqp_table_t *t)
{
	return fits_object(t) ? write_object(b, t) : write_pairs(b, t);
}

static bool
write_value(struct rmq_buffer *b, const amqp_field_value_t *v)
{
	switch (v->kind) {
	case AMQP_FIELD_KIND_BOOLEAN:
		return json_add_text(b, v->value.boolean ? "true" : "false");
	case AMQP_FIELD_KIND_VOID:
		return json_add_text(b, "null");
	case AMQP_FIELD_KIND_I64:
		return number_add_integer(b, v->value.i64);
	case AMQP_FIELD_KIND_U64:
		return write_typed_unsigned(b, "uint64", v->value.u64);
	case AMQP_FIELD_KIND_TIMESTAMP:
		return write_typed_unsigned(b, "timestamp", v->value.u64);
	case AMQP_FIELD_KIND_F32:
		return write_float(b, v->value.f32);
	case AMQP_FIELD_KIND_F64:
		return write_double(b, v->value.f64);
	case AMQP_FIELD_KIND_DECIMAL:
		return write_decimal(b, &v->value.decimal);
	case AMQP_FIELD_KIND_UTF8:
		return json_add_bytes(b, bytes_from_amqp(v->value.bytes));
	case AMQP_FIELD_KIND_BYTES:
		return write_typed_base64(b, "bytes", bytes_from_amqp(v->value.bytes));
	case AMQP_FIELD_KIND_TABLE:
		return json_add_table(b, &v->value.table);
	case AMQP_FIELD_KIND_ARRAY:
		return write_array(b, &v->value.array);
	default:
		return write_typed_integer(b, v);
	}
}

bool
rmq_table_json(const struct rmq_table *t, struct rmq_buffer *b)
{
	size_t before = b->len;

	if (json_add_table(b, table_amqp(t)))
		return true;
	b->len = before;
	return false;
}
