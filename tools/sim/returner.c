/* SPDX-License-Identifier: MIT */
/* returner.c - see returner.h. The surprise: a thread is woken only for an item that is due before all others. */
#include "tools/sim/returner.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define HEAP_MAX 65536 /* more leases at once than any pool here has */

struct due {
	int64_t at_ns;
	struct item *item;
};

struct returner {
	void (*give)(void *context, struct item *item);
	void *context;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t wake;
	struct due *heap; /* the earliest first */
	size_t n_heap;
	bool is_over;
};

static void heap_swap(struct due *a, struct due *b)
{
	struct due t = *a;

	*a = *b;
	*b = t;
}

static void heap_push(struct returner *r, struct due d)
{
	size_t i = r->n_heap++;

	r->heap[i] = d;
	for (; i && r->heap[(i - 1) / 2].at_ns > r->heap[i].at_ns; i = (i - 1) / 2)
		heap_swap(&r->heap[i], &r->heap[(i - 1) / 2]);
}

static struct due heap_pop(struct returner *r)
{
	struct due first = r->heap[0];
	size_t i = 0, child;

	r->heap[0] = r->heap[--r->n_heap];
	for (; (child = 2 * i + 1) < r->n_heap; i = child) {
		if (child + 1 < r->n_heap && r->heap[child + 1].at_ns < r->heap[child].at_ns)
			child++;
		if (r->heap[i].at_ns <= r->heap[child].at_ns)
			break;
		heap_swap(&r->heap[i], &r->heap[child]);
	}
	return first;
}

static void *return_items(void *arg)
{
	struct returner *r = arg;

	prctl(PR_SET_TIMERSLACK, 1);
	pthread_setname_np(pthread_self(), "returner");
	pthread_mutex_lock(&r->lock);
	while (r->n_heap || !r->is_over) {
		int64_t at_ns = r->n_heap ? r->heap[0].at_ns : 0;
		struct timespec until = { at_ns / 1000000000, at_ns % 1000000000 };

		if (!r->n_heap) {
			pthread_cond_wait(&r->wake, &r->lock);
		} else if (at_ns > now_ns()) {
			pthread_cond_timedwait(&r->wake, &r->lock, &until);
		} else {
			struct due d = heap_pop(r);

			pthread_mutex_unlock(&r->lock);
			r->give(r->context, d.item);
			pthread_mutex_lock(&r->lock);
		}
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

struct returner *returner_start(void (*give)(void *context, struct item *item), void *context)
{
	struct returner *r = must(calloc(1, sizeof(*r)));
	pthread_condattr_t attr;

	r->heap = must(calloc(HEAP_MAX, sizeof(*r->heap)));
	r->give = give;
	r->context = context;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &attr);
	if (pthread_create(&r->thread, NULL, return_items, r))
		must(NULL);
	return r;
}

void returner_add(struct returner *r, struct item *item, int64_t due_ns)
{
	pthread_mutex_lock(&r->lock);
	if (r->n_heap >= HEAP_MAX) {
		fprintf(stderr, "poolsim: more than %d items are out at once\n", HEAP_MAX);
		exit(1);
	}
	heap_push(r, (struct due){ due_ns, item });
	if (r->heap[0].item == item)
		pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

void returner_join(struct returner *r)
{
	pthread_mutex_lock(&r->lock);
	r->is_over = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	free(r->heap);
	free(r);
}
