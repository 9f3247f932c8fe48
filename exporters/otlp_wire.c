/* SPDX-License-Identifier: MIT */
/* otlp_wire.c - see otlp_wire.h. The surprise: the memory that a buffer has in hand is given back, since a queue of them is bounded in bytes. */
#include "exporters/otlp_wire.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "exporters/gzip.h"

#define FRAME_BYTES 5	/* of gRPC: compressed or not, length */

static void write_frame(char *at, bool is_gzip, size_t n)
{
	at[0] = is_gzip;
	for (int i = 0; i < 4; i++)
		at[1 + i] = (char)(uint8_t)(n >> (24 - 8 * i));
}

static void fit(struct buffer *b)
{
	char *data = realloc(b->data, b->n + 1);

	if (!data)
		return;
	b->data = data;
	b->size = b->n + 1;
}

int otlp_wire_encode(const struct buffer *body, bool is_gzip, bool is_grpc, struct buffer *ret)
{
	CLEANUP(buffer_done) struct buffer wire = { 0 };
	const char *data = body->data ? body->data : "";

	if (is_grpc)
		buffer_add(&wire, (const char[FRAME_BYTES]){ 0 }, FRAME_BYTES);
	if (!is_gzip)
		buffer_add(&wire, data, body->n);
	else if (gzip_buffer(data, body->n, &wire))
		return -ENOMEM;
	if (wire.error || !wire.data)
		return -ENOMEM;
	if (is_grpc)
		write_frame(wire.data, is_gzip, wire.n - FRAME_BYTES);
	fit(&wire);
	*ret = TAKE_AS(wire, (struct buffer){ 0 });
	return 0;
}
