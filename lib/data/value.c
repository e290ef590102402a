/* SPDX-License-Identifier: MIT */
/*
 * The values of a table: from text, and their kinds of integers.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "data/value.h"

/*
 * The short names are those that RabbitMQ's own documents use; byte, short and
 * long are signed, as there.  int is the widest, so that no number needs a
 * second thought.
 */
static const struct {
	const char	*name;
	enum rmq_type	 type;
} type_names[] = {
	{ "string", RMQ_STRING }, { "str", RMQ_STRING },
	{ "bytes", RMQ_BYTES }, { "binary", RMQ_BYTES },
	{ "bool", RMQ_BOOL },
	{ "int", RMQ_INT64 }, { "int64", RMQ_INT64 }, { "long", RMQ_INT64 },
	{ "int32", RMQ_INT32 }, { "int16", RMQ_INT16 }, { "short", RMQ_INT16 },
	{ "int8", RMQ_INT8 }, { "byte", RMQ_INT8 },
	{ "uint64", RMQ_UINT64 }, { "uint32", RMQ_UINT32 },
	{ "uint16", RMQ_UINT16 }, { "uint8", RMQ_UINT8 },
	{ "float", RMQ_FLOAT }, { "double", RMQ_DOUBLE },
	{ "time", RMQ_TIMESTAMP }, { "timestamp", RMQ_TIMESTAMP },
	{ "void", RMQ_VOID }, { "null", RMQ_VOID },
	{ "json", RMQ_JSON },
};

static const struct integer_type integer_types[] = {
	{ "int8", AMQP_FIELD_KIND_I8, INT8_MIN, INT8_MAX },
	{ "uint8", AMQP_FIELD_KIND_U8, 0, UINT8_MAX },
	{ "int16", AMQP_FIELD_KIND_I16, INT16_MIN, INT16_MAX },
	{ "uint16", AMQP_FIELD_KIND_U16, 0, UINT16_MAX },
	{ "int32", AMQP_FIELD_KIND_I32, INT32_MIN, INT32_MAX },
	{ "uint32", AMQP_FIELD_KIND_U32, 0, UINT32_MAX },
	{ "int64", AMQP_FIELD_KIND_I64, INT64_MIN, INT64_MAX },
};

static const uint8_t kinds[] = {
	[RMQ_STRING] = AMQP_FIELD_KIND_UTF8,
	[RMQ_BYTES] = AMQP_FIELD_KIND_BYTES,
	[RMQ_BOOL] = AMQP_FIELD_KIND_BOOLEAN,
	[RMQ_INT8] = AMQP_FIELD_KIND_I8,
	[RMQ_UINT8] = AMQP_FIELD_KIND_U8,
	[RMQ_INT16] = AMQP_FIELD_KIND_I16,
	[RMQ_UINT16] = AMQP_FIELD_KIND_U16,
	[RMQ_INT32] = AMQP_FIELD_KIND_I32,
	[RMQ_UINT32] = AMQP_FIELD_KIND_U32,
	[RMQ_INT64] = AMQP_FIELD_KIND_I64,
	[RMQ_UINT64] = AMQP_FIELD_KIND_U64,
	[RMQ_FLOAT] = AMQP_FIELD_KIND_F32,
	[RMQ_DOUBLE] = AMQP_FIELD_KIND_F64,
	[RMQ_TIMESTAMP] = AMQP_FIELD_KIND_TIMESTAMP,
	[RMQ_VOID] = AMQP_FIELD_KIND_VOID,
};

bool
rmq_type_by_name(const char *name, enum rmq_type *type)
{
	for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++)
		if (strcmp(type_names[i].name, name) == 0) {
			*type = type_names[i].type;
			return true;
		}
	return false;
}

const struct integer_type *
integer_type_by_kind(uint8_t kind)
{
	for (size_t i = 0; i < sizeof integer_types / sizeof integer_types[0]; i++)
		if (integer_types[i].kind == kind)
			return &integer_types[i];
	return NULL;
}

const struct integer_type *
integer_type_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof integer_types / sizeof integer_types[0]; i++)
		if (strcmp(integer_types[i].name, name) == 0)
			return &integer_types[i];
	return NULL;
}

void
value_set_integer(amqp_field_value_t *v, int64_t n)
{
	switch (v->kind) {
	case AMQP_FIELD_KIND_I8:
		v->value.i8 = (int8_t)n;
		break;
	case AMQP_FIELD_KIND_U8:
		v->value.u8 = (uint8_t)n;
		break;
	case AMQP_FIELD_KIND_I16:
		v->value.i16 = (int16_t)n;
		break;
	case AMQP_FIELD_KIND_U16:
		v->value.u16 = (uint16_t)n;
		break;
	case AMQP_FIELD_KIND_I32:
		v->value.i32 = (int32_t)n;
		break;
	case AMQP_FIELD_KIND_U32:
		v->value.u32 = (uint32_t)n;
		break;
	default:
		v->value.i64 = n;
	}
}

int64_t
value_integer(const amqp_field_value_t *v)
{
	switch (v->kind) {
	case AMQP_FIELD_KIND_I8:
		return v->value.i8;
	case AMQP_FIELD_KIND_U8:
		return v->value.u8;
	case AMQP_FIELD_KIND_I16:
		return v->value.i16;
	case AMQP_FIELD_KIND_U16:
		return v->value.u16;
	case AMQP_FIELD_KIND_I32:
		return v->value.i32;
	case AMQP_FIELD_KIND_U32:
		return v->value.u32;
	default:
		return v->value.i64;
	}
}

bool
value_set_bytes(amqp_field_value_t *v, amqp_pool_t *pool, struct rmq_bytes b)
{
	/* The pool has no empty blocks, and an empty string is not an absent one. */
	amqp_pool_alloc_bytes(pool, b.len + 1, &v->value.bytes);
	if (v->value.bytes.bytes == NULL)
		return false;
	v->value.bytes.len = b.len;
	if (b.len > 0)
		memcpy(v->value.bytes.bytes, b.data, b.len);
	return true;
}

bool
value_is_finite(const amqp_field_value_t *v)
{
	switch (v->kind) {
	case AMQP_FIELD_KIND_F32:
		return isfinite(v->value.f32);
	case AMQP_FIELD_KIND_F64:
		return isfinite(v->value.f64);
	default:
		return true;
	}
}

static bool
parse_bool(amqp_field_value_t *v, const char *text, struct rmq_error *e)
{
	v->value.boolean = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
	if (v->value.boolean || strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		return true;
	return rmq_fail(e, RMQ_USAGE, 0, "'%s' is neither true nor false", text);
}

static bool
parse_integer(amqp_field_value_t *v, const char *text, struct rmq_error *e)
{
	const struct integer_type *t = integer_type_by_kind(v->kind);
	int64_t n;

	if (!number_parse_integer(text, t->min, t->max, &n))
		return rmq_fail(e, RMQ_USAGE, 0, "'%s' is not an integer from %lld to %lld",
		    text, (long long)t->min, (long long)t->max);
	value_set_integer(v, n);
	return true;
}

static bool
parse_unsigned(amqp_field_value_t *v, const char *text, struct rmq_error *e)
{
	return number_parse_unsigned(text, &v->value.u64) ||
	    rmq_fail(e, RMQ_USAGE, 0, "'%s' is not an integer from 0 to %llu",
		text, (unsigned long long)UINT64_MAX);
}

static bool
parse_time(amqp_field_value_t *v, const char *text, struct rmq_error *e)
{
	return number_parse_time(text, &v->value.u64) ||
	    rmq_fail(e, RMQ_USAGE, 0, "'%s' is neither seconds since 1970 nor a date "
		"like 2026-11-23T07:00:00Z", text);
}

static bool
parse_real(amqp_field_value_t *v, const char *text, struct rmq_error *e)
{
	bool ok = v->kind == AMQP_FIELD_KIND_F32 ?
	    number_parse_float(text, &v->value.f32) : number_parse_double(text, &v->value.f64);

	return ok || rmq_fail(e, RMQ_USAGE, 0, "'%s' is not a number, or too large", text);
}

bool
value_parse(amqp_field_value_t *v, amqp_pool_t *pool, enum rmq_type type, const char *text,
    struct rmq_error *e)
{
	v->kind = kinds[type];
	switch (type) {
	case RMQ_STRING:
	case RMQ_BYTES:
		return value_set_bytes(v, pool, rmq_bytes(text)) || rmq_no_memory(e);
	case RMQ_BOOL:
		return parse_bool(v, text, e);
	case RMQ_UINT64:
		return parse_unsigned(v, text, e);
	case RMQ_FLOAT:
	case RMQ_DOUBLE:
		return parse_real(v, text, e);
	case RMQ_TIMESTAMP:
		return parse_time(v, text, e);
	case RMQ_VOID:
		return text == NULL || *text == '\0' ||
		    rmq_fail(e, RMQ_USAGE, 0, "a void has no value");
	default:
		return parse_integer(v, text, e);
	}
}
