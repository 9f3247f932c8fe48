/* SPDX-License-Identifier: MIT */
/* ops.h - what the C subjects share: their settings, the log of operations and the protocol of lib.sh. */
#ifndef POOLSCOPE_TESTS_SUBJECTS_OPS_H
#define POOLSCOPE_TESTS_SUBJECTS_OPS_H

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static inline int env(const char *name)
{
	const char *value = getenv(name);

	return value ? atoi(value) : 0;
}

static inline int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline void sleep_ms(double ms)
{
	if (ms > 0)
		usleep((useconds_t)(ms * 1000));
}

static inline void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

struct ops {
	FILE *out; /* opened by ops_open; its own lock makes a line whole */
};

static inline void ops_open(struct ops *ops, const char *suffix)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s%s", getenv("OPS"), suffix);
	ops->out = fopen(path, "w");
	if (!ops->out)
		die("cannot write the log of operations");
}

static inline void ops_log(struct ops *ops, int64_t begin, int64_t acquired, int64_t release,
			   int64_t end)
{
	fprintf(ops->out, "%lld %lld %lld %lld\n", (long long)begin, (long long)acquired,
		(long long)release, (long long)end);
}

/* What a subject does to its pool. */
struct ops_load {
	void (*use)(void); /* one operation, logged */
	int (*take)(void); /* for good; 0 = it got nothing */
	struct ops *ops;
};

static inline void *ops_work(void *arg)
{
	const struct ops_load *load = arg;

	for (int i = 0; i < env("ITERS"); i++) {
		load->use();
		sleep_ms(env("THINK_MS"));
	}
	return NULL;
}

static inline void *ops_leak(void *arg)
{
	const struct ops_load *load = arg;

	for (int i = 0; i < env("LEAK"); i++) {
		int64_t begin = now_ns();

		if (!load->take())
			die("the leaker got no connection");
		ops_log(load->ops, begin, now_ns(), 0, 0);
	}
	return NULL;
}

/* A thread that takes LEAK and ends, then THREADS that work ITERS times each. */
static inline void ops_run(struct ops_load *load)
{
	pthread_t threads[64], leaker;
	int n = env("THREADS");

	if (n > 64)
		die("at most 64 threads");
	pthread_create(&leaker, NULL, ops_leak, load);
	pthread_join(leaker, NULL);
	for (int i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, ops_work, load);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	fclose(load->ops->out);
}

static inline void wait_for_line(void)
{
	int c;

	fflush(stdout);
	do
		c = getchar();
	while (c != '\n' && c != EOF);
}

#endif
