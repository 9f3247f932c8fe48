/* SPDX-License-Identifier: MIT */
/*
 * storm.c - threads that do nothing but wait for each other. `permits` CPUS THREADS SECONDS: a pool of 4 permits of a mutex and a condition
 * variable, of which who has one leaves the CPU, so that nearly every acquire blocks. `mutex` CPUS THREADS SECONDS: all of them take one mutex.
 * Prints READY, begins at a line on stdin, prints `acquires seconds` at the end.
 *
 * The surprise: only the threads of processes with connections are followed, so it has one, to itself.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/subjects/connect.h"

#define PERMITS 4
#define STACK_BYTES (64 * 1024)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given = PTHREAD_COND_INITIALIZER;
static int n_permits = PERMITS;
static volatile int is_over;
static volatile uint64_t shared;

static void spin(int n)
{
	for (int i = 0; i < n; i++)
		shared = shared + 1;
}

static uint64_t use_permit(void)
{
	pthread_mutex_lock(&lock);
	while (!n_permits)
		pthread_cond_wait(&given, &lock);
	n_permits--;
	pthread_mutex_unlock(&lock);
	sched_yield();
	pthread_mutex_lock(&lock);
	n_permits++;
	pthread_mutex_unlock(&lock);
	pthread_cond_signal(&given);
	return 1;
}

static uint64_t use_mutex(void)
{
	pthread_mutex_lock(&lock);
	spin(500);
	pthread_mutex_unlock(&lock);
	return 1;
}

static uint64_t (*use)(void);

static void *work(void *arg)
{
	uint64_t n = 0;

	(void)arg;
	while (!is_over)
		n += use();
	return (void *)(uintptr_t)n;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void keep_cpus(int n)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < n; i++)
		CPU_SET(i, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	int n = argc == 5 ? atoi(argv[3]) : 0;
	double seconds = argc == 5 ? atof(argv[4]) : 0, begin;
	pthread_t *thread = calloc((size_t)n + 1, sizeof(*thread));
	pthread_attr_t small;
	uint64_t sum = 0;
	void *mine;
	char c = 0;

	if (!n || !thread)
		return 2;
	use = strcmp(argv[1], "mutex") ? use_permit : use_mutex;
	keep_cpus(atoi(argv[2]));
	connect_self();
	printf("READY\n");
	fflush(stdout);
	while (read(0, &c, 1) == 1 && c != '\n')
		;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_BYTES);
	begin = now();
	for (int i = 0; i < n; i++)
		if (pthread_create(&thread[i], &small, work, NULL))
			return 1;
	usleep((useconds_t)(seconds * 1e6));
	is_over = 1;
	for (int i = 0; i < n; i++) {
		pthread_join(thread[i], &mine);
		sum += (uintptr_t)mine;
	}
	printf("%llu %.6f\n", (unsigned long long)sum, now() - begin);
	return 0;
}
