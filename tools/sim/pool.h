/* SPDX-License-Identifier: MIT */
/*
 * pool.h - the simulator's pool library: a bounded pool of items with a queue of waiters, as connection pools, object pools and
 * token semaphores have it. Any thread may call anything here.
 *
 * What an item is, its owner says by three callbacks; they run without the pool's lock. An item that becomes free goes to the
 * waiter whose turn it is, never to a newcomer.
 */
#ifndef POOLSCOPE_SIM_POOL_H
#define POOLSCOPE_SIM_POOL_H

#include <pthread.h>

#include "tools/sim/books.h"

/* One open item. */
struct item {
	struct item *next; /* in the list of idle ones */
	uint64_t id;
	int fd; /* for the owner; -1 = none */
	void *memory; /* for the owner */
	bool is_broken; /* for the owner: not fit for use any more */
	int64_t opened_ns, idle_since_ns, checked_ns;
	size_t op; /* of the present lease */
};

/* How items are made; every callback may be NULL. check: is an idle item still fit for use? */
struct item_ops {
	bool (*open)(void *context, struct item *item);
	bool (*check)(void *context, struct item *item);
	void (*close)(void *context, struct item *item);
	void *context;
};

struct pool_options {
	const char *name;
	enum poolscope_kind kind;
	struct item_ops ops;
	uint32_t capacity;	/* 0 = unbounded */
	uint32_t min_idle;	/* kept open by pool_tend() */
	uint32_t max_idle;	/* an item over it is closed when it comes back; 0 = no limit */
	uint32_t max_waiters;	/* more are rejected; 0 = no limit */
	int64_t idle_timeout_ns, max_lifetime_ns;	/* 0 = none */
	int64_t check_every_ns;	/* idle items are checked so often; 0 = never */
	int64_t circuit_ns;	/* after five failed openings in a row refuse for so long; 0 = never */
	bool is_checked_at_use;	/* an idle item is checked before it is handed out */
	bool is_one_way;	/* an item is closed when it comes back */
	bool is_unfair;	/* the waiter who came last is served first */
	bool is_token;	/* items are only numbers: nothing is opened or closed */
};

struct waiter {
	struct waiter *next;
	pthread_cond_t wake;
	struct item *item; /* handed over */
	bool may_open; /* or: a slot, to open an item in */
	bool is_cancelled;
};

struct pool {
	struct books books;
	struct pool_options options;
	pthread_mutex_t lock;
	struct item *idle; /* a stack: what was used last is used first */
	uint32_t n_idle;
	uint32_t n_slots; /* items that are open or about to be */
	struct waiter *first, *last;
	uint32_t n_queued;
	uint64_t next_id;
	uint32_t failed_openings; /* in a row */
	int64_t circuit_until_ns;
};

void pool_init(struct pool *p, const struct pool_options *options);

/* Closes the idle items, tells the end, frees. Items that are out are left to their holders. */
void pool_done(struct pool *p);

/*
 * An item within the time (0 waits for ever), or NULL and why: TIMEOUT, REJECTED (queue full or circuit open), FAILED (could
 * not be opened), CANCELLED. ret_why may be NULL.
 */
struct item *pool_acquire(struct pool *p, int64_t timeout_ns, enum poolscope_outcome *ret_why);
void pool_release(struct pool *p, struct item *item, bool is_broken);

/* The holder will never give it back. */
void pool_leak(struct pool *p);

/* Everyone who waits gives up. */
void pool_cancel(struct pool *p);

void pool_resize(struct pool *p, uint32_t capacity);

/* Housekeeping, to be called now and then: closes what is idle for too long or too old, checks, keeps min_idle open. */
void pool_tend(struct pool *p);

#endif
