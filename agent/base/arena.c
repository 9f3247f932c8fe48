/* SPDX-License-Identifier: MIT */
/*
 * arena.c - see arena.h. A list of blocks, each a multiple of the last one's size up to a limit; only the newest block is
 * filled. The surprise: a request larger than a quarter of a block gets a block of its own *behind* the newest one, so that
 * one long array does not waste the rest of the block in use.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK_BYTES ((size_t)16 << 10)
#define MAX_BLOCK_BYTES ((size_t)1 << 20)

struct block {
	struct block *next;
	size_t size;	/* of data */
	size_t used;
	_Alignas(max_align_t) char data[];
};

struct arena {
	struct block *newest;
	size_t next_size;
	size_t n_bytes;
};

struct arena *arena_new(void)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->next_size = FIRST_BLOCK_BYTES;
	a->n_bytes = sizeof(*a);
	return a;
}

void arena_free(struct arena *a)
{
	struct block *b, *next;

	if (!a)
		return;
	for (b = a->newest; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

static struct block *add_block(struct arena *a, size_t size, struct block **at)
{
	struct block *b;

	if (size > PTRDIFF_MAX - sizeof(*b))
		return NULL;
	b = calloc(1, sizeof(*b) + size);
	if (!b)
		return NULL;
	b->size = size;
	b->next = *at;
	*at = b;
	a->n_bytes += sizeof(*b) + size;
	return b;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct block *b = a->newest;
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes) || bytes > PTRDIFF_MAX - align)
		return NULL;
	bytes = bytes ? (bytes + align - 1) / align * align : align;
	if (!b || b->size - b->used < bytes) {
		if (b && bytes > a->next_size / 4) {
			b = add_block(a, bytes, &b->next);
		} else {
			b = add_block(a, bytes > a->next_size ? bytes : a->next_size, &a->newest);
			if (b && a->next_size < MAX_BLOCK_BYTES)
				a->next_size *= 2;
		}
		if (!b)
			return NULL;
	}
	p = b->data + b->used;
	b->used += bytes;
	return p;
}

const char *arena_strdup(struct arena *a, const char *s)
{
	size_t size;
	char *copy;

	if (!s)
		return NULL;
	size = strlen(s) + 1;
	copy = arena_alloc(a, 1, size);
	if (copy)
		memcpy(copy, s, size);
	return copy;
}

const char *arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		return NULL;
	text = arena_alloc(a, 1, (size_t)n + 1);
	if (!text)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)n + 1, format, args);
	va_end(args);
	return text;
}

size_t arena_bytes(const struct arena *a)
{
	return a->n_bytes;
}
