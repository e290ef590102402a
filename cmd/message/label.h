/* SPDX-License-Identifier: MIT */
/* label - what a message is called in a line for people */
#ifndef LABEL_H
#define LABEL_H

#include <rmq.h>

enum { LABEL_SIZE = 300 };

/* "message 'ID'"; without an id "message with key 'KEY'", without either "message without a name". */
void	label_message(char text[LABEL_SIZE], struct rmq_bytes id, struct rmq_bytes key);

#endif
