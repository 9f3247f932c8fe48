/* SPDX-License-Identifier: MIT */
/*
 * block.h - a recording as a file: a head, then one block for each tick, deflated, each with a checksum of its own. Pure; numbers are little-endian.
 * poolscope-recording(5) has the format.
 */
#ifndef POOLSCOPE_RECORD_BLOCK_H
#define POOLSCOPE_RECORD_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

#define RECORDING_VERSION 1u
#define BLOCK_HEAD_BYTES 48u

enum block_flag {
	BLOCK_KEY = 1,	/* the tick stands for itself */
	BLOCK_END = 2	/* the recording is whole; nothing is in it */
};

struct block_head {
	uint32_t flags;		/* enum block_flag */
	uint32_t n_raw;		/* bytes of the tick */
	uint32_t n_deflated;	/* bytes that follow the head */
	uint32_t crc;		/* CRC-32 of those */
	uint64_t seq;		/* one more than that of the block before */
	int64_t t_ns;		/* CLOCK_MONOTONIC */
	int64_t wall_ns;	/* CLOCK_REALTIME */
};

/* The head of a file, with the version and the sizes of the records. 0 = it does not fit. */
size_t recording_head_format(unsigned char *ret, size_t size);

#define RECORDING_HEAD_MOST 4096u

/* How long the head is, by its first RECORDING_HEAD_LEAST bytes; then whether the rest is as here. 0, or -EBADMSG with a sentence in d. */
#define RECORDING_HEAD_LEAST 48u
int recording_head_begin(const unsigned char *data, size_t *ret_n, struct diag *d);
int recording_head_check(const unsigned char *data, size_t n, struct diag *d);

void block_head_format(const struct block_head *h, unsigned char ret[BLOCK_HEAD_BYTES]);

/* 0, or -EBADMSG with a sentence. */
int block_head_parse(const unsigned char data[BLOCK_HEAD_BYTES], struct block_head *ret,
		     struct diag *d);

struct deflater;

struct deflater *deflater_new(void);
void deflater_free(struct deflater *z);

/*
 * A block, piece by piece, of TICK_MOST_BYTES at most: begin, any number of pieces, end, which gives it whole, head and all, as memory of its own.
 * -ENOMEM: then it begins anew.
 */
void block_begin(struct deflater *z);
int block_add(struct deflater *z, const void *data, size_t n);
int block_end(struct deflater *z, struct block_head *h, unsigned char **ret, size_t *ret_n);

/* One of a single piece. */
int block_make(struct deflater *z, struct block_head *h, const void *data, size_t n,
	       unsigned char **ret, size_t *ret_n);

/* The bytes behind a head, checked; `raw` has h->n_raw bytes. 0, or -EBADMSG with a sentence. */
int block_open(const struct block_head *h, const unsigned char *deflated, unsigned char *raw,
	       struct diag *d);

#endif
