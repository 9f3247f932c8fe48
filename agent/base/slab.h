/* SPDX-License-Identifier: MIT */
/*
 * slab.h - very many small blocks that are of one use, in memory of their own. What is freed serves the next one of about its size, and when all are done with, the memory goes
 * back to the system as a whole: blocks of malloc() that were made among others would leave it full of holes. Not thread-safe.
 */
#ifndef POOLSCOPE_BASE_SLAB_H
#define POOLSCOPE_BASE_SLAB_H

#include <stddef.h>

#define SLAB_STEP 16u	/* sizes are multiples of it; blocks are aligned to it */
#define SLAB_MOST 512u	/* bytes; a larger block is malloc()'s */

struct slab_chunk;
struct slab_free;

/* All zero = empty. */
struct slab {
	struct slab_chunk *chunks;	/* the newest first */
	size_t n_left;	/* bytes of the newest that were never used */
	struct slab_free *free[SLAB_MOST / SLAB_STEP];	/* by size */
};

/* Zeros; NULL = out of memory. */
void *slab_alloc(struct slab *s, size_t n);

/* n as it was asked for. NULL is allowed. */
void slab_free(struct slab *s, void *block, size_t n);

/* Frees all blocks, but for those that are larger than SLAB_MOST: these are to be freed before. */
void slab_done(struct slab *s);

#endif
