/* SPDX-License-Identifier: MIT */
/*
 * file.h - reads a recording block by block. What is in the file may be a stranger's: nothing is taken from it that was not checked, and an error
 * says at which byte.
 */
#ifndef POOLSCOPE_RECORD_FILE_H
#define POOLSCOPE_RECORD_FILE_H

#include <stdio.h>

#include "record/block.h"

struct recording {
	FILE *file;		/* owned */
	uint64_t at;		/* bytes read so far */
	uint64_t end;		/* bytes that are whole */
	uint64_t block_at;	/* where the block that was read last begins */
	int64_t first_ns, last_ns;	/* CLOCK_MONOTONIC of the first and the last tick */
	uint64_t n_ticks;
	uint64_t next_seq;	/* 0 = any */
	unsigned char *deflated, *raw;	/* owned */
};

/*
 * Takes the file over, and reads all of it once, which tells whether it is whole: -EBADMSG with a sentence that has the offset. With is_damaged the
 * blocks before the damage are the recording, when there are any. recording_done() is safe in every case.
 */
int recording_open(struct recording *r, FILE *file, bool is_damaged, struct diag *d);
void recording_done(struct recording *r);

/* The next block; *ret is borrowed until the next call. -ENODATA: that was the last one. -EBADMSG, -ENOMEM. */
int recording_next(struct recording *r, struct block_head *ret_head, const void **ret,
		   struct diag *d);

/* When the next tick was, without reading it; -ENODATA; -EBADMSG: recording_next() says what is wrong. */
int recording_peek(struct recording *r, int64_t *ret_t_ns);

#endif
