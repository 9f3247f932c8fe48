/* SPDX-License-Identifier: MIT */
/*
 * closer.c - see closer.h: a queue under one lock. The surprise: nothing cheaper makes a perf uprobe cheap at once. Switched off as an event the breakpoint stays and its trap with it, a filter
 * runs after the trap, and the semaphore that would keep the program away from the point is the program's memory, which we do not write.
 */
#include "probe/closer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <bpf/libbpf.h>

struct closer {
	pthread_mutex_t lock;
	pthread_cond_t wake, empty;
	pthread_t thread;
	bool is_started, is_over; /* is_started is the owner's alone */
	struct bpf_link **link; /* that wait, the first in front; owned */
	size_t n, n_room;
	bool is_closing; /* one more is coming off */
};

int closer_new(struct closer **ret)
{
	struct closer *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	pthread_cond_init(&c->empty, NULL);
	*ret = c;
	return 0;
}

/* ---- the thread ------------------------------------------------------------------------------------------------------------ */

/* The lock is held, and let go meanwhile. */
static void close_first(struct closer *c)
{
	struct bpf_link *link = c->link[0];

	memmove(c->link, c->link + 1, --c->n * sizeof(c->link[0]));
	c->is_closing = true;
	pthread_mutex_unlock(&c->lock);
	bpf_link__destroy(link);
	pthread_mutex_lock(&c->lock);
	c->is_closing = false;
	if (!c->n)
		pthread_cond_broadcast(&c->empty);
}

static void *work(void *closer)
{
	struct closer *c = closer;

	prctl(PR_SET_NAME, "poolscope-close");
	pthread_mutex_lock(&c->lock);
	while (c->n || !c->is_over) {
		if (c->n)
			close_first(c);
		else
			pthread_cond_wait(&c->wake, &c->lock);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* Signals are the loop's: the thread takes none. */
static bool start(struct closer *c)
{
	sigset_t all, before;

	if (c->is_started)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	c->is_started = !pthread_create(&c->thread, NULL, work, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return c->is_started;
}

/* ---- its owner --------------------------------------------------------------------------------------------------------------- */

/* The lock is held. */
static bool make_room(struct closer *c, size_t n)
{
	struct bpf_link **more;

	if (n <= c->n_room)
		return true;
	more = realloc(c->link, n * sizeof(struct bpf_link *));
	if (!more)
		return false;
	c->link = more;
	c->n_room = n;
	return true;
}

void closer_take(struct closer *c, struct bpf_link *const *links, size_t n)
{
	bool is_taken = false;

	if (start(c)) {
		pthread_mutex_lock(&c->lock);
		is_taken = make_room(c, c->n + n);
		if (is_taken) {
			memcpy(c->link + c->n, links, n * sizeof(c->link[0]));
			c->n += n;
			pthread_cond_signal(&c->wake);
		}
		pthread_mutex_unlock(&c->lock);
	}
	for (size_t i = 0; i < n && !is_taken; i++)
		bpf_link__destroy(links[i]);
}

size_t closer_n(struct closer *c)
{
	size_t n;

	pthread_mutex_lock(&c->lock);
	n = c->n + c->is_closing;
	pthread_mutex_unlock(&c->lock);
	return n;
}

void closer_wait(struct closer *c)
{
	pthread_mutex_lock(&c->lock);
	while (c->n || c->is_closing)
		pthread_cond_wait(&c->empty, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

void closer_free(struct closer *c)
{
	if (!c)
		return;
	if (c->is_started) {
		pthread_mutex_lock(&c->lock);
		c->is_over = true;
		pthread_cond_signal(&c->wake);
		pthread_mutex_unlock(&c->lock);
		pthread_join(c->thread, NULL);
	}
	pthread_cond_destroy(&c->wake);
	pthread_cond_destroy(&c->empty);
	pthread_mutex_destroy(&c->lock);
	free(c->link);
	free(c);
}
