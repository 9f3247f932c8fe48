/* SPDX-License-Identifier: MIT */
/*
 * Threads that are all woken by one call: at a barrier, at the end of a loop that they share, in a pool of workers that all look for work, and
 * in a pool of things that all who wait try to get. Only the first is a stall.
 */
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "connect.h"
#include "ops.h"

#define MS 1000000ll
#define MOST 64

static int n_threads, n_rounds, ms;
static FILE *pauses;

/* Uses so much of the CPU. */
static void compute(int64_t ns)
{
	struct timespec t;
	int64_t end = 0, now;

	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
		now = t.tv_sec * 1000000000LL + t.tv_nsec;
		end = end ? end : now + ns;
	} while (now < end);
}

/* ---- barrier: the last thread comes late ---------------------------------------------------------------------------------- */

static pthread_barrier_t barrier;
static _Atomic int64_t last_ns;
static _Atomic int n_up;

/* Who is there first would else sleep until the last one is given a CPU for the first time, which is a stop, too, but not the one that is written down. */
static void begin_together(void)
{
	n_up++;
	while (n_up < n_threads)
		usleep(1000);
}

static void *at_barrier(void *arg)
{
	int is_last = (intptr_t)arg == n_threads - 1;

	begin_together();
	for (int i = 0; i < n_rounds; i++) {
		compute(is_last ? ms * MS : 0);
		if (!is_last)
			atomic_store(&last_ns, now_ns());
		else
			fprintf(pauses, "%.6f\n", (double)(now_ns() - last_ns) / 1e6);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

/* ---- loop: each has its own part of it, and the parts differ ------------------------------------------------------------------ */

static void *shares_a_loop(void *arg)
{
	intptr_t me = (intptr_t)arg;

	for (int i = 0; i < n_rounds; i++) {
		compute(ms * MS * (1 + (me * 7 + i * 3) % n_threads) / n_threads);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

/* ---- who waits for a word to change, and wakes all, as std::atomic does -------------------------------------------------------- */

typedef _Atomic unsigned int word;

static void wait_until_not(word *w, unsigned int value)
{
	while (*w == value)
		syscall(SYS_futex, w, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void notify_all(word *w)
{
	syscall(SYS_futex, w, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* ---- idle, beside: workers that are all woken for work --------------------------------------------------------------------- */

static word round_;
static _Atomic int is_over;

static void *works(void *arg)
{
	(void)arg;
	for (unsigned int done = 0; done < (unsigned int)n_rounds; done++) {
		wait_until_not(&round_, done);
		compute(MS);
	}
	return NULL;
}

static void *brings_work(void *arg)
{
	(void)arg;
	for (int i = 0; i < n_rounds; i++) {
		sleep_ms(ms + n_threads);
		round_++;
		notify_all(&round_);
	}
	is_over = 1;
	return NULL;
}

static void *computes(void *arg)
{
	(void)arg;
	while (!is_over)
		compute(MS);
	return NULL;
}

/* ---- all: who gives a thing back wakes everybody ----------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int n_free = 3;
static word n_given_back;

static void take(void)
{
	unsigned int seen;

	for (;;) {
		pthread_mutex_lock(&lock);
		seen = n_given_back;
		if (n_free) {
			n_free--;
			pthread_mutex_unlock(&lock);
			return;
		}
		pthread_mutex_unlock(&lock);
		wait_until_not(&n_given_back, seen);
	}
}

static void *takes(void *arg)
{
	(void)arg;
	for (int i = 0; i < n_rounds; i++) {
		take();
		compute(ms * MS);
		pthread_mutex_lock(&lock);
		n_free++;
		pthread_mutex_unlock(&lock);
		n_given_back++;
		notify_all(&n_given_back);
		sleep_ms(ms);
	}
	return NULL;
}

/* ---- all of them --------------------------------------------------------------------------------------------------------------- */

static pthread_t threads[2 * MOST + 1];
static int n_started;

static void start(int n, void *(*run)(void *))
{
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[n_started++], NULL, run, (void *)(intptr_t)i))
			die("a thread could not be started");
}

int main(void)
{
	const char *shape = getenv("SHAPE");

	n_threads = env("THREADS");
	n_rounds = env("ROUNDS");
	ms = env("MS");
	pauses = fopen(getenv("OPS"), "w");
	if (!shape || !pauses || n_threads > MOST)
		die("no SHAPE, no file, or too many threads");
	connect_self();
	pthread_barrier_init(&barrier, NULL, (unsigned int)n_threads);
	printf("READY pid=%d\n", (int)getpid());
	wait_for_line();
	if (!strcmp(shape, "barrier"))
		start(n_threads, at_barrier);
	else if (!strcmp(shape, "loop"))
		start(n_threads, shares_a_loop);
	else if (!strcmp(shape, "all"))
		start(n_threads, takes);
	else
		start(n_threads, works);
	if (!strcmp(shape, "idle") || !strcmp(shape, "beside"))
		start(1, brings_work);
	if (!strcmp(shape, "beside"))
		start(n_threads, computes);
	for (int i = 0; i < n_started; i++)
		pthread_join(threads[i], NULL);
	fclose(pauses);
	printf("BOOKS {\"library\":\"none\",\"cause\":\"barrier\"}\n");
	wait_for_line();
	return 0;
}
