/* SPDX-License-Identifier: MIT */
/*
 * Numbers and dates to text and back.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/number.h"

static bool
add_decimal(struct rmq_buffer *b, uint64_t n, bool negative)
{
	char text[24], *p = text + sizeof text;

	do
		*--p = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	if (negative)
		*--p = '-';
	return rmq_buffer_add(b, p, (size_t)(text + sizeof text - p));
}

bool
rmq_buffer_add_decimal(struct rmq_buffer *b, uint64_t n)
{
	return add_decimal(b, n, false);
}

bool
number_add_integer(struct rmq_buffer *b, int64_t n)
{
	return add_decimal(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n, n < 0);
}

static bool
add_real(struct rmq_buffer *b, const char *digits)
{
	return rmq_buffer_add(b, digits, strlen(digits)) &&
	    (strpbrk(digits, ".en") != NULL || rmq_buffer_add(b, ".0", 2));
}

bool
number_add_double(struct rmq_buffer *b, double n)
{
	char text[40];

	snprintf(text, sizeof text, "%.15g", n);
	if (strtod(text, NULL) != n)
		snprintf(text, sizeof text, "%.17g", n);
	return add_real(b, text);
}

bool
number_add_float(struct rmq_buffer *b, float n)
{
	char text[40];

	snprintf(text, sizeof text, "%.6g", (double)n);
	if (strtof(text, NULL) != n)
		snprintf(text, sizeof text, "%.9g", (double)n);
	return add_real(b, text);
}

static bool
all_digits(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

bool
number_parse_integer(const char *s, int64_t min, int64_t max, int64_t *n)
{
	long long value;

	if (!all_digits(s + (*s == '-')))
		return false;
	errno = 0;
	value = strtoll(s, NULL, 10);
	if (errno != 0 || value < min || value > max)
		return false;
	*n = value;
	return true;
}

bool
number_parse_unsigned(const char *s, uint64_t *n)
{
	if (!all_digits(s))
		return false;
	errno = 0;
	*n = strtoull(s, NULL, 10);
	return errno == 0;
}

/* What strtod() takes beyond this, a header should not: blanks, hexadecimal, "nan". */
static bool
looks_real(const char *s)
{
	return *s != '\0' && *s != '+' && s[strspn(s, "0123456789+-.eE")] == '\0';
}

bool
number_parse_double(const char *s, double *n)
{
	char *end;

	if (!looks_real(s))
		return false;
	*n = strtod(s, &end);
	return *end == '\0' && isfinite(*n);
}

bool
number_parse_float(const char *s, float *n)
{
	char *end;

	if (!looks_real(s))
		return false;
	*n = strtof(s, &end);
	return *end == '\0' && isfinite(*n);
}

/* d stands for a digit, T for what may stand between date and time. */
static bool
has_shape(const char *s, const char *shape)
{
	for (; *shape != '\0'; s++, shape++)
		if (*shape == 'd' ? !isdigit((unsigned char)*s) :
		    *shape == 'T' ? *s == '\0' || strchr("Tt ", *s) == NULL : *s != *shape)
			return false;
	return true;
}

static int
two_digits(const char *s)
{
	return (s[0] - '0') * 10 + s[1] - '0';
}

/* False: there is no such day. */
static bool
parse_day(const char *s, int64_t *seconds)
{
	int day = two_digits(s + 8), month = two_digits(s + 5);
	int year = two_digits(s) * 100 + two_digits(s + 2);
	struct tm t = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };

	*seconds = timegm(&t);
	return t.tm_mday == day && t.tm_mon == month - 1;
}

static bool
parse_clock(const char *s, int64_t *seconds)
{
	int64_t h = two_digits(s), m = two_digits(s + 3), sec = two_digits(s + 6);

	*seconds += h * 3600 + m * 60 + sec;
	return h <= 23 && m <= 59 && sec <= 60;
}

static bool
parse_zone(const char *s, int64_t *seconds)
{
	int64_t h, m;

	if (strcasecmp(s, "Z") == 0)
		return true;
	if ((*s != '+' && *s != '-') || !has_shape(s + 1, "dd:dd") || s[6] != '\0')
		return false;
	h = two_digits(s + 1);
	m = two_digits(s + 4);
	*seconds -= (*s == '-' ? -1 : 1) * (h * 3600 + m * 60);
	return h <= 23 && m <= 59;
}

bool
number_parse_time(const char *s, uint64_t *n)
{
	int64_t seconds;
	const char *rest = s + strlen("0000-00-00T00:00:00");

	if (number_parse_unsigned(s, n))
		return true;
	if (!has_shape(s, "dddd-dd-ddTdd:dd:dd") ||
	    !parse_day(s, &seconds) || !parse_clock(s + 11, &seconds))
		return false;
	if (*rest == '.' && isdigit((unsigned char)rest[1]))
		rest += 1 + strspn(rest + 1, "0123456789");
	if (!parse_zone(rest, &seconds) || seconds < 0)
		return false;
	*n = (uint64_t)seconds;
	return true;
}
