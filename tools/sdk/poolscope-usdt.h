/* SPDX-License-Identifier: MIT */
/*
 * poolscope-usdt.h - the verbs of poolscope.h as functions, for languages that call C libraries (libpoolscope-usdt.so). Numbers
 * for kinds, outcomes and reasons are those of poolscope.h; what each verb means stands there.
 */
#ifndef POOLSCOPE_USDT_H
#define POOLSCOPE_USDT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct poolscope_pool;

/* A new pool's handle, to be freed by poolscope_usdt_pool_free(), which tells that the pool is gone. NULL when out of memory. */
struct poolscope_pool *poolscope_usdt_pool_new(uint32_t kind, const char *name, uint64_t capacity,
					       uint64_t min_idle);
void poolscope_usdt_pool_free(struct poolscope_pool *pool);

void poolscope_usdt_pool_resize(struct poolscope_pool *pool, uint64_t capacity);
void poolscope_usdt_wait_begin(struct poolscope_pool *pool, uint64_t waiter);
void poolscope_usdt_wait_end(struct poolscope_pool *pool, uint64_t waiter, uint32_t outcome);
void poolscope_usdt_acquired(struct poolscope_pool *pool, uint64_t item, uint64_t waiter,
			     uint32_t flags);
void poolscope_usdt_released(struct poolscope_pool *pool, uint64_t item, uint32_t flags);
void poolscope_usdt_item_opened(struct poolscope_pool *pool, uint64_t item, uint64_t took_ns,
				uint32_t outcome);
void poolscope_usdt_item_closed(struct poolscope_pool *pool, uint64_t item, uint32_t reason);
void poolscope_usdt_rejected(struct poolscope_pool *pool, uint32_t reason);
void poolscope_usdt_health(struct poolscope_pool *pool, uint64_t item, uint32_t outcome);
void poolscope_usdt_stall_begin(uint32_t cause);
void poolscope_usdt_stall_end(uint32_t cause);

#ifdef __cplusplus
}
#endif

#endif
