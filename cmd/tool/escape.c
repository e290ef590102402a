/* SPDX-License-Identifier: MIT */
/* See escape.h.  vis(3) does the ASCII; what is beyond differs from system to system, so it is decided here. */

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vis.h>
#include <wchar.h>
#include <wctype.h>

#include "tool/escape.h"

enum { LONGEST = 4 };	/* "\377", what a byte can become */

/* Marks that turn the direction of the text that follows. */
static bool
reorders(wint_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f ||
	    (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Only who shows more than ASCII pays for the locale's files. */
static void
need_locale(void)
{
	static bool there;

	if (!there)
		setlocale(LC_CTYPE, "");
	there = true;
}

/* How many bytes the printable character at s has; 0 if there is none. */
static size_t
printable(const char *s, size_t len)
{
	mbstate_t state = { 0 };
	wchar_t c;
	size_t n;

	if ((unsigned char)s[0] >= 0x80)
		need_locale();
	n = mbrtowc(&c, s, len, &state);
	if (n == 0 || n > len || !iswprint((wint_t)c) || reorders((wint_t)c))
		return 0;
	return n;
}

static char *
escape_byte(char *to, const char *s, size_t len)
{
	unsigned char c = (unsigned char)s[0];
	int next = len > 1 ? (unsigned char)s[1] : '\0';

	if (c < 0x80)
		return vis(to, c, VIS_CSTYLE | VIS_OCTAL | VIS_TAB | VIS_NL | VIS_NOSLASH, next);
	return to + snprintf(to, LONGEST + 1, "\\%03o", c);
}

char *
escape(const void *bytes, size_t len)
{
	const char *s = bytes;
	char *text = calloc(len + 1, LONGEST);
	char *to = text;
	size_t n;

	if (text == NULL)
		return NULL;
	for (; len > 0; s += n, len -= n) {
		n = printable(s, len);
		if (n > 0)
			to = (char *)memcpy(to, s, n) + n;
		else {
			to = escape_byte(to, s, len);
			n = 1;
		}
	}
	*to = '\0';
	return text;
}
