/* SPDX-License-Identifier: MIT */
/*
 * Threads that do nothing but look at the clock. What none of them saw is a gap: each notes the time for all, and who finds that nobody
 * has for 2 ms notes how long.
 */
#include <stdatomic.h>
#include <string.h>

#include "connect.h"
#include "ops.h"

#define GAP_NS 2000000

static _Atomic int64_t last_ns;
static int64_t end_ns;
static FILE *gaps;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *spin(void *arg)
{
	int64_t now, last;

	(void)arg;
	while ((now = now_ns()) < end_ns) {
		last = atomic_load(&last_ns);
		if (now <= last || !atomic_compare_exchange_strong(&last_ns, &last, now) ||
		    now - last < GAP_NS)
			continue;
		pthread_mutex_lock(&lock);
		fprintf(gaps, "%.6f\n", (double)(now - last) / 1e6);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

int main(void)
{
	int n = env("THREADS");
	pthread_t *threads = calloc((size_t)n, sizeof(*threads));

	gaps = fopen(getenv("OPS"), "w");
	if (!threads || !gaps)
		die("no memory, or no file");
	connect_self();
	printf("READY pid=%d\n", (int)getpid());
	wait_for_line();
	end_ns = now_ns() + env("LOAD_SECONDS") * 1000000000ll;
	atomic_store(&last_ns, now_ns());
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, spin, NULL))
			die("a thread could not be started");
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	fclose(gaps);
	printf("BOOKS {\"library\":\"none\",\"cause\":\"throttled\"}\n");
	wait_for_line();
	return 0;
}
