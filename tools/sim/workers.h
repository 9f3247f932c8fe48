/* SPDX-License-Identifier: MIT */
/*
 * workers.h - a pool of threads with a queue of tasks, fixed (min = max) or elastic. In the words of pools: a worker is an item,
 * a task that runs is a lease, a task in the queue is a waiter, named by the task's number.
 */
#ifndef POOLSCOPE_SIM_WORKERS_H
#define POOLSCOPE_SIM_WORKERS_H

#include <pthread.h>

#include "tools/sim/books.h"

/* What happens to a task when the queue is full. */
enum backpressure {
	BACKPRESSURE_REJECT,
	BACKPRESSURE_DROP_OLDEST,
	BACKPRESSURE_BLOCK, /* the caller waits for room */
};

struct workers_options {
	const char *name;
	uint32_t min, max;	/* threads; those over min end when idle for too long */
	uint32_t max_queue;	/* 0 = no limit */
	enum backpressure backpressure;
	int64_t idle_timeout_ns;
	void (*run)(void *context, int64_t hold_ns);	/* a task; hold_ns is its submitter's */
	void *context;
};

struct task {
	struct task *next; /* in the queue */
	uint64_t id;
	size_t op; /* of its wait; OP_NONE = there was none */
	int64_t hold_ns;
};

struct worker {
	struct worker *next; /* in the list of idle ones */
	struct workers *pool;
	uint64_t id;
	struct task *task; /* handed over */
	pthread_cond_t wake;
};

struct workers {
	struct books books;
	struct workers_options options;
	pthread_mutex_t lock;
	pthread_cond_t room, quiet; /* in the queue; all tasks are done */
	struct worker *idle;
	struct task *first, *last;
	uint32_t n_queued, n_workers, n_unfinished;
	uint64_t next_task, next_worker;
	bool is_over;
};

/* Makes the pool and its first `min` threads. */
void workers_init(struct workers *w, const struct workers_options *options);

/* Ends the threads (there must be no task left), tells the end, frees. */
void workers_done(struct workers *w);

/* False: the task was refused. */
bool workers_submit(struct workers *w, int64_t hold_ns);

/* Waits until every task is done. */
void workers_drain(struct workers *w);

#endif
