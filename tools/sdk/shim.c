/* SPDX-License-Identifier: MIT */
/*
 * shim.c - libpoolscope-usdt.so: the header's verbs as exported functions. The surprise: there is no logic here at all; the probe
 * points and the root of the page lie in this file's code and data, so that one attachment to the library serves every program that loads
 * it. Whether its callers hold a lock is not known, so its pools are taken for such that do not.
 */
#include "tools/sdk/poolscope-usdt.h"

#include <stdlib.h>

#include "tools/sdk/poolscope.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT struct poolscope_pool *poolscope_usdt_pool_new(uint32_t kind, const char *name,
						      uint64_t capacity, uint64_t min_idle)
{
	struct poolscope_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	poolscope_pool_create(pool, (enum poolscope_kind)kind, name ? name : "", capacity,
			      min_idle);
	poolscope_pool_unlocked(pool);
	return pool;
}

EXPORT void poolscope_usdt_pool_free(struct poolscope_pool *pool)
{
	if (!pool)
		return;
	poolscope_pool_destroy(pool);
	free(pool);
}

EXPORT void poolscope_usdt_pool_resize(struct poolscope_pool *pool, uint64_t capacity)
{
	poolscope_pool_resize(pool, capacity);
}

EXPORT void poolscope_usdt_wait_begin(struct poolscope_pool *pool, uint64_t waiter)
{
	poolscope_wait_begin(pool, waiter);
}

EXPORT void poolscope_usdt_wait_end(struct poolscope_pool *pool, uint64_t waiter, uint32_t outcome)
{
	poolscope_wait_end(pool, waiter, (enum poolscope_outcome)outcome);
}

EXPORT void poolscope_usdt_acquired(struct poolscope_pool *pool, uint64_t item, uint64_t waiter,
				    uint32_t flags)
{
	poolscope_acquired(pool, item, waiter, flags);
}

EXPORT void poolscope_usdt_released(struct poolscope_pool *pool, uint64_t item, uint32_t flags)
{
	poolscope_released(pool, item, flags);
}

EXPORT void poolscope_usdt_item_opened(struct poolscope_pool *pool, uint64_t item, uint64_t took_ns,
				       uint32_t outcome)
{
	poolscope_item_opened(pool, item, took_ns, (enum poolscope_outcome)outcome);
}

EXPORT void poolscope_usdt_item_closed(struct poolscope_pool *pool, uint64_t item, uint32_t reason)
{
	poolscope_item_closed(pool, item, (enum poolscope_close)reason);
}

EXPORT void poolscope_usdt_rejected(struct poolscope_pool *pool, uint32_t reason)
{
	poolscope_rejected(pool, (enum poolscope_reject)reason);
}

EXPORT void poolscope_usdt_health(struct poolscope_pool *pool, uint64_t item, uint32_t outcome)
{
	poolscope_health(pool, item, (enum poolscope_outcome)outcome);
}

EXPORT void poolscope_usdt_stall_begin(uint32_t cause)
{
	poolscope_stall_begin((enum poolscope_stall)cause);
}

EXPORT void poolscope_usdt_stall_end(uint32_t cause)
{
	poolscope_stall_end((enum poolscope_stall)cause);
}
