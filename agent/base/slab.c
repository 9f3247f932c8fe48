/* SPDX-License-Identifier: MIT */
/*
 * slab.c - see slab.h. The surprise: a chunk is as large as what malloc() asks the system for by itself (command run sets that), so free() gives it back to the system, and
 * what of it was never used takes no memory.
 */
#include "base/slab.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, n) ((void)(at), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(at, n) ((void)(at), (void)(n))
#endif

#define CHUNK_BYTES ((size_t)256 << 10)

struct slab_free {
	struct slab_free *next;
};

struct slab_chunk {
	struct slab_chunk *next;
	alignas(SLAB_STEP) unsigned char bytes[CHUNK_BYTES];
};

static size_t size_of(size_t n)
{
	return n ? (n + SLAB_STEP - 1) / SLAB_STEP : 1;
}

static int add_chunk(struct slab *s)
{
	struct slab_chunk *c = malloc(sizeof(*c));

	if (!c)
		return -1;
	ASAN_POISON_MEMORY_REGION(c->bytes, sizeof(c->bytes));
	c->next = s->chunks;
	s->chunks = c;
	s->n_left = sizeof(c->bytes);
	return 0;
}

/* Of the newest chunk; what is left of one that has too little is lost until the end. */
static void *take_new(struct slab *s, size_t bytes)
{
	if (s->n_left < bytes && add_chunk(s))
		return NULL;
	s->n_left -= bytes;
	return s->chunks->bytes + s->n_left;
}

void *slab_alloc(struct slab *s, size_t n)
{
	struct slab_free **list;
	void *block;

	if (n > SLAB_MOST)
		return calloc(1, n);
	list = &s->free[size_of(n) - 1];
	block = *list;
	if (block) {
		ASAN_UNPOISON_MEMORY_REGION(block, sizeof(**list));
		*list = (*list)->next;
	} else {
		block = take_new(s, size_of(n) * SLAB_STEP);
	}
	if (!block)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(block, n);
	memset(block, 0, n);
	return block;
}

void slab_free(struct slab *s, void *block, size_t n)
{
	struct slab_free **list, *f = block;

	if (n > SLAB_MOST || !block) {
		free(block);
		return;
	}
	list = &s->free[size_of(n) - 1];
	ASAN_UNPOISON_MEMORY_REGION(block, sizeof(*f));
	f->next = *list;
	*list = f;
	ASAN_POISON_MEMORY_REGION(block, size_of(n) * SLAB_STEP);
}

void slab_done(struct slab *s)
{
	struct slab_chunk *c, *next;

	for (c = s->chunks; c; c = next) {
		next = c->next;
		ASAN_UNPOISON_MEMORY_REGION(c->bytes, sizeof(c->bytes));
		free(c);
	}
	memset(s, 0, sizeof(*s));
}
