/* SPDX-License-Identifier: MIT */
/* See pairs.h. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/name.h"
#include "message/pairs.h"
#include "tool/opt.h"

/* NAME:TYPE=VALUE, taken apart. */
struct typed {
	const char	*colon, *equals;
	char		 type[32];
};

/* The error's text is the answer, so it must outlive the call. */
const char *
pairs_add_typed(struct rmq_table **table, const char *name, enum rmq_type type, const char *value)
{
	static struct rmq_error error;

	if (*table == NULL && (*table = rmq_table_new()) == NULL)
		return opt_no_memory;
	error = (struct rmq_error){ 0 };
	return rmq_table_set(*table, name, type, value, &error) ? NULL : error.text;
}

static const char *
add(struct rmq_table **table, struct rmq_bytes name, enum rmq_type type, const char *value)
{
	static char text[32];
	const char *wrong = name_wrong(name.data, name.len);
	char copy[NAME_BYTES + 1];

	if (name.len == 0)
		return "has no name";
	if (wrong != NULL) {
		snprintf(text, sizeof(text), "name %s", wrong);
		return text;
	}
	memcpy(copy, name.data, name.len);
	copy[name.len] = '\0';
	return pairs_add_typed(table, copy, type, value);
}

/* A word is meant as a type; in "link:http://host/?a=b" and "rate: a=b" there is none. */
static bool
take_apart(const char *spec, struct typed *t)
{
	const char *p;
	size_t len;

	if ((t->equals = strchr(spec, '=')) == NULL)
		return false;
	for (p = t->equals; p > spec && (isalnum((unsigned char)p[-1]) || p[-1] == '_' || p[-1] == '-'); p--)
		;
	len = (size_t)(t->equals - p);
	if (p == spec || p[-1] != ':' || !isalpha((unsigned char)*p))
		return false;
	t->colon = p - 1;
	snprintf(t->type, sizeof(t->type), "%.*s", (int)len, p);
	return true;
}

static const char *
unknown_type(const char *spec, const struct typed *t)
{
	static char text[400];

	snprintf(text, sizeof(text), "there is no type '%s'; a name with a colon needs one: %.*s:string=VALUE", t->type,
	    (int)(t->equals - spec), spec);
	return text;
}

static const char *
add_apart(struct rmq_table **table, const char *spec, const struct typed *t)
{
	struct rmq_bytes name = { (size_t)(t->colon - spec), spec };
	enum rmq_type type;

	if (!rmq_type_by_name(t->type, &type))
		return unknown_type(spec, t);
	return add(table, name, type, t->equals + 1);
}

const char *
pairs_add(struct rmq_table **table, const char *spec)
{
	struct rmq_bytes name = { strcspn(spec, ":="), spec };
	const char *value = spec + name.len;
	struct typed typed;

	if (take_apart(spec, &typed))
		return add_apart(table, spec, &typed);
	if (*value == '\0')
		return "needs NAME=VALUE";
	value += value[0] == ':' && value[1] == ' ' ? 2 : 1;
	return add(table, name, RMQ_STRING, value);
}

static enum rmq_type
type_of(const char *value)
{
	const char *wrong;

	(void)strtonum(value, INT64_MIN, INT64_MAX, &wrong);
	if (wrong == NULL)
		return RMQ_INT64;
	return strcmp(value, "true") == 0 || strcmp(value, "false") == 0 ? RMQ_BOOL : RMQ_STRING;
}

const char *
pairs_add_argument(struct rmq_table **table, const char *spec)
{
	struct rmq_bytes name = { strcspn(spec, ":="), spec };
	const char *value = spec + name.len;

	if (*value != '=')
		return pairs_add(table, spec);
	return add(table, name, type_of(value + 1), value + 1);
}
