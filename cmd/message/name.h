/* SPDX-License-Identifier: MIT */
/*
 * name - what queues, exchanges, routing keys and headers can be called
 *
 * A short string of AMQP: at most 255 bytes of UTF-8.
 * https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf section 4.2.5.3
 */
#ifndef NAME_H
#define NAME_H

#include "tool/opt.h"

enum { NAME_BYTES = 255 };

const char *name_wrong(const char *name, size_t len);	/* NULL, or what is wrong */
void	name_check(const char *what, const char *name);		/* exits 64 if something is */

opt_set	name_set;	/* const char * */
opt_set	name_add;	/* struct opt_list: one more */

#endif
