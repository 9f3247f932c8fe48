/* SPDX-License-Identifier: MIT */
/* stalls_test.c - bpf/stalls.h natively, and what the model makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>

#include "bpf_shim.h"

/* knobs and maps that stalls do not use */
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/verbs.h"

#include "api/json.h"
#include "base/arena.h"
#include "base/hist.h"
#include "model/model.h"

#define MS 1000000ull
#define S 1000000000ll

static const struct ps_proc_key the_process = { .tgid = 42, .incarnation = 1 };

static int reset(void **state)
{
	(void)state;
	shim_map_clear(&ps_standstills);
	shim_map_clear(&ps_stalls);
	shim_map_clear(&ps_procs);
	shim_map_clear(&ps_losses);
	shim_map_clear(&ps_pools);
	shim_map_clear(&ps_hist_of);
	shim_map_clear(&ps_leases);
	shim_map_clear(&ps_waiters);
	memset(ps_has_stood, 0, sizeof(ps_has_stood));
	ps_standstills.limit = ps_stalls.limit = ps_procs.limit = 16;
	shim_now_ns = 1000 * MS;
	return 0;
}

static void tell(enum ps_verb verb, uint64_t cause)
{
	struct ps_event e = { .pool = { .pool = cause, .proc = the_process },
			      .now = shim_now_ns,
			      .verb = verb,
			      .arg = { cause } };

	ps_event_feed(&e);
}

static void begins(uint64_t cause)
{
	tell(PS_VERB_stall_begin, cause);
}

static void ends(uint64_t cause)
{
	tell(PS_VERB_stall_end, cause);
}

static void after(uint64_t ns)
{
	shim_now_ns += ns;
}

static uint64_t lost(enum ps_loss what)
{
	uint32_t key = what;
	const uint64_t *n = bpf_map_lookup_elem(&ps_losses, &key);

	return n ? *n : 0;
}

static const struct ps_hist *stalls_of(uint32_t cause)
{
	struct ps_stall_key key = { .proc = the_process, .cause = cause };

	return bpf_map_lookup_elem(&ps_stalls, &key);
}

static void assert_stalls(uint32_t cause, uint64_t n, uint64_t sum_ns)
{
	const struct ps_hist *h = stalls_of(cause);
	uint64_t count = 0;

	assert_non_null(h);
	for (int i = 0; i < PS_HIST_BUCKETS; i++)
		count += h->bucket[i];
	assert_int_equal(count, n);
	assert_int_equal(h->sum_ns, sum_ns);
}

static void a_stall_lasts_from_beginning_to_end(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 3; i++) {
		begins(PS_STALL_gc);
		after(i * MS);
		ends(PS_STALL_gc);
		after(100 * MS);
	}
	assert_stalls(PS_STALL_gc, 3, 6 * MS);
	assert_int_equal(stalls_of(PS_STALL_gc)->max_ns, 3 * MS);
	assert_null(stalls_of(PS_STALL_safepoint));
	assert_int_equal(ps_procs.n, 1); /* so the process has a name */
}

static void what_goes_on_inside_names_it(void **state)
{
	(void)state;
	begins(PS_STALL_safepoint);
	after(MS);
	begins(PS_STALL_gc);
	after(MS);
	ends(PS_STALL_gc); /* the collection is over, not the safepoint */
	after(MS);
	ends(PS_STALL_safepoint);
	assert_stalls(PS_STALL_gc, 1, 3 * MS);
	begins(PS_STALL_safepoint);
	after(MS);
	ends(PS_STALL_safepoint);
	assert_stalls(PS_STALL_safepoint, 1, MS);
}

static void an_end_without_a_beginning_is_nothing(void **state)
{
	(void)state;
	ends(PS_STALL_gc);
	assert_int_equal(ps_standstills.n, 0);
	begins(PS_STALL_gc);
	after(MS);
	ends(PS_STALL_gc);
	after(MS);
	ends(PS_STALL_gc);
	assert_stalls(PS_STALL_gc, 1, MS);
}

static void a_lost_end_costs_one_stall(void **state)
{
	const struct ps_standstill *s;

	(void)state;
	begins(PS_STALL_gc);
	after(500 * MS);
	begins(PS_STALL_gc);
	after(2 * MS);
	ends(PS_STALL_gc);
	assert_stalls(PS_STALL_gc, 1, 2 * MS);
	s = bpf_map_lookup_elem(&ps_standstills, &the_process);
	assert_int_equal(lost(PS_LOSS_stall_unended), 1);
	assert_int_equal(s->since_ns, 0);
}

static void full_tables_and_nonsense_are_counted(void **state)
{
	(void)state;
	begins(PS_STALL_COUNT);
	begins(UINT64_MAX);
	assert_int_equal(lost(PS_LOSS_bad_value), 2);
	ps_stalls.limit = 0;
	begins(PS_STALL_gc);
	ends(PS_STALL_gc);
	assert_int_equal(lost(PS_LOSS_stalls_full), 1);
	shim_map_clear(&ps_standstills);
	ps_standstills.limit = 0;
	begins(PS_STALL_gc);
	assert_int_equal(lost(PS_LOSS_stalls_full), 2);
	shim_map_clear(&ps_procs);
	ps_procs.limit = 0;
	begins(PS_STALL_gc);
	assert_int_equal(lost(PS_LOSS_procs_full), 1);
}

/* ---- stopped ------------------------------------------------------------------------------------------------------------- */

static void a_process_is_stopped_when_its_last_thread_is(void **state)
{
	(void)state;
	for (int thread = 0; thread < 3; thread++) {
		ps_stop_begins(&the_process, shim_now_ns);
		assert_int_equal(*ps_stopped_of(42), 1);
		after(20000);
		ps_stop_ends(&the_process, shim_now_ns); /* the next one runs, to stop */
		assert_int_equal(*ps_stopped_of(42), 0);
		assert_null(stalls_of(PS_STALL_stopped));
	}
	ps_stop_begins(&the_process, shim_now_ns);
	ps_stop_begins(&the_process, shim_now_ns + 10); /* on another CPU */
	assert_int_equal(*ps_stopped_of(42), 1);
	after(700 * MS);
	for (int thread = 0; thread < 3; thread++)
		ps_stop_ends(&the_process, shim_now_ns);
	assert_stalls(PS_STALL_stopped, 1, 700 * MS);
	assert_int_equal(*ps_stopped_of(42), 0);
}

static void a_stop_in_the_middle_of_a_collection_names_it(void **state)
{
	(void)state;
	begins(PS_STALL_gc);
	after(MS);
	ps_stop_begins(&the_process, shim_now_ns);
	assert_int_equal(*ps_stopped_of(42), 0);
	after(700 * MS);
	ps_stop_ends(&the_process, shim_now_ns);
	after(MS);
	ends(PS_STALL_gc);
	assert_stalls(PS_STALL_stopped, 1, 702 * MS);
	assert_null(stalls_of(PS_STALL_gc));
}

static void what_a_program_says_of_a_stop_is_its_own(void **state)
{
	(void)state;
	begins(PS_STALL_stopped);
	after(MS);
	ps_stop_ends(&the_process, shim_now_ns); /* some thread runs */
	assert_int_equal(*ps_stopped_of(42), 0);
	after(MS);
	ends(PS_STALL_stopped);
	assert_stalls(PS_STALL_stopped, 1, 2 * MS);
}

/* ---- no progress --------------------------------------------------------------------------------------------------------- */

static void no_progress_is_from_the_last_thread_that_ran_to_the_next_one(void **state)
{
	(void)state;
	after(1500 * MS);
	ps_still_begins(&the_process, shim_now_ns - 1500 * MS);
	ps_still_begins(&the_process, shim_now_ns - 1500 * MS); /* in the next tick */
	assert_int_equal(*ps_stopped_of(42), 1);
	assert_int_equal(ps_stood_of(&the_process, shim_now_ns), 1500 * MS);
	after(20000 * MS);
	assert_int_equal(ps_stood_of(&the_process, shim_now_ns), 21500 * MS); /* its end will come */
	ps_stop_ends(&the_process, shim_now_ns);
	ps_stop_ends(&the_process, shim_now_ns);
	assert_int_equal(*ps_stopped_of(42), 0);
	assert_stalls(PS_STALL_no_progress, 1, 21500 * MS);
	assert_int_equal(ps_stood_of(&the_process, shim_now_ns), 21500 * MS);
}

static void what_goes_on_has_a_cause_already(void **state)
{
	(void)state;
	ps_stop_begins(&the_process, shim_now_ns);
	ps_still_begins(&the_process, shim_now_ns - 500 * MS);
	assert_int_equal(*ps_stopped_of(42), 1);
	after(2000 * MS);
	ps_stop_ends(&the_process, shim_now_ns);
	assert_stalls(PS_STALL_stopped, 1, 2000 * MS);
	begins(PS_STALL_gc);
	after(2000 * MS);
	ps_still_begins(&the_process, shim_now_ns - 1500 * MS);
	assert_int_equal(*ps_stopped_of(42), 0);
	ends(PS_STALL_gc);
	assert_stalls(PS_STALL_gc, 1, 2000 * MS);
	assert_null(stalls_of(PS_STALL_no_progress));
}

/* ---- throttled ----------------------------------------------------------------------------------------------------------- */

static struct ps_thread thread[2];

static void leaves(int t, int is_runnable, uint64_t n_throttled)
{
	ps_quota_leaves(&the_process, &thread[t], is_runnable, n_throttled, shim_now_ns);
}

static void comes(int t, uint64_t n_throttled)
{
	ps_quota_comes(&the_process, &thread[t], n_throttled, shim_now_ns);
}

static void out_of_quota_a_process_stands_still_until_its_first_thread_runs(void **state)
{
	(void)state;
	memset(thread, 0, sizeof(thread));
	comes(0, 1); /* nothing is known yet */
	leaves(0, 1, 1);
	comes(0, 1);
	comes(1, 1);
	after(10 * MS);
	leaves(0, 1, 1);
	after(3 * MS);
	leaves(1, 1, 1); /* the last one */
	after(80 * MS);
	comes(1, 2);
	comes(0, 2);
	assert_stalls(PS_STALL_throttled, 1, 80 * MS);
	leaves(0, 1, 2);
	after(80 * MS);
	comes(0, 3); /* the other one ran meanwhile */
	assert_stalls(PS_STALL_throttled, 1, 80 * MS);
}

static void who_waits_for_others_or_sleeps_is_not_throttled(void **state)
{
	(void)state;
	memset(thread, 0, sizeof(thread));
	leaves(0, 1, 1);
	after(80 * MS);
	comes(0, 1); /* others had the CPU */
	leaves(0, 0, 1);
	after(80 * MS);
	comes(0, 2); /* it slept while others of its cgroup were throttled */
	leaves(0, 1, 2);
	after(PS_THROTTLED_NS - 1);
	comes(0, 3);
	assert_null(stalls_of(PS_STALL_throttled));
}

static void what_made_no_progress_was_not_throttled_as_well(void **state)
{
	(void)state;
	memset(thread, 0, sizeof(thread));
	comes(0, 1);
	leaves(0, 1, 1);
	after(1500 * MS);
	ps_still_begins(&the_process, shim_now_ns - 1500 * MS);
	after(1500 * MS);
	comes(0, 2); /* others of its cgroup have used up the quota meanwhile */
	ps_stop_ends(&the_process, shim_now_ns);
	assert_null(stalls_of(PS_STALL_throttled));
	assert_stalls(PS_STALL_no_progress, 1, 3000 * MS);
	leaves(0, 1, 2);
	after(80 * MS);
	comes(0, 3);
	assert_stalls(PS_STALL_throttled, 1, 80 * MS);
}

/* ---- what it did to pools ------------------------------------------------------------------------------------------------- */

static const struct ps_pool_key the_pool = { .pool = 0x1000,
					     .proc = { .tgid = 42, .incarnation = 1 } };

static void of_pool(enum ps_verb verb, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct ps_event e = { .pool = the_pool,
			      .now = shim_now_ns,
			      .verb = verb,
			      .arg = { the_pool.pool, a1, a2, a3 } };

	ps_event_feed(&e);
}

static uint64_t stood(void)
{
	return ps_stood_of(&the_process, shim_now_ns);
}

static const struct ps_pool *books(void)
{
	const struct ps_pool *p = bpf_map_lookup_elem(&ps_pools, &the_pool);

	assert_true(ps_books_are_whole(p));
	return p;
}

static void assert_stalled(uint64_t waits_ns, uint64_t holds_ns)
{
	assert_int_equal((uint64_t)ps_waiting(books()) * stood() + books()->stood_wait_sum,
			 waits_ns);
	assert_int_equal((uint64_t)ps_in_use(books()) * stood() + books()->stood_use_sum, holds_ns);
}

static void the_clock_of_stalls_runs_only_inside_of_them(void **state)
{
	(void)state;
	after(MS);
	assert_int_equal(stood(), 0);
	begins(PS_STALL_gc);
	assert_int_equal(stood(), 0);
	after(3 * MS);
	assert_int_equal(stood(), 3 * MS);
	begins(PS_STALL_safepoint); /* names it */
	after(MS);
	ends(PS_STALL_gc);
	assert_int_equal(stood(), 4 * MS);
	after(10 * MS);
	assert_int_equal(stood(), 4 * MS);
	ps_stop_begins(&the_process, shim_now_ns);
	after(20000 * MS);
	assert_int_equal(stood(), 20004 * MS); /* its end is the kernel's word */
	ps_stop_ends(&the_process, shim_now_ns);
	after(MS);
	assert_int_equal(stood(), 20004 * MS);
}

static void what_lies_in_each_other_is_counted_once(void **state)
{
	(void)state;
	begins(PS_STALL_gc);
	after(10 * MS);
	ps_stall_book(&the_process, PS_STALL_throttled, 8 * MS); /* was told when it was over */
	assert_int_equal(stood(), 10 * MS);
	after(MS);
	ends(PS_STALL_gc);
	assert_int_equal(stood(), 11 * MS);
	after(MS);
	ps_stall_book(&the_process, PS_STALL_throttled, 2 * MS); /* half of that is known */
	assert_int_equal(stood(), 12 * MS);
}

static void a_lost_end_counts_as_10_s_and_takes_nothing_back(void **state)
{
	uint64_t before;

	(void)state;
	begins(PS_STALL_gc);
	after(PS_STALL_BELIEVED_NS + 5000 * MS);
	before = stood();
	assert_int_equal(before, PS_STALL_BELIEVED_NS);
	begins(PS_STALL_gc);
	assert_int_equal(stood(), before);
	after(2 * MS);
	ends(PS_STALL_gc);
	assert_int_equal(stood(), before + 2 * MS);
	begins(PS_STALL_gc); /* a long one that ends counts in full */
	after(PS_STALL_BELIEVED_NS + 5000 * MS);
	ends(PS_STALL_gc);
	assert_int_equal(stood(), before + 2 * MS + PS_STALL_BELIEVED_NS + 5000 * MS);
}

static void waits_and_holds_lie_in_stalls_by_their_overlap(void **state)
{
	(void)state;
	of_pool(PS_VERB_pool_create, PS_KIND_connection, 0, 1);
	begins(PS_STALL_gc);
	after(100 * MS);
	ends(PS_STALL_gc); /* before anything of the pool */
	of_pool(PS_VERB_acquired, 1, 7, 0);
	of_pool(PS_VERB_wait_begin, 8, 0, 0);
	after(5 * MS);
	begins(PS_STALL_gc);
	after(10 * MS);
	assert_stalled(10 * MS, 10 * MS); /* all goes on */
	of_pool(PS_VERB_wait_begin, 9, 0, 0); /* a thread that was not stopped yet */
	after(40 * MS);
	ends(PS_STALL_gc);
	after(5 * MS);
	assert_stalled(50 * MS + 40 * MS, 50 * MS);
	of_pool(PS_VERB_released, 1, 0, 0);
	of_pool(PS_VERB_acquired, 1, 8, 0);
	after(5 * MS);
	of_pool(PS_VERB_wait_end, 9, PS_OUTCOME_timeout, 0);
	of_pool(PS_VERB_released, 1, 0, 0);
	begins(PS_STALL_gc);
	after(100 * MS);
	ends(PS_STALL_gc); /* after all */
	assert_stalled(90 * MS, 50 * MS);
	assert_int_equal(books()->stood_wait_sum, 90 * MS);
}

static void the_end_of_a_pool_ends_what_is_stalled(void **state)
{
	(void)state;
	of_pool(PS_VERB_pool_create, PS_KIND_connection, 0, 1);
	of_pool(PS_VERB_acquired, 1, 7, 0);
	of_pool(PS_VERB_wait_begin, 8, 0, 0);
	begins(PS_STALL_gc);
	after(10 * MS);
	ends(PS_STALL_gc);
	of_pool(PS_VERB_pool_destroy, 0, 0, 0);
	begins(PS_STALL_gc);
	after(10 * MS);
	ends(PS_STALL_gc);
	assert_stalled(10 * MS, 10 * MS);
}

static uint64_t backlog_ms(void)
{
	return (books()->backlog * 1024ull + MS / 2) / MS; /* each is cut to 1024 ns */
}

/* A caller waits from now on, or has what it waited for. */
static void waits(uint64_t waiter)
{
	of_pool(PS_VERB_wait_begin, waiter, 0, 0);
}

static void gets(uint64_t waiter)
{
	of_pool(PS_VERB_acquired, waiter, waiter, 0);
}

static void stands_still(uint64_t ns)
{
	begins(PS_STALL_gc);
	after(ns);
	ends(PS_STALL_gc);
}

static void what_waits_since_a_stall_came_of_it(void **state)
{
	(void)state;
	of_pool(PS_VERB_pool_create, PS_KIND_connection, 0, 2);
	stands_still(50 * MS);
	after(MS);
	waits(1);
	waits(2);
	after(10 * MS);
	gets(1);
	waits(3);
	after(10 * MS);
	gets(2);
	after(10 * MS);
	gets(3);
	assert_int_equal(backlog_ms(), 10 + 20 + 20);
	waits(4); /* nobody waited meanwhile, but it is soon after */
	after(10 * MS);
	gets(4);
	assert_int_equal(backlog_ms(), 60);
	after(20 * MS);
	waits(5); /* this is later after than the stall was long */
	after(10 * MS);
	gets(5);
	assert_int_equal(backlog_ms(), 60);
	assert_int_equal(books()->stood_wait_sum, 0);
}

static void who_waited_before_a_stall_waits_on_for_the_same_reason(void **state)
{
	(void)state;
	of_pool(PS_VERB_pool_create, PS_KIND_connection, 0, 2);
	waits(1);
	after(MS);
	stands_still(50 * MS);
	waits(2);
	after(10 * MS);
	gets(1);
	gets(2);
	assert_int_equal(backlog_ms(), 0);
	assert_int_equal(books()->stood_wait_sum, 50 * MS);
}

static void a_backlog_lasts_eight_stalls(void **state)
{
	(void)state;
	of_pool(PS_VERB_pool_create, PS_KIND_connection, 0, 2);
	stands_still(50 * MS);
	waits(1);
	after(399 * MS);
	waits(2);
	after(2 * MS);
	waits(3);
	after(100 * MS);
	gets(3);
	assert_int_equal(backlog_ms(), 0);
	gets(2);
	assert_int_equal(backlog_ms(), 102);
}

static void what_of_a_backlog_lies_in_a_stall_counts_there(void **state)
{
	(void)state;
	of_pool(PS_VERB_pool_create, PS_KIND_connection, 0, 2);
	begins(PS_STALL_gc);
	after(10 * MS);
	waits(1); /* a thread that was not stopped yet, or goes on before the end is told */
	after(40 * MS);
	ends(PS_STALL_gc);
	after(10 * MS);
	stands_still(20 * MS);
	after(5 * MS);
	gets(1);
	assert_int_equal(books()->stood_wait_sum, 60 * MS);
	assert_int_equal(backlog_ms(), 15);
	begins(PS_STALL_gc); /* its end is lost */
	after(PS_STALL_BELIEVED_NS + MS);
	waits(1);
	after(10 * MS);
	gets(1);
	assert_int_equal(backlog_ms(), 15);
}

static void of_another_process_nothing_is_added(void **state)
{
	static const struct ps_proc_key other = { .tgid = 42 + PS_STOOD_BITS, .incarnation = 1 };

	(void)state;
	assert_int_equal(*ps_has_stood_word(42) >> 42 & 1, 0);
	begins(PS_STALL_gc);
	after(MS);
	assert_int_equal(*ps_has_stood_word(42) >> 42 & 1, 1); /* the same bit */
	assert_int_equal(ps_stood_of(&other, shim_now_ns), 0);
	assert_int_equal(stood(), MS);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

static const struct snapshot *look(struct model *m)
{
	struct arena *arena = arena_new();
	struct snapshot *s = arena_alloc(arena, 1, sizeof(*s));

	*s = (struct snapshot){ .n_refs = 1, .arena = arena };
	assert_int_equal(model_snapshot(m, s, NULL, NULL), 0);
	return s;
}

/* One tick with what the kernel has. */
static const struct snapshot *tick(struct model *m, int64_t now_ns)
{
	const struct ps_standstill *s = bpf_map_lookup_elem(&ps_standstills, &the_process);
	struct ps_stall_key key = { .proc = the_process };

	model_tick_begin(m, now_ns);
	if (s)
		assert_int_equal(model_feed_standstill(m, &the_process, s), 0);
	for (; key.cause < PS_STALL_COUNT; key.cause++)
		if (stalls_of(key.cause))
			assert_int_equal(model_feed_stalls(m, &key, stalls_of(key.cause)), 0);
	model_tick_end(m);
	return look(m);
}

static void a_row_tells_those_that_ended_and_the_one_that_goes_on(void **state)
{
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	begins(PS_STALL_gc);
	s = tick(m, (int64_t)shim_now_ns + 2 * S);
	assert_int_equal(s->n_stalls, 1);
	assert_int_equal(s->stalls[0].pid, 42);
	assert_string_equal(s->stalls[0].process, "?");
	assert_int_equal(s->stalls[0].cause, PS_STALL_gc);
	assert_int_equal(s->stalls[0].length->count, 0);
	assert_int_equal(s->stalls[0].since_ns, 2 * S);
	snapshot_unref(s);
	after(3 * MS);
	ends(PS_STALL_gc);
	s = tick(m, (int64_t)shim_now_ns + 3 * S);
	assert_int_equal(s->n_stalls, 1);
	assert_int_equal(s->stalls[0].length->count, 1);
	assert_int_equal(s->stalls[0].length->max_ns, 3 * MS);
	assert_int_equal(s->stalls[0].since_ns, 0);
	snapshot_unref(s);
	reset(state); /* the process is gone */
	s = tick(m, (int64_t)shim_now_ns + 4 * S);
	assert_int_equal(s->n_stalls, 0);
	snapshot_unref(s);
	model_free(m);
}

static void what_a_runtime_counts_itself_adds_to_what_is_seen(void **state)
{
	const struct ps_stall_key key = { .proc = the_process, .cause = PS_STALL_gc };
	struct model *m = model_new();
	const struct snapshot *s;
	json_t *answer, *row;

	(void)state;
	begins(PS_STALL_gc);
	after(8 * MS);
	ends(PS_STALL_gc);
	model_tick_begin(m, (int64_t)shim_now_ns);
	assert_int_equal(model_feed_counted_stalls(m, &key, 3, 0.5), 0);
	assert_int_equal(model_feed_counted_stalls(m, &key, 0, 0.25), 0);
	assert_int_equal(model_feed_stalls(m, &key, stalls_of(PS_STALL_gc)), 0);
	model_tick_end(m);
	s = look(m);
	assert_int_equal(s->n_stalls, 1);
	assert_true(s->stalls[0].is_counted);
	assert_int_equal(s->stalls[0].n, 4);
	assert_float_equal(s->stalls[0].sum_s, 0.758, 1e-6);
	answer = encode_stalls(s);
	row = json_array_get(json_object_get(answer, "stalls"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "source")), "hsperfdata");
	assert_int_equal(json_integer_value(json_object_get(row, "count")), 4);
	assert_true(json_is_null(json_object_get(row, "max_seconds")));
	assert_true(json_is_null(json_object_get(row, "p99_seconds")));
	json_decref(answer);
	snapshot_unref(s);
	model_free(m);
}

/* ---- sums by name -------------------------------------------------------------------------------------------------------- */

static int feed(struct model *m, uint32_t tgid, const char *name, bool has_stalls,
		const struct ps_hist *length)
{
	struct process_info info = { .key = { .tgid = tgid, .incarnation = 1 }, .name = name };
	struct ps_stall_key key = { .proc = info.key, .cause = PS_STALL_gc };

	assert_int_equal(model_feed_process(m, &info), 0);
	return has_stalls ? model_feed_stalls(m, &key, length) : 0;
}

/* After a tick of the model: how many stalls the sum has; -1 = there is none. */
static int64_t n_summed(struct model *m, const char *process, double *ret_s)
{
	const struct snapshot *s;
	int64_t n = -1;

	model_tick_end(m);
	s = look(m);
	for (size_t i = 0; i < s->n_stall_sums; i++) {
		if (strcmp(s->stall_sums[i].process, process) != 0)
			continue;
		assert_int_equal(n, -1);
		n = (int64_t)s->stall_sums[i].n;
		*ret_s = s->stall_sums[i].sum_s;
		assert_true(s->stall_sums[i].length->count <= s->stall_sums[i].n);
	}
	snapshot_unref(s);
	return n;
}

static void a_sum_of_stalls_lives_as_long_as_a_process_of_its_name(void **state)
{
	struct model *m = model_new();
	struct ps_hist one = { 0 }, two = { 0 };
	double s = 0;

	(void)state;
	ps_hist_put(&one, MS);
	ps_hist_put(&two, 2 * MS);
	model_tick_begin(m, S);
	feed(m, 1, "app", true, &one);
	feed(m, 2, "app", true, &two);
	feed(m, 3, "other-app", true, &two);
	assert_int_equal(n_summed(m, "app", &s), 2);
	assert_float_equal(s, 0.003, 1e-6);
	ps_hist_put(&two, 4 * MS);
	model_tick_begin(m, 2 * S); /* the first one has ended */
	feed(m, 2, "app", true, &two);
	assert_int_equal(n_summed(m, "app", &s), 3);
	assert_float_equal(s, 0.007, 1e-6);
	model_tick_begin(m, 3 * S); /* and the second one; who follows has not stood still yet */
	feed(m, 4, "app", false, NULL);
	assert_int_equal(n_summed(m, "app", &s), 3);
	assert_int_equal(n_summed(m, "other-app", &s), -1);
	model_tick_begin(m, 4 * S);
	feed(m, 4, "app", true, &one);
	assert_int_equal(n_summed(m, "app", &s), 4);
	assert_float_equal(s, 0.008, 1e-6);
	model_tick_begin(m, 5 * S);
	assert_int_equal(n_summed(m, "app", &s), -1);
	model_free(m);
}

static void what_a_runtime_has_counted_is_in_the_sum_and_not_in_its_histogram(void **state)
{
	struct ps_stall_key key = { .proc = the_process, .cause = PS_STALL_safepoint };
	struct ps_stall_key barrier = { .proc = the_process, .cause = PS_STALL_barrier };
	struct model *m = model_new();
	struct ps_hist one = { 0 };
	double s = 0;

	(void)state;
	ps_hist_put(&one, MS);
	for (int64_t t = 1; t <= 3; t++) {
		model_tick_begin(m, t * S);
		feed(m, the_process.tgid, "jvm", false, NULL);
		assert_int_equal(model_feed_counted_stalls(m, &key, 2, 0.5), 0);
		assert_int_equal(model_feed_stalls(m, &barrier, &one), 0); /* the same ones */
		assert_int_equal(n_summed(m, "jvm", &s), 2 * t);
		assert_float_equal(s, 0.5 * (double)t, 1e-9);
	}
	model_free(m);
}

static void too_many_sums_of_stalls_share_one(void **state)
{
	struct model *m = model_new();
	struct ps_hist one = { 0 };
	double s = 0;

	(void)state;
	ps_hist_put(&one, MS);
	for (int64_t t = 1; t <= 2; t++) {
		model_tick_begin(m, t * S);
		for (uint32_t i = 1; i <= 1100; i++) {
			char name[32];

			snprintf(name, sizeof(name), "app-%u", i);
			feed(m, i, name, true, &one);
		}
		assert_int_equal(n_summed(m, "other", &s), 100);
	}
	model_free(m);
}

/* ---- verdicts ------------------------------------------------------------------------------------------------------------ */

/* A pool of the process, made at 1 s, after it has waited so long, stalled and full for so long; all in ms. Its verdict. */
static char *judge(struct model *m, int64_t now_ns, uint64_t waited, uint64_t stalled,
		   uint64_t full, char ret[80])
{
	const struct pool_extra nothing = POOL_EXTRA_UNKNOWN;
	struct process_info info = { .key = the_process, .name = "orders" };
	struct ps_stall_key key = { .proc = the_process };
	struct ps_pool b = { .since_ns = S,
			     .capacity = 10,
			     .capacity_since_ns = S,
			     .wait_end_sum = waited * MS,
			     .stood_wait_sum = stalled * MS,
			     .saturated_ns = full * MS };
	const struct snapshot *s;

	model_tick_begin(m, now_ns);
	assert_int_equal(model_feed_process(m, &info), 0);
	assert_int_equal(model_feed_pool(m, &the_pool, &b, &nothing, now_ns), 0);
	for (; key.cause < PS_STALL_COUNT; key.cause++)
		if (stalls_of(key.cause))
			assert_int_equal(model_feed_stalls(m, &key, stalls_of(key.cause)), 0);
	model_tick_end(m);
	s = look(m);
	assert_int_equal(s->n_pools, 1);
	snprintf(ret, 80, "%s", s->pools[0].saturated_by ? s->pools[0].saturated_by : "healthy");
	assert_true(fabs(s->pools[0].stalled_s - (double)stalled / 1e3) < 1e-6);
	snapshot_unref(s);
	return ret;
}

static void a_pool_that_was_full_is_excused_by_stalls_alone(void **state)
{
	static const struct {
		uint64_t waited, stalled, full;
		const char *verdict;
	} cases[] = {
		{ 1000, 950, 600, "saturated by stalls (gc): 95% of the wait came of them" },
		{ 1000, 901, 600, "saturated by stalls (gc): 90% of the wait came of them" },
		{ 1000, 899, 600, "healthy" },
		{ 1000, 1000, 0, "healthy" }, /* it was not full */
		{ 39, 39, 30, "healthy" }, /* hardly anybody has waited in these 4 s */
		{ 0, 0, 0, "healthy" },
	};
	char verdict[80];

	(void)state;
	ps_stall_book(&the_process, PS_STALL_gc, 900 * MS);
	ps_stall_book(&the_process, PS_STALL_throttled, 100 * MS);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct model *m = model_new();

		assert_string_equal(
			judge(m, 5 * S, cases[i].waited, cases[i].stalled, cases[i].full, verdict),
			cases[i].verdict);
		model_free(m);
	}
}

static void a_verdict_is_about_the_last_10_to_20_seconds(void **state)
{
	static const char *const by_gc = "saturated by stalls (gc): 95% of the wait came of them";
	struct model *m = model_new();
	char verdict[80];

	(void)state;
	ps_stall_book(&the_process, PS_STALL_gc, 900 * MS);
	assert_string_equal(judge(m, 11 * S, 1000, 950, 600, verdict), by_gc);
	for (int64_t t = 12; t < 21; t++)
		assert_string_equal(judge(m, t * S, 1000, 950, 600, verdict), by_gc);
	assert_string_equal(judge(m, 21 * S, 1000, 950, 600, verdict), "healthy");
	assert_string_equal(judge(m, 22 * S, 3000, 950, 800, verdict), "healthy"); /* now it is too small */
	assert_string_equal(judge(m, 31 * S, 3000, 950, 800, verdict), "healthy");
	ps_stall_book(&the_process, PS_STALL_throttled, 300 * MS); /* less than the collections of then */
	assert_string_equal(judge(m, 41 * S, 3000, 950, 800, verdict), "healthy");
	ps_stall_book(&the_process, PS_STALL_throttled, 300 * MS);
	assert_string_equal(judge(m, 42 * S, 4000, 1950, 900, verdict),
			    "saturated by stalls (throttled): 100% of the wait came of them");
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_stall_lasts_from_beginning_to_end, reset),
		cmocka_unit_test_setup(what_goes_on_inside_names_it, reset),
		cmocka_unit_test_setup(an_end_without_a_beginning_is_nothing, reset),
		cmocka_unit_test_setup(a_lost_end_costs_one_stall, reset),
		cmocka_unit_test_setup(full_tables_and_nonsense_are_counted, reset),
		cmocka_unit_test_setup(a_process_is_stopped_when_its_last_thread_is, reset),
		cmocka_unit_test_setup(a_stop_in_the_middle_of_a_collection_names_it, reset),
		cmocka_unit_test_setup(what_a_program_says_of_a_stop_is_its_own, reset),
		cmocka_unit_test_setup(no_progress_is_from_the_last_thread_that_ran_to_the_next_one,
				       reset),
		cmocka_unit_test_setup(what_goes_on_has_a_cause_already, reset),
		cmocka_unit_test_setup(what_made_no_progress_was_not_throttled_as_well, reset),
		cmocka_unit_test_setup(
			out_of_quota_a_process_stands_still_until_its_first_thread_runs, reset),
		cmocka_unit_test_setup(who_waits_for_others_or_sleeps_is_not_throttled, reset),
		cmocka_unit_test_setup(what_a_runtime_counts_itself_adds_to_what_is_seen, reset),
		cmocka_unit_test_setup(the_clock_of_stalls_runs_only_inside_of_them, reset),
		cmocka_unit_test_setup(what_lies_in_each_other_is_counted_once, reset),
		cmocka_unit_test_setup(a_lost_end_counts_as_10_s_and_takes_nothing_back, reset),
		cmocka_unit_test_setup(waits_and_holds_lie_in_stalls_by_their_overlap, reset),
		cmocka_unit_test_setup(the_end_of_a_pool_ends_what_is_stalled, reset),
		cmocka_unit_test_setup(what_waits_since_a_stall_came_of_it, reset),
		cmocka_unit_test_setup(who_waited_before_a_stall_waits_on_for_the_same_reason,
				       reset),
		cmocka_unit_test_setup(a_backlog_lasts_eight_stalls, reset),
		cmocka_unit_test_setup(what_of_a_backlog_lies_in_a_stall_counts_there, reset),
		cmocka_unit_test_setup(of_another_process_nothing_is_added, reset),
		cmocka_unit_test_setup(a_sum_of_stalls_lives_as_long_as_a_process_of_its_name,
				       reset),
		cmocka_unit_test_setup(
			what_a_runtime_has_counted_is_in_the_sum_and_not_in_its_histogram, reset),
		cmocka_unit_test_setup(too_many_sums_of_stalls_share_one, reset),
		cmocka_unit_test_setup(a_pool_that_was_full_is_excused_by_stalls_alone, reset),
		cmocka_unit_test_setup(a_verdict_is_about_the_last_10_to_20_seconds, reset),
		cmocka_unit_test_setup(a_row_tells_those_that_ended_and_the_one_that_goes_on,
				       reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
