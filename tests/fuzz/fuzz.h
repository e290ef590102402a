/* SPDX-License-Identifier: MIT */
/*
 * fuzz - what the targets share
 *
 * A target is one function that libFuzzer calls with bytes that it makes up:
 * https://llvm.org/docs/LibFuzzer.html#fuzz-target
 * Without libFuzzer, replay.c calls it with files.  What must hold is written
 * with FUZZ_CHECK(), which never depends on NDEBUG.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rmq.h>

#define FUZZ_CHECK(holds) do { \
	if (!(holds)) { \
		fprintf(stderr, "does not hold: %s (%s:%d)\n", #holds, __FILE__, __LINE__); \
		abort(); \
	} \
} while (0)

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A block of just these bytes, and a NUL more if text: reading behind it is seen.  To be freed. */
static inline char *
fuzz_copy(const uint8_t *data, size_t size, size_t more)
{
	char *copy = malloc(size + more > 0 ? size + more : 1);

	FUZZ_CHECK(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	if (more > 0)
		copy[size] = '\0';
	return copy;
}

#endif
