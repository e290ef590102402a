/* SPDX-License-Identifier: MIT */
/* The table in words: --help, the manual's OPTIONS, and what shells complete from. */

#include <ctype.h>
#include <string.h>

#include "tool/opt.h"

enum { COLUMN = 30, MARGIN = 80 };	/* where the help begins and ends */

typedef void print_opt(const struct opt *, FILE *);

static int
first_name(const struct opt *o)
{
	return (int)strcspn(o->name, "|");
}

static bool
is_heading(const struct opt *o)
{
	return o->key == 0 && o->name == NULL;
}

/* Calls one of the two for each entry that is to be seen. */
static void
each(const struct opt *const *groups, print_opt *heading, print_opt *option, FILE *out)
{
	const struct opt *o;

	for (; *groups != NULL; groups++)
		for (o = *groups; o->key != 0 || o->name != NULL || o->help != NULL; o++)
			if (o->help != NULL)
				(is_heading(o) ? heading : option)(o, out);
}

/* The help, and in brackets what can be chosen: "its type (fanout, direct or topic)". */
static void
sentence(const struct opt *o, char *text, size_t size)
{
	const char *const *c = o->choices;

	strlcpy(text, o->help, size);
	for (; c != NULL && *c != NULL; c++) {
		strlcat(text, c == o->choices ? " (" : c[1] == NULL ? " or " : ", ", size);
		strlcat(text, *c, size);
		strlcat(text, c[1] == NULL ? ")" : "", size);
	}
}

static int
print_arg(const struct opt *o, FILE *out)
{
	if (o->arg == NULL || strcmp(o->arg, "[]") == 0)
		return 0;
	if (*o->arg == '[')
		return fprintf(out, "%s%s", o->name != NULL ? "[=" : "[", o->arg + 1);
	return fprintf(out, "%c%s", o->name != NULL ? '=' : ' ', o->arg);
}

static void
help_heading(const struct opt *o, FILE *out)
{
	fprintf(out, "\n%s:\n", o->help);
}

/* Words up to the margin, each further line below the first one. */
static void
print_wrapped(const char *s, FILE *out)
{
	size_t len, width = COLUMN;

	while (*s != '\0') {
		len = strcspn(s, " ");
		if (width > COLUMN && width + 1 + len > MARGIN) {
			fprintf(out, "\n%*s", COLUMN, "");
			width = COLUMN;
		}
		width += (size_t)fprintf(out, "%s%.*s", width > COLUMN ? " " : "", (int)len, s);
		s += len + (s[len] == ' ');
	}
	fputc('\n', out);
}

static void
help_option(const struct opt *o, FILE *out)
{
	char text[512];
	int width;

	if (o->key != 0)
		width = fprintf(out, "  -%c%s", o->key, o->name != NULL ? ", " : "");
	else
		width = fprintf(out, "      ");
	if (o->name != NULL)
		width += fprintf(out, "--%.*s", first_name(o), o->name);
	width += print_arg(o, out);
	if (width > COLUMN - 2)
		width = fprintf(out, "\n") - 1;
	fprintf(out, "%*s", COLUMN - width, "");
	sentence(o, text, sizeof(text));
	print_wrapped(text, out);
}

void
opt_help(const struct opt *const *groups, FILE *out)
{
	each(groups, help_heading, help_option, out);
}

/* Text as mdoc reads it: no escapes, no control line. */
static void
mdoc_text(const char *s, FILE *out)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", out);
	for (; *s != '\0'; s++)
		fputs(*s == '\\' ? "\\e" : (char[]){ *s, '\0' }, out);
}

static void
mdoc_heading(const struct opt *o, FILE *out)
{
	fputs(".Ss ", out);
	mdoc_text(o->help, out);
	fputc('\n', out);
}

static void
mdoc_arg(const struct opt *o, FILE *out)
{
	size_t len = o->arg != NULL ? strlen(o->arg) : 0;

	if (len == 0 || strcmp(o->arg, "[]") == 0)
		return;
	if (*o->arg == '[')
		fprintf(out, " Ns Oo %sAr %.*s Oc", o->name != NULL ? "Ns = Ns " : "", (int)len - 2, o->arg + 1);
	else
		fprintf(out, "%sAr %s", o->name != NULL ? " Ns = Ns " : " ", o->arg);
}

static void
mdoc_option(const struct opt *o, FILE *out)
{
	const char *name = o->name, *join = "";
	char text[512];

	fputs(".It ", out);
	if (o->key != 0) {
		fprintf(out, "Fl %c", o->key);
		join = " , ";
	}
	while (name != NULL && *name != '\0') {
		size_t len = strcspn(name, "|");

		fprintf(out, "%sFl -%.*s", join, (int)len, name);
		join = " , ";
		name += len + (name[len] == '|');
	}
	mdoc_arg(o, out);
	fputc('\n', out);
	sentence(o, text, sizeof(text));
	text[0] = (char)toupper((unsigned char)text[0]);
	mdoc_text(text, out);
	fputs(".\n", out);
}

/* Each run of options between headings is a list of its own. */
void
opt_mdoc(const struct opt *const *groups, FILE *out)
{
	const struct opt *o;
	bool open = false;

	for (; *groups != NULL; groups++)
		for (o = *groups; o->key != 0 || o->name != NULL || o->help != NULL; o++) {
			if (o->help == NULL)
				continue;
			if (is_heading(o) == open)
				fputs(open ? ".El\n" : "", out);
			if (!is_heading(o) && !open)
				fputs(".Bl -tag -width Ds\n", out);
			open = !is_heading(o);
			(open ? mdoc_option : mdoc_heading)(o, out);
		}
	fputs(open ? ".El\n" : "", out);
}

static void
skip_heading(const struct opt *o, FILE *out)
{
	(void)o;
	(void)out;
}

/* "--type=fanout\thelp": a word that may stand on the command line, a tab, the help. */
static void
complete_option(const struct opt *o, FILE *out)
{
	const char *const *c = o->choices;

	if (o->key != 0)
		fprintf(out, "-%c\t%s\n", o->key, o->help);
	if (o->name == NULL)
		return;
	for (; c != NULL && *c != NULL; c++)
		fprintf(out, "--%.*s=%s\t%s\n", first_name(o), o->name, *c, o->help);
	if (o->choices == NULL || (o->arg != NULL && *o->arg == '['))
		fprintf(out, "--%.*s%s\t%s\n", first_name(o), o->name,
		    o->arg != NULL && *o->arg != '[' ? "=" : "", o->help);
}

void
opt_complete(const struct opt *const *groups, FILE *out)
{
	each(groups, skip_heading, complete_option, out);
}
