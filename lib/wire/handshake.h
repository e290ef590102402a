/* SPDX-License-Identifier: MIT */
/*
 * The methods of class connection: what is said on channel 0.
 */
#ifndef RMQ_HANDSHAKE_H
#define RMQ_HANDSHAKE_H

#include "wire/connection.h"

/* What the broker's reply code of a connection.close means for the caller. */
enum rmq_status	handshake_close_status(int code, struct rmq_bytes text);

/* With a hint, and before the broker has said anything: says what it is going to ask for. */
bool	handshake_guess(struct connection *);

#endif
