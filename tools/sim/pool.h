/* SPDX-License-Identifier: MIT */
/*
 * pool.h - the simulator's pool library: one bounded pool with FIFO waiters, and the exact truth about it.
 *
 * Every booking is made under the pool's lock, at a time that is read right there, with the SDK's verb beside it; so what the
 * probes report and what the truth says are the same events at the same instants (the probe's own few hundred ns apart).
 */
#ifndef POOLSCOPE_SIM_POOL_H
#define POOLSCOPE_SIM_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/sdk/poolscope.h"

/* One acquire. acquired_ns 0 = gave up at end_ns; end_ns 0 = still out. A lease's own: released at end_ns. */
struct op {
	int64_t begin_ns, acquired_ns, end_ns;
};

/* One opened item. */
struct item {
	struct item *next; /* in the list of idle ones */
	uint64_t id;
	int fd; /* -1 = not a connection */
	int64_t opened_ns;
	size_t op; /* of the present lease */
};

struct waiter {
	struct waiter *next;
	pthread_cond_t wake;
	struct item *item; /* handed over */
};

/* How a pool's items are made and what bounds it. */
struct pool_options {
	const char *name;
	enum poolscope_kind kind;
	uint32_t capacity;
	uint32_t max_waiters; /* more are rejected; 0 = no limit */
	uint16_t port; /* of the server that items connect to; 0 = items are plain memory */
	bool is_reused; /* false: an item is closed when it comes back */
};

struct pool {
	struct poolscope_pool scope;
	struct pool_options options;
	pthread_mutex_t lock;
	uint32_t n_in_use, n_open; /* told to the SDK */
	struct item *idle;
	struct waiter *first, *last;
	uint32_t n_waiting;
	uint64_t next_id;
	uint64_t acquires, releases, timeouts, rejections, opened, open_failures, closed, waited;
	struct op *ops;
	size_t n_ops, room;
	int64_t *create_ns;
	size_t n_creates, creates_room;
};

int64_t now_ns(void);

/* Makes the pool and tells so. Ends the program when out of memory. */
void pool_init(struct pool *p, const struct pool_options *options);

/* Closes the idle items, tells the end, frees. Items that are out are left to their holders. */
void pool_done(struct pool *p);

/* An item within the time, or NULL: timeout, rejected, or it could not be opened. A timeout of 0 waits for ever. */
struct item *pool_acquire(struct pool *p, int64_t timeout_ns);
void pool_release(struct pool *p, struct item *item, bool is_broken);

#endif
