/* SPDX-License-Identifier: MIT */
/*
 * Growing buffers, byte strings and the clock.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rmq.h>

bool
rmq_buffer_reserve(struct rmq_buffer *b, size_t more)
{
	size_t size = b->size == 0 ? 256 : b->size;
	char *data;

	if (more <= b->size - b->len)
		return true;
	if (more > SIZE_MAX / 2 - b->len)
		return false;
	while (size < b->len + more)
		size *= 2;
	if ((data = realloc(b->data, size)) == NULL)
		return false;
	b->data = data;
	b->size = size;
	return true;
}

bool
rmq_buffer_add(struct rmq_buffer *b, const void *data, size_t len)
{
	if (!rmq_buffer_reserve(b, len))
		return false;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	return true;
}

void
rmq_buffer_drop(struct rmq_buffer *b, size_t len)
{
	b->len -= len;
	if (len > 0 && b->len > 0)
		memmove(b->data, b->data + len, b->len);
}

void
rmq_buffer_free(struct rmq_buffer *b)
{
	free(b->data);
	*b = (struct rmq_buffer){ 0 };
}

struct rmq_bytes
rmq_bytes(const char *s)
{
	return (struct rmq_bytes){ s == NULL ? 0 : strlen(s), s };
}

int64_t
rmq_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
