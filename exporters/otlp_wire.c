/* SPDX-License-Identifier: MIT */
/*
 * otlp_wire.c - see otlp_wire.h. The surprise is the level: the fastest one. Requests are names that come again and again, which it finds as well as the
 * others, and the loop of the agent waits for it.
 */
#include "exporters/otlp_wire.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"

#define FRAME_BYTES 5
#define WINDOW_GZIP (15 + 16)

/* Behind `offset` bytes that are left free. The result is the length with them, 0 when out of memory. */
static size_t deflate_into(const struct buffer *body, size_t offset, char **ret)
{
	z_stream z = { 0 };
	size_t room, n;

	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY))
		return 0;
	room = deflateBound(&z, body->n);
	*ret = malloc(offset + room + 1);
	if (!*ret) {
		deflateEnd(&z);
		return 0;
	}
	z.next_in = (Bytef *)body->data;
	z.avail_in = (uInt)body->n;
	z.next_out = (Bytef *)*ret + offset;
	z.avail_out = (uInt)room;
	n = deflate(&z, Z_FINISH) == Z_STREAM_END ? offset + room - z.avail_out : 0;
	deflateEnd(&z);
	return n;
}

static size_t copy_into(const struct buffer *body, size_t offset, char **ret)
{
	*ret = malloc(offset + body->n + 1);
	if (!*ret)
		return 0;
	if (body->n)
		memcpy(*ret + offset, body->data, body->n);
	return offset + body->n;
}

static void write_frame(char *at, bool is_gzip, size_t n)
{
	at[0] = is_gzip;
	for (int i = 0; i < 4; i++)
		at[1 + i] = (char)(uint8_t)(n >> (24 - 8 * i));
}

int otlp_wire_encode(const struct buffer *body, bool is_gzip, bool is_grpc, struct buffer *ret)
{
	AUTO_FREE char *data = NULL;
	size_t offset = is_grpc ? FRAME_BYTES : 0, n;
	char *fitting;

	n = is_gzip ? deflate_into(body, offset, &data) : copy_into(body, offset, &data);
	if (!data || (is_gzip && !n))
		return -ENOMEM;
	if (is_grpc)
		write_frame(data, is_gzip, n - offset);
	data[n] = 0;
	fitting = realloc(data, n + 1);
	if (fitting)
		data = fitting;
	*ret = (struct buffer){ .n = n, .size = n + 1 };
	ret->data = TAKE(data);
	return 0;
}
