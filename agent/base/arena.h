/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that is given back all at once. Used for a snapshot and all it points to. Not thread-safe.
 */
#ifndef POOLSCOPE_BASE_ARENA_H
#define POOLSCOPE_BASE_ARENA_H

#include <stddef.h>

struct arena;

/* NULL when out of memory. */
struct arena *arena_new(void);

/* Frees everything that came from it. NULL is allowed. */
void arena_free(struct arena *a);

/* Zeroed memory aligned for any type, owned by the arena; NULL when out of memory or n * size overflows. */
void *arena_alloc(struct arena *a, size_t n, size_t size);

/* A copy of a string; NULL for NULL and when out of memory. */
const char *arena_strdup(struct arena *a, const char *s);

/* A formatted string; NULL when out of memory. */
__attribute__((format(printf, 2, 3))) const char *arena_printf(struct arena *a, const char *format,
							       ...);

/* Bytes taken from the system. */
size_t arena_bytes(const struct arena *a);

#endif
