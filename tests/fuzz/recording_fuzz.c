/* SPDX-License-Identifier: MIT */
/*
 * recording_fuzz.c - any bytes as a recording: as a file ('F' first), which mostly ends at a checksum; or as ticks ('T'), each two bytes of length
 * and its bytes, in blocks that are right, so that they get as far as the model and the detectors.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json.h"
#include "base/buffer.h"
#include "base/diag.h"
#include "record/block.h"
#include "record/player.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void play(const void *data, size_t n, bool is_damaged)
{
	FILE *f = n ? fmemopen((void *)data, n, "rb") : NULL;
	struct player *p = NULL;
	struct diag d = { 0 };

	if (!f || player_open(f, is_damaged, &p, &d))
		return;
	while (!player_next(p, &d)) {
		json_decref(encode_pools(player_snapshot(p)));
		json_decref(encode_findings(player_snapshot(p)));
		json_decref(encode_stalls(player_snapshot(p)));
		json_decref(encode_locks(player_snapshot(p)));
		json_decref(encode_status(player_snapshot(p)));
	}
	player_close(p);
}

static void add_block(struct buffer *file, struct deflater *z, uint64_t seq, const uint8_t *tick,
		      size_t n)
{
	struct block_head h = { .flags = seq == 1 ? BLOCK_KEY : 0,
				.seq = seq,
				.t_ns = (int64_t)seq };
	unsigned char *block;

	if (block_make(z, &h, tick, n, &block, &n))
		return;
	buffer_add(file, block, n);
	free(block);
}

static void play_ticks(const uint8_t *data, size_t size)
{
	unsigned char bytes[RECORDING_HEAD_MOST];
	struct deflater *z = deflater_new();
	struct buffer file = { 0 };
	uint64_t seq = 1;

	buffer_add(&file, bytes, recording_head_format(bytes, sizeof(bytes)));
	while (size >= 2) {
		size_t n = data[0] | (size_t)data[1] << 8;

		if (n > size - 2)
			n = size - 2;
		add_block(&file, z, seq++, data + 2, n);
		data += 2 + n;
		size -= 2 + n;
	}
	block_head_format(&(struct block_head){ .flags = BLOCK_END, .seq = seq }, bytes);
	buffer_add(&file, bytes, BLOCK_HEAD_BYTES);
	play(file.data, file.n, false);
	buffer_done(&file);
	deflater_free(z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && data[0] == 'F') {
		play(data + 1, size - 1, false);
		play(data + 1, size - 1, true);
	} else if (size) {
		play_ticks(data + 1, size - 1);
	}
	return 0;
}
