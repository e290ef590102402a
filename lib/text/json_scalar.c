/* SPDX-License-Identifier: MIT */
/*
 * JSON values of one kind: strings, base64 and integers, with their ranges.
 */
#include <jansson.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "data/value.h"
#include "text/json.h"

bool
json_refuse(const struct json_reader *r, const char *name, const char *wanted)
{
	return rmq_fail(r->error, r->bad, 0, "%s takes %s", name, wanted);
}

static struct rmq_bytes
string_bytes(const json_t *json)
{
	return (struct rmq_bytes){ json_string_length(json), json_string_value(json) };
}

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Every digit is six bits; a byte is written as soon as there are eight. */
static bool
decode_base64(struct rmq_bytes s, uint8_t *out, size_t *len)
{
	const char *p = s.data;
	size_t digits = s.len;
	unsigned bits = 0, have = 0;
	int digit;

	while (digits > 0 && s.len - digits < 2 && p[digits - 1] == '=')
		digits--;
	*len = 0;
	for (size_t i = 0; i < digits; i++) {
		if ((digit = base64_digit(p[i])) < 0)
			return false;
		bits = bits << 6 | (unsigned)digit;
		if ((have += 6) < 8)
			continue;
		have -= 8;
		out[(*len)++] = (uint8_t)(bits >> have);
		bits &= (1u << have) - 1;
	}
	return s.len % 4 == 0 && bits == 0;
}

bool
json_read_base64(const struct json_reader *r, const char *name, const json_t *json, struct rmq_bytes *out)
{
	struct rmq_bytes s = string_bytes(json);
	amqp_bytes_t room;

	if (!json_is_string(json))
		return json_refuse(r, name, "a string of base64");
	amqp_pool_alloc_bytes(r->pool, s.len / 4 * 3 + 3, &room);
	if (room.bytes == NULL)
		return rmq_no_memory(r->error);
	if (!decode_base64(s, room.bytes, &room.len))
		return json_refuse(r, name, "a string of base64");
	*out = bytes_from_amqp(room);
	return true;
}

bool
json_read_bytes(const struct json_reader *r, const char *name, const json_t *json, struct rmq_bytes *out)
{
	const json_t *binary = json_object_get(json, "$binary");

	if (binary != NULL && json_object_size(json) == 1)
		return json_read_base64(r, "$binary", binary, out);
	*out = string_bytes(json);
	return json_is_string(json) || json_refuse(r, name, "a string or {\"$binary\":...}");
}

bool
json_read_unsigned(const struct json_reader *r, const char *name, const json_t *json, uint64_t *n)
{
	if (json_is_integer(json) && json_integer_value(json) >= 0) {
		*n = (uint64_t)json_integer_value(json);
		return true;
	}
	if (json_is_string(json) && strlen(json_string_value(json)) == json_string_length(json) &&
	    number_parse_unsigned(json_string_value(json), n))
		return true;
	return json_refuse(r, name, "an integer from 0 to 18446744073709551615, as a string from 2^63 on");
}

bool
json_read_integer(const struct json_reader *r, const char *name, const json_t *json,
    const struct integer_type *type, amqp_field_value_t *v)
{
	json_int_t n = json_integer_value(json);

	v->kind = type->kind;
	if (!json_is_integer(json) || n < type->min || n > type->max)
		return rmq_fail(r->error, r->bad, 0, "%s takes an integer from %lld to %lld",
		    name, (long long)type->min, (long long)type->max);
	value_set_integer(v, n);
	return true;
}
