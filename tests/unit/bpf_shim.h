/* SPDX-License-Identifier: MIT */
/*
 * bpf_shim.h - the BPF helpers as plain C, so that the handlers in bpf/ run under ASan. Maps are slow lists with a limit; faults
 * are injected by the shim_* variables. Include once, before any header of bpf/.
 */
#ifndef POOLSCOPE_TESTS_UNIT_BPF_SHIM_H
#define POOLSCOPE_TESTS_UNIT_BPF_SHIM_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include "bpf/abi.h"
#include "bpf/hist.h"

static uint64_t shim_now_ns = 1000;
static uint64_t shim_jiffies = 1000;
static uint32_t shim_tid = 7;
static int shim_is_ring_full, shim_is_reading_broken;
static const char *shim_end; /* of the target's memory: what reads over it fails; NULL = none */
static void *shim_task;
static unsigned int shim_n_stories;
static struct ps_story shim_story;

struct shim_entry {
	struct shim_entry *next;
	char *key, *value;
};

/* The first member of every map in bpf/maps.h as the shim declares it. */
struct shim_map {
	size_t key_size, value_size, limit, n;
	int is_array;
	struct shim_entry *first;
};

#define SEC(name)
#define POOLSCOPE_SHIM_IS_ARRAY_ARRAY 1
#define POOLSCOPE_SHIM_IS_ARRAY_PERCPU_ARRAY 1
#define POOLSCOPE_SHIM_IS_ARRAY_HASH 0
#define POOLSCOPE_SHIM_IS_ARRAY_LRU_HASH 0

static inline void *bpf_map_lookup_elem(void *at, const void *key)
{
	struct shim_map *map = at;

	for (struct shim_entry *e = map->first; e; e = e->next)
		if (!memcmp(e->key, key, map->key_size))
			return e->value;
	if (!map->is_array || *(const uint32_t *)key >= map->limit)
		return NULL;
	struct shim_entry *e = calloc(1, sizeof(*e));

	e->key = malloc(map->key_size);
	memcpy(e->key, key, map->key_size);
	e->value = calloc(1, map->value_size);
	e->next = map->first;
	map->first = e;
	map->n++;
	return e->value;
}

static inline long bpf_map_update_elem(void *at, const void *key, const void *value, uint64_t flags)
{
	struct shim_map *map = at;
	char *old = NULL;

	for (struct shim_entry *e = map->first; e; e = e->next)
		if (!memcmp(e->key, key, map->key_size))
			old = e->value;
	if (old && flags == BPF_NOEXIST)
		return -EEXIST;
	if (!old) {
		struct shim_entry *e;

		if (map->n >= map->limit)
			return -E2BIG;
		e = calloc(1, sizeof(*e));
		e->key = malloc(map->key_size);
		memcpy(e->key, key, map->key_size);
		e->value = malloc(map->value_size);
		e->next = map->first;
		map->first = e;
		map->n++;
		old = e->value;
	}
	memcpy(old, value, map->value_size);
	return 0;
}

static inline long bpf_map_delete_elem(void *at, const void *key)
{
	struct shim_map *map = at;

	for (struct shim_entry **link = &map->first; *link; link = &(*link)->next) {
		struct shim_entry *e = *link;

		if (memcmp(e->key, key, map->key_size))
			continue;
		*link = e->next;
		free(e->key);
		free(e->value);
		free(e);
		map->n--;
		return 0;
	}
	return -ENOENT;
}

static inline void shim_map_clear(struct shim_map *map)
{
	while (map->first) {
		struct shim_entry *e = map->first;

		map->first = e->next;
		free(e->key);
		free(e->value);
		free(e);
	}
	map->n = 0;
}

static inline uint64_t bpf_ktime_get_ns(void)
{
	return shim_now_ns;
}

static inline uint64_t bpf_jiffies64(void)
{
	return shim_jiffies;
}

static inline uint64_t bpf_get_current_pid_tgid(void)
{
	return 42ull << 32 | shim_tid;
}

static inline void *bpf_get_current_task_btf(void)
{
	return shim_task;
}

static inline long bpf_get_current_comm(void *ret, uint32_t size)
{
	memset(ret, 0, size);
	memcpy(ret, "shim", size < 5 ? size : 5);
	return 0;
}

static inline long bpf_probe_read_user(void *ret, uint32_t size, const void *from)
{
	if (shim_is_reading_broken || !from ||
	    (shim_end && (const char *)from < shim_end && (const char *)from + size > shim_end))
		return -EFAULT;
	memcpy(ret, from, size);
	return 0;
}

static inline long bpf_probe_read_user_str(void *ret, uint32_t size, const void *from)
{
	size_t n;

	if (shim_is_reading_broken || !from)
		return -EFAULT;
	n = strnlen(from, size - 1);
	memcpy(ret, from, n);
	((char *)ret)[n] = 0;
	return (long)n + 1;
}

static inline long bpf_probe_read_kernel(void *ret, uint32_t size, const void *from)
{
	return bpf_probe_read_user(ret, size, from);
}

static inline void *bpf_ringbuf_reserve(void *ring, uint64_t size, uint64_t flags)
{
	(void)ring;
	(void)flags;
	return shim_is_ring_full || size != sizeof(shim_story) ? NULL : &shim_story;
}

static inline void bpf_ringbuf_submit(void *record, uint64_t flags)
{
	(void)record;
	(void)flags;
	shim_n_stories++;
}

#endif
