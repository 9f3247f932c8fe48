/* SPDX-License-Identifier: MIT */
/*
 * load.c - see load.h. The surprise: a task of a worker pool begins in a worker's thread, not in that of the load; so what is
 * done while an item is held (hold_item) knows nothing of who does it.
 */
#include "tools/sim/load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "tools/sim/faults.h"
#include "tools/sim/mutex.h"
#include "tools/sim/returner.h"
#include "tools/sim/running.h"

#define TEND_EVERY_NS 20000000
#define BUFFER_BYTES 4096
#define SPINS_NS 20000 /* acquires of a thread that come faster are not slept for: to wake takes as long */

static double exponential(unsigned int *seed, double mean)
{
	return -log(1 - (double)rand_r(seed) / ((double)RAND_MAX + 1)) * mean;
}

/* ---- items of memory --------------------------------------------------------------------------------------------------- */

static bool buffer_open(void *context, struct item *item)
{
	(void)context;
	item->memory = malloc(BUFFER_BYTES);
	return item->memory != NULL;
}

static void buffer_close(void *context, struct item *item)
{
	(void)context;
	free(item->memory);
}

/* ---- one use ----------------------------------------------------------------------------------------------------------- */

static struct item *take(struct running *r)
{
	struct item *item;

	if (r->load->item == ITEM_MUTEX) {
		mutex_take(&r->mutex);
		return &r->the_lock;
	}
	item = pool_acquire(&r->pool, (int64_t)(r->load->timeout_ms * 1e6), NULL);
	if (item && r->server)
		item->is_broken = !tcp_send(item);
	return item;
}

static void give(void *context, struct item *item)
{
	struct running *r = context;

	world_safepoint();
	if (r->load->item == ITEM_MUTEX) {
		mutex_give(&r->mutex);
		return;
	}
	if (r->server && !item->is_broken)
		item->is_broken = !tcp_receive(item);
	pool_release(&r->pool, item, item->is_broken);
}

/* What a caller does while it holds an item: it takes its time, with an item of the pool behind or without. */
static void hold_item(struct running *r, int64_t hold_ns)
{
	const bool is_fault = r->load->fault == FAULT_DEADLOCK;
	struct item *second;

	if (!r->behind || (is_fault && !fault_is_due(r))) {
		sleep_until(now_ns() + hold_ns);
		return;
	}
	if (is_fault) {
		sleep_until(now_ns() + hold_ns);
		fault_take(r, "deadlock", 0);
	}
	second = take(r->behind);
	if (!second)
		return;
	sleep_until(now_ns() + hold_ns);
	give(r->behind, second);
}

static void run_task(void *context, int64_t hold_ns)
{
	world_safepoint();
	hold_item(context, hold_ns);
	world_safepoint();
}

/* False: the thread has deserted. */
static bool use_once(struct running *r, unsigned int *seed)
{
	int64_t hold_ns = (int64_t)(exponential(seed, r->load->hold_ms) * 1e6), due_ns;
	struct item *item;

	if (r->load->item == ITEM_WORKER) {
		workers_submit(&r->workers, hold_ns);
		return true;
	}
	item = take(r);
	if (!item)
		return true;
	due_ns = now_ns() + hold_ns;
	if ((r->load->fault == FAULT_LEAK || r->load->fault == FAULT_DESERT) &&
	    fault_take(r, "leak", 0)) {
		pool_leak(&r->pool);
		return r->load->fault == FAULT_LEAK;
	}
	if (r->load->fault == FAULT_HANG && fault_take(r, "hang", 0))
		due_ns = r->load->fault_ms > 0 ? now_ns() + (int64_t)(r->load->fault_ms * 1e6)
					       : r->world->end_ns;
	if (r->load->is_async) {
		returner_add(r->returner, item, due_ns);
		return true;
	}
	hold_item(r, due_ns - now_ns());
	give(r, item);
	return true;
}

/* ---- threads ----------------------------------------------------------------------------------------------------------- */

static void wait_until(int64_t due_ns, bool is_fast)
{
	if (!is_fast)
		sleep_until(due_ns);
	else
		while (now_ns() < due_ns)
			;
}

static void *run_thread(void *arg)
{
	struct running *r = arg;
	const struct load *l = r->load;
	uint32_t index = __atomic_fetch_add(&r->next_thread, 1, __ATOMIC_RELAXED);
	unsigned int seed = r->seed * 7919 + index;
	double every_ns = l->rate > 0 ? 1e9 * l->threads / l->rate : 0;
	double at = (double)r->world->begin_ns + every_ns * index / l->threads;
	double end_ns = (double)r->world->end_ns;
	char name[32];

	prctl(PR_SET_TIMERSLACK, 1);
	snprintf(name, sizeof(name), "load-%u", index);
	name[15] = 0;
	pthread_setname_np(pthread_self(), name);
	while (at < end_ns && (double)now_ns() < end_ns) {
		double due = at;

		if (l->is_burst) /* the same number, squeezed into the first fifth of the second */
			due = floor(at / 1e9) * 1e9 + fmod(at, 1e9) / 5;
		wait_until((int64_t)due, every_ns > 0 && every_ns < SPINS_NS);
		world_safepoint();
		if (!use_once(r, &seed))
			break;
		at += every_ns > 0 ? exponential(&seed, every_ns) : 0;
	}
	return NULL;
}

/* Housekeeping; in a deadlock also who ends it when the time is up. */
static void *tend(void *arg)
{
	struct running *r = arg;

	pthread_setname_np(pthread_self(), "housekeeper");
	while (!__atomic_load_n(&r->is_over, __ATOMIC_RELAXED)) {
		pool_tend(&r->pool);
		if (r->load->fault == FAULT_DEADLOCK && now_ns() > r->world->end_ns)
			pool_cancel(&r->pool);
		sleep_until(now_ns() + TEND_EVERY_NS);
	}
	return NULL;
}

static bool is_pool(const struct running *r)
{
	return r->load->item != ITEM_WORKER && r->load->item != ITEM_MUTEX;
}

static void start_thread(pthread_t *thread, void *(*run)(void *arg), struct running *r)
{
	if (pthread_create(thread, NULL, run, r)) {
		fprintf(stderr, "poolsim: pool %s: cannot start a thread\n", r->load->pool);
		exit(1);
	}
}

/* ---- beginning and end ------------------------------------------------------------------------------------------------- */

static int64_t ms(double n)
{
	return (int64_t)(n * 1e6);
}

static void open_pool(struct running *r)
{
	const struct load *l = r->load;
	struct pool_options options = {
		.name = l->pool,
		.kind = l->kind,
		.capacity = l->capacity,
		.min_idle = l->min,
		.max_waiters = l->max_waiters,
		.idle_timeout_ns = ms(l->idle_timeout_ms),
		.max_lifetime_ns = ms(l->max_lifetime_ms),
		.check_every_ns = ms(l->check_every_ms),
		.circuit_ns = ms(l->circuit_ms),
		.is_checked_at_use = l->is_checked_at_use,
		.is_one_way = l->is_one_way,
		.is_unfair = l->is_unfair,
		.is_token = l->item == ITEM_NUMBER,
	};

	if (l->item == ITEM_CONNECTION) {
		r->server = server_start();
		options.ops = tcp_items(r->server);
	} else if (l->item == ITEM_BUFFER) {
		options.ops = (struct item_ops){ .open = buffer_open, .close = buffer_close };
	}
	pool_init(&r->pool, &options);
}

static void open_workers(struct running *r)
{
	const struct load *l = r->load;
	const struct workers_options options = {
		.name = l->pool,
		.min = l->min < l->capacity ? l->min : l->capacity,
		.max = l->capacity,
		.max_queue = l->max_waiters,
		.backpressure = l->backpressure,
		.idle_timeout_ns = ms(l->idle_timeout_ms),
		.run = run_task,
		.context = r,
	};

	workers_init(&r->workers, &options);
}

struct running *load_open(const struct load *load, struct world *world)
{
	struct running *r = must(calloc(1, sizeof(*r)));

	r->load = load;
	r->world = world;
	r->faults_left = load->faults;
	pthread_mutex_init(&r->lock, NULL);
	if (load->item == ITEM_WORKER)
		open_workers(r);
	else if (load->item == ITEM_MUTEX)
		mutex_init(&r->mutex, load->kind, load->pool);
	else
		open_pool(r);
	return r;
}

void load_behind(struct running *r, struct running *behind)
{
	r->behind = behind;
}

void load_start(struct running *r, unsigned int seed)
{
	r->seed = seed;
	r->thread = must(calloc(r->load->threads + 1, sizeof(*r->thread)));
	if (is_pool(r)) {
		r->returner = returner_start(give, r);
		start_thread(&r->housekeeper, tend, r);
	}
	if (r->load->fault >= FAULT_SCHEDULED && r->load->faults)
		start_thread(&r->director, faults_run, r);
	for (uint32_t i = 0; i < r->load->threads; i++)
		start_thread(&r->thread[i], run_thread, r);
}

void load_join(struct running *r)
{
	for (uint32_t i = 0; i < r->load->threads; i++)
		pthread_join(r->thread[i], NULL);
	if (r->director)
		pthread_join(r->director, NULL);
	if (r->load->item == ITEM_WORKER)
		workers_drain(&r->workers);
	if (is_pool(r)) {
		returner_join(r->returner);
		__atomic_store_n(&r->is_over, true, __ATOMIC_RELAXED);
		pthread_join(r->housekeeper, NULL);
	}
	free(r->thread);
}

static pthread_mutex_t *books_lock(struct running *r)
{
	return r->load->item == ITEM_WORKER  ? &r->workers.lock
	       : r->load->item == ITEM_MUTEX ? &r->mutex.lock
					     : &r->pool.lock;
}

struct books *load_books(struct running *r)
{
	pthread_mutex_lock(books_lock(r));
	return r->load->item == ITEM_WORKER  ? &r->workers.books
	       : r->load->item == ITEM_MUTEX ? &r->mutex.books
					     : &r->pool.books;
}

void load_books_end(struct running *r)
{
	pthread_mutex_unlock(books_lock(r));
}

void load_close(struct running *r)
{
	if (r->load->item == ITEM_WORKER)
		workers_done(&r->workers);
	else if (r->load->item == ITEM_MUTEX)
		mutex_done(&r->mutex);
	else
		pool_done(&r->pool);
	free(r);
}
