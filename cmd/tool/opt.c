/* SPDX-License-Identifier: MIT */
/*
 * Parsing.  Long names are not abbreviated, so that none means something else
 * tomorrow, and what is given where only one makes sense is not silently lost.
 */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tool/opt.h"
#include "tool/spelling.h"

struct parser {
	const struct opt *const	*groups;
	char			**next, **end;	/* the words that are not yet looked at */
	const struct opt	**given;	/* options that were found, once each */
	size_t			 ngiven;
	struct opt_error	*error;
};

enum { SHOWN = 80 };	/* bytes of a wrong value, so that there is room for what is wrong with it */

static int __attribute__((format(printf, 2, 3)))
complain(struct parser *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->error->text, sizeof(p->error->text), fmt, ap);
	va_end(ap);
	return -1;
}

/* The table. */

static bool
is_end(const struct opt *o)
{
	return o->key == 0 && o->name == NULL && o->help == NULL;
}

/* The entry behind this one, in the next group if need be; NULL: there is none.  Begins with NULL. */
static const struct opt *
following(const struct opt *const **groups, const struct opt *o)
{
	o = o == NULL ? **groups : o + 1;
	while (o != NULL && is_end(o))
		o = *++*groups;
	return o;
}

static size_t
count(const struct opt *const *groups)
{
	const struct opt *o = NULL;
	size_t n = 0;

	while (*groups != NULL && (o = following(&groups, o)) != NULL)
		n++;
	return n;
}

/* The first of the names in "url|uri", or the one behind `name'; NULL: that was the last. */
static const char *
next_name(const struct opt *o, const char *name, size_t *len)
{
	if (name == NULL)
		name = o->name;
	else if (*(name += *len) == '|')
		name++;
	else
		name = NULL;
	*len = name != NULL ? strcspn(name, "|") : 0;
	return name;
}

static bool
is_called(const struct opt *o, const char *word, size_t wordlen)
{
	const char *name = NULL;
	size_t len;

	while ((name = next_name(o, name, &len)) != NULL)
		if (len == wordlen && memcmp(name, word, len) == 0)
			return true;
	return false;
}

static const struct opt *
find_long(const struct opt *const *groups, const char *name, size_t len)
{
	const struct opt *o = NULL;

	while ((o = following(&groups, o)) != NULL)
		if (is_called(o, name, len))
			return o;
	return NULL;
}

static const struct opt *
find_short(const struct opt *const *groups, char key)
{
	const struct opt *o = NULL;

	while ((o = following(&groups, o)) != NULL)
		if (o->key == key)
			return o;
	return NULL;
}

bool
opt_is_option(const struct opt *const *groups, const char *word)
{
	if (word[0] != '-' || word[1] == '\0')
		return false;
	if (word[1] == '-')
		return find_long(groups, word + 2, strcspn(word + 2, "=")) != NULL;
	return word[2] == '\0' && find_short(groups, word[1]) != NULL;
}

/* One option. */

static const char *
label(const struct opt *o)
{
	static char labels[2][64];
	static int turn;
	char *text = labels[turn = !turn];

	if (o->name != NULL)
		snprintf(text, sizeof(*labels), "--%.*s", (int)strcspn(o->name, "|"), o->name);
	else
		snprintf(text, sizeof(*labels), "-%c", o->key);
	return text;
}

/* What is stored in the same place would be stored over. */
static bool
excludes(const struct opt *a, const struct opt *b)
{
	bool same_flag = a == b && a->arg == NULL;

	return !a->many && !same_flag && (a == b || (a->to != NULL && a->to == b->to));
}

static int
note(struct parser *p, const struct opt *o)
{
	size_t i;

	for (i = 0; i < p->ngiven; i++) {
		if (excludes(o, p->given[i]))
			return o == p->given[i] ? complain(p, "%s can be given only once", label(o)) :
			    complain(p, "%s and %s exclude each other", label(p->given[i]), label(o));
		if (o == p->given[i])
			return 0;
	}
	p->given[p->ngiven++] = o;
	return 0;
}

/* spelled: by its long name. */
static int
apply(struct parser *p, const struct opt *o, bool spelled, char *value)
{
	const char *wrong, *shown = value != NULL ? value : "";
	char letter[3] = { '-', (char)o->key };

	if (note(p, o) == -1)
		return -1;
	wrong = o->set(o, value);
	if (wrong == NULL)
		return 0;
	p->error->no_memory = strcmp(wrong, opt_no_memory) == 0;
	return complain(p, "%s%s%.*s%s: %s", spelled ? label(o) : letter, value == NULL ? "" : spelled ? "=" : " ",
	    SHOWN, shown, strlen(shown) > SHOWN ? "..." : "", wrong);
}

/*
 * An option that needs a value takes the next word, whatever that is.  One that can do without takes it only if it
 * is a time, which can hardly be meant for anything else.
 */
static char *
take_value(struct parser *p, const struct opt *o)
{
	bool optional = *o->arg == '[';

	if (p->next == p->end || (optional && (o->set != opt_seconds || !opt_is_time(*p->next))))
		return NULL;
	return *p->next++;
}

/* The name that was probably meant: at most a third of its letters are wrong, and never more than two. */
static const char *
guess(const struct parser *p, const char *word, size_t wordlen, size_t *guesslen)
{
	const struct opt *const *groups = p->groups, *o = NULL;
	size_t least = wordlen < 5 ? 2 : 3, len, n;
	const char *name, *best = NULL;

	while ((o = following(&groups, o)) != NULL)
		for (name = NULL; o->help != NULL && (name = next_name(o, name, &len)) != NULL;)
			if ((n = spelling_distance(word, wordlen, name, len)) < least) {
				least = n;
				best = name;
				*guesslen = len;
			}
	return best;
}

/* A value may be a secret, so only the name is repeated. */
static int
unknown(struct parser *p, const char *word, size_t len)
{
	size_t guesslen = 0;
	const char *meant = guess(p, word + 2, len - 2, &guesslen);

	if (meant == NULL)
		return complain(p, "unknown option %.*s", (int)len, word);
	return complain(p, "unknown option %.*s, did you mean --%.*s?", (int)len, word, (int)guesslen, meant);
}

static int
parse_long(struct parser *p, char *word)
{
	size_t len = strcspn(word, "=");
	char *value = word[len] == '=' ? word + len + 1 : NULL;
	const struct opt *o = find_long(p->groups, word + 2, len - 2);

	if (o == NULL)
		return unknown(p, word, len);
	if (o->arg == NULL && value != NULL)
		return complain(p, "%.*s: takes no argument", (int)len, word);
	if (o->arg != NULL && value == NULL)
		value = take_value(p, o);
	if (value == NULL && o->arg != NULL && *o->arg != '[')
		return complain(p, "%s: needs an argument", word);
	return apply(p, o, true, value);
}

/* "[]" is for long names alone: -h must stay a flag where --help has forms. */
static bool
is_flag(const struct opt *o)
{
	return o->arg == NULL || strcmp(o->arg, "[]") == 0;
}

/* Letters in one word, of which the last may have its value behind it. */
static int
parse_short(struct parser *p, char *letters)
{
	const struct opt *o;
	char *value;

	for (; *letters != '\0'; letters++) {
		o = find_short(p->groups, *letters);
		if (o == NULL)
			return complain(p, "unknown option -%c", *letters);
		if (is_flag(o)) {
			if (apply(p, o, false, NULL) == -1)
				return -1;
			continue;
		}
		value = letters[1] != '\0' ? letters + 1 : take_value(p, o);
		if (value == NULL && *o->arg != '[')
			return complain(p, "-%c: needs an argument", *letters);
		return apply(p, o, false, value);
	}
	return 0;
}

static int
parse(struct parser *p)
{
	char *word;
	int result = 0;

	while (result == 0 && p->next < p->end && p->next[0][0] == '-' && p->next[0][1] != '\0') {
		word = *p->next++;
		if (strcmp(word, "--") == 0)
			break;
		result = word[1] == '-' ? parse_long(p, word) : parse_short(p, word + 1);
	}
	return result;
}

int
opt_parse(const struct opt *const *groups, int argc, char *argv[], struct opt_error *error)
{
	struct parser p = { .groups = groups, .next = argv + 1, .end = argv + argc, .error = error };
	int result;

	p.given = calloc(count(groups) + 1, sizeof(*p.given));
	error->no_memory = p.given == NULL;
	result = p.given != NULL ? parse(&p) : complain(&p, "%s", opt_no_memory);
	free(p.given);
	return result == 0 ? (int)(p.next - argv) : -1;
}
