/* SPDX-License-Identifier: MIT */
/*
 * load.c - see load.h. The surprise: an asynchronous hold is given back by one returner thread with a heap of due times, so that
 * eight threads can keep twenty items busy, as event-driven clients do.
 */
#include "tools/sim/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HEAP_MAX 65536

struct due {
	int64_t at_ns;
	struct item *item;
};

struct running {
	const struct load *load;
	struct pool *pool;
	int64_t begin_ns, end_ns;
	unsigned int seed;
	json_t *faults;
	pthread_t *thread;
	pthread_t returner;
	pthread_mutex_t lock; /* of the heap and the faults */
	pthread_cond_t wake;
	struct due *heap;
	size_t n_heap;
	uint32_t faults_left;
	uint32_t next_thread;
	bool is_over;
};

static void sleep_until(int64_t at_ns)
{
	struct timespec t = { at_ns / 1000000000, at_ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static double exponential(unsigned int *seed, double mean)
{
	return -log(1 - (double)rand_r(seed) / ((double)RAND_MAX + 1)) * mean;
}

/* ---- returning asynchronously ------------------------------------------------------------------------------------------ */

static void heap_swap(struct due *a, struct due *b)
{
	struct due t = *a;

	*a = *b;
	*b = t;
}

static void heap_push(struct running *r, struct due d)
{
	size_t i = r->n_heap++;

	r->heap[i] = d;
	for (; i && r->heap[(i - 1) / 2].at_ns > r->heap[i].at_ns; i = (i - 1) / 2)
		heap_swap(&r->heap[i], &r->heap[(i - 1) / 2]);
}

static struct due heap_pop(struct running *r)
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
	struct running *r = arg;

	prctl(PR_SET_TIMERSLACK, 1);
	pthread_setname_np(pthread_self(), "returner");
	pthread_mutex_lock(&r->lock);
	while (r->n_heap || !r->is_over) {
		if (!r->n_heap) {
			pthread_cond_wait(&r->wake, &r->lock);
			continue;
		}
		int64_t at = r->heap[0].at_ns;

		if (at > now_ns()) {
			struct timespec t = { at / 1000000000, at % 1000000000 };

			pthread_cond_timedwait(&r->wake, &r->lock, &t);
			continue;
		}
		struct due d = heap_pop(r);

		pthread_mutex_unlock(&r->lock);
		pool_release(r->pool, d.item, false);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void return_later(struct running *r, struct item *item, int64_t at_ns)
{
	pthread_mutex_lock(&r->lock);
	heap_push(r, (struct due){ at_ns, item });
	if (r->heap[0].item == item)
		pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

/* ---- one thread of the load -------------------------------------------------------------------------------------------- */

/* True: this lease is a fault, and has been written down as one. */
static bool take_fault(struct running *r, const char *what)
{
	bool is_mine = false;
	char name[16] = "";

	if (!r->faults_left || now_ns() < r->begin_ns + (r->end_ns - r->begin_ns) / 4)
		return false;
	pthread_getname_np(pthread_self(), name, sizeof(name));
	pthread_mutex_lock(&r->lock);
	if (r->faults_left) {
		r->faults_left--;
		is_mine = true;
		json_array_append_new(
			r->faults, json_pack("{s:s s:s s:I s:s s:I}", "fault", what, "pool",
					     r->load->pool, "tid", (json_int_t)syscall(SYS_gettid),
					     "thread", name, "at_ns", (json_int_t)now_ns()));
	}
	pthread_mutex_unlock(&r->lock);
	return is_mine;
}

static void use_once(struct running *r, unsigned int *seed)
{
	struct item *item = pool_acquire(r->pool, (int64_t)(r->load->timeout_ms * 1e6));
	int64_t until;

	if (!item)
		return;
	until = now_ns() + (int64_t)(exponential(seed, r->load->hold_ms) * 1e6);
	if (r->load->fault == FAULT_LEAK && take_fault(r, "leak"))
		return;
	if (r->load->fault == FAULT_HANG && take_fault(r, "hang"))
		until = r->end_ns;
	if (r->load->is_async) {
		return_later(r, item, until);
		return;
	}
	sleep_until(until);
	pool_release(r->pool, item, false);
}

static void *run_thread(void *arg)
{
	struct running *r = arg;
	uint32_t index = __atomic_fetch_add(&r->next_thread, 1, __ATOMIC_RELAXED);
	unsigned int seed = r->seed * 7919 + index;
	double every_ns = r->load->rate > 0 ? 1e9 * r->load->threads / r->load->rate : 0;
	double at = (double)r->begin_ns + every_ns * index / r->load->threads;
	char name[32];

	prctl(PR_SET_TIMERSLACK, 1);
	snprintf(name, sizeof(name), "load-%u", index);
	name[15] = 0;
	pthread_setname_np(pthread_self(), name);
	while (at < (double)r->end_ns && now_ns() < r->end_ns) {
		double due = at;

		if (r->load->is_burst) /* the same number, squeezed into the first fifth of the second */
			due = floor(at / 1e9) * 1e9 + fmod(at, 1e9) / 5;
		sleep_until((int64_t)due);
		use_once(r, &seed);
		at += every_ns > 0 ? exponential(&seed, every_ns) : 0;
	}
	return NULL;
}

struct running *load_start(const struct load *load, struct pool *pool, double seconds,
			   unsigned int seed, json_t *faults)
{
	struct running *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;

	if (!r || !(r->thread = calloc(load->threads, sizeof(*r->thread))) ||
	    !(r->heap = calloc(HEAP_MAX, sizeof(*r->heap)))) {
		fprintf(stderr, "poolsim: out of memory\n");
		exit(1);
	}
	r->load = load;
	r->pool = pool;
	r->begin_ns = now_ns();
	r->end_ns = r->begin_ns + (int64_t)(seconds * 1e9);
	r->seed = seed;
	r->faults = faults;
	r->faults_left = load->faults;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &attr);
	pthread_create(&r->returner, NULL, return_items, r);
	for (uint32_t i = 0; i < load->threads; i++)
		pthread_create(&r->thread[i], NULL, run_thread, r);
	return r;
}

void load_join(struct running *r)
{
	for (uint32_t i = 0; i < r->load->threads; i++)
		pthread_join(r->thread[i], NULL);
	pthread_mutex_lock(&r->lock);
	r->is_over = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->returner, NULL);
	free(r->heap);
	free(r->thread);
	free(r);
}

/* ---- the server that connections go to --------------------------------------------------------------------------------- */

static void *serve_one(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char data[512];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		if (write(fd, data, (size_t)n) != n)
			break;
	close(fd);
	return NULL;
}

static void *serve(void *arg)
{
	int listener = (int)(intptr_t)arg, fd;
	pthread_attr_t attr;
	pthread_t thread;

	pthread_setname_np(pthread_self(), "echo-server");
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 65536);
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		if (pthread_create(&thread, &attr, serve_one, (void *)(intptr_t)fd))
			close(fd);
	return NULL;
}

uint16_t server_start(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(at);
	pthread_t thread;

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) || listen(fd, 128) ||
	    getsockname(fd, (struct sockaddr *)&at, &size) ||
	    pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd)) {
		fprintf(stderr, "poolsim: the echo server cannot listen on 127.0.0.1: %s\n",
			strerror(errno));
		exit(1);
	}
	pthread_detach(thread);
	return ntohs(at.sin_port);
}
