/* SPDX-License-Identifier: MIT */
/*
 * librabbitmq's headers, wherever its version keeps them, and byte strings
 * between its type and ours.
 */
#ifndef AMQP_COMPAT_H
#define AMQP_COMPAT_H

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#endif

#include <rmq.h>

/* The encoders only read what they are given, whatever their type says. */
static inline amqp_bytes_t
bytes_to_amqp(struct rmq_bytes b)
{
	return (amqp_bytes_t){ b.len, (void *)b.data };
}

static inline amqp_bytes_t
text_to_amqp(const char *s)
{
	return bytes_to_amqp(rmq_bytes(s));
}

static inline struct rmq_bytes
bytes_from_amqp(amqp_bytes_t b)
{
	return (struct rmq_bytes){ b.len, b.bytes };
}

#endif
