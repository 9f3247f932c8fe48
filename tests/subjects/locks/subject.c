/* SPDX-License-Identifier: MIT */
/*
 * Locks that threads wait for, and words at which threads sleep that wait for work. WHAT says which: see `run`.
 *
 * The surprise: whether a call that locks had to wait is told by the kernel's count of the thread's voluntary context switches, for one that
 * finds the lock free at the second look is none.
 */
#include <errno.h>
#include <linux/futex.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "connect.h"
#include "ops.h"

#define SYS_FUTEX_WAITV 449
#define SYS_FUTEX_WAKE2 454
#define SYS_FUTEX_WAIT2 455
#define FUTEX2_U32 2
#define FUTEX2_OWN 128 /* FUTEX2_PRIVATE */

static int n_iters, hold_us, think_us;
static volatile int is_over;

/* ---- what a lock's callers had to wait ----------------------------------------------------------------------------------- */

struct lock {
	const char *name;
	void *word;
	int (*take)(void *lock); /* 0, or ETIMEDOUT */
	void (*give)(void *lock);
	void *lock;
	_Atomic int64_t waits, wait_ns, timeouts, first;
	_Atomic int is_shared;
	int is_rough; /* others call its lock too */
};

static int n_slept(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (int)usage.ru_nvcsw;
}

/* 0 = the lock was not to be had in time. */
static int lock_take(struct lock *l)
{
	int slept = n_slept(), error;
	int64_t begin = now_ns(), end, first = 0;

	error = l->take(l->lock);
	end = now_ns();
	if (n_slept() != slept) {
		atomic_fetch_add(&l->waits, 1);
		atomic_fetch_add(&l->wait_ns, end - begin);
		if (!atomic_compare_exchange_strong(&l->first, &first,
						    (int64_t)syscall(SYS_gettid)) &&
		    first != (int)syscall(SYS_gettid))
			l->is_shared = 1;
		if (error)
			atomic_fetch_add(&l->timeouts, 1);
	}
	return !error;
}

/* ---- the locks ----------------------------------------------------------------------------------------------------------- */

static pthread_mutex_t the_mutex = PTHREAD_MUTEX_INITIALIZER,
		       the_timed_mutex = PTHREAD_MUTEX_INITIALIZER,
		       the_convoy_mutex = PTHREAD_MUTEX_INITIALIZER, the_pi_mutex, the_robust_mutex;
_Atomic uint32_t the_futex2_lock, the_waitv_lock; /* 0 free, 1 taken, 2 and somebody waits */

static int take_mutex(void *m)
{
	return pthread_mutex_lock(m);
}

static void give_mutex(void *m)
{
	pthread_mutex_unlock(m);
}

static int take_mutex_soon(void *m)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 2000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return pthread_mutex_timedlock(m, &until);
}

static void sleep_futex2(_Atomic uint32_t *word)
{
	syscall(SYS_FUTEX_WAIT2, word, 2ul, ~0u, FUTEX2_U32 | FUTEX2_OWN, NULL, 0);
}

static void sleep_waitv(_Atomic uint32_t *word)
{
	struct futex_waitv w = { .val = 2, .uaddr = (uintptr_t)word, .flags = FUTEX_32 | 128 };

	syscall(SYS_FUTEX_WAITV, &w, 1, 0, NULL, 0);
}

static int take_word(_Atomic uint32_t *word, void (*sleep_at)(_Atomic uint32_t *word))
{
	uint32_t seen = 0;

	if (atomic_compare_exchange_strong(word, &seen, 1))
		return 0;
	while (atomic_exchange(word, 2))
		sleep_at(word);
	return 0;
}

static int take_futex2(void *word)
{
	return take_word(word, sleep_futex2);
}

static int take_waitv(void *word)
{
	return take_word(word, sleep_waitv);
}

static void give_futex2(void *word)
{
	if (atomic_exchange((_Atomic uint32_t *)word, 0) == 2)
		syscall(SYS_FUTEX_WAKE2, word, ~0u, 1, FUTEX2_U32 | FUTEX2_OWN);
}

static void give_waitv(void *word)
{
	if (atomic_exchange((_Atomic uint32_t *)word, 0) == 2)
		syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;

#define MUTEX(m, take_) .name = #m, .word = &m, .lock = &m, .take = take_, .give = give_mutex

static struct lock locks[] = {
	{ MUTEX(the_mutex, take_mutex) },
	{ MUTEX(the_timed_mutex, take_mutex_soon) },
	{ MUTEX(the_pi_mutex, take_mutex) },
	{ MUTEX(the_robust_mutex, take_mutex) },
	{ .name = "a heap's", .take = take_mutex, .give = give_mutex },
	{ .name = "the_futex2_lock",
	  .word = &the_futex2_lock,
	  .lock = &the_futex2_lock,
	  .take = take_futex2,
	  .give = give_futex2 },
	{ .name = "the_waitv_lock",
	  .word = &the_waitv_lock,
	  .lock = &the_waitv_lock,
	  .take = take_waitv,
	  .give = give_waitv },
};
static struct lock convoy = { MUTEX(the_convoy_mutex, take_mutex) };
static struct lock queue = { MUTEX(queue_lock, take_mutex), .is_rough = 1 };

#define N_LOCKS (sizeof(locks) / sizeof(*locks))

static void make_mutexes(void)
{
	pthread_mutexattr_t how;
	pthread_mutex_t *heap = calloc(1, sizeof(*heap));

	pthread_mutexattr_init(&how);
	pthread_mutexattr_setprotocol(&how, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&the_pi_mutex, &how);
	pthread_mutexattr_setprotocol(&how, PTHREAD_PRIO_NONE);
	pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&the_robust_mutex, &how);
	pthread_mutex_init(heap, NULL);
	locks[4].word = locks[4].lock = heap;
}

static int has_futex2(void)
{
	return syscall(SYS_FUTEX_WAKE2, &the_futex2_lock, ~0u, 1, FUTEX2_U32 | FUTEX2_OWN) >= 0;
}

static void nap_up_to(int us, unsigned int *seed)
{
	usleep((useconds_t)((double)us * rand_r(seed) / RAND_MAX));
}

/* Each thread of a lock's; the timed one is held longer than some wait. */
static void *contend(void *arg)
{
	struct lock *l = arg;
	unsigned int seed = (unsigned int)(int)syscall(SYS_gettid);
	int is_timed = l->take == take_mutex_soon;

	for (int i = 0; i < n_iters; i++) {
		nap_up_to(2 * think_us, &seed);
		if (!lock_take(l))
			continue;
		usleep((useconds_t)(is_timed && i % 7 == 0 ? 5000 : hold_us));
		l->give(l->lock);
	}
	return NULL;
}

/* ---- threads that wait for work ------------------------------------------------------------------------------------------ */

static pthread_cond_t queue_filled = PTHREAD_COND_INITIALIZER;
static int n_queued;
static sem_t tasks;
static _Atomic uint32_t notified; /* of a condition variable like Rust's: a counter, which comes by 2 and 3 */
static _Atomic uint32_t latch = 2, parked[4];

static void *work_queue(void *arg)
{
	(void)arg;
	while (!is_over) {
		lock_take(&queue);
		while (!n_queued && !is_over)
			pthread_cond_wait(&queue_filled, &queue_lock);
		n_queued -= n_queued > 0;
		queue.give(queue.lock);
	}
	return NULL;
}

static void *work_semaphore(void *arg)
{
	(void)arg;
	while (!is_over)
		sem_wait(&tasks);
	return NULL;
}

static void *work_counter(void *arg)
{
	(void)arg;
	while (!is_over)
		syscall(SYS_futex, &notified, FUTEX_WAIT_BITSET_PRIVATE, notified, NULL, NULL, ~0u);
	return NULL;
}

/* Sleeps at 2 until all have come: once. */
static void *work_latch(void *arg)
{
	(void)arg;
	syscall(SYS_futex, &latch, FUTEX_WAIT_PRIVATE, 2, NULL);
	return NULL;
}

/* A word of its own, at a lock's value; one of them has it on its stack, as musl does. */
static void *work_parked(void *arg)
{
	_Atomic uint32_t *word = arg;

	while (!is_over) {
		atomic_store(word, 2);
		while (*word == 2 && !is_over)
			syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 2, NULL);
	}
	return NULL;
}

static void wake(_Atomic uint32_t *word, int n)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n);
}

/* One task for each kind, every ms. */
static void give_work(int64_t until_ns)
{
	for (int i = 0; now_ns() < until_ns; i++) {
		lock_take(&queue);
		n_queued++;
		queue.give(queue.lock);
		pthread_cond_signal(&queue_filled);
		sem_post(&tasks);
		if (i % 100 == 99 && i < 2000) { /* so that it is at each for long */
			atomic_fetch_add(&notified, 1);
			wake(&notified, 1);
		}
		if (i == 100) {
			atomic_store(&latch, 0);
			wake(&latch, 1 << 30);
		}
		atomic_store(&parked[i % 4], 0);
		wake(&parked[i % 4], 1);
		usleep(1000);
	}
}

static void end_work(void)
{
	is_over = 1;
	for (int i = 0; i < 100; i++) {
		pthread_cond_broadcast(&queue_filled);
		sem_post(&tasks);
		atomic_fetch_add(&notified, 1);
		wake(&notified, 1 << 30);
		atomic_store(&latch, 0);
		wake(&latch, 1 << 30);
		for (int k = 0; k < 4; k++) {
			atomic_store(&parked[k], 0);
			wake(&parked[k], 1 << 30);
		}
		usleep(1000);
	}
}

/* ---- the load ------------------------------------------------------------------------------------------------------------ */

static struct ops ops;
static pthread_t threads[128];
static int n_threads;

static void start(void *(*run)(void *), void *arg)
{
	if (pthread_create(&threads[n_threads++], NULL, run, arg))
		die("a thread could not be started");
}

static void start_idle(void)
{
	sem_init(&tasks, 0, 0);
	for (int i = 0; i < 4; i++) {
		start(work_queue, NULL);
		start(work_semaphore, NULL);
		start(work_counter, NULL);
		start(work_latch, NULL);
		start(work_parked, &parked[i]);
	}
}

static void join(int from)
{
	for (int i = from; i < n_threads; i++)
		pthread_join(threads[i], NULL);
	n_threads = from;
}

static void run_locks(int n)
{
	int first;

	start_idle();
	first = n_threads;
	for (size_t k = 0; k < N_LOCKS; k++)
		for (int i = 0; i < n && (locks[k].take != take_futex2 || has_futex2()); i++)
			start(contend, &locks[k]);
	give_work(now_ns() + 1000000000);
	join(first);
	end_work();
	join(0);
}

static void *wait_in_convoy(void *arg)
{
	(void)arg;
	if (lock_take(&convoy))
		convoy.give(convoy.lock);
	return NULL;
}

struct hold {
	int ms;
	int64_t held_ns;
};

static void *hold_for_convoy(void *arg)
{
	struct hold *hold = arg;
	int64_t begin;

	pthread_mutex_lock(&the_convoy_mutex);
	begin = now_ns();
	ops_log(&ops, begin, 0, 0, 0);
	fflush(ops.out);
	usleep((useconds_t)hold->ms * 1000);
	hold->held_ns = now_ns() - begin;
	pthread_mutex_unlock(&the_convoy_mutex);
	return NULL;
}

/* How long the lock was held while all waited. */
static int64_t run_convoy(int n, int ms)
{
	struct hold hold = { .ms = ms };

	start(hold_for_convoy, &hold);
	usleep(2000);
	for (int i = 0; i < n; i++)
		start(wait_in_convoy, NULL);
	join(0);
	return hold.held_ns;
}

static void tell_lock(const struct lock *l, const char *comma)
{
	printf("%s{\"name\":\"%s\",\"address\":\"%p\",\"waits\":%lld,\"wait_ms\":%.3f,\"timeouts\":%lld,\"shared\":%s,\"rough\":%s}",
	       comma, l->name, l->word, (long long)l->waits, (double)l->wait_ns / 1e6,
	       (long long)l->timeouts, l->is_shared ? "true" : "false",
	       l->is_rough ? "true" : "false");
}

int main(void)
{
	const char *what = getenv("WHAT");
	int64_t held_ns = 0;

	n_iters = env("ITERS");
	hold_us = env("HOLD_US");
	think_us = env("THINK_US");
	ops_open(&ops, "");
	make_mutexes();
	connect_self();
	printf("READY pid=%d\n", (int)getpid());
	wait_for_line();
	if (!strcmp(what, "convoy")) {
		held_ns = run_convoy(env("THREADS"), 100); /* after the first one it is known to be a lock */
		held_ns += run_convoy(env("THREADS"), env("CONVOY_MS"));
	} else if (!strcmp(what, "idle")) {
		start_idle();
		give_work(now_ns() + env("LOAD_SECONDS") * 1000000000ll);
		end_work();
		join(0);
	} else {
		run_locks(env("THREADS"));
	}
	printf("BOOKS {\"library\":\"none\",\"held_ms\":%.3f,\"locks\":[", (double)held_ns / 1e6);
	tell_lock(&queue, "");
	tell_lock(&convoy, ",");
	for (size_t k = 0; k < N_LOCKS; k++)
		tell_lock(&locks[k], ",");
	printf("]}\n");
	wait_for_line();
	return 0;
}
