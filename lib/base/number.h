/* SPDX-License-Identifier: MIT */
/*
 * Numbers and dates to text and back.  The point is the decimal separator:
 * whoever uses the library leaves LC_NUMERIC at "C".
 */
#ifndef RMQ_NUMBER_H
#define RMQ_NUMBER_H

#include <rmq.h>

/* Appending: false means that there is no memory. */
bool	 number_add_integer(struct rmq_buffer *, int64_t);
/* 15 digits (6) if they give the same number again, else 17 (9); never looking like an integer. */
bool	 number_add_double(struct rmq_buffer *, double);
bool	 number_add_float(struct rmq_buffer *, float);

/* Reading: the whole text, or false.  No blanks, no "+", nothing that is not finite. */
bool	 number_parse_integer(const char *, int64_t min, int64_t max, int64_t *);
bool	 number_parse_unsigned(const char *, uint64_t *);
bool	 number_parse_double(const char *, double *);
bool	 number_parse_float(const char *, float *);
/* Seconds since 1970, or a date-time of RFC 3339 (parts of a second are dropped). */
bool	 number_parse_time(const char *, uint64_t *);

#endif
