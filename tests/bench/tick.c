/* SPDX-License-Identifier: MIT */
/*
 * tick.c - what a tick and a scrape of many pools cost the agent, without the kernel: bench-tick [POOLS [BUSY]]. Pools are fed from books that are made
 * here, as the kernel's would be, BUSY of them change from tick to tick, and each part is timed by itself.
 *
 * Prints medians of CPU time, and the memory of the heap: what is kept, and with the snapshot. The copies from the kernel are not in it; out/many-pools
 * has the whole agent.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "detect/detect.h"
#include "exporters/gzip.h"
#include "exporters/prometheus.h"
#include "model/model.h"

#define TICKS 21
#define SECOND 1000000000ll
#define EVENTS 5 /* of a busy pool between two ticks */

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Times of one part, tick by tick. */
struct part {
	const char *name;
	double ms[TICKS];
	double from;
};

enum { FEED, HISTS, REFS, END, ROWS, JUDGE, TEXT, GZIP, PROTOBUF, PARTS };

static struct part parts[PARTS] = {
	[FEED] = { .name = "books" },
	[HISTS] = { .name = "histograms" },
	[REFS] = { .name = "holders" },
	[END] = { .name = "end of the tick" },
	[ROWS] = { .name = "rows" },
	[JUDGE] = { .name = "detectors" },
	[TEXT] = { .name = "page as text" },
	[GZIP] = { .name = "page as text, gzip" },
	[PROTOBUF] = { .name = "page as protobuf, gzip" },
};

static void begin(unsigned int i)
{
	parts[i].from = cpu_ms();
}

static void end(unsigned int i, int tick)
{
	parts[i].ms[tick] = cpu_ms() - parts[i].from;
}

/* What the kernel would have. */
struct world {
	size_t n, n_busy;
	struct ps_pool_key *keys;
	struct ps_pool *books;
	struct ps_hists *hists;
	struct ps_lease *leases;
	int64_t now_ns;
};

static struct ps_hist *hist_of(struct world *w, size_t i, enum ps_hist_of which)
{
	return &w->hists[i].h[which];
}

static void happened(struct ps_hist *h, uint64_t ns)
{
	h->bucket[hist_bucket_ns(ns)]++;
	h->sum_ns += ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

/* A caller waits, has an item and gives it back. */
static void use_once(struct world *w, size_t i, uint64_t wait_ns, uint64_t hold_ns)
{
	struct ps_pool *b = &w->books[i];

	b->wait_begins++;
	b->waits_begun++;
	b->waits_ended++;
	b->wait_ends++;
	b->wait_end_sum += wait_ns;
	b->acquires++;
	b->leases_begun++;
	b->leases_ended++;
	b->releases++;
	b->use_sum += hold_ns;
	b->in_use_peak = b->waiting_peak = 1;
	happened(hist_of(w, i, PS_HIST_WAIT), wait_ns);
	happened(hist_of(w, i, PS_HIST_HOLD), hold_ns);
}

static void world_new(struct world *w, size_t n, size_t n_busy)
{
	*w = (struct world){ .n = n, .n_busy = n_busy, .now_ns = 100 * SECOND };
	w->keys = calloc(n, sizeof(*w->keys));
	w->books = calloc(n, sizeof(*w->books));
	w->hists = calloc(n, sizeof(*w->hists));
	w->leases = calloc(n, sizeof(*w->leases));
	if (!w->keys || !w->books || !w->hists || !w->leases)
		exit(1);
	for (size_t i = 0; i < n; i++) {
		w->keys[i] = (struct ps_pool_key){ .pool = 0x555500000000 + 200 * i,
						   .proc = { 4711, 1 } };
		w->books[i] = (struct ps_pool){ .since_ns = 99 * SECOND,
						.kind = PS_KIND_connection,
						.capacity = 3,
						.capacity_since_ns = 99 * SECOND,
						.seq_begin = 1,
						.seq_end = 1 };
		snprintf(w->books[i].name, PS_NAME_MAX, "tenant-%zu", i);
	}
}

static void world_go_on(struct world *w, int tick)
{
	w->now_ns += SECOND;
	for (size_t i = 0; i < w->n; i++)
		for (int k = 0; (i < w->n_busy || !tick) && k < EVENTS; k++)
			use_once(w, i, (uint64_t)(1000 << (i + (size_t)k) % 14),
				 (uint64_t)(3000 << (i + (size_t)tick) % 12));
}

/* In the order of a tick of ingest.c. */
static void feed(struct world *w, struct model *m, int tick)
{
	static const struct pool_extra nothing = POOL_EXTRA_UNKNOWN;
	struct process_info info = { .key = { 4711, 1 }, .name = "many-pools" };

	begin(FEED);
	model_tick_begin(m, w->now_ns);
	model_feed_process(m, &info);
	for (size_t i = 0; i < w->n; i++)
		if (model_feed_pool(m, &w->keys[i], &w->books[i], &nothing, w->now_ns))
			exit(1);
	end(FEED, tick);
	begin(HISTS);
	for (size_t i = 0; i < w->n; i++)
		if (model_wants_hists(m, &w->keys[i]) &&
		    model_feed_hists(m, &w->keys[i], &w->hists[i]))
			exit(1);
	end(HISTS, tick);
	begin(REFS);
	for (size_t i = 0; i < w->n; i++) {
		struct ps_ref_key ref = { .pool = w->keys[i], .id = 1 };

		model_feed_lease(m, &ref, &w->leases[i]);
	}
	end(REFS, tick);
	begin(END);
	model_tick_end(m);
	end(END, tick);
}

static void write_page(const struct snapshot *s, unsigned int part, int tick,
		       enum prometheus_format format, bool is_gzip)
{
	struct buffer to = { 0 }, page = { 0 };

	begin(part);
	if (is_gzip) {
		page.drain = gzip_add;
		page.context = gzip_new(&to);
	}
	if ((is_gzip && !page.context) || prometheus_write(s, format, NULL, &page))
		exit(1);
	if (is_gzip) {
		buffer_flush(&page);
		gzip_end(page.context);
	}
	end(part, tick);
	buffer_done(&page);
	buffer_done(&to);
}

static size_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000,
	       n_busy = argc > 2 ? strtoul(argv[2], NULL, 10) : n, before, kept = 0, most = 0;
	struct model *m = model_new();
	struct detect *d;
	struct world w;
	double sum = 0;

	world_new(&w, n, n_busy);
	if (!m || detect_new(&detect_limits_default, &d))
		return 1;
	before = heap_bytes();
	for (int tick = 0; tick < TICKS; tick++) {
		struct arena *arena = arena_new();
		struct snapshot *s = arena ? arena_alloc(arena, 1, sizeof(*s)) : NULL;

		if (!s)
			return 1;
		world_go_on(&w, tick);
		feed(&w, m, tick);
		*s = (struct snapshot){ .n_refs = 1,
					.arena = arena,
					.t_ns = w.now_ns,
					.wall_ns = w.now_ns + 1700000000 * SECOND,
					.window_s = 1,
					.host = "bench",
					.version = POOLSCOPE_VERSION };
		begin(ROWS);
		if (model_snapshot(m, s, NULL, NULL))
			return 1;
		end(ROWS, tick);
		begin(JUDGE);
		if (detect_tick(d, s, NULL, NULL))
			return 1;
		end(JUDGE, tick);
		most = heap_bytes() - before;
		write_page(s, TEXT, tick, PROMETHEUS_TEXT, false);
		write_page(s, GZIP, tick, PROMETHEUS_TEXT, true);
		write_page(s, PROTOBUF, tick, PROMETHEUS_PROTOBUF, true);
		snapshot_unref(s);
		kept = heap_bytes() - before;
	}
	printf("%zu pools, %zu of them busy: ms of CPU time, median of %d ticks\n", n, n_busy,
	       TICKS);
	for (unsigned int i = 0; i < PARTS; i++) {
		qsort(parts[i].ms, TICKS, sizeof(parts[i].ms[0]), compare);
		printf("%-24s %7.2f\n", parts[i].name, parts[i].ms[TICKS / 2]);
		sum += i < TEXT ? parts[i].ms[TICKS / 2] : 0;
		if (i == JUDGE)
			printf("%-24s %7.2f\n", "the tick, of these", sum);
	}
	printf("heap: %zu bytes for a pool between ticks, %zu with the snapshot\n", kept / n,
	       most / n);
	detect_free(d);
	model_free(m);
	return 0;
}
