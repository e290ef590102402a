/* SPDX-License-Identifier: MIT */
/* See spelling.h.  https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance (optimal string alignment) */

#include <string.h>

#include "tool/spelling.h"

enum { LONGEST = 31 };

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* rows[i][j]: from the first i letters of a to the first j of b. */
static size_t
cell(size_t rows[][LONGEST + 1], const char *a, const char *b, size_t i, size_t j)
{
	size_t n;

	if (i == 0 || j == 0)
		return i + j;
	n = least(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
	if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && rows[i - 2][j - 2] + 1 < n)
		n = rows[i - 2][j - 2] + 1;
	return n;
}

size_t
spelling_distance(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t rows[LONGEST + 1][LONGEST + 1], i, j;

	if (alen > LONGEST || blen > LONGEST)
		return LONGEST;
	if (alen > 0 && alen < blen && memcmp(a, b, alen) == 0)
		return 1;
	for (i = 0; i <= alen; i++)
		for (j = 0; j <= blen; j++)
			rows[i][j] = cell(rows, a, b, i, j);
	return rows[alen][blen];
}
