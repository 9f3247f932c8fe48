/* SPDX-License-Identifier: MIT */
/*
 * model_test.c - the model as a script of ticks: what comes out of the books, and what stays of pools that are gone. Sums are
 * added here as the exporters add them; the last test sets them beside a slow reference over a thousand random ticks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/model.h"
#include "model/retired.h"

#define S 1000000000ll
#define POOL_AT 0x7f00deadb000

static const struct pool_extra nothing_extra = POOL_EXTRA_UNKNOWN;

static struct ps_pool_key key_of(uint32_t tgid)
{
	return (struct ps_pool_key){ .pool = POOL_AT, .proc = { .tgid = tgid, .incarnation = 1 } };
}

/* The books of a pool of ten that was made at 1 s. */
static struct ps_pool books_of(const char *name)
{
	struct ps_pool b = {
		.since_ns = S,
		.kind = PS_KIND_connection,
		.capacity = 10,
		.capacity_since_ns = S,
	};

	strncpy(b.name, name, sizeof(b.name) - 1);
	return b;
}

static void feed_process(struct model *m, uint32_t tgid, const char *name)
{
	struct process_info info = { .key = key_of(tgid).proc, .name = name };

	assert_int_equal(model_feed_process(m, &info), 0);
}

static void feed_books(struct model *m, uint32_t tgid, const struct ps_pool *b, int64_t t_ns)
{
	struct ps_pool_key key = key_of(tgid);

	assert_int_equal(model_feed_pool(m, &key, b, &nothing_extra, t_ns), 0);
}

/* One pool of one process, `orders`. */
static void tick_of_one(struct model *m, const struct ps_pool *b, const struct pool_extra *extra,
			int64_t t_ns)
{
	struct ps_pool_key key = key_of(23);

	model_tick_begin(m, t_ns);
	feed_process(m, 23, "orders");
	assert_int_equal(model_feed_pool(m, &key, b, extra, t_ns), 0);
	model_tick_end(m);
}

static const struct snapshot *look(struct model *m)
{
	struct arena *arena = arena_new();
	struct snapshot *s = arena_alloc(arena, 1, sizeof(*s));

	s->n_refs = 1;
	s->arena = arena;
	assert_int_equal(model_snapshot(m, s, NULL, NULL), 0);
	return s;
}

/* ---- what comes out of the books --------------------------------------------------------------------------------------- */

static void in_use_seconds_is_the_integral_of_use(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	tick_of_one(m, &b, &nothing_extra, 9 * S);
	/* one taken at 10 s, another at 11 s and given back at 13 s */
	b.acquires = 2;
	b.acquired_sum = 21 * S;
	b.releases = 1;
	b.released_sum = 13 * S;
	b.leases_begun = b.leases_ended + 1;
	tick_of_one(m, &b, &nothing_extra, 15 * S);
	s = look(m);
	assert_int_equal(s->n_pools, 1);
	assert_int_equal(s->pools[0].in_use, 1);
	assert_int_equal(s->pools[0].acquires, 2);
	assert_true(s->pools[0].in_use_s == 5 + 2);
	assert_true(s->pools[0].capacity_s == 10 * (15 - 1));
	/* the window is from 9 s to 15 s */
	assert_true(fabs(s->pools[0].mean_in_use - 7.0 / 6) < 1e-9);
	assert_true(fabs(s->pools[0].utilization - 7.0 / 60) < 1e-9);
	assert_true(s->pools[0].trusted);
	snapshot_unref(s);
	model_free(m);
}

static void sums_of_times_may_wrap(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	b.acquires = 2;
	b.leases_begun = b.leases_ended + 2;
	/* the two are out since 10 s; so many were out before that the sum of their releases is near its end */
	b.released_sum = UINT64_MAX - 3 * S;
	b.acquired_sum = b.released_sum + 20 * S;
	tick_of_one(m, &b, &nothing_extra, 15 * S);
	s = look(m);
	assert_true(s->pools[0].in_use_s == 10);
	snapshot_unref(s);
	model_free(m);
}

static void a_sum_does_not_fall_when_the_clock_was_read_after_the_books(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	b.acquires = 5;
	b.acquired_sum = 5 * 10 * S;
	b.leases_begun = b.leases_ended + 5;
	tick_of_one(m, &b, &nothing_extra, 15 * S + 1000);
	/* all came back at 15 s: after the books were copied, before the clock was read */
	b.releases = 5;
	b.released_sum = 5 * 15 * S;
	b.leases_begun = b.leases_ended + 0;
	tick_of_one(m, &b, &nothing_extra, 16 * S);
	s = look(m);
	assert_true(s->pools[0].in_use_s > 25 + 4.9e-6 && s->pools[0].in_use_s < 25 + 5.1e-6);
	assert_true(s->pools[0].mean_in_use == 0);
	snapshot_unref(s);
	/* one more, held for a second: the truth has caught up */
	b.acquires = 6;
	b.acquired_sum += 17 * S;
	b.releases = 6;
	b.released_sum += 18 * S;
	tick_of_one(m, &b, &nothing_extra, 20 * S);
	s = look(m);
	assert_true(s->pools[0].in_use_s == 26);
	snapshot_unref(s);
	model_free(m);
}

static void leases_from_before_are_believed_when_two_readings_agree(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	struct pool_extra extra = POOL_EXTRA_UNKNOWN;
	const struct snapshot *s;

	(void)state;
	b.flags = PS_POOL_IMPLICIT | PS_POOL_DESCRIBED;
	extra.counted_in_use = 3;
	extra.counted_open = 4;
	b.acquires = 1;
	b.acquired_sum = 2 * S;
	b.leases_begun = b.leases_ended + 1;
	tick_of_one(m, &b, &extra, 3 * S);
	s = look(m);
	assert_int_equal(s->pools[0].in_use, 1);
	assert_false(s->pools[0].trusted);
	snapshot_unref(s);
	/* one of the two came back at 4 s, three seconds after the counting began */
	b.releases = b.before_releases = 1;
	b.before_sum_ns = 3 * S;
	extra.counted_in_use = 2;
	tick_of_one(m, &b, &extra, 5 * S);
	s = look(m);
	assert_true(s->pools[0].trusted);
	assert_int_equal(s->pools[0].before_start, 2);
	assert_int_equal(s->pools[0].in_use, 2);
	assert_int_equal(s->pools[0].open, 4);
	assert_int_equal(s->pools[0].idle, 2);
	/* ours since 2 s, the one from before until 4 s, the other still */
	assert_true(s->pools[0].in_use_s == 3 + 3 + 4);
	snapshot_unref(s);
	model_free(m);
}

static void unknown_is_not_zero(void **state)
{
	struct ps_endpoint_key listener = { .proc = key_of(23).proc, .role = PS_SOCK_LISTEN };
	struct ps_endpoint sockets = { .since_ns = S, .open = 2, .opened = 3 };
	struct model *m = model_new();
	struct ps_pool b = books_of("");
	const struct snapshot *s;

	(void)state;
	b.capacity = 0;
	model_tick_begin(m, 2 * S);
	feed_process(m, 23, NULL);
	feed_books(m, 23, &b, 2 * S);
	model_feed_endpoint(m, &listener, &sockets, false, 0, UNKNOWN, 2 * S);
	model_tick_end(m);
	s = look(m);
	assert_int_equal(s->n_pools, 2);
	assert_string_equal(s->pools[0].name, "pool-7f00deadb000");
	assert_string_equal(s->pools[0].process, "?");
	assert_int_equal(s->pools[0].capacity, UNKNOWN);
	assert_true(isnan(s->pools[0].capacity_s));
	assert_true(isnan(s->pools[0].utilization)); /* one tick is no window */
	assert_int_equal(s->pools[0].open, UNKNOWN);
	assert_int_equal(s->pools[0].idle, UNKNOWN);
	assert_int_equal(s->pools[0].in_use, 0);
	assert_int_equal(s->pools[0].timeouts, 0);
	assert_string_equal(s->pools[1].name, "*:0");
	assert_int_equal(s->pools[1].open, 2);
	assert_int_equal(s->pools[1].opened, 3);
	assert_int_equal(s->pools[1].pending, 0);
	assert_int_equal(s->pools[1].capacity, UNKNOWN);
	assert_int_equal(s->pools[1].acquires, UNKNOWN);
	assert_int_equal(s->pools[1].rejected_by[0], UNKNOWN);
	assert_true(isnan(s->pools[1].in_use_s));
	assert_null(s->pools[1].wait);
	snapshot_unref(s);
	model_free(m);
}

static void a_pool_whose_books_were_torn_keeps_its_numbers(void **state)
{
	struct ps_pool_key key = key_of(23);
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	b.acquires = b.releases = 101;
	tick_of_one(m, &b, &nothing_extra, 2 * S);
	model_tick_begin(m, 3 * S);
	feed_process(m, 23, NULL);
	model_keep_pool(m, &key);
	model_tick_end(m);
	s = look(m);
	assert_int_equal(s->n_pools, 1);
	assert_int_equal(s->pools[0].acquires, 101);
	assert_string_equal(s->pools[0].process, "orders");
	snapshot_unref(s);
	model_free(m);
}

static void a_histogram_goes_on_where_the_kernels_count_wraps(void **state)
{
	struct ps_pool_key key = key_of(23);
	struct ps_hists *h = calloc(1, sizeof(*h));
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	b.acquires = b.wait_ends = 1;
	tick_of_one(m, &b, &nothing_extra, 2 * S);
	assert_true(model_wants_hists(m, &key));
	h->h[PS_HIST_WAIT].bucket[7] = UINT32_MAX;
	assert_int_equal(model_feed_hists(m, &key, h), 0);
	assert_false(model_wants_hists(m, &key));
	h->h[PS_HIST_WAIT].bucket[7] = 22;
	assert_int_equal(model_feed_hists(m, &key, h), 0);
	s = look(m);
	assert_int_equal(s->pools[0].wait->count, (1ull << 32) + 22);
	assert_int_equal(s->pools[0].hold->count, 0);
	snapshot_unref(s);
	model_free(m);
	free(h);
}

static void acquires_without_a_wait_are_waits_of_nothing(void **state)
{
	struct ps_pool_key key = key_of(23);
	struct ps_hists *h = calloc(1, sizeof(*h));
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	b.acquires = 10;
	b.wait_ends = 5;
	b.outcome[PS_OUTCOME_timeout] = 2;
	h->h[PS_HIST_WAIT].bucket[7] = 3;
	tick_of_one(m, &b, &nothing_extra, 2 * S);
	assert_int_equal(model_feed_hists(m, &key, h), 0);
	s = look(m);
	assert_int_equal(s->pools[0].wait->count, 10);
	assert_int_equal(hist_get(s->pools[0].wait, 0), 7);
	assert_int_equal(hist_get(s->pools[0].wait, 7), 3);
	snapshot_unref(s);
	b.acquires = 9; /* books that were read between two steps of an event: nothing is taken back */
	tick_of_one(m, &b, &nothing_extra, 3 * S);
	assert_int_equal(model_feed_hists(m, &key, h), 0);
	s = look(m);
	assert_int_equal(s->pools[0].wait->count, 10);
	snapshot_unref(s);
	model_free(m);
	free(h);
}

static void holders_are_told_oldest_first_and_the_newest_are_left_out(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	model_tick_begin(m, 1000 * S);
	feed_process(m, 23, "orders");
	feed_books(m, 23, &b, 1000 * S);
	for (uint32_t i = 0; i < 101; i++) {
		uint32_t nth = i * 37 % 101; /* in no order */
		struct ps_ref_key key = { .pool = key_of(23), .id = nth };
		struct ps_lease lease = { .since_ns = (100 + nth) * S, .state = PS_LEASE_HELD };

		assert_int_equal(model_feed_lease(m, &key, &lease), 0);
	}
	model_tick_end(m);
	s = look(m);
	assert_int_equal(s->pools[0].oldest_hold_ns, 900 * S);
	assert_int_equal(s->pools[0].n_holders, SNAPSHOT_REFS_MAX);
	for (uint32_t i = 0; i < SNAPSHOT_REFS_MAX; i++) {
		assert_int_equal(s->pools[0].holders[i].id, i);
		assert_int_equal(s->pools[0].holders[i].age_ns, (900 - i) * S);
	}
	assert_int_equal(s->pools[0].oldest_wait_ns, 0);
	snapshot_unref(s);
	model_free(m);
}

/* ---- what stays of pools that are gone --------------------------------------------------------------------------------- */

static bool has_labels(const struct pool_row *row, const char *process, const char *name)
{
	return !strcmp(row->process, process) && !strcmp(row->name, name);
}

/* As an exporter adds it up; UNKNOWN when there is no series. */
static int64_t summed_acquires(const struct snapshot *s, const char *process, const char *name)
{
	int64_t sum = UNKNOWN;

	for (size_t i = 0; i < s->n_pools; i++)
		if (has_labels(&s->pools[i], process, name))
			sum = (sum == UNKNOWN ? 0 : sum) + s->pools[i].acquires;
	for (size_t i = 0; i < s->n_retired && sum != UNKNOWN; i++)
		if (has_labels(&s->retired[i], process, name))
			sum += s->retired[i].acquires;
	return sum;
}

static int64_t look_at_acquires(struct model *m, const char *process, const char *name)
{
	const struct snapshot *s = look(m);
	int64_t sum = summed_acquires(s, process, name);

	snapshot_unref(s);
	return sum;
}

/* A tick with a pool of the same books in each process of `orders`, by pid; 0 ends the list. */
static void tick_of(struct model *m, const uint32_t *tgids, const struct ps_pool *b, int64_t t_ns)
{
	model_tick_begin(m, t_ns);
	for (; *tgids; tgids++) {
		feed_process(m, *tgids, "orders");
		feed_books(m, *tgids, b, t_ns);
	}
	model_tick_end(m);
}

static void of_two_processes_of_a_name_one_ends_and_no_sum_falls(void **state)
{
	struct ps_pool_key key = key_of(23);
	struct ps_hists *h = calloc(1, sizeof(*h));
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;
	const struct pool_row *r;

	(void)state;
	b.acquires = b.releases = 101;
	b.acquired_sum = 101 * 2 * S;
	b.released_sum = 101 * 3 * S;
	b.outcome[PS_OUTCOME_timeout] = 7;
	b.closed[PS_CLOSE_idle_timeout] = 5;
	tick_of(m, (const uint32_t[]){ 23, 29, 0 }, &b, 4 * S);
	h->h[PS_HIST_HOLD].bucket[177] = 101;
	h->h[PS_HIST_HOLD].sum_ns = 101 * S;
	assert_int_equal(model_feed_hists(m, &key, h), 0);
	assert_int_equal(look_at_acquires(m, "orders", "db"), 202);

	tick_of(m, (const uint32_t[]){ 29, 0 }, &b, 5 * S);
	s = look(m);
	assert_int_equal(s->n_pools, 1);
	assert_int_equal(s->pools[0].pid, 29);
	assert_int_equal(s->n_retired, 1);
	r = &s->retired[0];
	assert_int_equal(summed_acquires(s, "orders", "db"), 202);
	assert_int_equal(r->kind, PS_KIND_connection);
	assert_string_equal(r->source, "usdt");
	assert_int_equal(r->timeouts, 7);
	assert_int_equal(r->outcome[PS_OUTCOME_timeout], 7);
	assert_int_equal(r->closed, 5);
	assert_int_equal(r->closed_by[PS_CLOSE_idle_timeout], 5);
	assert_true(r->in_use_s == 101);
	assert_true(r->capacity_s == 30);
	assert_int_equal(r->hold->count, 101);
	assert_int_equal(hist_get(r->hold, 177), 101);
	assert_true(r->hold->sum_s == 101);
	assert_int_equal(r->in_use, UNKNOWN);
	assert_int_equal(r->capacity, UNKNOWN);
	assert_true(isnan(r->utilization));
	assert_true(r->trusted);
	snapshot_unref(s);
	model_free(m);
	free(h);
}

/* A sum of doubles depends on their order, and who is gone is added last. */
static void sums_of_seconds_are_exact_in_any_order(void **state)
{
	uint32_t tgids[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 0 };
	size_t n = sizeof(tgids) / sizeof(*tgids) - 1;
	struct model *m = model_new();
	double before = 0;

	(void)state;
	for (int64_t t = 2; n > 0; t++, tgids[--n] = 0) {
		const struct snapshot *s;
		double sum = 0;

		model_tick_begin(m, t * S);
		for (size_t i = 0; i < n; i++) {
			struct ps_pool b = books_of("db");

			b.acquires = b.releases = 1;
			b.acquired_sum = S;
			b.released_sum = S + (uint64_t)(1000000007 * (int64_t)tgids[i]); /* ns */
			feed_process(m, tgids[i], "orders");
			feed_books(m, tgids[i], &b, t * S);
		}
		model_tick_end(m);
		s = look(m);
		for (size_t i = 0; i < s->n_pools; i++)
			sum += s->pools[i].in_use_s;
		for (size_t i = 0; i < s->n_retired; i++)
			sum += s->retired[i].in_use_s;
		snapshot_unref(s);
		assert_true(fabs(sum - 153.000001071) < 17 * 6e-8);
		assert_true(before == 0 || sum == before);
		before = sum;
	}
	model_free(m);
}

static void when_the_last_of_a_name_ends_the_totals_end_with_it(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	b.acquires = b.releases = 101;
	tick_of(m, (const uint32_t[]){ 23, 29, 0 }, &b, 2 * S);
	tick_of(m, (const uint32_t[]){ 29, 0 }, &b, 3 * S);
	tick_of(m, (const uint32_t[]){ 0 }, &b, 4 * S);
	s = look(m);
	assert_int_equal(s->n_pools, 0);
	assert_int_equal(s->n_retired, 0);
	snapshot_unref(s);
	/* one of the name that comes later begins anew */
	tick_of(m, (const uint32_t[]){ 31, 0 }, &b, 5 * S);
	assert_int_equal(look_at_acquires(m, "orders", "db"), 101);
	model_free(m);
}

static void who_follows_in_the_same_tick_takes_the_sums_over(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");

	(void)state;
	b.acquires = b.releases = 101;
	tick_of(m, (const uint32_t[]){ 23, 0 }, &b, 2 * S);
	b.acquires = b.releases = 2;
	tick_of(m, (const uint32_t[]){ 29, 0 }, &b, 3 * S);
	assert_int_equal(look_at_acquires(m, "orders", "db"), 103);
	tick_of(m, (const uint32_t[]){ 31, 0 }, &b, 4 * S);
	assert_int_equal(look_at_acquires(m, "orders", "db"), 105);
	model_free(m);
}

static void a_pool_destroyed_and_made_again_is_not_counted_twice(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db"), other = b;
	const struct snapshot *s;

	(void)state;
	b.acquires = b.releases = 101;
	other.acquires = other.releases = 1000;
	for (int64_t t = 2; t < 8; t++) {
		static const int64_t expected[] = { 1101, 1101, 1101, 1103, 1103, 1103 };

		if (t == 3) {
			b.flags = PS_POOL_DESTROYED;
			b.destroyed_ns = 3 * S - 1;
		} else if (t == 5) { /* at the same address: its books go on */
			b.flags = 0;
			b.acquires = b.releases = 103;
		} else if (t == 6) {
			b.flags = PS_POOL_DESTROYED;
		}
		model_tick_begin(m, t * S);
		feed_process(m, 23, "orders");
		feed_process(m, 29, "orders");
		if (t < 7)
			feed_books(m, 23, &b, t * S);
		feed_books(m, 29, &other, t * S);
		model_tick_end(m);
		s = look(m);
		assert_int_equal(summed_acquires(s, "orders", "db"), expected[t - 2]);
		assert_int_equal(s->n_pools, b.flags ? 1 : 2);
		snapshot_unref(s);
	}
	model_free(m);
}

static void a_destroyed_pool_alone_makes_no_series(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	b.acquires = b.releases = 101;
	tick_of(m, (const uint32_t[]){ 23, 0 }, &b, 2 * S);
	b.flags = PS_POOL_DESTROYED;
	tick_of(m, (const uint32_t[]){ 23, 0 }, &b, 3 * S);
	s = look(m);
	assert_int_equal(s->n_pools, 0);
	assert_int_equal(s->n_retired, 0);
	snapshot_unref(s);
	model_free(m);
}

static void under_a_new_name_a_pool_leaves_its_counts_with_the_old_one(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db-v1"), other = b;

	(void)state;
	b.acquires = b.releases = 101;
	other.acquires = other.releases = 1000;
	for (int64_t t = 2; t < 4; t++) {
		if (t == 3)
			strcpy(b.name, "db-v2");
		model_tick_begin(m, t * S);
		feed_process(m, 23, "orders");
		feed_process(m, 29, "orders");
		feed_books(m, 23, &b, t * S);
		feed_books(m, 29, &other, t * S);
		model_tick_end(m);
		assert_int_equal(look_at_acquires(m, "orders", "db-v1"), 1101);
	}
	assert_int_equal(look_at_acquires(m, "orders", "db-v2"), 101);
	model_free(m);
}

static void the_name_of_a_process_is_such_a_name_too(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");

	(void)state;
	b.acquires = b.releases = 101;
	tick_of(m, (const uint32_t[]){ 23, 29, 0 }, &b, 2 * S);
	model_tick_begin(m, 3 * S);
	feed_process(m, 23, "billing");
	feed_process(m, 29, NULL);
	feed_books(m, 23, &b, 3 * S);
	feed_books(m, 29, &b, 3 * S);
	model_tick_end(m);
	assert_int_equal(look_at_acquires(m, "billing", "db"), 101);
	assert_int_equal(look_at_acquires(m, "orders", "db"), 202);
	tick_of(m, (const uint32_t[]){ 29, 0 }, &b, 4 * S);
	assert_int_equal(look_at_acquires(m, "billing", "db"), UNKNOWN);
	assert_int_equal(look_at_acquires(m, "orders", "db"), 202);
	model_free(m);
}

static void names_that_leave_as_one_are_one_group(void **state)
{
	struct pool_row a = pool_row_unknown, b = pool_row_unknown, total;
	struct retired r = { 0 };
	struct group *group;

	(void)state;
	a.process = "a\nb";
	b.process = "a\tb";
	a.name = b.name = "db";
	a.source = b.source = "usdt";
	a.acquires = 101;
	group = retired_join(&r, NULL, &a);
	assert_non_null(group);
	assert_false(retired_is_shared(group));
	assert_ptr_equal(retired_join(&r, NULL, &b), group);
	assert_true(retired_is_shared(group));
	assert_ptr_equal(retired_join(&r, group, &a), group); /* nothing has changed */
	assert_int_equal(retired_n(&r), 0);
	retired_leave(&r, group, &a);
	assert_int_equal(retired_n(&r), 1);
	retired_rows(&r, &total);
	assert_string_equal(total.process, "a?b");
	assert_int_equal(total.acquires, 101);
	assert_int_equal(total.opened, UNKNOWN); /* nobody knew */
	assert_null(total.wait);
	retired_leave(&r, group, &b);
	assert_int_equal(retired_n(&r), 0);
	assert_null(r.groups);
	retired_done(&r);
}

static void connections_from_before_that_closed_still_count(void **state)
{
	struct ps_endpoint_key key = { .role = PS_SOCK_CONNECT, .addr = { .port = 5432 } };
	struct ps_endpoint found = { .since_ns = S, .open = 1, .found = 1 },
			   other = { .since_ns = S, .open = 1, .opened = 23, .closed_by_us = 22 };
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	for (int64_t t = 2; t < 5; t++) {
		int64_t closed = 0;

		model_tick_begin(m, t * S);
		feed_process(m, 23, "orders");
		feed_process(m, 29, "orders");
		key.proc = key_of(23).proc;
		if (t < 4) /* then its process ends */
			model_feed_endpoint(m, &key, &found, false, UNKNOWN, UNKNOWN, t * S);
		key.proc = key_of(29).proc;
		model_feed_endpoint(m, &key, &other, false, UNKNOWN, UNKNOWN, t * S);
		model_tick_end(m);
		s = look(m);
		for (size_t i = 0; i < s->n_pools; i++)
			closed += s->pools[i].closed;
		for (size_t i = 0; i < s->n_retired; i++)
			closed += s->retired[i].closed;
		assert_int_equal(closed, t == 2 ? 22 : 23);
		assert_int_equal(s->n_pools, t == 2 ? 2 : 1);
		snapshot_unref(s);
		found.open = 0;
		found.closed_by_peer = 1;
	}
	model_free(m);
}

/* ---- beside a slow reference ------------------------------------------------------------------------------------------- */

#define N_NAMES 3
#define N_SLOTS 11
#define N_TICKS 1000

/* A process that comes and goes; `was` is what it had counted at the tick before. */
struct slot {
	uint32_t tgid; /* 0 = there is none */
	bool is_destroyed;
	int64_t acquires, was;
};

static void slot_step(struct slot *slot, uint32_t *next_tgid)
{
	slot->was = slot->tgid ? slot->acquires : 0;
	if (!slot->tgid && rand() % 5 == 0)
		*slot = (struct slot){ .tgid = (*next_tgid)++ };
	else if (slot->tgid && rand() % 7 == 0)
		slot->tgid = 0;
	else if (slot->tgid && rand() % 7 == 0)
		slot->is_destroyed = !slot->is_destroyed;
	if (slot->tgid && !slot->is_destroyed)
		slot->acquires += rand() % 101;
}

static void feed_slot(struct model *m, const struct slot *slot, const char *name, int64_t t_ns)
{
	struct ps_pool b = books_of("db");

	if (!slot->tgid)
		return;
	b.acquires = b.releases = (uint64_t)slot->acquires;
	b.flags = slot->is_destroyed ? PS_POOL_DESTROYED : 0;
	feed_process(m, slot->tgid, name);
	feed_books(m, slot->tgid, &b, t_ns);
}

/* The reference: everything that was ever counted under a name since there was nobody of it. */
static void a_thousand_ticks_of_coming_and_going_never_let_a_sum_fall(void **state)
{
	static const char *const names[N_NAMES] = { "orders", "billing", "mail" };
	struct slot slots[N_SLOTS] = { 0 };
	int64_t ever[N_NAMES] = { 0 };
	uint32_t next_tgid = 100;
	struct model *m = model_new();

	(void)state;
	srand(23);
	for (int64_t t = 2; t < 2 + N_TICKS; t++) {
		size_t there[N_NAMES] = { 0 }, live[N_NAMES] = { 0 };
		const struct snapshot *s;

		model_tick_begin(m, t * S);
		for (size_t i = 0; i < N_SLOTS; i++) {
			struct slot *slot = &slots[i];

			slot_step(slot, &next_tgid);
			feed_slot(m, slot, names[i % N_NAMES], t * S);
			there[i % N_NAMES] += slot->tgid != 0;
			live[i % N_NAMES] += slot->tgid && !slot->is_destroyed;
			if (slot->tgid)
				ever[i % N_NAMES] += slot->acquires - slot->was;
		}
		model_tick_end(m);
		s = look(m);
		for (size_t n = 0; n < N_NAMES; n++) {
			if (!there[n])
				ever[n] = 0;
			assert_int_equal(summed_acquires(s, names[n], "db"),
					 live[n] ? ever[n] : UNKNOWN);
		}
		assert_true(s->n_retired <= N_SLOTS);
		snapshot_unref(s);
	}
	model_free(m);
}

/* ---- what the library says itself -------------------------------------------------------------------------------------- */

static struct ps_endpoint_key endpoint_at(uint16_t port)
{
	struct ps_endpoint_key key = { .proc = key_of(23).proc,
				       .role = PS_SOCK_CONNECT,
				       .addr = { .family = 10, .port = port } };

	key.addr.ip[10] = key.addr.ip[11] = 0xff;
	key.addr.ip[12] = 127;
	key.addr.ip[15] = 1;
	return key;
}

/* A tick of the pool and of two endpoints with so many connections. */
static void tick_with_endpoints(struct model *m, const struct ps_pool *b,
				const struct pool_extra *extra, int64_t first, int64_t second,
				int64_t t_ns)
{
	const int64_t open[2] = { first, second };
	struct ps_pool_key key = key_of(23);

	model_tick_begin(m, t_ns);
	feed_process(m, 23, "orders");
	assert_int_equal(model_feed_pool(m, &key, b, extra, t_ns), 0);
	for (uint16_t i = 0; i < 2; i++) {
		struct ps_endpoint_key at = endpoint_at((uint16_t)(1000 + i));
		struct ps_endpoint books = { .since_ns = S, .open = open[i], .opened = 50 };

		assert_int_equal(model_feed_endpoint(m, &at, &books, false, UNKNOWN, UNKNOWN, t_ns),
				 0);
	}
	model_tick_end(m);
}

static const char *endpoint_after(struct model *m, char ret[64])
{
	const struct snapshot *s = look(m);

	ret[0] = 0;
	for (size_t i = 0; i < s->n_pools; i++)
		if (s->pools[i].acquires != UNKNOWN && s->pools[i].endpoint)
			strncpy(ret, s->pools[i].endpoint, 63);
	snapshot_unref(s);
	return ret;
}

static void a_pool_goes_to_the_one_endpoint_that_has_as_many_connections(void **state)
{
	struct pool_extra extra = POOL_EXTRA_UNKNOWN;
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	char text[64] = "";

	(void)state;
	extra.counted_open = 7;
	tick_with_endpoints(m, &b, &extra, 3, 7, 9 * S);
	assert_string_equal(endpoint_after(m, text), ""); /* once may be chance */
	tick_with_endpoints(m, &b, &extra, 7, 7, 10 * S);
	tick_with_endpoints(m, &b, &extra, 3, 7, 11 * S);
	tick_with_endpoints(m, &b, &extra, 3, 7, 12 * S);
	assert_string_equal(endpoint_after(m, text), ""); /* two had as many in between */
	tick_with_endpoints(m, &b, &extra, 3, 7, 13 * S);
	assert_string_equal(endpoint_after(m, text), "127.0.0.1:1001");
	tick_with_endpoints(m, &b, &extra, 7, 3, 14 * S);
	assert_string_equal(endpoint_after(m, text), "127.0.0.1:1001"); /* it does not jump */
	model_free(m);
}

static void of_several_endpoints_none_is_guessed(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	char text[64] = "";

	(void)state;
	for (int i = 0; i < 9; i++)
		tick_with_endpoints(m, &b, &nothing_extra, 3, 7, (9 + i) * S);
	assert_string_equal(endpoint_after(m, text), "");
	model_free(m);
}

static void a_count_that_differs_for_long_is_shown_and_not_trusted(void **state)
{
	struct pool_extra extra = POOL_EXTRA_UNKNOWN;
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	extra.library = "lib";
	extra.counted_in_use = 2; /* the books say 0 */
	for (int i = 0; i < 4; i++)
		tick_of_one(m, &b, &extra, (9 + i) * S);
	s = look(m);
	assert_true(s->pools[0].trusted); /* an item may be on its way */
	snapshot_unref(s);
	tick_of_one(m, &b, &extra, 13 * S);
	s = look(m);
	assert_false(s->pools[0].trusted);
	assert_int_equal(s->pools[0].in_use, 2);
	assert_string_equal(s->pools[0].source, "recipe");
	snapshot_unref(s);
	extra.counted_in_use = 0;
	tick_of_one(m, &b, &extra, 14 * S);
	s = look(m);
	assert_true(s->pools[0].trusted);
	snapshot_unref(s);
	model_free(m);
}

static void of_a_pool_that_tells_of_no_waits_they_are_not_known(void **state)
{
	struct pool_extra extra = POOL_EXTRA_UNKNOWN;
	struct model *m = model_new();
	struct ps_pool b = books_of("");
	const struct snapshot *s;
	const struct pool_row *row;

	(void)state;
	extra.library = "lib";
	extra.is_waitless = true;
	tick_of_one(m, &b, &extra, 10 * S);
	tick_of_one(m, &b, &extra, 12 * S);
	s = look(m);
	row = &s->pools[0];
	assert_null(row->wait);
	assert_null(row->wait_failed);
	assert_non_null(row->hold);
	assert_true(row->pending == UNKNOWN && row->pending_peak == UNKNOWN);
	assert_true(row->oldest_wait_ns == UNKNOWN && row->timeouts == UNKNOWN);
	assert_true(row->outcome[PS_OUTCOME_timeout] == UNKNOWN);
	assert_true(isnan(row->pending_s) && isnan(row->saturated_s) && isnan(row->timeouts_per_s));
	assert_true(row->acquires != UNKNOWN && row->in_use != UNKNOWN);
	snapshot_unref(s);
	model_free(m);
}

static void a_light_pool_knows_what_its_library_counts_and_nothing_else(void **state)
{
	struct pool_extra extra = { .counted_in_use = 2,
				    .counted_open = 5,
				    .counted_capacity = 8,
				    .counted_waiting = 1,
				    .counted_waits = 11,
				    .counted_wait_ns = 3 * S,
				    .library = "lib",
				    .is_light = true };
	struct model *m = model_new();
	struct ps_pool b = books_of("");
	const struct snapshot *s;

	(void)state;
	b.capacity = 0;
	b.flags = PS_POOL_IMPLICIT;
	tick_of_one(m, &b, &extra, 10 * S);
	extra.counted_waits = 14;
	extra.counted_wait_ns = 5 * S;
	tick_of_one(m, &b, &extra, 12 * S);
	s = look(m);
	assert_int_equal(s->pools[0].capacity, 8);
	assert_int_equal(s->pools[0].in_use, 2);
	assert_int_equal(s->pools[0].idle, 3);
	assert_int_equal(s->pools[0].pending, 1);
	assert_true(s->pools[0].in_use_s == 4);
	assert_int_equal(s->pools[0].wait->count, 3); /* since we came */
	assert_true(s->pools[0].wait->sum_s == 2);
	assert_true(isnan(hist_quantile_s(s->pools[0].wait, 0.5)));
	assert_true(s->pools[0].acquires == UNKNOWN && s->pools[0].releases == UNKNOWN);
	assert_true(s->pools[0].timeouts == UNKNOWN && s->pools[0].oldest_wait_ns == UNKNOWN);
	assert_null(s->pools[0].hold);
	assert_true(isnan(s->pools[0].saturated_s));
	assert_true(s->pools[0].trusted);
	snapshot_unref(s);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_use_seconds_is_the_integral_of_use),
		cmocka_unit_test(sums_of_times_may_wrap),
		cmocka_unit_test(a_sum_does_not_fall_when_the_clock_was_read_after_the_books),
		cmocka_unit_test(leases_from_before_are_believed_when_two_readings_agree),
		cmocka_unit_test(unknown_is_not_zero),
		cmocka_unit_test(a_pool_whose_books_were_torn_keeps_its_numbers),
		cmocka_unit_test(a_histogram_goes_on_where_the_kernels_count_wraps),
		cmocka_unit_test(acquires_without_a_wait_are_waits_of_nothing),
		cmocka_unit_test(holders_are_told_oldest_first_and_the_newest_are_left_out),
		cmocka_unit_test(of_two_processes_of_a_name_one_ends_and_no_sum_falls),
		cmocka_unit_test(sums_of_seconds_are_exact_in_any_order),
		cmocka_unit_test(when_the_last_of_a_name_ends_the_totals_end_with_it),
		cmocka_unit_test(who_follows_in_the_same_tick_takes_the_sums_over),
		cmocka_unit_test(a_pool_destroyed_and_made_again_is_not_counted_twice),
		cmocka_unit_test(a_destroyed_pool_alone_makes_no_series),
		cmocka_unit_test(under_a_new_name_a_pool_leaves_its_counts_with_the_old_one),
		cmocka_unit_test(the_name_of_a_process_is_such_a_name_too),
		cmocka_unit_test(names_that_leave_as_one_are_one_group),
		cmocka_unit_test(connections_from_before_that_closed_still_count),
		cmocka_unit_test(a_pool_goes_to_the_one_endpoint_that_has_as_many_connections),
		cmocka_unit_test(of_several_endpoints_none_is_guessed),
		cmocka_unit_test(a_count_that_differs_for_long_is_shown_and_not_trusted),
		cmocka_unit_test(of_a_pool_that_tells_of_no_waits_they_are_not_known),
		cmocka_unit_test(a_light_pool_knows_what_its_library_counts_and_nothing_else),
		cmocka_unit_test(a_thousand_ticks_of_coming_and_going_never_let_a_sum_fall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
