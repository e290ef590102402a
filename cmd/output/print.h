/* SPDX-License-Identifier: MIT */
/*
 * print - messages on standard output, as opt_output asks
 *
 * There is one standard output, so there is one way of printing: it is chosen
 * once, from what the user said, what the program prints by itself, and
 * whether somebody is watching.
 */
#ifndef PRINT_H
#define PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include <rmq.h>

#include "output/output.h"

/* The formats that are used where -F is not: for programs and for people. */
void	print_choose(const char *line, const char *chat);
/* A body that ends with a newline is a line already; other forms and other delimiters stay as they are. */
void	print_no_second_newline(void);
/* Standard output, or the folder of --output-dir; exits 73 if that cannot be used. */
void	print_open(struct output *, struct folder *, bool sync, unsigned group);
void	print_close(struct output *, struct folder *);
/* Says what the error of the output was: the exit status, or an end by SIGPIPE. */
int	print_failed(const struct output *);

/* Something for people, if they are there. */
void	print_chat(struct output *, const char *text);
void	print_chat_body(struct output *, const char *text, struct rmq_bytes body);
/* One record with this cookie; queue: where it came from. */
void	print_message(struct output *, struct rmq *, const struct rmq_delivery *, const char *queue, uint64_t cookie);

#endif
