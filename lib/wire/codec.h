/* SPDX-License-Identifier: MIT */
/*
 * Frames, and the methods in them.
 *
 * librabbitmq encodes and decodes what is inside a frame; the eight bytes
 * around it are checked and written here, so that it never sees a length that
 * does not fit.  https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf section 4.2.3
 */
#ifndef RMQ_CODEC_H
#define RMQ_CODEC_H

#include "base/error.h"
#include "data/amqp_compat.h"

enum { FRAME_METHOD = 1, FRAME_HEADER = 2, FRAME_BODY = 3, FRAME_HEARTBEAT = 8 };
enum { FRAME_OVERHEAD = 8, FRAME_START = 7, FRAME_END = 0xce };
/* AMQP's least, which is also the most before it is negotiated; since 4.1 RabbitMQ takes no less than the sure one. */
enum { FRAME_MAX_OURS = 131072, FRAME_MAX_LEAST = 4096, FRAME_MAX_SURE = 8192 };

struct frame {
	uint8_t		 type;
	uint16_t	 channel;
	struct rmq_bytes payload;
	size_t		 size;		/* of the whole frame */
};

/* 1: a frame; 0: more bytes are needed; -1: not a frame */
int	codec_frame(struct frame *, const char *, size_t len, size_t frame_max, struct rmq_error *);
void	codec_frame_start(uint8_t *out, uint8_t type, uint16_t channel, size_t payload);

/* Appends a frame with a method; method is librabbitmq's struct for id. */
bool	codec_put_method(struct rmq_buffer *, uint16_t channel, amqp_method_number_t id, void *method,
	    struct rmq_error *);
amqp_method_number_t codec_method_id(struct rmq_bytes payload);	/* 0: too short to hold one */
/* The decoded struct lives in the pool, its strings in the payload. */
bool	codec_get_method(struct rmq_bytes payload, amqp_pool_t *, void **method, struct rmq_error *);

struct content_header {
	uint64_t	 body_size;
	struct rmq_bytes properties;	/* encoded */
};

bool	codec_get_header(struct rmq_bytes payload, struct content_header *, struct rmq_error *);

uint16_t codec_u16(const void *);
uint32_t codec_u32(const void *);
uint64_t codec_u64(const void *);
void	codec_put_u16(void *, uint16_t);
void	codec_put_u32(void *, uint32_t);
void	codec_put_u64(void *, uint64_t);

#endif
