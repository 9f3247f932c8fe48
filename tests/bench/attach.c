/* SPDX-License-Identifier: MIT */
/*
 * attach.c - how long it takes to put the probes of a file on, and to take them off: attach FILE ROUNDS. By the agent's own functions, uprobe_multi where the kernel has it and
 * perf uprobes, of which fewer are tried, since each takes 0.1 s to come off. The file is a program that runs meanwhile, so that breakpoints are really written.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "discover/notes.h"
#include "probe/attach.h"
#include "probe/kernel.h"

#define SITES_MOST 1000
#define PERF_SITES 20
#define ROUNDS_MOST 100

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double ms_since(int64_t begin_ns)
{
	return (double)(clock_ns(CLOCK_MONOTONIC) - begin_ns) / 1e6;
}

static void fail(const char *what, const struct diag *d)
{
	fprintf(stderr, "attach: %s: %s\n", what, d->text);
	exit(1);
}

static struct kernel *load(bool is_perf)
{
	struct kernel_limits limits = { .is_perf_forced = is_perf };
	struct kernel *k;
	struct diag d = { 0 };

	if (kernel_load(&limits, &k, &d))
		fail("loading", &d);
	return k;
}

static void measure(const struct kernel *k, int fd, const struct attach_site *sites, size_t n,
		    int n_rounds)
{
	double on[ROUNDS_MOST], off[ROUNDS_MOST];
	const char *method = "";
	struct diag d = { 0 };

	for (int i = 0; i < n_rounds; i++) {
		struct attachment *a;
		int64_t begin_ns = clock_ns(CLOCK_MONOTONIC);

		if (attachment_new(k, fd, sites, n, 0, &a, &d))
			fail("attaching", &d);
		on[i] = ms_since(begin_ns);
		method = attachment_method(a);
		begin_ns = clock_ns(CLOCK_MONOTONIC);
		attachment_free(a);
		off[i] = ms_since(begin_ns);
	}
	qsort(on, (size_t)n_rounds, sizeof(*on), compare);
	qsort(off, (size_t)n_rounds, sizeof(*off), compare);
	printf("| %zu by %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |\n", n, method,
	       on[n_rounds / 2], on[0], on[n_rounds - 1], off[n_rounds / 2], off[0],
	       off[n_rounds - 1]);
	fflush(stdout);
}

static void measure_tier(bool is_perf, int fd, const struct attach_site *sites, size_t n,
			 int n_rounds)
{
	struct kernel *k = load(is_perf);

	measure(k, fd, sites, n, n_rounds);
	kernel_free(k);
}

static pid_t run(const char *path)
{
	pid_t pid = fork();

	if (!pid) {
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	return pid;
}

int main(int argc, char **argv)
{
	int n_rounds = argc == 3 ? atoi(argv[2]) : 0,
	    fd = argc == 3 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	static struct attach_site sites[SITES_MOST];
	struct diag d = { 0 };
	struct notes notes;
	size_t n = 0;
	pid_t pid;

	if (n_rounds < 1 || n_rounds > ROUNDS_MOST || fd < 0) {
		fprintf(stderr, "usage: attach FILE ROUNDS\n");
		return 2;
	}
	if (notes_read(fd, "poolscope", SITES_MOST, &notes, &d))
		fail("its notes", &d);
	for (; n < notes.n; n++)
		sites[n] = (struct attach_site){ .offset = notes.list[n].pc_offset,
						 .semaphore = notes.list[n].semaphore_offset };
	pid = run(argv[1]);
	if (pid < 0)
		return 1;
	usleep(200000);
	printf("| probes, %d rounds | on, ms, median | min | max | off, ms, median | min | max |\n|---|---|---|---|---|---|---|\n",
	       n_rounds);
	measure_tier(false, fd, sites, n, n_rounds);
	measure_tier(true, fd, sites, n < PERF_SITES ? n : PERF_SITES, 3);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	notes_done(&notes);
	return 0;
}
