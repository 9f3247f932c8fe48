/* SPDX-License-Identifier: MIT */
/*
 * model_test.c - the model as a script of ticks: what comes out of the books, and what stays of pools that are gone. Sums are
 * added here as the exporters add them; the last test sets them beside a slow reference over a thousand random ticks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/model.h"
#include "model/retired.h"
#include "model/state.h"

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
	b.releases = 1;
	b.use_sum = (uint64_t)(13 * S - 21 * S);
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

static void of_a_pool_that_is_counted_in_a_page_the_stalled_part_of_holds_is_not_known(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	struct pool_extra extra = nothing_extra;
	const struct snapshot *s;

	(void)state;
	b.flags = PS_POOL_PAGED;
	b.acquires = b.leases_begun = 2;
	b.use_sum = (uint64_t)(-20 * S);
	tick_of_one(m, &b, &extra, 15 * S);
	s = look(m);
	assert_int_equal(s->pools[0].in_use, 2);
	assert_true(s->pools[0].in_use_s == 10);
	assert_true(s->pools[0].stalled_s == 0); /* of waits it is */
	assert_true(isnan(s->pools[0].stalled_hold_s));
	assert_true(s->pools[0].trusted);
	assert_string_equal(s->pools[0].evidence,
			    "the pool's own counts, in a page of its process");
	snapshot_unref(s);

	b.flags |= PS_POOL_PAGE_LIES;
	tick_of_one(m, &b, &extra, 16 * S);
	s = look(m);
	assert_false(s->pools[0].trusted);
	assert_int_equal(s->pools[0].acquires, 2);
	snapshot_unref(s);
	model_free(m);
}

static void of_a_page_that_cannot_be_read_nothing_is_known(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	struct pool_extra extra = nothing_extra;
	const struct snapshot *s;

	(void)state;
	b.flags = PS_POOL_PAGED;
	b.opened = 3; /* what the kernel side has counted itself */
	extra.is_light = true;
	tick_of_one(m, &b, &extra, 15 * S);
	s = look(m);
	assert_int_equal(s->pools[0].in_use, UNKNOWN);
	assert_int_equal(s->pools[0].acquires, UNKNOWN);
	assert_int_equal(s->pools[0].releases, UNKNOWN);
	assert_int_equal(s->pools[0].oldest_hold_ns, UNKNOWN);
	assert_true(isnan(s->pools[0].saturated_s));
	assert_int_equal(s->pools[0].opened, 3);
	assert_false(s->pools[0].trusted);
	assert_string_equal(s->pools[0].untrusted_why,
			    "the page in which its process counts cannot be read");
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
	/* the two are out since 10 s */
	b.use_sum = (uint64_t)(-20 * S);
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
	b.use_sum = (uint64_t)(-5 * 10 * S);
	b.leases_begun = b.leases_ended + 5;
	tick_of_one(m, &b, &nothing_extra, 15 * S + 1000);
	/* all came back at 15 s: after the books were copied, before the clock was read */
	b.releases = 5;
	b.use_sum = 5 * 5 * S;
	b.leases_begun = b.leases_ended + 0;
	tick_of_one(m, &b, &nothing_extra, 16 * S);
	s = look(m);
	assert_true(s->pools[0].in_use_s > 25 + 4.9e-6 && s->pools[0].in_use_s < 25 + 5.1e-6);
	assert_true(s->pools[0].mean_in_use == 0);
	snapshot_unref(s);
	/* one more, held for a second: the truth has caught up */
	b.acquires = 6;
	b.releases = 6;
	b.use_sum += S;
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
	b.use_sum = (uint64_t)(-2 * S);
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

/* ---- the last two minutes ---------------------------------------------------------------------------------------------- */

/* As many items as it says are out since the tick before. */
static void use(struct model *m, struct ps_pool *b, int64_t *t_ns, int64_t n, int64_t for_ns)
{
	b->acquires += (uint64_t)n;
	b->use_sum -= (uint64_t)(n * *t_ns);
	*t_ns += for_ns;
	b->releases += (uint64_t)n;
	b->use_sum += (uint64_t)(n * *t_ns);
	tick_of_one(m, b, &nothing_extra, *t_ns);
}

static void assert_trend(struct model *m, const int *newest, size_t n)
{
	const struct snapshot *s = look(m);
	const uint8_t *trend = s->pools[0].trend;

	assert_non_null(trend);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(trend[TREND_STEPS - n + i], newest[i]);
	snapshot_unref(s);
}

static void a_trend_is_the_share_in_use_in_steps_of_two_seconds(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	int64_t t_ns = 10 * S;
	const struct snapshot *s;

	(void)state;
	tick_of_one(m, &b, &nothing_extra, t_ns);
	s = look(m);
	assert_null(s->pools[0].trend); /* one tick is no window */
	snapshot_unref(s);
	use(m, &b, &t_ns, 4, S); /* 11 s */
	assert_trend(m, (int[]){ 255, 100 }, 2);
	use(m, &b, &t_ns, 10, S); /* a new step begins at 12 s */
	assert_trend(m, (int[]){ 255, 100, 250 }, 3);
	use(m, &b, &t_ns, 0, S);
	assert_trend(m, (int[]){ 100, 125 }, 2);
	use(m, &b, &t_ns, 5, 7 * S); /* the agent was kept from it until 20 s */
	assert_trend(m, (int[]){ 100, 125, 255, 255, 255, 125 }, 6);
	for (int i = 0; i < 118; i++)
		use(m, &b, &t_ns, 3, S);
	assert_trend(m, (int[]){ 75, 75 }, 2);
	s = look(m);
	assert_int_equal(s->pools[0].trend[0], 119); /* at 20 s 35 of 70 s were told, and 3 of 10 a second later */
	assert_int_equal(s->pools[0].trend[1], 75);
	snapshot_unref(s);
	use(m, &b, &t_ns, 3, 500 * S); /* of all that was before nothing is left */
	assert_trend(m, (int[]){ 255, 255, 75 }, 3);
	s = look(m);
	assert_int_equal(s->pools[0].trend[0], TREND_UNKNOWN);
	snapshot_unref(s);
	model_free(m);
}

static void a_trend_knows_nothing_of_a_pool_without_a_capacity(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	int64_t t_ns = 10 * S;
	const struct snapshot *s;

	(void)state;
	b.capacity = 0;
	tick_of_one(m, &b, &nothing_extra, t_ns);
	for (int i = 0; i < 10; i++)
		use(m, &b, &t_ns, 4, S);
	s = look(m);
	assert_null(s->pools[0].trend);
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
	b.use_sum = 101 * S;
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
			b.use_sum = (uint64_t)(1000000007 * (int64_t)tgids[i]); /* ns */
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
		if (t == 3) { /* it was made again */
			strcpy(b.name, "db-v2");
			b.seq_begin = ++b.seq_end;
		}
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
	struct ps_endpoint found = { .since_ns = S, .open = 1, .found = 1 }, other = {
		.since_ns = S, .open = 1, .opened = 23, .closed = { [PS_CLOSE_local_closed] = 22 }
	};
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
		found.closed[PS_CLOSE_peer_closed] = 1;
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

static bool has_endpoint_row(struct model *m, const char *name)
{
	const struct snapshot *s = look(m);
	bool found = false;

	for (size_t i = 0; i < s->n_pools; i++)
		found |= !strncmp(s->pools[i].source, "inferred:", 9) &&
			 !strcmp(s->pools[i].name, name);
	snapshot_unref(s);
	return found;
}

static void an_endpoint_that_a_pool_goes_to_is_no_row_of_its_own(void **state)
{
	struct pool_extra extra = POOL_EXTRA_UNKNOWN;
	struct model *m = model_new();
	struct ps_pool b = books_of("db");

	(void)state;
	extra.counted_open = 7;
	for (int i = 0; i < 3; i++) {
		assert_true(i == 0 || has_endpoint_row(m, "127.0.0.1:1001"));
		tick_with_endpoints(m, &b, &extra, 3, 7, (9 + i) * S);
	}
	assert_true(has_endpoint_row(m, "127.0.0.1:1000"));
	assert_false(has_endpoint_row(m, "127.0.0.1:1001"));
	b.flags = PS_POOL_DESTROYED;
	tick_with_endpoints(m, &b, &extra, 3, 7, 12 * S);
	assert_true(has_endpoint_row(m, "127.0.0.1:1001"));
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

/* ---- a pool that is not watched in full ------------------------------------------------------------------------------------ */

/* Three acquires and two releases, since it was made; the books as they stood when the probes went off. */
static struct ps_pool books_before_the_gap(void)
{
	struct ps_pool b = books_of("db");

	b.acquires = 3;
	b.releases = 2;
	b.leases_begun = 3;
	b.leases_ended = 2;
	b.use_sum = (uint64_t)(-(9 * S));
	b.opened = 4;
	b.rejected[PS_REJECT_queue_full] = 5;
	return b;
}

static void a_sum_without_its_count_is_doubted(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_before_the_gap(), copy;
	struct ps_pool_key key = key_of(23);

	(void)state;
	assert_false(model_doubts(m, &key, &b, 10 * S)); /* it is not known */
	tick_of_one(m, &b, &nothing_extra, 7200 * S);
	b.acquires = b.leases_begun = 5;
	b.use_sum -= 2 * 7200 * S + S;
	b.in_use_peak = 3;
	assert_false(model_doubts(m, &key, &b, 7201 * S));
	copy = b;
	copy.use_sum += 7200 * S; /* of one acquire the time is missing */
	assert_true(model_doubts(m, &key, &copy, 7201 * S));
	copy = b;
	copy.use_sum -= 7200 * S;
	assert_true(model_doubts(m, &key, &copy, 7201 * S));
	copy = b;
	copy.wait_begins = copy.waits_begun = 1;
	assert_true(model_doubts(m, &key, &copy, 7201 * S));
	copy.wait_begin_sum = 7200 * S + S / 2;
	assert_false(model_doubts(m, &key, &copy, 7201 * S));
	copy.since_ns = 7200 * S; /* it begins anew */
	copy.use_sum = 0;
	assert_false(model_doubts(m, &key, &copy, 7201 * S));
	model_free(m);
}

static struct pool_extra watched_at(enum level level)
{
	struct pool_extra extra = POOL_EXTRA_UNKNOWN;

	extra.watch.level = level;
	extra.watch.reason = LEVEL_REASON_BUDGET;
	extra.watch.cause = 0.25;
	return extra;
}

static void what_the_slow_path_does_not_tell_is_unknown_and_not_what_it_was(void **state)
{
	struct pool_extra extra = watched_at(LEVEL_SLOW_PATH);
	struct model *m = model_new();
	struct ps_pool b = books_before_the_gap();
	const struct snapshot *s;
	const struct pool_row *row;

	(void)state;
	tick_of_one(m, &b, &nothing_extra, 10 * S);
	extra.counted_in_use = 2; /* by its author */
	extra.counted_open = 4;
	for (int i = 11; i < 14; i++)
		tick_of_one(m, &b, &extra, i * S);
	s = look(m);
	row = &s->pools[0];
	assert_int_equal(row->level, LEVEL_SLOW_PATH);
	assert_true(row->acquires == UNKNOWN && row->releases == UNKNOWN);
	assert_true(row->timeouts == UNKNOWN && row->pending == UNKNOWN);
	assert_true(row->oldest_hold_ns == UNKNOWN && row->oldest_wait_ns == UNKNOWN);
	assert_true(row->in_use_peak == UNKNOWN && row->leaked == UNKNOWN);
	assert_true(isnan(row->acquires_per_s) && isnan(row->utilization) && isnan(row->in_use_s));
	assert_true(isnan(row->capacity_s) && isnan(row->saturated_s));
	assert_null(row->hold);
	assert_null(row->wait);
	assert_true(!row->trend || row->trend[TREND_STEPS - 1] == TREND_UNKNOWN);
	assert_int_equal(row->in_use, 2);
	assert_int_equal(row->idle, 2);
	assert_int_equal(row->capacity, 10);
	assert_int_equal(row->opened, 4);
	assert_int_equal(row->rejected_by[PS_REJECT_queue_full], 5);
	assert_false(row->trusted);
	assert_non_null(strstr(row->untrusted_why, "25%"));
	assert_string_not_equal(row->verdict, "healthy");
	snapshot_unref(s);
	model_free(m);
}

static void with_no_probe_only_its_own_counters_are_left_and_then_nothing(void **state)
{
	struct pool_extra extra = watched_at(LEVEL_FIELDS);
	struct model *m = model_new();
	struct ps_pool b = books_before_the_gap();
	const struct snapshot *s;

	(void)state;
	extra.counted_in_use = 2;
	tick_of_one(m, &b, &extra, 10 * S);
	s = look(m);
	assert_int_equal(s->pools[0].in_use, 2);
	assert_true(s->pools[0].opened == UNKNOWN && s->pools[0].rejections == UNKNOWN);
	assert_null(s->pools[0].create);
	snapshot_unref(s);
	extra.watch.level = LEVEL_DETACHED;
	tick_of_one(m, &b, &extra, 11 * S);
	s = look(m);
	assert_true(s->pools[0].in_use == UNKNOWN && s->pools[0].idle == UNKNOWN);
	snapshot_unref(s);
	model_free(m);
}

static void a_sample_has_rates_over_the_time_that_it_was_on(void **state)
{
	struct pool_extra extra = watched_at(LEVEL_SAMPLED);
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	b.acquires = b.releases = b.leases_begun = b.leases_ended = 3000;
	extra.watch.sampled_ns = S / 2;
	for (int i = 10; i < 20; i++)
		tick_of_one(m, &b, &extra, i * S); /* long after the window */
	s = look(m);
	assert_true(s->pools[0].acquires_per_s == 6000);
	assert_true(s->pools[0].acquires == UNKNOWN);
	snapshot_unref(s);
	model_free(m);
}

/* As restart.c does it: the same pool with other books, and a later since_ns. */
static void watched_again_it_is_counted_anew_and_the_sum_of_its_name_does_not_fall(void **state)
{
	struct pool_extra extra = watched_at(LEVEL_SLOW_PATH);
	struct model *m = model_new();
	struct ps_pool b = books_before_the_gap(), anew = books_of("db");
	const struct snapshot *s;
	uint64_t id;

	(void)state;
	tick_of_one(m, &b, &nothing_extra, 10 * S);
	s = look(m);
	id = s->pools[0].id;
	snapshot_unref(s);
	tick_of_one(m, &b, &extra, 11 * S);
	anew.since_ns = anew.capacity_since_ns = 100 * S;
	anew.flags = PS_POOL_IMPLICIT;
	anew.acquires = anew.leases_begun = 7;
	anew.releases = anew.leases_ended = 7;
	tick_of_one(m, &anew, &nothing_extra, 102 * S);
	s = look(m);
	assert_int_equal(s->n_pools, 1);
	assert_int_equal(s->pools[0].id, id);
	assert_int_equal(s->pools[0].level, LEVEL_FULL);
	assert_int_equal(s->pools[0].acquires, 7);
	assert_int_equal(s->pools[0].in_use, 0);
	assert_true(s->pools[0].capacity_s == 20);
	assert_int_equal(s->n_retired, 1);
	assert_int_equal(s->retired[0].acquires, 3);
	assert_int_equal(s->retired[0].opened, 4);
	assert_false(s->pools[0].trusted); /* how many were out is not known */
	assert_non_null(strstr(s->pools[0].untrusted_why, "not watched for a while"));
	snapshot_unref(s);
	/* until its author says so, twice */
	extra = nothing_extra;
	extra.counted_in_use = 1;
	tick_of_one(m, &anew, &extra, 103 * S);
	tick_of_one(m, &anew, &extra, 104 * S);
	s = look(m);
	assert_true(s->pools[0].trusted);
	assert_int_equal(s->pools[0].in_use, 1);
	snapshot_unref(s);
	model_free(m);
}

/* Its page goes on, and is older or younger than what the kernel side knew of it. */
static void a_pool_that_counts_in_a_page_is_none_that_begins_anew(void **state)
{
	struct pool_extra extra = watched_at(LEVEL_SAMPLED);
	struct model *m = model_new();
	struct ps_pool b = books_before_the_gap();
	const struct snapshot *s;

	(void)state;
	b.flags |= PS_POOL_PAGED;
	tick_of_one(m, &b, &nothing_extra, 10 * S);
	tick_of_one(m, &b, &extra, 11 * S);
	b.flags |= PS_POOL_IMPLICIT;
	b.since_ns += S;
	b.capacity_since_ns = 9 * S;
	tick_of_one(m, &b, &nothing_extra, 12 * S);
	s = look(m);
	assert_int_equal(s->n_retired, 0);
	assert_int_equal(s->pools[0].acquires, 3);
	snapshot_unref(s);
	model_free(m);
}

static void a_pool_of_which_nothing_was_counted_yet_is_not_one_that_begins_anew(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	tick_of_one(m, &b, &nothing_extra, 10 * S);
	b.since_ns = 12 * S; /* as an event that cannot be counted moves it (ps_verb_book_rare()) */
	tick_of_one(m, &b, &nothing_extra, 13 * S);
	s = look(m);
	assert_int_equal(s->n_retired, 0);
	snapshot_unref(s);
	model_free(m);
}

/* ---- what is inferred of connections ------------------------------------------------------------------------------------- */

#define MS 1000000ll
#define WAIT_BUCKET 120
#define HOLD_BUCKET 100

/*
 * Ten connections of a pool that were handed on a hundred times, after waits of 10 ms each, until 1 ms ago at 9 s; seven of them are
 * out, and three are at work.
 */
static struct ps_wire inferred_wire(void)
{
	struct ps_wire b = { .open = 10,
			     .busy = 3,
			     .held = 7,
			     .acquires = 110,
			     .releases = 103,
			     .handed = 100,
			     .handoffs = 100,
			     .handoffs_long = 100,
			     .handoff_ns = 9 * S - MS,
			     .open_full = 10,
			     .saturated_ns = S / 2 };

	b.wait.bucket[WAIT_BUCKET] = 100;
	b.wait.sum_ns = 100 * 10 * MS;
	b.hold.bucket[HOLD_BUCKET] = 103;
	b.hold.sum_ns = 103 * 20 * MS;
	return b;
}

static struct ps_sock inferred_sock(uint64_t handoffs_seen, int64_t last_ns)
{
	return (struct ps_sock){ .endpoint = endpoint_at(5432),
				 .wire = 77,
				 .role = PS_SOCK_CONNECT,
				 .state = PS_SOCK_OPEN,
				 .since_ns = 2 * S,
				 .last_ns = (uint64_t)last_ns,
				 .handoffs_seen = handoffs_seen };
}

static void feed_inferred(struct model *m, const struct ps_wire *b, int64_t t_ns)
{
	struct ps_endpoint books = { .since_ns = S, .open = b->open, .opened = 10, .wire = 77 };
	struct ps_endpoint_key at = endpoint_at(5432);

	model_tick_begin(m, t_ns);
	feed_process(m, 23, "orders");
	assert_int_equal(model_feed_endpoint(m, &at, &books, false, UNKNOWN, UNKNOWN, t_ns), 0);
	assert_int_equal(model_feed_wire(m, &at, b), 0);
}

/* The model that the last look was of: histograms in the snapshot are its own. */
static struct model *looked_at;

static int forget_model(void **state)
{
	(void)state;
	model_free(looked_at);
	looked_at = NULL;
	return 0;
}

/* Of a new model with these books at 9 s. */
static const struct snapshot *look_at_inferred(const struct ps_wire *b)
{
	const struct snapshot *s;

	model_free(looked_at);
	looked_at = model_new();
	feed_inferred(looked_at, b, 9 * S);
	model_tick_end(looked_at);
	s = look(looked_at);
	assert_int_equal(s->n_pools, 1);
	return s;
}

static void assert_no_more_than_the_wire(const struct ps_wire *b)
{
	const struct snapshot *s = look_at_inferred(b);
	const struct pool_row *row = &s->pools[0];

	assert_null(row->wait);
	assert_null(row->hold);
	assert_true(row->acquires == UNKNOWN && row->releases == UNKNOWN);
	assert_true(row->timeouts == UNKNOWN && row->outcome[PS_OUTCOME_timeout] == UNKNOWN);
	assert_true(row->capacity == UNKNOWN && row->idle == UNKNOWN);
	assert_true(isnan(row->in_use_s) && isnan(row->saturated_s));
	assert_true(row->oldest_hold_ns == UNKNOWN);
	assert_int_equal(row->in_use, 3);
	assert_string_equal(row->capacity_basis, "unknown");
	assert_string_equal(row->confidence, "low");
	snapshot_unref(s);
}

static void assert_waits_are_known(const struct ps_wire *b)
{
	const struct snapshot *s = look_at_inferred(b);

	assert_non_null(s->pools[0].wait);
	assert_string_not_equal(s->pools[0].confidence, "low");
	snapshot_unref(s);
}

static const char *source_after(struct model *m, const struct ps_wire *b, int64_t t_ns)
{
	const struct snapshot *s;
	const char *source;

	feed_inferred(m, b, t_ns);
	model_tick_end(m);
	s = look(m);
	source = s->pools[0].source; /* a literal */
	snapshot_unref(s);
	return source;
}

static void the_rule_of_a_source_rises_and_never_falls(void **state)
{
	struct ps_wire none = { .open = 10 }, doubted = inferred_wire(), known = inferred_wire();
	struct model *m = model_new();

	(void)state;
	doubted.contradictions = doubted.handoffs;
	assert_string_equal(source_after(m, &none, 9 * S), "inferred:state");
	assert_string_equal(source_after(m, &doubted, 10 * S), "inferred:wire");
	assert_string_equal(source_after(m, &known, 11 * S), "inferred:handoff");
	assert_string_equal(source_after(m, &doubted, 12 * S), "inferred:handoff");
	model_free(m);
}

static void of_threads_that_are_too_many_to_follow_nothing_is_inferred(void **state)
{
	struct ps_wire b = inferred_wire();
	const struct snapshot *s;

	(void)state;
	b.unfollowed = 1;
	s = look_at_inferred(&b);
	assert_null(s->pools[0].wait);
	assert_int_equal(s->pools[0].in_use, UNKNOWN);
	assert_int_equal(s->pools[0].acquires, UNKNOWN);
	assert_int_equal(s->pools[0].open, 10);
	snapshot_unref(s);
}

static void connections_without_room_make_their_row_untrusted_until_there_is(void **state)
{
	struct ps_endpoint books = { .since_ns = S, .open = 10, .opened = 10, .refused_ns = 5 * S };
	struct ps_endpoint_key at = endpoint_at(5432);
	struct model *m = model_new();

	(void)state;
	for (int64_t t = 9; t < 11; t++) {
		const struct snapshot *s;

		model_tick_begin(m, t * S);
		feed_process(m, 23, "orders");
		model_feed_endpoint(m, &at, &books, false, UNKNOWN, UNKNOWN, t * S);
		model_tick_end(m);
		s = look(m);
		assert_int_equal(s->pools[0].trusted, t == 10);
		snapshot_unref(s);
		books.refused_ns = 0;
	}
	model_free(m);
}

static void a_process_that_was_not_fed_in_this_tick_is_known_and_not_alive(void **state)
{
	const struct ps_proc_key key = key_of(23).proc;
	struct model *m = model_new();

	(void)state;
	model_tick_begin(m, S);
	feed_process(m, 23, "orders");
	assert_true(model_is_fed(m, &key));
	model_tick_begin(m, 2 * S);
	assert_true(model_has_process(m, &key));
	assert_false(model_is_fed(m, &key));
	model_free(m);
}

static void of_hand_offs_that_are_nearly_all_handed_all_is_known(void **state)
{
	struct ps_wire b = inferred_wire();
	const struct snapshot *s = look_at_inferred(&b);
	const struct pool_row *row = &s->pools[0];

	(void)state;
	assert_string_equal(row->source, "inferred:handoff");
	assert_string_equal(row->confidence, "high");
	assert_int_equal(row->capacity, 10);
	assert_string_equal(row->capacity_basis, "inferred");
	assert_int_equal(row->open, 10);
	assert_int_equal(row->in_use, 7); /* somebody has just waited: it is full but for those that are seen to be back */
	assert_int_equal(row->idle, 3);
	assert_int_equal(row->acquires, 110);
	assert_int_equal(row->releases, 103);
	assert_int_equal(row->timeouts, 0);
	assert_int_equal(row->outcome[PS_OUTCOME_timeout], 0);
	assert_int_equal(row->outcome[PS_OUTCOME_cancelled], UNKNOWN);
	assert_int_equal(row->oldest_hold_ns, UNKNOWN);
	assert_int_equal(row->wait->count, 110); /* ten were taken without a wait */
	assert_int_equal(hist_get(row->wait, 0), 10);
	assert_int_equal(hist_get(row->wait, WAIT_BUCKET), 100);
	assert_true(row->wait->sum_s == 1);
	assert_int_equal(row->hold->count, 103);
	assert_true(fabs(row->in_use_s - 2.06) < 1e-9);
	assert_true(row->saturated_s == 0.5);
	assert_null(row->wait_failed);
	assert_true(row->trusted);
	snapshot_unref(s);
}

static void when_the_last_wait_is_long_ago_those_at_work_are_in_use(void **state)
{
	struct ps_wire b = inferred_wire();
	const struct snapshot *s;

	(void)state;
	b.handoff_ns = 8 * S - MS;
	s = look_at_inferred(&b);
	assert_int_equal(s->pools[0].in_use, 3);
	assert_int_equal(s->pools[0].idle, 7);
	snapshot_unref(s);
}

static void no_more_are_in_use_than_there_are(void **state)
{
	struct ps_wire b = inferred_wire();
	const struct snapshot *s;

	(void)state;
	b.held = 12; /* read while they changed */
	s = look_at_inferred(&b);
	assert_int_equal(s->pools[0].in_use, 10);
	assert_int_equal(s->pools[0].idle, 0);
	snapshot_unref(s);
	b.held = -1;
	s = look_at_inferred(&b);
	assert_int_equal(s->pools[0].in_use, 0);
	snapshot_unref(s);
}

static void waits_that_contradict_themselves_are_not_told(void **state)
{
	struct ps_wire b = inferred_wire();

	(void)state;
	b.contradictions = 21;
	assert_no_more_than_the_wire(&b);
	b.contradictions = 20;
	assert_waits_are_known(&b);
}

static void threads_that_use_many_connections_at_once_tell_no_waits(void **state)
{
	struct ps_wire b = inferred_wire();

	(void)state;
	b.multiplexed = 12; /* of 110 */
	assert_no_more_than_the_wire(&b);
	b.multiplexed = 11;
	assert_waits_are_known(&b);
}

static void waits_that_are_not_clear_are_not_told(void **state)
{
	struct ps_wire b = inferred_wire();

	(void)state;
	b.unclear = 1;
	b.unclear_ns = 340 * MS; /* of 1340 */
	assert_no_more_than_the_wire(&b);
	b.unclear = 90; /* it is their time that counts */
	b.unclear_ns = 330 * MS;
	assert_waits_are_known(&b);
}

static void waits_while_connections_were_free_are_not_told(void **state)
{
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	b.free_sum = 61; /* of 100 waits, which are believed as 100 of 120 */
	assert_no_more_than_the_wire(&b);
	b.free_sum = 59;
	assert_waits_are_known(&b);
	/* those of long ago weigh less, by the number of waits since */
	b.free_sum = 200;
	for (int i = 0; i < 3; i++) {
		static const uint64_t more[] = { 5, 100, 0 };

		feed_inferred(m, &b, (9 + i) * S);
		model_tick_end(m);
		s = look(m);
		assert_true((s->pools[0].wait != NULL) == (i == 2));
		snapshot_unref(s);
		b.acquires += more[i];
		b.handoffs += more[i];
		b.handed += more[i];
		b.releases += more[i];
		b.wait.bucket[WAIT_BUCKET] += (uint32_t)more[i];
	}
	model_free(m);
}

/* ---- connections that passes find (Unix sockets) ------------------------------------------------------------------------- */

/* The same pool by its Unix socket. */
static struct ps_endpoint_key endpoint_of_unix(void)
{
	struct ps_endpoint_key at = endpoint_at(0);

	at.addr = (struct ps_addr){ .family = 1, .path = "/run/pg/.s.PGSQL.5432" };
	return at;
}

static void feed_sampled(struct model *m, const struct ps_wire *b, int64_t open)
{
	struct ps_endpoint books = { .since_ns = S, .open = open, .opened = 12, .wire = 77 };
	struct ps_endpoint_key at = endpoint_of_unix();

	books.closed[PS_CLOSE_unknown] = 2;
	model_tick_begin(m, 9 * S);
	feed_process(m, 23, "orders");
	assert_int_equal(model_feed_endpoint(m, &at, &books, true, UNKNOWN, UNKNOWN, 9 * S), 0);
	assert_int_equal(model_feed_wire(m, &at, b), 0);
}

static void of_connections_that_passes_find_the_use_is_known_and_the_end_is_not(void **state)
{
	struct ps_endpoint_key at = endpoint_of_unix();
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	assert_int_equal(model_feed_wire(m, &at, &b), 0); /* there is no such endpoint yet */
	feed_sampled(m, &b, 10);
	model_tick_end(m);
	s = look(m);
	assert_string_equal(s->pools[0].source, "inferred:handoff");
	assert_string_equal(s->pools[0].confidence, "high");
	assert_non_null(s->pools[0].wait);
	assert_non_null(s->pools[0].hold);
	assert_null(s->pools[0].create);
	assert_int_equal(s->pools[0].capacity, 10);
	assert_int_equal(s->pools[0].closed_by[PS_CLOSE_unknown], 2);
	assert_int_equal(s->pools[0].open_failures, UNKNOWN);
	assert_int_equal(s->pools[0].close_wait, UNKNOWN);
	snapshot_unref(s);
	model_free(m);
}

static void without_traffic_they_are_sampled_and_no_more(void **state)
{
	struct ps_wire b = { .open = 10 };
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	feed_sampled(m, &b, 10);
	model_tick_end(m);
	s = look(m);
	assert_string_equal(s->pools[0].source, "inferred:inventory");
	assert_string_equal(s->pools[0].confidence, "medium");
	assert_null(s->pools[0].wait);
	assert_int_equal(s->pools[0].in_use, UNKNOWN);
	snapshot_unref(s);
	model_free(m);
}

/* The kernel learns with the end of a pass that one is closed: until then it has one more. */
static void their_limit_is_what_passes_found_while_somebody_waited(void **state)
{
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	b.open_full = 11;
	feed_sampled(m, &b, 10);
	model_tick_end(m);
	feed_sampled(m, &b, 12); /* and nobody waits */
	model_tick_end(m);
	s = look(m);
	assert_int_equal(s->pools[0].capacity, 10);
	snapshot_unref(s);
	model_free(m);
}

/* One that has been closed since is no leak: what it missed counts up to the last pass that found it open. */
static void one_of_them_is_silent_only_as_long_as_it_is_known_to_be_open(void **state)
{
	static const struct {
		uint64_t alive;
		uint32_t is_gone;
		int64_t oldest_hold_ns;
	} cases[] = { { 0, 0, UNKNOWN },
		      { 39, 0, UNKNOWN },
		      { 40, 0, 4 * S },
		      { 100, 0, 4 * S },
		      { 100, 1, UNKNOWN } };
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ps_sock sock = inferred_sock(0, 5 * S);
		const struct snapshot *s;

		sock.endpoint = endpoint_of_unix();
		sock.handoffs_alive = cases[i].alive;
		sock.is_gone = cases[i].is_gone;
		feed_sampled(m, &b, 10);
		model_feed_socket(m, &sock);
		model_tick_end(m);
		s = look(m);
		assert_int_equal(s->pools[0].oldest_hold_ns, cases[i].oldest_hold_ns);
		snapshot_unref(s);
	}
	model_free(m);
}

static void waits_of_which_one_release_ended_several_are_not_told(void **state)
{
	struct ps_wire b = inferred_wire();

	(void)state;
	b.handed = 79; /* of 100 */
	assert_no_more_than_the_wire(&b);
	b.handed = 80;
	assert_waits_are_known(&b);
	b.handed = 101; /* read while they changed */
	assert_waits_are_known(&b);
}

static void waits_among_wakings_that_brought_nothing_are_not_told(void **state)
{
	struct ps_wire b = inferred_wire();

	(void)state;
	b.lost = 25; /* beside 100 that did */
	assert_waits_are_known(&b);
	b.lost = 26;
	assert_no_more_than_the_wire(&b);
}

static void where_nobody_took_a_connection_nothing_is_inferred(void **state)
{
	struct ps_wire b = { .open = 3 };
	const struct snapshot *s = look_at_inferred(&b);

	(void)state;
	assert_int_equal(s->pools[0].in_use, UNKNOWN);
	assert_null(s->pools[0].wait);
	assert_string_equal(s->pools[0].confidence, "high"); /* of who is connected */
	snapshot_unref(s);
}

static void a_few_waits_tell_no_capacity(void **state)
{
	struct ps_wire b = inferred_wire();
	const struct snapshot *s;

	(void)state;
	b.handoffs_long = 19;
	s = look_at_inferred(&b);
	assert_int_equal(s->pools[0].capacity, UNKNOWN);
	assert_string_equal(s->pools[0].capacity_basis, "unknown");
	assert_string_equal(s->pools[0].confidence, "medium");
	assert_non_null(s->pools[0].wait);
	snapshot_unref(s);
	b.handoffs_long = 20;
	s = look_at_inferred(&b);
	assert_int_equal(s->pools[0].capacity, 10);
	assert_string_equal(s->pools[0].confidence, "high");
	snapshot_unref(s);
}

static void where_few_holds_were_handed_only_the_waits_are_known(void **state)
{
	static const struct {
		uint64_t handed;
		const char *confidence;
		bool has_holds;
	} cases[] = { { 92, "medium", false }, { 93, "medium", true }, { 98, "high", true } };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct ps_wire b = inferred_wire();
		const struct snapshot *s;

		b.handed = cases[i].handed; /* of 103 */
		s = look_at_inferred(&b);
		assert_string_equal(s->pools[0].confidence, cases[i].confidence);
		assert_non_null(s->pools[0].wait);
		assert_int_equal(s->pools[0].timeouts, 0);
		assert_true((s->pools[0].hold != NULL) == cases[i].has_holds);
		assert_true((s->pools[0].acquires != UNKNOWN) == cases[i].has_holds);
		assert_true((s->pools[0].idle != UNKNOWN) == cases[i].has_holds);
		snapshot_unref(s);
	}
}

/* ---- silent connections -------------------------------------------------------------------------------------------------- */

static const struct snapshot *look_at_sockets(struct model *m, const struct ps_wire *b,
					      const struct ps_sock *socks, size_t n)
{
	feed_inferred(m, b, 9 * S);
	assert_true(model_wants_sockets(m));
	for (size_t i = 0; i < n; i++)
		model_feed_socket(m, &socks[i]);
	model_tick_end(m);
	return look(m);
}

static void connections_that_were_silent_while_others_went_round_are_in_use(void **state)
{
	struct ps_sock socks[] = {
		inferred_sock(100, 9 * S - MS), inferred_sock(60, 6 * S), inferred_sock(1, 5 * S),
		inferred_sock(61, 4 * S),       inferred_sock(0, 0),      inferred_sock(20, 7 * S)
	};
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	b.handoff_ns = 2 * S;
	/* four hand-offs for each connection is what it takes; one was there before, and never used */
	s = look_at_sockets(m, &b, socks, 6);
	assert_int_equal(s->pools[0].in_use, 3 + 4);
	assert_int_equal(s->pools[0].idle, 3);
	assert_int_equal(s->pools[0].oldest_hold_ns, 9 * S - 2 * S);
	snapshot_unref(s);
	s = look_at_sockets(m, &b, socks, 3);
	assert_int_equal(s->pools[0].in_use, 3 + 2);
	assert_int_equal(s->pools[0].oldest_hold_ns, 9 * S - 5 * S);
	snapshot_unref(s);
	s = look_at_sockets(m, &b, socks, 1); /* they are counted anew at each tick */
	assert_int_equal(s->pools[0].in_use, 3);
	assert_int_equal(s->pools[0].oldest_hold_ns, UNKNOWN);
	snapshot_unref(s);
	model_free(m);
}

static void those_that_are_kept_silent_are_not_free(void **state)
{
	struct ps_sock sock = inferred_sock(0, 5 * S);
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	b.free_sum = 100;
	s = look_at_sockets(m, &b, &sock, 1);
	assert_non_null(s->pools[0].wait);
	snapshot_unref(s);
	s = look_at_sockets(m, &b, &sock, 0);
	assert_null(s->pools[0].wait);
	snapshot_unref(s);
	model_free(m);
}

static void where_most_connections_are_silent_they_are_rather_free(void **state)
{
	struct ps_sock socks[6];
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();

	(void)state;
	for (size_t i = 0; i < 6; i++)
		socks[i] = inferred_sock(0, 5 * S);
	for (size_t n = 0; n <= 6; n++) {
		static const char *const confidence[] = { "high",   "medium", "medium", "medium",
							  "medium", "medium", "low" };
		const struct snapshot *s = look_at_sockets(m, &b, socks, n);

		assert_true((s->pools[0].wait != NULL) == (n <= 5)); /* of ten */
		assert_true((s->pools[0].oldest_hold_ns != UNKNOWN) == (n > 0 && n <= 5));
		assert_string_equal(s->pools[0].confidence, confidence[n]);
		assert_int_equal(s->pools[0].in_use, n <= 3 ? 7 + (int64_t)n : n <= 5 ? 10 : 3);
		snapshot_unref(s);
	}
	model_free(m);
}

static void one_that_is_at_work_is_no_silent_one(void **state)
{
	struct ps_sock sock = inferred_sock(0, 5 * S), other = sock;
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	b.handoff_ns = 2 * S;
	sock.flags = PS_SOCK_BUSY;
	other.endpoint.addr.port++; /* of an endpoint that nobody knows */
	model_feed_socket(m, &other);
	s = look_at_sockets(m, &b, (struct ps_sock[]){ sock, other }, 2);
	assert_int_equal(s->pools[0].in_use, 3);
	assert_int_equal(s->pools[0].oldest_hold_ns, UNKNOWN);
	snapshot_unref(s);
	model_free(m);
}

static void of_few_hand_offs_no_connection_is_told_silent(void **state)
{
	struct ps_sock sock = inferred_sock(0, 5 * S);
	struct ps_wire b = inferred_wire();

	(void)state;
	b.handoff_ns = 2 * S;
	b.open = b.open_full = 2; /* four rounds of two are eight: it takes twenty all the same */
	b.busy = 0;
	for (uint64_t n = 19; n <= 20; n++) {
		struct model *m = model_new();
		const struct snapshot *s;

		b.handoffs_long = n;
		s = look_at_sockets(m, &b, &sock, 1);
		assert_int_equal(s->pools[0].in_use, n == 20);
		snapshot_unref(s);
		model_free(m);
	}
}

static void where_nobody_has_waited_connections_are_not_looked_at(void **state)
{
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();

	(void)state;
	b.handoffs = b.handoffs_long = 0;
	feed_inferred(m, &b, 9 * S);
	assert_false(model_wants_sockets(m));
	model_tick_end(m);
	model_free(m);
}

/* ---- timeouts ------------------------------------------------------------------------------------------------------------ */

/* Waits of threads of one name that timers ended, of this length each; n_known where threads had waited for a connection. */
static void feed_given_up(struct model *m, uint32_t name, int64_t length_ns, uint64_t n,
			  uint64_t n_known)
{
	struct ps_given_up_key key = { .proc = key_of(23).proc,
				       .name = name,
				       .bucket = (uint32_t)(length_ns / MS) };
	struct ps_given_up value = { .n = n,
				     .n_known = n_known,
				     .sum_ns = n * (uint64_t)length_ns,
				     .wire = n_known ? 77 : 0 };

	assert_int_equal(model_feed_given_up(m, &key, &value), 0);
}

static int64_t timeouts_after(struct model *m)
{
	const struct snapshot *s;
	int64_t n;

	model_tick_end(m);
	s = look(m);
	n = s->pools[0].timeouts;
	assert_int_equal(s->pools[0].outcome[PS_OUTCOME_timeout], n);
	snapshot_unref(s);
	return n;
}

enum { WORKERS = 1, MAILERS, SLEEPERS };

static void timeouts_are_given_up_waits_of_the_usual_length_by_users_of_the_pool(void **state)
{
	struct ps_given_up_key key = { .proc = key_of(29).proc, .name = SLEEPERS, .bucket = 300 };
	struct ps_given_up more = { .n = 50, .n_known = 50, .sum_ns = 50 * 500 * MS, .wire = 77 };
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();

	(void)state;
	feed_inferred(m, &b, 9 * S);
	feed_given_up(m, WORKERS, 300 * MS, 11, 7); /* four before anybody had got a connection there */
	feed_given_up(m, WORKERS, 286 * MS, 4, 0); /* the same length, but for a clock's step or a late timer */
	feed_given_up(m, WORKERS, 344 * MS, 5, 0);
	feed_given_up(m, WORKERS, 284 * MS, 100, 0);
	feed_given_up(m, WORKERS, 346 * MS, 100, 0);
	feed_given_up(m, MAILERS, 300 * MS, 2, 1);
	feed_given_up(m, SLEEPERS, 300 * MS, 400, 0); /* never seen at the pool */
	assert_int_equal(model_feed_given_up(m, &key, &more), 0); /* another process */
	key.name = WORKERS;
	more.sum_ns = 50 * 300 * MS;
	assert_int_equal(model_feed_given_up(m, &key, &more), 0);
	key.name = SLEEPERS;
	more.sum_ns = 50 * 500 * MS;
	key.proc = key_of(23).proc;
	more.wire = 78;
	assert_int_equal(model_feed_given_up(m, &key, &more), 0); /* another endpoint */
	feed_given_up(m, WORKERS, 1000 * MS, 200, 3); /* its own sleep */
	assert_int_equal(timeouts_after(m), 11 + 4 + 5 + 2);
	model_free(m);
}

/* One that the machine held up on its way back looks as if it had done something else, and lets the others count. */
static void where_nearly_all_try_again_at_once_it_is_not_known_whether_they_gave_up(void **state)
{
	struct ps_given_up_key key = { .proc = key_of(23).proc, .name = WORKERS, .bucket = 300 };
	struct ps_given_up g = { .n = 100, .n_known = 100, .sum_ns = 100 * 300 * MS, .wire = 77 };
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();

	(void)state;
	feed_inferred(m, &b, 9 * S);
	g.n_retried = 80;
	assert_int_equal(model_feed_given_up(m, &key, &g), 0);
	assert_int_equal(timeouts_after(m), 100);
	feed_inferred(m, &b, 10 * S);
	g.n = g.n_known = 110;
	g.n_retried = 90;
	g.sum_ns = 110 * 300 * MS;
	assert_int_equal(model_feed_given_up(m, &key, &g), 0);
	assert_int_equal(timeouts_after(m), UNKNOWN);
	model_free(m);
}

static void waits_for_another_endpoint_are_no_timeouts_of_this_one(void **state)
{
	struct ps_given_up_key key = { .proc = key_of(23).proc, .name = WORKERS, .bucket = 300 };
	struct ps_given_up g = { .n = 11, .n_known = 7, .sum_ns = 11 * 300 * MS, .wire = 78 };
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();

	(void)state;
	feed_inferred(m, &b, 9 * S);
	assert_int_equal(model_feed_given_up(m, &key, &g), 0);
	assert_int_equal(timeouts_after(m), 0);
	model_free(m);
}

static void timeouts_are_not_known_before_anybody_has_waited(void **state)
{
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();

	(void)state;
	b.handoffs_long = 0; /* those of a lock do not count */
	feed_inferred(m, &b, 9 * S);
	feed_given_up(m, WORKERS, 300 * MS, 11, 7);
	assert_int_equal(timeouts_after(m), UNKNOWN);
	b.handoffs_long = 1;
	feed_inferred(m, &b, 10 * S);
	assert_int_equal(timeouts_after(m), 0);
	model_free(m);
}

static void timeouts_never_fall(void **state)
{
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();

	(void)state;
	feed_inferred(m, &b, 9 * S);
	feed_given_up(m, WORKERS, 300 * MS, 110, 7);
	assert_int_equal(timeouts_after(m), 110);
	feed_inferred(m, &b, 10 * S);
	feed_given_up(m, WORKERS, 300 * MS, 111, 8);
	feed_given_up(m, WORKERS, 1000 * MS, 20, 19); /* from now on this is the usual length */
	assert_int_equal(timeouts_after(m), 110);
	feed_inferred(m, &b, 11 * S); /* none at all */
	assert_int_equal(timeouts_after(m), 110);
	feed_inferred(m, &b, 12 * S);
	feed_given_up(m, WORKERS, 1000 * MS, 112, 19);
	assert_int_equal(timeouts_after(m), 112);
	model_free(m);
}

/* Each wait has a lock of its own: where threads gave up is known only by luck. */
static void without_a_place_none_is_not_zero(void **state)
{
	struct ps_given_up_key key = { .proc = key_of(23).proc, .name = WORKERS, .bucket = 300 };
	struct ps_given_up g = { .n = 10, .n_new = 4, .n_vain = 2, .sum_ns = 10 * 300 * MS };
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();

	(void)state;
	feed_inferred(m, &b, 9 * S);
	assert_int_equal(timeouts_after(m), 0);
	feed_inferred(m, &b, 10 * S);
	assert_int_equal(model_feed_given_up(m, &key, &g), 0);
	assert_int_equal(timeouts_after(m), UNKNOWN);
	feed_inferred(m, &b, 11 * S);
	g.n_known = 1;
	g.wire = 77;
	assert_int_equal(model_feed_given_up(m, &key, &g), 0);
	assert_int_equal(timeouts_after(m), 12);
	feed_inferred(m, &b, 12 * S);
	g.n = 20; /* places are used again, and nobody was woken for a connection at one of them */
	g.sum_ns = 20 * 300 * MS;
	assert_int_equal(model_feed_given_up(m, &key, &g), 0);
	assert_int_equal(timeouts_after(m), 20);
	model_free(m);
}

static void waits_in_slices_leave_timeouts_open(void **state)
{
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();

	(void)state;
	b.handoffs_long = 100;
	b.sliced = 5;
	feed_inferred(m, &b, 9 * S);
	feed_given_up(m, WORKERS, 300 * MS, 11, 7);
	assert_int_equal(timeouts_after(m), 11);
	b.sliced = 6;
	feed_inferred(m, &b, 10 * S);
	feed_given_up(m, WORKERS, 300 * MS, 12, 8);
	assert_int_equal(timeouts_after(m), UNKNOWN);
	model_free(m);
}

static void many_given_up_waits_find_room(void **state)
{
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();

	(void)state;
	for (int64_t t = 9; t < 12; t++) {
		feed_inferred(m, &b, t * S);
		for (uint32_t name = 0; name < 1000; name++)
			feed_given_up(m, name, 300 * MS, 1, 1);
		assert_int_equal(timeouts_after(m), 1000);
	}
	model_free(m);
}

/* ---- what only a second look saw ---------------------------------------------------------------------------------------------------------- */

/* The wire is read before its connections. */
static void one_that_was_used_since_the_wire_was_read_is_no_silent_one(void **state)
{
	struct ps_sock sock = inferred_sock(101, 9 * S + MS);
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();
	const struct snapshot *s = look_at_sockets(m, &b, &sock, 1);

	(void)state;
	assert_int_equal(s->pools[0].oldest_hold_ns, UNKNOWN);
	assert_string_equal(s->pools[0].confidence, "high");
	snapshot_unref(s);
	model_free(m);
}

static void a_silent_one_that_is_held_is_counted_once(void **state)
{
	struct ps_sock sock = inferred_sock(0, 5 * S);
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	sock.flags = PS_SOCK_HELD; /* one of the seven */
	s = look_at_sockets(m, &b, &sock, 1);
	assert_int_equal(s->pools[0].in_use, 7);
	snapshot_unref(s);
	model_free(m);
}

static void what_was_inferred_of_one_that_is_gone_still_counts(void **state)
{
	struct ps_endpoint books = { .since_ns = S, .open = 10, .opened = 10, .wire = 77 };
	struct ps_wire b = inferred_wire();
	struct model *m = model_new();

	(void)state;
	for (int64_t t = 9; t < 11; t++) {
		model_tick_begin(m, t * S);
		for (uint32_t tgid = 23; tgid < (t == 9 ? 25 : 24); tgid++) {
			struct ps_endpoint_key at = endpoint_at(5432);

			at.proc = key_of(tgid).proc;
			feed_process(m, tgid, "orders");
			model_feed_endpoint(m, &at, &books, false, UNKNOWN, UNKNOWN, t * S);
			model_feed_wire(m, &at, &b);
		}
		model_tick_end(m);
		assert_int_equal(look_at_acquires(m, "orders", "127.0.0.1:5432"), 220);
	}
	model_free(m);
}

/* ---- what a process says of itself ------------------------------------------------------------------------------------------- */

/* What all with that label have acquired, as exporters add it up; -1 = there is none. */
static int64_t acquired_by(const struct snapshot *s, const char *label)
{
	int64_t sum = -1;

	for (size_t i = 0; i < s->n_pools; i++) {
		const struct pool_row *p = &s->pools[i];

		if (!strcmp(p->service ? p->service : p->process, label))
			sum = (sum < 0 ? 0 : sum) + p->acquires;
	}
	for (size_t i = 0; sum >= 0 && i < s->n_retired; i++) {
		const struct pool_row *p = &s->retired[i];

		if (!strcmp(p->service ? p->service : p->process, label))
			sum += p->acquires;
	}
	return sum;
}

static void says(struct model *m, uint32_t tgid, const char *name, size_t n_attributes)
{
	static struct attribute_row rows[32];
	struct ps_proc_key key = key_of(tgid).proc;

	for (size_t i = 0; i < n_attributes; i++)
		rows[i] = (struct attribute_row){ .key = "deployment.environment.name",
						  .value = "prod" };
	assert_int_equal(
		model_feed_resource(m, &key,
				    &(struct process_resource){ .service_name = name,
								.attributes = rows,
								.n_attributes = n_attributes }),
		0);
}

static void feed_unit(struct model *m, uint32_t tgid, bool is_new)
{
	struct process_info info = { .key = key_of(tgid).proc,
				     .name = is_new ? "java" : NULL,
				     .service = "app",
				     .executable = "java",
				     .started_wall_ns = 1700000000 * S };

	assert_int_equal(model_feed_process(m, &info), 0);
}

static void what_a_process_calls_itself_is_its_service_and_no_sum_falls(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	b.acquires = b.leases_begun = b.leases_ended = b.releases = 100;
	model_tick_begin(m, 9 * S); /* one that says so before its first row, and two that do not yet */
	for (uint32_t tgid = 1; tgid <= 3; tgid++) {
		feed_unit(m, tgid, true);
		if (tgid == 1)
			says(m, tgid, "orders", 1);
		feed_books(m, tgid, &b, 9 * S);
	}
	model_tick_end(m);
	s = look(m);
	assert_int_equal(acquired_by(s, "orders"), 100);
	assert_int_equal(acquired_by(s, "app"), 200);
	assert_int_equal(s->n_processes, 3);
	assert_int_equal(s->processes[0].pid, 1);
	assert_string_equal(s->processes[0].service, "orders");
	assert_string_equal(s->processes[0].service_name, "orders");
	assert_string_equal(s->processes[0].process, "java");
	assert_string_equal(s->processes[0].executable, "java");
	assert_int_equal(s->processes[0].started_wall_ns, 1700000000 * S);
	assert_int_equal(s->processes[0].n_attributes, 1);
	assert_string_equal(s->processes[0].attributes[0].value, "prod");
	assert_string_equal(s->processes[1].service, "app");
	assert_null(s->processes[1].service_name);
	snapshot_unref(s);
	b.acquires = b.leases_begun = b.leases_ended = b.releases = 150;
	model_tick_begin(m, 10 * S);
	for (uint32_t tgid = 1; tgid <= 3; tgid++) {
		feed_unit(m, tgid, false);
		if (tgid == 2)
			says(m, tgid, "orders", 0);
		feed_books(m, tgid, &b, 10 * S);
	}
	model_tick_end(m);
	s = look(m);
	assert_int_equal(acquired_by(s, "orders"), 300); /* with all that it has counted */
	assert_int_equal(acquired_by(s, "app"), 300); /* and what it had counted stays */
	snapshot_unref(s);
	model_tick_begin(m, 11 * S); /* the last one of the unit says so, too; the first one has ended */
	for (uint32_t tgid = 2; tgid <= 3; tgid++) {
		feed_unit(m, tgid, false);
		if (tgid == 3)
			says(m, tgid, "orders", 0);
		feed_books(m, tgid, &b, 11 * S);
	}
	model_tick_end(m);
	s = look(m);
	assert_int_equal(acquired_by(s, "orders"), 450);
	assert_int_equal(acquired_by(s, "app"), -1);
	snapshot_unref(s);
	model_free(m);
}

static void a_process_without_a_row_is_not_told(void **state)
{
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	model_tick_begin(m, 9 * S);
	feed_unit(m, 1, true);
	says(m, 1, "orders", 32);
	says(m, 1, NULL, 3); /* the name stays */
	model_tick_end(m);
	s = look(m);
	assert_int_equal(s->n_processes, 0);
	snapshot_unref(s);
	model_free(m);
}

static void attributes_of_all_have_a_limit(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const uint32_t n = 5000; /* 1.5 KB each */
	const struct snapshot *s;
	size_t bytes = 0;

	(void)state;
	for (int64_t t = 9; t < 12; t++) {
		model_tick_begin(m, t * S);
		for (uint32_t tgid = 1; tgid <= n; tgid++) {
			feed_unit(m, tgid, t == 9);
			says(m, tgid, "orders", 32);
			feed_books(m, tgid, &b, t * S);
		}
		model_tick_end(m);
	}
	s = look(m);
	assert_int_equal(s->n_processes, n);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(s->processes[i].service, "orders");
		for (size_t k = 0; k < s->processes[i].n_attributes; k++)
			bytes += sizeof(struct attribute_row) +
				 strlen(s->processes[i].attributes[k].key) +
				 strlen(s->processes[i].attributes[k].value) + 2;
	}
	assert_true(bytes > MODEL_ATTRIBUTES_BYTES / 2 && bytes <= MODEL_ATTRIBUTES_BYTES);
	assert_true(model_n_attributes_left_out(m) > 0);
	snapshot_unref(s);
	model_tick_begin(m, 13 * S); /* all have ended: there is room again */
	model_tick_end(m);
	model_tick_begin(m, 14 * S);
	feed_unit(m, 1, true);
	says(m, 1, "orders", 32);
	feed_books(m, 1, &b, 14 * S);
	model_tick_end(m);
	s = look(m);
	assert_int_equal(s->processes[0].n_attributes, 32);
	snapshot_unref(s);
	model_free(m);
}

/* ---- slow ones, one by one ------------------------------------------------------------------------------------------------- */

static void tell(struct model *m, uint32_t tgid, enum ps_story_kind kind, uint64_t ms, int64_t t_ns,
		 const char *comm)
{
	struct ps_story s = { .kind = (uint16_t)kind,
			      .verb = kind == PS_STORY_WAIT ? PS_VERB_acquired : PS_VERB_released,
			      .t_ns = (uint64_t)t_ns,
			      .pool = key_of(tgid),
			      .duration_ns = ms * 1000000,
			      .tid = tgid + (uint32_t)ms };

	strncpy(s.comm, comm, sizeof(s.comm));
	assert_int_equal(model_feed_story(m, &s), 0);
}

static void of_slow_waits_the_newest_of_each_classic_bucket_is_kept(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;
	const struct exemplar_row *e;
	struct arena *arena;
	struct snapshot *at;

	(void)state;
	tell(m, 23, PS_STORY_WAIT, 100, S, "too-early"); /* nobody knows the pool yet */
	tick_of_one(m, &b, &nothing_extra, 9 * S);
	tell(m, 23, PS_STORY_WAIT, 100, 10 * S, "first");
	tell(m, 23, PS_STORY_WAIT, 110, 11 * S, "sixteen-bytes-xy");
	tell(m, 23, PS_STORY_WAIT, 120, 10 * S, "came late");
	tell(m, 23, PS_STORY_WAIT, 300, 12 * S, "a\033[2J");
	tell(m, 23, PS_STORY_HOLD, 5000, 13 * S, "");
	tell(m, 24, PS_STORY_HOLD, 5000, 13 * S, "a stranger");
	tick_of_one(m, &b, &nothing_extra, 15 * S);
	arena = arena_new();
	at = arena_alloc(arena, 1, sizeof(*at));
	*at = (struct snapshot){
		.n_refs = 1, .arena = arena, .t_ns = 15 * S, .wall_ns = 1700000000 * S
	};
	assert_int_equal(model_snapshot(m, at, NULL, NULL), 0);
	assert_int_equal(at->n_pools, 1);
	assert_int_equal(at->pools[0].n_slow_waits, 2);
	e = at->pools[0].slow_waits;
	assert_float_equal(e[0].value_s, 0.110, 1e-9);
	assert_int_equal(e[0].wall_ns, 1700000000 * S - 4 * S);
	assert_int_equal(e[0].tid, 23 + 110);
	assert_string_equal(e[0].thread, "sixteen-bytes-x"); /* no NUL came with it */
	assert_float_equal(e[1].value_s, 0.300, 1e-9);
	assert_string_equal(e[1].thread, "a?[2J");
	assert_int_equal(at->pools[0].n_slow_holds, 1);
	assert_string_equal(at->pools[0].slow_holds[0].thread, "");
	snapshot_unref(at);
	tell(m, 23, PS_STORY_WAIT, 1, 14 * S, "1");
	tell(m, 23, PS_STORY_WAIT, 3000, 15 * S, "2");
	tell(m, 23, PS_STORY_WAIT, 15000, 16 * S, "3"); /* one too many: the oldest goes */
	tick_of_one(m, &b, &nothing_extra, 17 * S);
	s = look(m);
	assert_int_equal(s->pools[0].n_slow_waits, SNAPSHOT_EXEMPLARS_MAX);
	for (size_t i = 1; i < SNAPSHOT_EXEMPLARS_MAX; i++)
		assert_true(s->pools[0].slow_waits[i - 1].value_s <
			    s->pools[0].slow_waits[i].value_s);
	assert_float_equal(s->pools[0].slow_waits[0].value_s, 0.001, 1e-9);
	assert_float_equal(s->pools[0].slow_waits[1].value_s, 0.300, 1e-9);
	snapshot_unref(s);
	model_free(m);
}

static void the_slowest_waits_and_holds_of_a_pool_are_to_be_told(void **state)
{
	struct hist wait = { 0 }, hold = { 0 };

	(void)state;
	assert_int_equal(exemplars_notable(NULL, &hold, 10, 0), 0);
	hist_add(&wait, hist_bucket_ns(3000000), 1000); /* 2^21.5 ns */
	hist_add(&wait, hist_bucket_ns(5000000), 100); /* 2^22.3 */
	hist_add(&hold, hist_bucket_ns(1), 5);
	assert_int_equal(exemplars_notable(&wait, &hold, 10, 0),
			 23u << PS_POOL_NOTABLE_WAIT | 16u << PS_POOL_NOTABLE_HOLD);
	/* the hundred are few in 25 s */
	assert_int_equal(exemplars_notable(&wait, NULL, 25, 0), 22u << PS_POOL_NOTABLE_WAIT);
	assert_int_equal(exemplars_notable(&wait, NULL, 25, 23u << PS_POOL_NOTABLE_WAIT),
			 23u << PS_POOL_NOTABLE_WAIT);
	assert_int_equal(exemplars_notable(&wait, NULL, 275, 23u << PS_POOL_NOTABLE_WAIT),
			 16u << PS_POOL_NOTABLE_WAIT);
	/* too many are so long that they are told by the general limit alone */
	hist_add(&wait, PS_HIST_BUCKETS - 1, 1000);
	assert_int_equal(exemplars_notable(&wait, NULL, 10, 23u << PS_POOL_NOTABLE_WAIT), 0);
	hist_done(&wait);
	hist_done(&hold);
}

static void waits_that_failed_and_waits_nobody_counts_are_no_exemplars(void **state)
{
	struct ps_story timeout = { .kind = PS_STORY_WAIT,
				    .verb = PS_VERB_wait_end,
				    .pool = key_of(23),
				    .duration_ns = S };
	struct pool_extra waitless = POOL_EXTRA_UNKNOWN;
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	waitless.is_waitless = true;
	waitless.library = "x";
	tick_of_one(m, &b, &waitless, 9 * S);
	assert_int_equal(model_feed_story(m, &timeout), 0);
	tell(m, 23, PS_STORY_HOLD, 200, 10 * S, "x");
	s = look(m);
	assert_int_equal(s->pools[0].n_slow_holds, 0); /* a snapshot may have borrowed them: not before the next tick */
	snapshot_unref(s);
	tick_of_one(m, &b, &waitless, 11 * S);
	s = look(m);
	assert_int_equal(s->pools[0].n_slow_waits, 0);
	assert_int_equal(s->pools[0].n_slow_holds, 1);
	snapshot_unref(s);
	tell(m, 23, PS_STORY_WAIT, 200, 10 * S, "x");
	tick_of_one(m, &b, &waitless, 12 * S);
	s = look(m);
	assert_null(s->pools[0].wait);
	assert_int_equal(s->pools[0].n_slow_waits, 0);
	snapshot_unref(s);
	model_free(m);
}

static void who_keeps_no_counts_is_asked_for_them_now_and_then(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	struct pool_extra extra = nothing_extra;
	struct ps_pool_key key = key_of(23);
	unsigned int n = 0;

	(void)state;
	assert_true(model_wants_own_counts(m, &key)); /* nobody knows it yet */
	tick_of_one(m, &b, &extra, 2 * S);
	assert_true(model_wants_own_counts(m, &key)); /* they could not be read */
	extra.own_counts = OWN_COUNTS_NONE;
	tick_of_one(m, &b, &extra, 3 * S);
	extra.own_counts = OWN_COUNTS_NOT_ASKED;
	for (int64_t t = 4; t < 4 + 3 * OWN_COUNTS_TICKS; t++) {
		tick_of_one(m, &b, &extra, t * S);
		n += model_wants_own_counts(m, &key);
	}
	assert_int_equal(n, 3);
	extra.own_counts = OWN_COUNTS_THERE;
	tick_of_one(m, &b, &extra, 60 * S);
	extra.own_counts = OWN_COUNTS_NOT_ASKED;
	for (int64_t t = 61; t < 70; t++) {
		tick_of_one(m, &b, &extra, t * S);
		assert_true(model_wants_own_counts(m, &key));
	}
	model_free(m);
}

/* ---- rows that are kept from tick to tick ------------------------------------------------------------------------------- */

/* Each row of a snapshot is what it is where nothing was kept: of a model that met all of it just now. */
static void assert_same_counters(const struct pool_row *a, const struct pool_row *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->in_use, b->in_use);
	assert_int_equal(a->pending, b->pending);
	assert_int_equal(a->in_use_peak, b->in_use_peak);
	assert_int_equal(a->acquires, b->acquires);
	assert_int_equal(a->acquires_new, b->acquires_new);
	assert_int_equal(a->releases, b->releases);
	assert_int_equal(a->timeouts, b->timeouts);
	assert_int_equal(a->closed, b->closed);
	assert_int_equal(a->odd_events, b->odd_events);
	assert_true(isnan(a->reuse_ratio) == isnan(b->reuse_ratio));
	assert_float_equal(a->saturated_s, b->saturated_s, 1e-6);
	assert_int_equal(a->is_suspected, b->is_suspected);
}

static void assert_as_of_a_fresh_one(struct model *kept, const struct ps_pool *b, int64_t t_ns)
{
	struct model *fresh = model_new();
	const struct snapshot *s, *anew;

	tick_of_one(kept, b, &nothing_extra, t_ns);
	tick_of_one(fresh, b, &nothing_extra, t_ns);
	s = look(kept);
	anew = look(fresh);
	assert_same_counters(&s->pools[0], &anew->pools[0]);
	snapshot_unref(s);
	snapshot_unref(anew);
	model_free(fresh);
}

static void a_quiet_pool_goes_on_with_the_time_alone(void **state)
{
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	b.acquires = b.leases_begun = 5;
	b.releases = b.leases_ended = 2;
	b.use_sum = (uint64_t)(2 * S - 5 * S); /* three since 1 s, and two for half a second */
	for (int64_t t = 2; t < 6; t++) {
		tick_of_one(m, &b, &nothing_extra, t * S);
		s = look(m);
		assert_int_equal(s->pools[0].acquires, 5);
		assert_int_equal(s->pools[0].in_use, 3);
		assert_float_equal(s->pools[0].in_use_s, 3.0 * (double)t - 3, 1e-6);
		assert_float_equal(s->pools[0].capacity_s, 10.0 * (double)(t - 1), 1e-6);
		if (t > 2) {
			assert_float_equal(s->pools[0].utilization, 0.3, 1e-6);
			assert_float_equal(s->pools[0].acquires_per_s, 0, 1e-9);
		}
		snapshot_unref(s);
	}
	model_free(m);
}

/* Of each of them a model that kept the row from before tells the same as one that never had it. */
static void what_changes_in_the_books_is_seen_whatever_it_is(void **state)
{
	static const size_t changes[] = {
		offsetof(struct ps_pool, acquires),    offsetof(struct ps_pool, releases),
		offsetof(struct ps_pool, wait_begins), offsetof(struct ps_pool, wait_ends),
		offsetof(struct ps_pool, odd_wait),    offsetof(struct ps_pool, odd_release),
		offsetof(struct ps_pool, odd_acquire), offsetof(struct ps_pool, acquires_new),
		offsetof(struct ps_pool, closed),      offsetof(struct ps_pool, saturated_ns),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct model *kept = model_new();
		struct ps_pool b = books_of("db");

		tick_of_one(kept, &b, &nothing_extra, 2 * S);
		snapshot_unref(look(kept));
		*(__u64 *)((char *)&b + changes[i]) += 7;
		if (changes[i] == offsetof(struct ps_pool, closed))
			b.seq_begin = ++b.seq_end;
		assert_as_of_a_fresh_one(kept, &b, 3 * S);
		b.in_use_peak = 2; /* what comes after the counts, alone */
		b.saturated_ns += 300 * (uint64_t)(S / 1000);
		assert_as_of_a_fresh_one(kept, &b, 4 * S);
		b.flags ^= PS_POOL_SUSPECTED; /* and what the agent says */
		assert_as_of_a_fresh_one(kept, &b, 5 * S);
		b = books_of("other"); /* and another pool at the same place */
		b.since_ns++;
		b.saturated_ns = (uint64_t)S; /* seconds do not fall */
		assert_as_of_a_fresh_one(kept, &b, 6 * S);
		model_free(kept);
	}
}

/* A pool to which nothing happens, and one to which nothing happens but now and then, of two models: one is fed all of it. */
static void a_pool_that_was_not_fed_is_as_if_it_had_been(void **state)
{
	struct model *lazy = model_new(), *whole = model_new();
	struct ps_pool_key key = key_of(23);
	struct ps_pool b = books_of("db");
	unsigned int n_quiet = 0;

	(void)state;
	for (int64_t t = 2; t < 60; t++) {
		const struct snapshot *s, *all;

		if (t % 7 == 0 && t < 40) {
			b.acquires = b.leases_begun += 3;
			b.releases = b.leases_ended += 3;
			b.use_sum += 300000000;
			b.in_use_peak = 3;
		}
		tick_of_one(whole, &b, &nothing_extra, t * S);
		model_tick_begin(lazy, t * S);
		feed_process(lazy, 23, "orders");
		if (t > 2 && (t % 7 || t > 40) && model_feed_quiet(lazy, &key))
			n_quiet++;
		else
			assert_int_equal(model_feed_pool(lazy, &key, &b, &nothing_extra, t * S), 0);
		model_tick_end(lazy);
		s = look(lazy);
		all = look(whole);
		assert_same_counters(&s->pools[0], &all->pools[0]);
		assert_float_equal(s->pools[0].in_use_s, all->pools[0].in_use_s, 0);
		assert_float_equal(s->pools[0].capacity_s, all->pools[0].capacity_s, 0);
		assert_int_equal(s->pools[0].pending_peak, all->pools[0].pending_peak);
		assert_int_equal(s->pools[0].oldest_hold_ns, all->pools[0].oldest_hold_ns);
		if (t > 2) {
			assert_float_equal(s->pools[0].utilization, all->pools[0].utilization, 0);
			assert_float_equal(s->pools[0].acquires_per_s, all->pools[0].acquires_per_s,
					   0);
		}
		assert_int_equal(!s->pools[0].trend, !all->pools[0].trend);
		if (s->pools[0].trend)
			assert_memory_equal(s->pools[0].trend, all->pools[0].trend, TREND_STEPS);
		snapshot_unref(s);
		snapshot_unref(all);
	}
	assert_true(n_quiet > 45);
	model_free(lazy);
	model_free(whole);
}

static void what_the_kernel_side_was_told_is_in_the_books_at_once(void **state)
{
	const uint32_t notable = 20u << PS_POOL_NOTABLE_WAIT | 21u << PS_POOL_NOTABLE_HOLD;
	struct ps_pool_key key = key_of(23), other = key_of(24);
	struct model *m = model_new();
	struct ps_pool b = books_of("db");
	const struct snapshot *s;

	(void)state;
	tick_of_one(m, &b, &nothing_extra, 2 * S);
	model_note_suspicion(m, &key, true, notable | PS_POOL_IMPLICIT);
	model_note_suspicion(m, &other, true, notable); /* nobody's */
	b.flags = PS_POOL_SUSPECTED | notable;
	for (int64_t t = 3; t < 5; t++) {
		if (t == 3) {
			model_tick_begin(m, t * S);
			feed_process(m, 23, "orders");
			assert_true(model_feed_quiet(m, &key));
			model_tick_end(m);
		} else {
			tick_of_one(m, &b, &nothing_extra, t * S);
		}
		s = look(m);
		assert_true(s->pools[0].is_suspected);
		assert_int_equal(s->pools[0].notable_told, notable);
		snapshot_unref(s);
	}
	model_note_suspicion(m, &key, false, 0);
	b.flags = 0;
	assert_as_of_a_fresh_one(m, &b, 5 * S);
	model_free(m);
}

/* Pools come, are destroyed, are made again and go, by dice, with a snapshot or none; each row is always that of its pool, and they stand in the order of their ids. */
static void rows_stay_with_their_pools_whoever_comes_and_goes(void **state)
{
	enum { POOLS = 40 };
	struct ps_pool books[POOLS];
	bool is_there[POOLS] = { false };
	struct model *m = model_new();
	uint32_t dice = 1;

	(void)state;
	for (int64_t t = 2; t < 200; t++) {
		const struct snapshot *s;
		size_t n_shown = 0, n = 0;

		model_tick_begin(m, t * S);
		feed_process(m, 23, "orders");
		for (uint32_t i = 0; i < POOLS; i++) {
			struct ps_pool_key key = key_of(23);
			char name[32];

			dice = dice * 1664525 + 1013904223;
			key.pool = 1000 + i;
			snprintf(name, sizeof(name), "pool-%u", i);
			if (!is_there[i] || !(dice >> 8 & 31)) {
				is_there[i] = dice >> 16 & 3;
				books[i] = books_of(name);
				books[i].since_ns = (uint64_t)(t * S);
				books[i].acquires = books[i].releases = i;
			}
			if (!(dice >> 20 & 15)) {
				books[i].flags ^= PS_POOL_DESTROYED;
				books[i].seq_begin = ++books[i].seq_end;
			}
			if (!is_there[i])
				continue;
			n_shown += !(books[i].flags & PS_POOL_DESTROYED);
			assert_int_equal(model_feed_pool(m, &key, &books[i], &nothing_extra, t * S),
					 0);
		}
		model_tick_end(m);
		if (t % 7 < 3)
			continue; /* nobody has to look */
		s = look(m);
		assert_int_equal(s->n_pools, n_shown);
		for (n = 0; n < n_shown; n++) {
			const struct pool_row *p = &s->pools[n];
			char name[32];

			snprintf(name, sizeof(name), "pool-%llu",
				 (unsigned long long)(p->key.pool - 1000));
			assert_string_equal(p->name, name);
			assert_int_equal(p->acquires, p->key.pool - 1000);
			assert_string_equal(p->process, "orders");
			assert_true(!n || s->pools[n - 1].id < p->id);
		}
		snapshot_unref(s);
	}
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_use_seconds_is_the_integral_of_use),
		cmocka_unit_test(a_trend_is_the_share_in_use_in_steps_of_two_seconds),
		cmocka_unit_test(a_trend_knows_nothing_of_a_pool_without_a_capacity),
		cmocka_unit_test(
			of_a_pool_that_is_counted_in_a_page_the_stalled_part_of_holds_is_not_known),
		cmocka_unit_test(of_a_page_that_cannot_be_read_nothing_is_known),
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
		cmocka_unit_test(an_endpoint_that_a_pool_goes_to_is_no_row_of_its_own),
		cmocka_unit_test(of_several_endpoints_none_is_guessed),
		cmocka_unit_test(a_count_that_differs_for_long_is_shown_and_not_trusted),
		cmocka_unit_test(of_a_pool_that_tells_of_no_waits_they_are_not_known),
		cmocka_unit_test(a_light_pool_knows_what_its_library_counts_and_nothing_else),
		cmocka_unit_test(the_rule_of_a_source_rises_and_never_falls),
		cmocka_unit_test(of_hand_offs_that_are_nearly_all_handed_all_is_known),
		cmocka_unit_test(when_the_last_wait_is_long_ago_those_at_work_are_in_use),
		cmocka_unit_test(no_more_are_in_use_than_there_are),
		cmocka_unit_test(of_threads_that_are_too_many_to_follow_nothing_is_inferred),
		cmocka_unit_test(connections_without_room_make_their_row_untrusted_until_there_is),
		cmocka_unit_test(a_process_that_was_not_fed_in_this_tick_is_known_and_not_alive),
		cmocka_unit_test(waits_that_contradict_themselves_are_not_told),
		cmocka_unit_test(threads_that_use_many_connections_at_once_tell_no_waits),
		cmocka_unit_test(waits_that_are_not_clear_are_not_told),
		cmocka_unit_test(waits_while_connections_were_free_are_not_told),
		cmocka_unit_test(
			of_connections_that_passes_find_the_use_is_known_and_the_end_is_not),
		cmocka_unit_test(without_traffic_they_are_sampled_and_no_more),
		cmocka_unit_test(their_limit_is_what_passes_found_while_somebody_waited),
		cmocka_unit_test(one_of_them_is_silent_only_as_long_as_it_is_known_to_be_open),
		cmocka_unit_test(waits_of_which_one_release_ended_several_are_not_told),
		cmocka_unit_test(waits_among_wakings_that_brought_nothing_are_not_told),
		cmocka_unit_test(where_nobody_took_a_connection_nothing_is_inferred),
		cmocka_unit_test(a_few_waits_tell_no_capacity),
		cmocka_unit_test(where_few_holds_were_handed_only_the_waits_are_known),
		cmocka_unit_test(connections_that_were_silent_while_others_went_round_are_in_use),
		cmocka_unit_test(those_that_are_kept_silent_are_not_free),
		cmocka_unit_test(where_most_connections_are_silent_they_are_rather_free),
		cmocka_unit_test(one_that_is_at_work_is_no_silent_one),
		cmocka_unit_test(of_few_hand_offs_no_connection_is_told_silent),
		cmocka_unit_test(where_nobody_has_waited_connections_are_not_looked_at),
		cmocka_unit_test(
			timeouts_are_given_up_waits_of_the_usual_length_by_users_of_the_pool),
		cmocka_unit_test(
			where_nearly_all_try_again_at_once_it_is_not_known_whether_they_gave_up),
		cmocka_unit_test(waits_for_another_endpoint_are_no_timeouts_of_this_one),
		cmocka_unit_test(timeouts_are_not_known_before_anybody_has_waited),
		cmocka_unit_test(timeouts_never_fall),
		cmocka_unit_test(without_a_place_none_is_not_zero),
		cmocka_unit_test(waits_in_slices_leave_timeouts_open),
		cmocka_unit_test(many_given_up_waits_find_room),
		cmocka_unit_test(one_that_was_used_since_the_wire_was_read_is_no_silent_one),
		cmocka_unit_test(a_silent_one_that_is_held_is_counted_once),
		cmocka_unit_test(what_was_inferred_of_one_that_is_gone_still_counts),
		cmocka_unit_test(what_a_process_calls_itself_is_its_service_and_no_sum_falls),
		cmocka_unit_test(a_process_without_a_row_is_not_told),
		cmocka_unit_test(attributes_of_all_have_a_limit),
		cmocka_unit_test(of_slow_waits_the_newest_of_each_classic_bucket_is_kept),
		cmocka_unit_test(the_slowest_waits_and_holds_of_a_pool_are_to_be_told),
		cmocka_unit_test(waits_that_failed_and_waits_nobody_counts_are_no_exemplars),
		cmocka_unit_test(a_sum_without_its_count_is_doubted),
		cmocka_unit_test(what_the_slow_path_does_not_tell_is_unknown_and_not_what_it_was),
		cmocka_unit_test(with_no_probe_only_its_own_counters_are_left_and_then_nothing),
		cmocka_unit_test(a_sample_has_rates_over_the_time_that_it_was_on),
		cmocka_unit_test(
			watched_again_it_is_counted_anew_and_the_sum_of_its_name_does_not_fall),
		cmocka_unit_test(a_pool_that_counts_in_a_page_is_none_that_begins_anew),
		cmocka_unit_test(
			a_pool_of_which_nothing_was_counted_yet_is_not_one_that_begins_anew),
		cmocka_unit_test(a_thousand_ticks_of_coming_and_going_never_let_a_sum_fall),
		cmocka_unit_test(who_keeps_no_counts_is_asked_for_them_now_and_then),
		cmocka_unit_test(a_quiet_pool_goes_on_with_the_time_alone),
		cmocka_unit_test(what_changes_in_the_books_is_seen_whatever_it_is),
		cmocka_unit_test(a_pool_that_was_not_fed_is_as_if_it_had_been),
		cmocka_unit_test(what_the_kernel_side_was_told_is_in_the_books_at_once),
		cmocka_unit_test(rows_stay_with_their_pools_whoever_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, forget_model);
}
