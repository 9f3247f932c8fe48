/* SPDX-License-Identifier: MIT */
/*
 * fires.c - a pool of one thread that does little else than take and give back, so that its probes fire a million times a second; or, when asked, next to nothing. The surprise: it does work of its own
 * for each item, 0.6 us, set at the start, for the share of a loop that does nothing would be 1 whatever a probe cost.
 *
 * fires NAME [ROUNDS]: so many rounds are that work, as another one has found them. Prints READY, and the rounds. A line on stdin says what follows: "storm" (as fast as it goes), "calm" (CALM pairs a second), "quit". From the first one on it prints each 0.1 s a line `AT seconds pairs`, by
 * CLOCK_BOOTTIME, as in /proc/uptime, and since it began, and TRUTH at the end.
 */
#define POOLSCOPE_USDT_ONLY
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/sdk/poolscope.h"

#define CALM 500
#define WORK_S 0.6e-6
#define KEPT 3	/* items that are out all the time */

static struct poolscope_pool pool;
static uint32_t in_use, n_open = 16;
static unsigned long spins;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void work(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		__asm__ __volatile__("" ::: "memory");
}

/* So many rounds are WORK_S: by the fastest of some runs. */
static void measure_work(void)
{
	double best = 1;

	for (int i = 0; i < 10; i++) {
		double begin = now();

		work(1000000);
		if (now() - begin < best)
			best = now() - begin;
	}
	spins = (unsigned long)(WORK_S / best * 1000000);
}

static void pairs(long from, int n)
{
	for (long i = from; i < from + n; i++) {
		__atomic_store_n(&in_use, KEPT + 1, __ATOMIC_RELAXED);
		poolscope_acquired(&pool, (uint64_t)(i % 8 + 100), 0, 0);
		work(spins);
		__atomic_store_n(&in_use, KEPT, __ATOMIC_RELAXED);
		poolscope_released(&pool, (uint64_t)(i % 8 + 100), 0);
	}
}

/* A line of stdin, if there is one; waits for it when `is_first`. */
static bool read_line(char line[16], bool is_first)
{
	size_t n = 0;

	fcntl(0, F_SETFL, is_first ? 0 : O_NONBLOCK);
	while (n < 15 && read(0, line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = 0;
	return n;
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 1000000000 / CALM };
	double begin, told;
	long n = 0;
	char line[16];
	bool is_storm;

	if (argc > 2)
		spins = strtoul(argv[2], NULL, 10);
	else
		measure_work();
	poolscope_pool_counters(&pool, &in_use, &n_open);
	poolscope_pool_create(&pool, POOLSCOPE_KIND_CONNECTION, "fires", 16, 0);
	for (int i = 0; i < KEPT; i++)
		poolscope_acquired(&pool, (uint64_t)i + 1, 0, 0);
	in_use = KEPT;
	printf("READY pid=%d rounds=%lu\n", (int)getpid(), spins);
	fflush(stdout);
	read_line(line, true);
	is_storm = !strcmp(line, "storm");
	begin = told = now();
	while (strcmp(line, "quit") != 0) {
		int batch = is_storm ? 100 : 1;
		double t;

		pairs(n, batch);
		n += batch;
		if (!is_storm)
			nanosleep(&pause, NULL);
		t = now();
		if (t - told < 0.1)
			continue;
		told = t;
		printf("AT %.3f %ld\n", t, n);
		fflush(stdout);
		if (read_line(line, false))
			is_storm = !strcmp(line, "storm");
	}
	printf("TRUTH {\"pairs\":%ld,\"seconds\":%.6f}\n", n, now() - begin);
	return 0;
}
