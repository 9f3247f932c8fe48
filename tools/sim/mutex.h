/* SPDX-License-Identifier: MIT */
/*
 * mutex.h - one pthread mutex as a pool of one item: who meets it locked waits in the kernel, as anybody's threads do.
 */
#ifndef POOLSCOPE_SIM_MUTEX_H
#define POOLSCOPE_SIM_MUTEX_H

#include <pthread.h>

#include "tools/sim/books.h"

struct mutex {
	struct books books;
	pthread_mutex_t lock;	/* of the books */
	pthread_mutex_t mutex;	/* the one that this is about */
	size_t op;	/* of the present lease */
};

void mutex_init(struct mutex *m, enum poolscope_kind kind, const char *name);
void mutex_done(struct mutex *m);
void mutex_take(struct mutex *m);
void mutex_give(struct mutex *m);

#endif
