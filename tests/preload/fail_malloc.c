/* SPDX-License-Identifier: MIT */
/*
 * For LD_PRELOAD: the allocation with the number that FAIL_AT says is refused, and all others are not.  A program
 * that makes fewer ends with 99.  What it starts is left alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOT_REACHED = 99 };

void	*__libc_malloc(size_t);
void	*__libc_calloc(size_t, size_t);
void	*__libc_realloc(void *, size_t);

static long	 at, count;
static pid_t	 self;

static void __attribute__((constructor))
begin(void)
{
	const char *number = getenv("FAIL_AT");

	at = number != NULL ? strtol(number, NULL, 10) : 0;
	self = getpid();
	count = 0;
	unsetenv("LD_PRELOAD");
	unsetenv("FAIL_AT");
}

static void __attribute__((destructor))
end(void)
{
	if (at > count && getpid() == self)
		_exit(NOT_REACHED);
}

static int
fails(void)
{
	if (at == 0 || ++count != at)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}
