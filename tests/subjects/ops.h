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

static inline void wait_for_line(void)
{
	int c;

	fflush(stdout);
	do
		c = getchar();
	while (c != '\n' && c != EOF);
}

#endif
