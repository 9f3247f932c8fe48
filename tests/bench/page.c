/* SPDX-License-Identifier: MIT */
/*
 * page.c - what the SDK's page costs the pool that writes it: one pool compiled without the SDK, with the page, and with points alone, in
 * one program, in turns. Prints a table in Markdown: medians of 7 rounds, and in how far they differ. The surprise: no agent and no
 * root is needed; the semaphore is raised in memory, as the kernel would.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/page_pool.h"

#define N_ROUNDS 7
#define N_PAIRS 1000000
#define N_ROWS (sizeof(rows) / sizeof(*rows))

struct row {
	const char *what;
	const struct bench_pool *pool;
	int n_threads;
	bool is_watched, is_unlocked;
	long work;
	int less;	/* the row with which it is compared, -1 = none */
};

/* 200 steps take some 400 ns, so that two threads make about two million pairs in a second, and seldom meet. */
static const struct row rows[] = {
	{ "pool alone", &bench_alone, 1, false, false, 0, -1 },
	{ "page, unwatched", &bench_paged, 1, false, false, 0, 0 },
	{ "points alone, unwatched", &bench_usdt, 1, false, false, 0, 0 },
	{ "page, watched", &bench_paged, 1, true, false, 0, 0 },
	{ "two threads, some 2 M/s: pool alone", &bench_alone, 2, false, false, 200, -1 },
	{ "two threads: page, unwatched", &bench_paged, 2, false, false, 200, 4 },
	{ "two threads: page, watched", &bench_paged, 2, true, false, 200, 4 },
	{ "two threads, as fast as it goes: pool alone", &bench_alone, 2, false, false, 0, -1 },
	{ "two threads, as fast as it goes: page, watched", &bench_paged, 2, true, false, 0, 7 },
	{ "no lock: loop alone", &bench_alone, 1, false, true, 0, -1 },
	{ "no lock: page, unwatched", &bench_paged, 1, false, true, 0, 9 },
	{ "no lock: page, watched", &bench_paged, 1, true, true, 0, 9 },
	{ "no lock, two threads, some 2 M/s: loop alone", &bench_alone, 2, false, true, 200, -1 },
	{ "no lock, two threads: page, watched", &bench_paged, 2, true, true, 200, 12 },
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct task {
	const struct row *row;
	uint64_t item;
	pthread_barrier_t *begin;
	double took_s;
};

static void *run(void *arg)
{
	struct task *t = arg;
	double from;

	pthread_barrier_wait(t->begin);
	from = now_s();
	if (t->row->is_unlocked)
		t->row->pool->run_unlocked(N_PAIRS, t->row->work, t->item);
	else
		t->row->pool->run(N_PAIRS, t->row->work);
	t->took_s = now_s() - from;
	return NULL;
}

/* ns for a pair, of a thread. */
static double measure(const struct row *row)
{
	struct task tasks[2] = { { row, 8, NULL, 0 }, { row, 9, NULL, 0 } };
	pthread_t threads[2];
	pthread_barrier_t begin;
	double sum = 0;
	uint64_t booked;

	row->pool->watch(row->is_watched);
	booked = row->pool->n_booked();
	pthread_barrier_init(&begin, NULL, (unsigned int)row->n_threads);
	for (int i = 0; i < row->n_threads; i++) {
		tasks[i].begin = &begin;
		if (pthread_create(&threads[i], NULL, run, &tasks[i]))
			exit(1);
	}
	for (int i = 0; i < row->n_threads; i++) {
		pthread_join(threads[i], NULL);
		sum += tasks[i].took_s;
	}
	booked = row->pool->n_booked() - booked;
	if (booked != (row->is_watched ? (uint64_t)row->n_threads * N_PAIRS : 0)) {
		fprintf(stderr, "%s: the page has %ld pairs\n", row->what, (long)booked);
		exit(1);
	}
	return sum / row->n_threads / N_PAIRS * 1e9;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	double ns[N_ROWS][N_ROUNDS], sorted[N_ROUNDS];

	for (size_t r = 0; r < N_ROWS; r++)
		measure(&rows[r]); /* warm */
	for (int round = 0; round < N_ROUNDS; round++)
		for (size_t r = 0; r < N_ROWS; r++)
			ns[r][round] = measure(&rows[r]);
	printf("| ns for an acquire and a release (%d pairs, medians of %d) | median | min | max | more, median | min | max |\n|---|---|---|---|---|---|---|\n",
	       N_PAIRS, N_ROUNDS);
	for (size_t r = 0; r < N_ROWS; r++) {
		for (int i = 0; i < N_ROUNDS; i++)
			sorted[i] = ns[r][i];
		qsort(sorted, N_ROUNDS, sizeof(*sorted), compare);
		printf("| %s | %.1f | %.1f | %.1f |", rows[r].what, sorted[N_ROUNDS / 2], sorted[0],
		       sorted[N_ROUNDS - 1]);
		for (int i = 0; i < N_ROUNDS && rows[r].less >= 0; i++)
			sorted[i] = ns[r][i] - ns[rows[r].less][i];
		qsort(sorted, N_ROUNDS, sizeof(*sorted), compare);
		if (rows[r].less >= 0)
			printf(" %.1f | %.1f | %.1f |\n", sorted[N_ROUNDS / 2], sorted[0],
			       sorted[N_ROUNDS - 1]);
		else
			printf(" | | |\n");
	}
	return 0;
}
