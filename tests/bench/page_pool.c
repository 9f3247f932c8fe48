/* SPDX-License-Identifier: MIT */
/*
 * page_pool.c - see page_pool.h. The surprise: what stands between two pairs is a chain of multiplications, so that it takes the same time
 * whatever the pool does to the caches and the pipeline.
 */
#include "tests/bench/page_pool.h"

#include <pthread.h>

#include "tools/sdk/poolscope.h"

#define N_ITEMS 16

static struct poolscope_pool locked, unlocked;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t idle[N_ITEMS];
static int n_idle;

/* New pools: one that is watched and not watched in turns would be left alone after a while. */
static void make(void)
{
	for (; n_idle < N_ITEMS; n_idle++)
		idle[n_idle] = 0x7f0000001000u + (uint64_t)n_idle * 208; /* as addresses would be */
	poolscope_pool_create(&locked, POOLSCOPE_KIND_CONNECTION, "locked", N_ITEMS, 0);
	poolscope_pool_create(&unlocked, POOLSCOPE_KIND_CONNECTION, "unlocked", N_ITEMS, 0);
	poolscope_pool_unlocked(&unlocked);
}

static inline uint64_t work_for(long steps, uint64_t seed)
{
	for (long i = 0; i < steps; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		__asm__ __volatile__("" : "+r"(seed));
	}
	return seed;
}

static void run(long n, long work)
{
	uint64_t item;

	for (long i = 0; i < n; i++) {
		pthread_mutex_lock(&lock);
		item = idle[--n_idle];
		poolscope_acquired(&locked, item, 0, 0);
		pthread_mutex_unlock(&lock);
		item = work_for(work, item) ? item : 0;
		pthread_mutex_lock(&lock);
		idle[n_idle++] = item;
		poolscope_released(&locked, item, 0);
		pthread_mutex_unlock(&lock);
	}
}

static void run_unlocked(long n, long work, uint64_t item)
{
	for (long i = 0; i < n; i++) {
		poolscope_acquired(&unlocked, item, 0, 0);
		item = work_for(work, item) ? item : 0;
		poolscope_released(&unlocked, item, 0);
	}
}

/* Until a slot knows the counter's speed, 34 ms, it asks clock_gettime(): that is what the other program measures. */
static int is_learning(const struct poolscope_pool *pool)
{
#if POOLSCOPE_IS_PAGED_
	const struct poolscope_page_slot *s = POOLSCOPE_SLOT_(pool->slot_);

	return POOLSCOPE_IS_SLOT_(pool->slot_) && s->set_count && !s->clock_span;
#else
	(void)pool;
	return 0;
#endif
}

static void watch(int is_on)
{
#if POOLSCOPE_IS_PAGED_
	poolscope_page_semaphore.semaphore = (uint16_t)is_on;
#endif
	make();
	(void)is_on;
	run(1, 0);
	run_unlocked(1, 0, 1);
	for (int i = 0; i < 10000 && (is_learning(&locked) || is_learning(&unlocked)); i++) {
		run(1000, 0);
		run_unlocked(1000, 0, 1);
	}
}

static uint64_t n_booked(void)
{
	uint64_t n = 0;
#if POOLSCOPE_IS_PAGED_
	if (locked.slot_ > POOLSCOPE_REFUSED_)
		n += POOLSCOPE_SLOT_(locked.slot_)->leases_ended;
	if (unlocked.slot_ > POOLSCOPE_REFUSED_)
		n += POOLSCOPE_SLOT_(unlocked.slot_)->leases_ended;
#endif
	return n;
}

const struct bench_pool BENCH_POOL = { watch, run, run_unlocked, n_booked };
