/* SPDX-License-Identifier: MIT */
/*
 * mutex.c - see mutex.h. The surprise: the books say "released" before the mutex is unlocked, for the next owner may write its
 * own line at once.
 */
#include "tools/sim/mutex.h"

#define THE_LOCK 1 /* the item's name */

void mutex_init(struct mutex *m, enum poolscope_kind kind, const char *name)
{
	pthread_mutex_init(&m->lock, NULL);
	pthread_mutex_init(&m->mutex, NULL);
	books_init(&m->books, kind, name, 1, 0);
}

void mutex_done(struct mutex *m)
{
	pthread_mutex_lock(&m->lock);
	books_done(&m->books);
	pthread_mutex_unlock(&m->lock);
}

void mutex_take(struct mutex *m)
{
	size_t op = OP_NONE;

	if (pthread_mutex_trylock(&m->mutex)) {
		pthread_mutex_lock(&m->lock);
		op = book_wait_begin(&m->books, 0);
		pthread_mutex_unlock(&m->lock);
		pthread_mutex_lock(&m->mutex);
	}
	pthread_mutex_lock(&m->lock);
	m->op = book_acquired(&m->books, op, THE_LOCK, 0, false);
	pthread_mutex_unlock(&m->lock);
}

void mutex_give(struct mutex *m)
{
	pthread_mutex_lock(&m->lock);
	book_released(&m->books, m->op, THE_LOCK, false);
	pthread_mutex_unlock(&m->lock);
	pthread_mutex_unlock(&m->mutex);
}
