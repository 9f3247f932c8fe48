/* SPDX-License-Identifier: MIT */
/*
 * otlp.c - what an export of many pools costs: bench-otlp [POOLS [PER-PROCESS]]. Prints CPU time, bytes and memory of the first export and of those after it, for each
 * temporality. All is known of each pool, so this is the worst there is.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "exporters/otlp_encode.h"
#include "tests/unit/snapshot_fixture.h"

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct snapshot *make(int n, int n_of_a_process)
{
	static const uint64_t ns[] = { 0, 1000000, 2000000, 77000000, 300000000 };
	struct pool_row *p;
	struct snapshot *s = fixture_new((size_t)n, &p);
	struct hist *h = fixture_hist(s->arena, ns, 5);

	for (int i = 0; i < n; i++) {
		p[i] = fixture_known_pool((uint64_t)i + 1, h, h);
		p[i].pid = 1000 + i / n_of_a_process;
		p[i].name = arena_printf(s->arena, "pool-%d", i);
	}
	return s;
}

struct total {
	size_t bytes, points, n;
};

static void take(void *context, struct otlp_request *request)
{
	struct total *t = context;

	t->bytes += request->body.n;
	t->points += request->n_items;
	t->n++;
	buffer_done(&request->body);
}

static void run(struct snapshot *s, enum otlp_temporality temporality, const char *name)
{
	struct otlp_encode_options options = { .temporality = temporality,
					       .histogram = OTLP_EXPONENTIAL };
	size_t before = mallinfo2().uordblks;
	struct otlp_encoder *e;

	if (otlp_encoder_new(&options, &e))
		abort();
	for (int i = 0; i < 3; i++) {
		struct total t = { .n = 0 };
		double from = cpu_s();

		s->wall_ns += 10000000000;
		s->t_ns += 10000000000;
		if (otlp_encode_metrics_each(e, s, take, &t))
			abort();
		printf("%-12s %d  %4.0f ms  %zu points  %zu requests  %5.1f MB  state %5.1f MB\n",
		       name, i + 1, (cpu_s() - from) * 1e3, t.points, t.n, (double)t.bytes / 1e6,
		       (double)(mallinfo2().uordblks - before) / 1e6);
	}
	otlp_encoder_free(e);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 10000, per = argc > 2 ? atoi(argv[2]) : 5;
	struct snapshot *s = make(n > 0 ? n : 1, per > 0 ? per : 1);
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	printf("resident with the snapshot alone %.1f MB\n", (double)usage.ru_maxrss / 1e3);
	run(s, OTLP_CUMULATIVE, "cumulative");
	run(s, OTLP_DELTA, "delta");
	getrusage(RUSAGE_SELF, &usage);
	printf("resident at most %.1f MB, with state and one request\n",
	       (double)usage.ru_maxrss / 1e3);
	snapshot_unref(s);
	return 0;
}
