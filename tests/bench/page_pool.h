/* SPDX-License-Identifier: MIT */
/*
 * page_pool.h - one pool, compiled several times: without the SDK, with its page, and with its points alone. page.c sets them side by side.
 */
#ifndef POOLSCOPE_TESTS_BENCH_PAGE_POOL_H
#define POOLSCOPE_TESTS_BENCH_PAGE_POOL_H

#include <stdint.h>

struct bench_pool {
	/* Whether the page is watched from now on; the next call opens a slot, or closes it. */
	void (*watch)(int is_on);
	/* Takes an item and gives it back, n times, under the pool's mutex; between two such pairs `work` steps of something else. */
	void (*run)(long n, long work);
	/* The same of an item that is the caller's own, in a pool without a lock. */
	void (*run_unlocked)(long n, long work, uint64_t item);
	/* Pairs that the page has of both, modulo 2^64; 0 when there is none. */
	uint64_t (*n_booked)(void);
};

extern const struct bench_pool bench_alone, bench_paged, bench_usdt;

#endif
