/* SPDX-License-Identifier: MIT */
/*
 * Errors inside the library: the first one is kept, what follows from it is
 * not an error of its own.
 */
#ifndef RMQ_ERROR_H
#define RMQ_ERROR_H

#include <rmq.h>

/* Sets the error unless one is set already (or there is nowhere to put it); always false. */
bool	rmq_fail(struct rmq_error *, enum rmq_status, int code, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));
bool	rmq_no_memory(struct rmq_error *);

/* Brokers say in words what their reply codes do not tell apart. */
bool	bytes_contain(struct rmq_bytes, const char *words);
/* A refusal that passes by itself: a limit is reached, the node of a queue is down. */
bool	refusal_passes(int code, struct rmq_bytes text);

#endif
