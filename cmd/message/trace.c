/* SPDX-License-Identifier: MIT */
/* See trace.h. */
#include <string.h>

#include "message/trace.h"

enum { PARENT_LEN = 55, STATE_MOST = 512 };

/* So many lower-case digits, of which one must not be 0. */
static bool
is_id(const char *s, size_t len)
{
	return strspn(s, "0123456789abcdef") == len && strspn(s, "0") < len;
}

static bool
is_byte(const char *s)
{
	return strspn(s, "0123456789abcdef") == 2;
}

/* version-trace-span-flags */
bool
trace_is_parent(const char *s)
{
	if (s == NULL || strlen(s) < PARENT_LEN || !is_byte(s) || s[2] != '-' || !is_id(s + 3, 32) || s[35] != '-' ||
	    !is_id(s + 36, 16) || s[52] != '-' || !is_byte(s + 53))
		return false;
	if (strncmp(s, "00", 2) == 0)
		return s[PARENT_LEN] == '\0';
	return strncmp(s, "ff", 2) != 0 && (s[PARENT_LEN] == '\0' || s[PARENT_LEN] == '-');
}

bool
trace_is_state(const char *s)
{
	if (s == NULL || *s == '\0' || strlen(s) > STATE_MOST)
		return false;
	while (*s >= ' ' && *s <= '~')
		s++;
	return *s == '\0';
}
