/* SPDX-License-Identifier: MIT */
/* Parsing: the table becomes getopt_long's, its answers become setters' calls. */

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "opt.h"

enum { LONG = 256 };	/* what getopt_long returns for entry i's long names: LONG + i */

struct parser {
	const struct opt	**opts;		/* all groups' entries that are options */
	size_t			 nopts;
	struct option		*longs;
	size_t			 nlongs;
	char			*names;		/* of them, one behind the other */
	size_t			 names_size;
	char			*shorts;
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

static bool
is_end(const struct opt *o)
{
	return o->key == 0 && o->name == NULL && o->help == NULL;
}

/* Counts the entries of all groups, and the long names and their bytes: one more than each '|'. */
static void
measure(struct parser *p, const struct opt *const *groups)
{
	const struct opt *o;
	const char *c;

	for (; *groups != NULL; groups++)
		for (o = *groups; !is_end(o); o++) {
			p->nopts++;
			p->nlongs += o->name != NULL;
			p->names_size += o->name != NULL ? strlen(o->name) + 1 : 0;
			for (c = o->name; c != NULL && (c = strchr(c, '|')) != NULL; c++)
				p->nlongs++;
		}
}

static int
arg_kind(const struct opt *o)
{
	if (o->arg == NULL)
		return no_argument;
	return *o->arg == '[' ? optional_argument : required_argument;
}

/* "[]" is for long names alone: -h must stay a flag where --help has forms. */
static void
add_short(struct parser *p, const struct opt *o)
{
	char *s = p->shorts + strlen(p->shorts);
	int kind = o->arg != NULL && strcmp(o->arg, "[]") == 0 ? no_argument : arg_kind(o);

	if (o->key == 0)
		return;
	*s++ = (char)o->key;
	while (kind-- > 0)
		*s++ = ':';
	*s = '\0';
}

/* The end of its names, where the next option's go. */
static char *
add_longs(struct parser *p, const struct opt *o, size_t place, char *names)
{
	char *name, *rest = names;

	if (o->name == NULL)
		return names;
	names = stpcpy(names, o->name) + 1;
	while ((name = strsep(&rest, "|")) != NULL)
		p->longs[p->nlongs++] = (struct option){
			.name = name, .has_arg = arg_kind(o), .val = LONG + (int)place
		};
	return names;
}

static void
fill(struct parser *p, const struct opt *const *groups)
{
	const struct opt *o;
	char *names = p->names;

	strlcpy(p->shorts, "+:", 3);
	p->nopts = p->nlongs = 0;
	for (; *groups != NULL; groups++)
		for (o = *groups; !is_end(o); o++) {
			p->opts[p->nopts] = o;
			add_short(p, o);
			names = add_longs(p, o, p->nopts++, names);
		}
}

static bool
prepare(struct parser *p, const struct opt *const *groups)
{
	measure(p, groups);
	p->opts = calloc(p->nopts + 1, sizeof(*p->opts));
	p->longs = calloc(p->nlongs + 1, sizeof(*p->longs));
	p->shorts = calloc(p->nopts + 1, 3);
	p->names = malloc(p->names_size + 1);
	if (p->opts == NULL || p->longs == NULL || p->shorts == NULL || p->names == NULL)
		return false;
	fill(p, groups);
	return true;
}

static void
discard(struct parser *p)
{
	free(p->names);
	free(p->longs);
	free(p->shorts);
	free(p->opts);
}

static const struct opt *
find(const struct parser *p, int key)
{
	size_t i;

	if (key >= LONG)
		return p->opts[key - LONG];
	for (i = 0; i < p->nopts; i++)
		if (p->opts[i]->key == key)
			return p->opts[i];
	return NULL;
}

/* Is there more than one option that this could be the beginning of? */
static bool
ambiguous(const struct parser *p, const char *name, size_t len)
{
	size_t i, n = 0;

	for (i = 0; i < p->nlongs; i++)
		n += strncmp(p->longs[i].name, name, len) == 0;
	return n > 1;
}

/* A value may be a secret, so only the name is repeated. */
static int
unknown(struct parser *p, const char *word)
{
	size_t len = strcspn(word, "=");

	if (optopt >= LONG)
		return complain(p, "%.*s: takes no argument", (int)len, word);
	if (optopt != 0)
		return complain(p, "unknown option -%c", optopt);
	if (ambiguous(p, word + 2, len - 2))
		return complain(p, "ambiguous option %.*s", (int)len, word);
	return complain(p, "unknown option %.*s", (int)len, word);
}

static int
incomplete(struct parser *p, const char *word)
{
	if (optopt < LONG)
		return complain(p, "-%c: needs an argument", optopt);
	return complain(p, "%s: needs an argument", word);
}

static int
apply(struct parser *p, int key)
{
	const struct opt *o = find(p, key);
	const char *wrong = o->set(o, optarg);
	char name[64];

	if (wrong == NULL)
		return 0;
	if (key >= LONG)
		snprintf(name, sizeof(name), "--%.*s%s", (int)strcspn(o->name, "|"), o->name,
		    optarg != NULL ? "=" : "");
	else
		snprintf(name, sizeof(name), "-%c%s", key, optarg != NULL ? " " : "");
	if (optarg == NULL)
		return complain(p, "%s: %s", name, wrong);
	return complain(p, "%s%.*s%s: %s", name, SHOWN, optarg, strlen(optarg) > SHOWN ? "..." : "", wrong);
}

/* getopt keeps its place in globals; each system has its own way to begin anew. */
static void
rewind_getopt(void)
{
	opterr = 0;
#if defined(__linux__) || defined(__GLIBC__)
	optind = 0;
#else
	optreset = 1;
	optind = 1;
#endif
}

static int
parse(struct parser *p, int argc, char *argv[])
{
	int key;

	rewind_getopt();
	while ((key = getopt_long(argc, argv, p->shorts, p->longs, NULL)) != -1) {
		if (key == '?')
			return unknown(p, argv[optind - 1]);
		if (key == ':')
			return incomplete(p, argv[optind - 1]);
		if (apply(p, key) == -1)
			return -1;
	}
	return optind;
}

int
opt_parse(const struct opt *const *groups, int argc, char *argv[], struct opt_error *error)
{
	struct parser p = { .error = error };
	int first;

	if (prepare(&p, groups))
		first = parse(&p, argc, argv);
	else
		first = complain(&p, "out of memory");
	discard(&p);
	return first;
}
