/* SPDX-License-Identifier: MIT */
/*
 * target.c - a pool that does nothing but fire its probes: acquire and release, at a rate or as fast as it goes. Prints READY,
 * begins at a line on stdin, prints `pairs seconds` at the end; with a third argument it stays until stdin ends, so that its pool does. The surprise: it paces itself by batches of 1 ms, as a sleep per
 * pair would cost more than the pair.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tools/sdk/poolscope.h"

static struct poolscope_pool pool;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fire(long n)
{
	for (long i = 0; i < n; i++) {
		poolscope_acquired(&pool, (uint64_t)(i % 16 + 1), 0, 0);
		poolscope_released(&pool, (uint64_t)(i % 16 + 1), 0);
	}
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 1, rate = argc > 2 ? atof(argv[2]) : 0, begin,
	       due = 0;
	const struct timespec pause = { .tv_nsec = 1000000 };
	long pairs = 0;
	char c = 0;

	printf("READY\n");
	fflush(stdout);
	while (read(0, &c, 1) == 1 && c != '\n')
		;
	poolscope_pool_create(&pool, POOLSCOPE_KIND_OBJECT, "bench", 0, 0);
	begin = now();
	while (now() - begin < seconds) {
		if (rate <= 0) {
			fire(1000);
			pairs += 1000;
			continue;
		}
		for (due = (now() - begin) * rate; (double)pairs < due; pairs++)
			fire(1);
		nanosleep(&pause, NULL);
	}
	printf("%ld %.6f\n", pairs, now() - begin);
	fflush(stdout);
	while (argc > 3 && read(0, &c, 1) == 1)
		;
	return 0;
}
