/* SPDX-License-Identifier: MIT */
/*
 * snapshot_fixture.h - snapshots for tests of what reads them. One pool of a healthy program, everything else unknown until the
 * test fills it in. Out of memory aborts the test.
 */
#ifndef POOLSCOPE_TESTS_UNIT_SNAPSHOT_FIXTURE_H
#define POOLSCOPE_TESTS_UNIT_SNAPSHOT_FIXTURE_H

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/snapshot.h"

/* A row that knows nothing but who it is. */
static inline struct pool_row fixture_unknown_pool(uint64_t id)
{
	struct pool_row p = pool_row_unknown;

	p.id = id;
	p.name = "main-db";
	p.kind = PS_KIND_connection;
	p.source = "usdt";
	p.pid = 4242;
	p.process = "orders";
	p.since_ns = 1000000000;
	p.confidence = "high";
	p.evidence = "acquire and release points";
	return p;
}

/* A row of which all is known. The histograms are borrowed. */
static inline struct pool_row fixture_known_pool(uint64_t id, const struct hist *wait,
						 const struct hist *hold)
{
	struct pool_row p = fixture_unknown_pool(id);

	p.library = "HikariCP";
	p.service = "orders.service";
	p.endpoint = "127.0.0.1:5432";
	p.capacity = p.open = 20;
	p.capacity_basis = "configured";
	p.min_idle = 5;
	p.in_use = p.in_use_peak = 17;
	p.idle = 3;
	p.pending = 2;
	p.pending_peak = 23;
	p.utilization = 0.85;
	p.mean_in_use = 17.5;
	p.in_use_s = 170.25;
	p.capacity_s = 200;
	p.pending_s = 12.5;
	p.saturated_s = 1.5;
	p.stalled_s = 0;
	p.acquires = 10007;
	p.acquires_new = 101;
	p.releases = 9990;
	p.before_start = 0;
	p.timeouts = 13;
	p.opened = 101;
	p.open_failures = 2;
	p.closed = 81;
	p.rejections = 7;
	p.health_ok = 311;
	p.health_failed = 1;
	p.reuse_ratio = 0.99;
	p.acquires_per_s = 1000.7;
	p.timeouts_per_s = 1.3;
	p.oldest_wait_ns = 250000000;
	p.oldest_hold_ns = 3100000000;
	for (int i = 0; i < PS_OUTCOME_COUNT; i++)
		p.outcome[i] = i == PS_OUTCOME_timeout ? 13 : 0;
	for (int i = 0; i < PS_CLOSE_COUNT; i++)
		p.closed_by[i] = i == PS_CLOSE_idle_timeout ? 81 : 0;
	for (int i = 0; i < PS_REJECT_COUNT; i++)
		p.rejected_by[i] = i == PS_REJECT_queue_full ? 7 : 0;
	p.wait = p.wait_failed = wait;
	p.hold = p.create = hold;
	return p;
}

/* A histogram in the arena; its buckets are freed with fixture_hist_done(). */
static inline struct hist *fixture_hist(struct arena *a, const uint64_t *ns, size_t n)
{
	struct hist *h = arena_alloc(a, 1, sizeof(*h));
	struct hist heap = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (hist_record_ns(&heap, ns[i]))
			abort();
	}
	*h = heap;
	if (heap.n_packed) {
		h->packed = arena_alloc(a, heap.n_packed, 1);
		memcpy(h->packed, heap.packed, heap.n_packed);	/* as the model does: nothing of a snapshot lies outside its arena */
	}
	hist_done(&heap);
	return h;
}

/* A snapshot with room for the pools; one reference. The caller fills the rows in. */
static inline struct snapshot *fixture_new(size_t n_pools, struct pool_row **ret_pools)
{
	struct arena *a = arena_new();
	struct snapshot *s = arena_alloc(a, 1, sizeof(*s));

	s->n_refs = 1;
	s->arena = a;
	s->seq = 7;
	s->t_ns = 11000000000;
	s->wall_ns = 1764000000000000000;
	s->window_s = 10;
	s->host = "db-1";
	s->version = "0.1.0";
	*ret_pools = arena_alloc(a, n_pools, sizeof(**ret_pools));
	s->pools = *ret_pools;
	s->n_pools = n_pools;
	s->agent.bpf_run_s = NAN;
	s->agent.cpu_user_s = 0.5;
	s->agent.cpu_system_s = 0.25;
	s->agent.probe_hits = 1000003;
	s->agent.rss_bytes = 5 << 20;
	s->agent.losses[PS_LOSS_story_capped] = 3;
	s->agent.stories[PS_STORY_WAIT] = 23;
	s->agent.n_targets = 2;
	s->agent.n_processes = 3;
	s->agent.tick_s = 0.002;
	s->agent.ticks = 7;
	return s;
}

/* A lock of the pool's process, and its series. */
static inline void fixture_add_lock(struct snapshot *s, const struct hist *wait)
{
	static const char *const stack[] = { "take (orders)", "main\n (orders)" };
	struct lock_row *lock = arena_alloc(s->arena, 1, sizeof(*lock));
	struct lock_sum_row *sum = arena_alloc(s->arena, 1, sizeof(*sum));

	*lock = (struct lock_row){ .pid = 4242,
				   .process = "orders",
				   .address = 0xffff800012345678,
				   .name = "orders:the_lock",
				   .wait = wait,
				   .timeouts = 3,
				   .waiting = 2,
				   .oldest_wait_ns = 250000000,
				   .waits_per_s = NAN,
				   .mean_waiting = 1.5,
				   .stack = stack,
				   .n_stack = 2 };
	*sum = (struct lock_sum_row){ .process = "orders",
				      .lock = "orders:the_lock",
				      .wait = wait };
	s->locks = lock;
	s->lock_sums = sum;
	s->n_locks = s->n_lock_sums = 1;
}

/* One pool, a finding about it, a lock, a probe, a check and a table: something of everything. */
static inline struct snapshot *fixture_full(void)
{
	static const uint64_t waits[] = { 0, 0, 1000, 2000000, 250000000 };
	static const struct ref_row holders[] = {
		{ .id = 0xffff800012345678, .tid = 4250, .thread = "http-nio-8080-e", .age_ns = 3100000000, .is_thread_gone = true },
		{ .id = 0x7f0000001000, .tid = 4251, .thread = "http-nio-8080-f", .age_ns = 2000000 },
	};
	static const struct ref_row waiters[] = {
		{ .id = 1, .tid = 4252, .thread = "", .age_ns = 250000000 }
	};
	struct pool_row *pools;
	static const struct finding_count counts[] = { { "leak", 5 }, { "too-small", 1 } };
	struct snapshot *s = fixture_new(1, &pools);
	struct finding_row *f = arena_alloc(s->arena, 2, sizeof(*f));
	struct probe_row *probe = arena_alloc(s->arena, 1, sizeof(*probe));
	struct check_row *check = arena_alloc(s->arena, 2, sizeof(*check));
	struct table_row *table = arena_alloc(s->arena, 1, sizeof(*table));
	struct hist *h = fixture_hist(s->arena, waits, sizeof(waits) / sizeof(waits[0]));

	fixture_add_lock(s, h);
	pools[0] = fixture_known_pool(1, h, h);
	pools[0].holders = holders;
	pools[0].n_holders = 2;
	pools[0].waiters = waiters;
	pools[0].n_waiters = 1;
	pools[0].leaked = 3;
	pools[0].verdict = "too small: 17 of 20 in use and 2 wait";
	f[0] = (struct finding_row){
		.id = 1,
		.type = "too-small",
		.severity = SEVERITY_WARNING,
		.is_open = true,
		.pid = 4242,
		.process = "orders",
		.pool = "main-db",
		.pool_id = 1,
		.since_ns = 1763999990000000000,
		.until_ns = UNKNOWN,
		.text = "too small: 17 of 20 in use and 2 wait",
		.advice = "raise the capacity",
		.evidence = "p99 wait 250 ms",
	};
	f[1] = (struct finding_row){
		.id = 2,
		.type = "leak",
		.severity = SEVERITY_CRITICAL,
		.pid = 4242,
		.process = "orders",
		.pool = "main-db",
		.pool_id = 1,
		.since_ns = 1763999980000000000,
		.until_ns = 1763999985000000000,
		.text = "returned late",
	};
	probe[0] = (struct probe_row){
		.file = "/usr/bin/orders",
		.provider = "poolscope",
		.probe = "acquired",
		.offset = 0x1234,
		.verb = "acquired",
		.method = "uprobe_multi",
		.hits = 10007,
		.cost_ns = NAN,
		.n_processes = 1,
	};
	check[0] = (struct check_row){ "kernel", CHECK_OK, "6.18.5 with BTF", NULL, NULL };
	check[1] = (struct check_row){ "uprobe method", CHECK_LOOK, "perf",
				       "a kernel from 6.6 on attaches faster",
				       "each probe takes 0.1 s to detach" };
	table[0] = (struct table_row){ "pools", 1, 4096 };
	s->findings = f;
	s->n_findings = 2;
	s->finding_counts = counts;
	s->n_finding_counts = 2;
	s->probes = probe;
	s->n_probes = 1;
	s->checks = check;
	s->n_checks = 2;
	s->tables = table;
	s->n_tables = 1;
	return s;
}

#endif
