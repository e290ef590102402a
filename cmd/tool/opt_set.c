/* SPDX-License-Identifier: MIT */
/* Setters: from an argument's text to a value, or to what is wrong with it. */

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tool/opt.h"

const char opt_no_memory[] = "out of memory";

struct unit {
	const char	*name;
	int64_t		 factor;
};

static const struct unit time_units[] = {
	{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
	{ "h", 3600000 }, { "d", 86400000 }, { NULL, 0 }
};

static const struct unit byte_units[] = {
	{ "", 1 }, { "k", 1 << 10 }, { "KiB", 1 << 10 }, { "M", 1 << 20 },
	{ "MiB", 1 << 20 }, { "G", 1 << 30 }, { "GiB", 1 << 30 }, { NULL, 0 }
};

const char *
opt_flag(const struct opt *o, char *arg)
{
	(void)arg;
	*(bool *)o->to = true;
	return NULL;
}

const char *
opt_unflag(const struct opt *o, char *arg)
{
	(void)arg;
	*(bool *)o->to = false;
	return NULL;
}

const char *
opt_value(const struct opt *o, char *arg)
{
	(void)arg;
	*(int *)o->to = (int)o->value;
	return NULL;
}

static bool
too_long(const struct opt *o, const char *arg)
{
	return o->max > 0 && strlen(arg) > (size_t)o->max;
}

const char *
opt_string(const struct opt *o, char *arg)
{
	if (too_long(o, arg))
		return "too long";
	*(const char **)o->to = arg;
	return NULL;
}

const char *
opt_strings(const struct opt *o, char *arg)
{
	struct opt_list *list = o->to;
	const char **items;

	if (too_long(o, arg))
		return "too long";
	items = reallocarray(list->items, list->count + 1, sizeof(*items));
	if (items == NULL)
		return opt_no_memory;
	items[list->count++] = arg;
	list->items = items;
	return NULL;
}

/* Stores a number if it is within the entry's limits. */
static const char *
store(const struct opt *o, int64_t n)
{
	int64_t max = o->min == 0 && o->max == 0 ? INT64_MAX : o->max;

	if (n < o->min)
		return "too small";
	if (n > max)
		return "too large";
	*(int64_t *)o->to = n;
	return NULL;
}

const char *
opt_number(const struct opt *o, char *arg)
{
	const char *wrong;
	int64_t n;

	if (arg == NULL)
		return store(o, o->value);
	n = strtonum(arg, INT64_MIN, INT64_MAX, &wrong);
	return wrong != NULL ? wrong : store(o, n);
}

/* Reads digits with at most one point among them, in thousandths; what is beyond those is dropped. */
static const char *
thousandths(const char *s, int64_t *n)
{
	const char *point = NULL;
	int places = 0;

	for (*n = 0; isdigit((unsigned char)*s) || (*s == '.' && point == NULL); s++) {
		if (*s == '.')
			point = s;
		else if (places < 3) {
			if (*n > (INT64_MAX - 9) / 10)
				return NULL;
			*n = *n * 10 + (*s - '0');
			places += point != NULL;
		}
	}
	for (; places < 3; places++) {
		if (*n > INT64_MAX / 10)
			return NULL;
		*n *= 10;
	}
	return s;
}

static const char *
store_scaled(const struct opt *o, const char *arg, const struct unit *unit)
{
	const char *end;
	int64_t n;

	if (arg == NULL)
		return store(o, o->value);
	if (!isdigit((unsigned char)*arg))
		return "invalid";
	end = thousandths(arg, &n);
	if (end == NULL)
		return "too large";
	while (unit->name != NULL && strcasecmp(unit->name, end) != 0)
		unit++;
	if (unit->name == NULL)
		return "invalid";
	if (n > INT64_MAX / unit->factor)
		return "too large";
	return store(o, n * unit->factor / 1000);
}

const char *
opt_seconds(const struct opt *o, char *arg)
{
	return store_scaled(o, arg, time_units);
}

bool
opt_is_time(const char *word)
{
	int64_t ms;
	const struct opt any = { .to = &ms };

	return store_scaled(&any, word, time_units) == NULL;
}

const char *
opt_bytes(const struct opt *o, char *arg)
{
	return store_scaled(o, arg, byte_units);
}

/* "must be fanout, direct or topic" */
static const char *
must_be(const char *const *choices)
{
	static char text[128];
	int i;

	strlcpy(text, "must be ", sizeof(text));
	for (i = 0; choices[i] != NULL; i++) {
		if (i > 0)
			strlcat(text, choices[i + 1] == NULL ? " or " : ", ", sizeof(text));
		strlcat(text, choices[i], sizeof(text));
	}
	return text;
}

const char *
opt_choice(const struct opt *o, char *arg)
{
	int i;

	if (arg == NULL) {
		*(int *)o->to = (int)o->value;
		return NULL;
	}
	for (i = 0; o->choices[i] != NULL; i++)
		if (strcmp(arg, o->choices[i]) == 0) {
			*(int *)o->to = i;
			return NULL;
		}
	return must_be(o->choices);
}

/* The byte that \n, \0 or \x1f stands for, or -1. */
static int
escaped(const char *s)
{
	static const char names[] = "nrt0\\", bytes[] = "\n\r\t\0\\";
	const char *name;

	if (s[0] == 'x' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2]) && s[3] == '\0')
		return (int)strtol(s + 1, NULL, 16);
	if (s[0] == '\0' || s[1] != '\0' || (name = strchr(names, s[0])) == NULL)
		return -1;
	return bytes[name - names];
}

const char *
opt_delimiter(const struct opt *o, char *arg)
{
	int byte = -1;

	if (arg[0] == '\\' && arg[1] != '\0')
		byte = escaped(arg + 1);
	else if (arg[0] != '\0' && arg[1] == '\0')
		byte = (unsigned char)arg[0];
	if (byte == -1)
		return "not one byte";
	*(int *)o->to = byte;
	return NULL;
}
