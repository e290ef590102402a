/* SPDX-License-Identifier: MIT */
/* spelling - how far one word is from another */
#ifndef SPELLING_H
#define SPELLING_H

#include <stddef.h>

/*
 * How many letters have to be put in, left out, replaced, or swapped with their
 * neighbour to make one word of the other.  The beginning of a word is one away
 * from it.  Words of more than 31 bytes are like nothing else.
 */
size_t	spelling_distance(const char *a, size_t alen, const char *b, size_t blen);

#endif
