/* SPDX-License-Identifier: MIT */
/*
 * locks_test.c - bpf/locks.h natively and under ASan, as scripts of threads that sleep at a word, are woken and run; then thousands of random
 * steps beside a slow reckoning; and what the model makes of it.
 *
 * Threads are A, B, ... (their ids are 1, 2, ...), each on a CPU of its own. No step takes time; after() does.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "bpf_shim.h"

/* knobs and maps that locks do not use */
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/locks.h"

#include "base/arena.h"
#include "base/hist.h"
#include "model/model.h"

#define US 1000ull
#define MS 1000000ull
#define S 1000000000ll

enum { A, B, C, D, E, F, N_THREADS };

#define WORD 0x7f0000001018ull
#define OTHER_WORD 0x7f0000002018ull
#define WAIT (1u << 0)

static const struct ps_proc_key the_process = { .tgid = 42, .incarnation = 1 };
static struct ps_thread thread[N_THREADS];
static struct ps_lock_wait on_cpu[N_THREADS];
static uint32_t n_threads;

static int reset(void **state)
{
	(void)state;
	shim_map_clear(&ps_stalls);
	shim_map_clear(&ps_losses);
	memset(ps_locks, 0, sizeof(ps_locks));
	memset(thread, 0, sizeof(thread));
	memset(on_cpu, 0, sizeof(on_cpu));
	ps_stalls.limit = 16;
	shim_now_ns = 1000 * MS;
	n_threads = 100;
	return 0;
}

static void after(uint64_t ns)
{
	shim_now_ns += ns;
}

static struct ps_lock *lock_at(uint64_t word)
{
	uint32_t place = ps_lock_place(&the_process, word);

	assert_true(place < PS_LOCKS);
	return ps_lock_at(place);
}

static uint64_t n_waits(uint64_t word)
{
	const struct ps_lock *l = lock_at(word);
	uint64_t n = 0;

	for (int i = 0; i < PS_HIST_BUCKETS; i++)
		n += l->wait.bucket[i];
	return n;
}

/* Leaves its CPU, to sleep at a word or (0) for something else. */
static void sleeps_at(int t, uint64_t word, uint32_t value)
{
	thread[t].word = word;
	if (word)
		ps_lock_blocks(&thread[t], (uint32_t)t + 1, ps_lock_place(&the_process, word),
			       ps_lock_sign_of(WAIT, value), value, n_threads, &on_cpu[t],
			       shim_now_ns);
	ps_lock_books(&on_cpu[t], (uint32_t)t + 1);
}

static void sleeps(int t)
{
	sleeps_at(t, WORD, 2);
}

static void leaves(int t)
{
	sleeps_at(t, 0, 0);
}

static void runs_timed(int t, int is_timed)
{
	ps_lock_runs(&thread[t], (uint32_t)t + 1, is_timed, n_threads, &on_cpu[t], shim_now_ns);
}

static void runs(int t)
{
	runs_timed(t, 0);
}

/* `by` gives the lock back: it wakes one, and the word is free then. */
static void wakes(int by, int t)
{
	on_cpu[by].has_woken = 1;
	ps_lock_judge(lock_at(thread[t].word), thread[t].lock_value, 1, 0);
}

static uint64_t lost(enum ps_loss what)
{
	uint32_t key = what;
	const uint64_t *n = bpf_map_lookup_elem(&ps_losses, &key);

	return n ? *n : 0;
}

/* ---- what is a lock ------------------------------------------------------------------------------------------------------ */

static void the_value_tells_who_may_wait_for_a_lock(void **state)
{
	static const struct {
		uint32_t commands, value;
		enum ps_lock_sign sign;
	} all[] = {
		{ WAIT, 2, PS_LOCK_VALUE },
		{ 1u << 9, 2, PS_LOCK_VALUE },
		{ WAIT, 3, PS_LOCK_VALUE }, /* Qt */
		{ WAIT, PS_LOCK_BIT | 4711, PS_LOCK_OWNER }, /* robust, musl */
		{ WAIT, PS_LOCK_BIT | 1u << 30 | 4711, PS_LOCK_OWNER }, /* whose owner died */
		{ 1u << 6, 0, PS_LOCK_CALL },
		{ 1u << 13, 4711, PS_LOCK_CALL },
		{ WAIT, 0, PS_LOCK_NONE }, /* condition variables, semaphores, Go's threads */
		{ WAIT, 1, PS_LOCK_NONE },
		{ WAIT, 4711, PS_LOCK_NONE }, /* pthread_join() */
		{ WAIT, UINT32_MAX, PS_LOCK_NONE }, /* Rust's parked threads */
		{ WAIT, PS_LOCK_BIT, PS_LOCK_NONE }, /* std::future */
		{ 1u << 11, 2, PS_LOCK_NONE }, /* a condition variable with priority inheritance */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		assert_int_equal(ps_lock_sign_of(all[i].commands, all[i].value), all[i].sign);
}

static void a_word_is_a_lock_when_one_was_woken_at_a_value_that_has_not_risen(void **state)
{
	static const struct {
		uint32_t slept, n, value, flags;
	} all[] = {
		{ 2, 1, 0, PS_LOCK_SURE },
		{ 2, 1, 1, PS_LOCK_SURE }, /* another one was quicker */
		{ 2, 1, 2, PS_LOCK_SURE },
		{ 3, 1, 0, PS_LOCK_SURE },
		{ 2, 1, 3, PS_LOCK_REFUSED }, /* a counter */
		{ 3, 1, 4, PS_LOCK_REFUSED },
		{ 2, 1u << 30, 4, PS_LOCK_REFUSED }, /* a barrier */
		{ 2, 1u << 30, 0, 0 }, /* a latch: all are woken */
		{ PS_LOCK_BIT | 4711, 1, PS_LOCK_BIT | 4712, PS_LOCK_SURE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct ps_lock l = { .flags = 0 };

		ps_lock_judge(&l, all[i].slept, all[i].n, all[i].value);
		assert_int_equal(l.flags, all[i].flags);
	}
}

static void a_call_that_locks_is_a_lock_at_once(void **state)
{
	(void)state;
	thread[A].word = WORD;
	ps_lock_blocks(&thread[A], 1, ps_lock_place(&the_process, WORD), PS_LOCK_CALL, 0, n_threads,
		       &on_cpu[A], shim_now_ns);
	assert_int_equal(lock_at(WORD)->flags, PS_LOCK_SURE);
}

static void what_was_refused_counts_no_more(void **state)
{
	(void)state;
	sleeps(A);
	ps_lock_judge(lock_at(WORD), 2, 1, 3);
	runs(A);
	leaves(A);
	assert_int_equal(lock_at(WORD)->waiters, 0);
	sleeps(B);
	assert_int_equal(lock_at(WORD)->waiters, 0);
	assert_int_equal(thread[B].lock, 0);
}

/* ---- waits --------------------------------------------------------------------------------------------------------------- */

static void a_wait_lasts_from_its_sleep_to_when_the_thread_runs(void **state)
{
	const struct ps_lock *l = lock_at(WORD);

	(void)state;
	sleeps(A);
	after(MS);
	sleeps(B);
	assert_int_equal(l->waiters, 2);
	assert_true(l->flags & PS_LOCK_SHARED);
	after(2 * MS);
	runs(A);
	assert_int_equal(l->waiters, 1);
	assert_int_equal(n_waits(WORD), 0); /* nobody knows whether it has the lock */
	after(500 * US);
	leaves(A);
	assert_int_equal(n_waits(WORD), 1);
	assert_int_equal(l->wait.sum_ns, 3 * MS);
	runs(B);
	leaves(B);
	leaves(B);
	assert_int_equal(n_waits(WORD), 2);
	assert_int_equal(l->wait.sum_ns, 5 * MS + 500 * US);
	assert_int_equal(l->waiters, 0);
}

static void who_was_woken_too_late_waits_on(void **state)
{
	(void)state;
	sleeps(A);
	after(MS);
	runs(A);
	after(3 * US);
	sleeps(A);
	after(MS);
	runs(A);
	leaves(A);
	assert_int_equal(n_waits(WORD), 1);
	assert_int_equal(lock_at(WORD)->wait.sum_ns, 2 * MS + 3 * US);
}

static void who_had_the_lock_in_between_waits_anew(void **state)
{
	(void)state;
	sleeps(A);
	sleeps(B);
	after(MS);
	runs(A);
	after(3 * US);
	wakes(A, B); /* so it had it */
	sleeps(A);
	assert_int_equal(n_waits(WORD), 1);
	after(MS);
	runs(A);
	after(PS_LOCK_AGAIN_NS);
	sleeps(A); /* nobody was there to wake, but it was away for long */
	assert_int_equal(n_waits(WORD), 2);
	assert_int_equal(lock_at(WORD)->wait.sum_ns, 2 * MS);
}

static void a_wait_that_a_timer_ended_is_a_timeout_unless_it_goes_on(void **state)
{
	(void)state;
	sleeps(A);
	after(MS);
	runs_timed(A, 1);
	sleeps(A);
	after(MS);
	runs(A);
	leaves(A);
	assert_int_equal(lock_at(WORD)->timeouts, 0);
	sleeps(A);
	after(MS);
	runs_timed(A, 1);
	leaves(A);
	assert_int_equal(lock_at(WORD)->timeouts, 1);
	assert_int_equal(n_waits(WORD), 2);
}

static void a_stack_is_wanted_at_first_and_after_long_waits(void **state)
{
	uint32_t place = ps_lock_place(&the_process, WORD);

	(void)state;
	for (int i = 0; i < 5; i++) {
		int is_wanted;

		thread[A].word = WORD;
		is_wanted = ps_lock_blocks(&thread[A], 1, place, PS_LOCK_VALUE, 2, n_threads,
					   &on_cpu[A], shim_now_ns);
		assert_int_equal(is_wanted, i == 0 || i == 3);
		ps_lock_books(&on_cpu[A], 1);
		after(i == 1 ? 2 * MS : 10 * US); /* the second one is long */
		runs(A);
		leaves(A);
		after(i == 2 ? PS_LOCK_STACK_NS : 10 * US);
	}
}

/* ---- the table ----------------------------------------------------------------------------------------------------------- */

static void a_word_without_a_place_is_refused_and_counted(void **state)
{
	uint32_t n_refused = 0;

	(void)state;
	for (uint64_t i = 0; i < 4 * PS_LOCKS; i++)
		n_refused += ps_lock_place(&the_process, WORD + 4 * i) == PS_LOCKS;
	assert_true(n_refused >= 3 * PS_LOCKS);
	assert_int_equal(lost(PS_LOSS_locks_full), n_refused);
	for (int i = 0; i < PS_LOCKS; i++) { /* each is found again at its place */
		if (!ps_locks[i].id)
			continue;
		assert_int_equal(ps_lock_place(&the_process, ps_locks[i].word), i);
	}
}

static void processes_share_no_word(void **state)
{
	struct ps_proc_key other = the_process;

	(void)state;
	other.incarnation++;
	assert_int_not_equal(ps_lock_place(&the_process, WORD), ps_lock_place(&other, WORD));
}

static void who_slept_at_a_place_that_was_cleared_counts_nowhere(void **state)
{
	(void)state;
	sleeps(A);
	memset(ps_locks, 0, sizeof(ps_locks));
	after(MS);
	runs(A);
	leaves(A);
	for (int i = 0; i < PS_LOCKS; i++)
		assert_int_equal(ps_locks[i].wait.sum_ns + (uint64_t)ps_locks[i].waiters, 0);
}

/* ---- convoys ------------------------------------------------------------------------------------------------------------- */

static const struct ps_hist *convoys(void)
{
	struct ps_stall_key key = { .proc = the_process, .cause = PS_STALL_convoy };

	return bpf_map_lookup_elem(&ps_stalls, &key);
}

static void five_wait(uint64_t ns)
{
	for (int t = A; t <= E; t++)
		sleeps(t);
	after(ns);
	for (int t = A; t <= E; t++) {
		wakes(F, t);
		runs(t);
		leaves(t);
	}
}

static void most_threads_at_one_lock_are_a_convoy(void **state)
{
	(void)state;
	n_threads = 7;
	five_wait(PS_CONVOY_NS - 1);
	assert_null(convoys());
	five_wait(500 * MS);
	assert_non_null(convoys());
	assert_int_equal(convoys()->sum_ns, 500 * MS);
	n_threads = 10; /* half of them are not most */
	five_wait(500 * MS);
	assert_int_equal(convoys()->sum_ns, 500 * MS);
}

static void most_threads_at_what_is_no_lock_are_none(void **state)
{
	(void)state;
	n_threads = 7;
	for (int t = A; t <= E; t++)
		sleeps(t);
	after(500 * MS);
	ps_lock_judge(lock_at(WORD), 2, 1u << 30, 0); /* a latch */
	for (int t = A; t <= E; t++)
		runs(t);
	assert_null(convoys());
}

/* ---- random steps -------------------------------------------------------------------------------------------------------- */

static void books_agree_with_a_slow_reckoning(void **state)
{
	uint64_t n = 0, sum = 0, begin[N_THREADS] = { 0 };
	unsigned int seed = 7;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		int t = rand_r(&seed) % N_THREADS, n_asleep = 0;
		uint64_t word = rand_r(&seed) % 2 ? WORD : OTHER_WORD;

		after(PS_LOCK_AGAIN_NS + (uint64_t)rand_r(&seed) % MS);
		if (!begin[t]) {
			begin[t] = shim_now_ns;
			sleeps_at(t, word, 2);
		} else {
			n++;
			sum += shim_now_ns - begin[t];
			begin[t] = 0;
			runs(t);
			leaves(t);
		}
		for (int i = 0; i < N_THREADS; i++)
			n_asleep += begin[i] != 0;
		assert_int_equal(lock_at(WORD)->waiters + lock_at(OTHER_WORD)->waiters, n_asleep);
	}
	assert_int_equal(n_waits(WORD) + n_waits(OTHER_WORD), n);
	assert_int_equal(lock_at(WORD)->wait.sum_ns + lock_at(OTHER_WORD)->wait.sum_ns, sum);
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

static const struct snapshot *tick(struct model *m, const struct ps_lock *const *locks, size_t n)
{
	model_tick_begin(m, (int64_t)shim_now_ns);
	for (size_t i = 0; i < n; i++) {
		struct process_info info = { .key = locks[i]->proc, .name = "app" };

		assert_int_equal(model_feed_process(m, &info), 0);
		assert_int_equal(
			model_feed_lock(m, locks[i], locks[i]->waiters, (int64_t)shim_now_ns - S),
			0);
		if (model_wants_lock_name(m, locks[i]))
			assert_int_equal(model_name_lock(m, locks[i], "app:the_lock"), 0);
	}
	model_tick_end(m);
	return look(m);
}

static void a_row_tells_of_a_lock_when_it_is_sure_and_shared(void **state)
{
	static const char *const place[] = { "take (app)", "main (app)" };
	const struct ps_lock *l = lock_at(WORD);
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	sleeps(A);
	s = tick(m, &l, 1);
	assert_int_equal(s->n_locks, 0);
	snapshot_unref(s);
	wakes(F, A);
	after(MS);
	runs(A);
	leaves(A);
	s = tick(m, &l, 1);
	assert_int_equal(s->n_locks, 0); /* a place to park */
	snapshot_unref(s);
	sleeps(B);
	after(S);
	s = tick(m, &l, 1);
	assert_int_equal(s->n_locks, 1);
	assert_string_equal(s->locks[0].name, "app:the_lock");
	assert_int_equal(s->locks[0].address, WORD);
	assert_int_equal(s->locks[0].wait->count, 1);
	assert_int_equal(s->locks[0].waiting, 1);
	assert_int_equal(s->locks[0].oldest_wait_ns, S);
	assert_true(isnan(s->locks[0].waits_per_s));
	snapshot_unref(s);
	assert_true(model_wants_lock_stack(m, l));
	assert_int_equal(model_feed_lock_stack(m, l, place, 2), 0);
	assert_false(model_wants_lock_stack(m, l));
	assert_int_equal(model_feed_lock_stack(m, l, place, 1), 0); /* the next one replaces it */
	assert_int_equal(model_feed_lock_stack(m, l, place, 2), 0);
	after(S);
	runs(B);
	leaves(B);
	s = tick(m, &l, 1);
	assert_true(s->locks[0].waits_per_s == 1.0);
	assert_true(s->locks[0].mean_waiting == 2.0);
	assert_int_equal(s->locks[0].waiting, 0);
	assert_int_equal(s->locks[0].n_stack, 2);
	assert_string_equal(s->locks[0].stack[1], "main (app)");
	snapshot_unref(s);
	lock_at(WORD)->flags |= PS_LOCK_REFUSED;
	s = tick(m, &l, 1);
	assert_int_equal(s->n_locks, 0);
	snapshot_unref(s);
	model_free(m);
}

static void a_convoy_that_goes_on_is_a_stall(void **state)
{
	const struct ps_lock *l = lock_at(WORD);
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	n_threads = 7;
	sleeps(F);
	wakes(A, F);
	runs(F);
	leaves(F);
	for (int t = A; t <= E; t++)
		sleeps(t);
	after(700 * MS);
	s = tick(m, &l, 1);
	assert_int_equal(s->n_stalls, 1);
	assert_int_equal(s->stalls[0].cause, PS_STALL_convoy);
	assert_int_equal(s->stalls[0].since_ns, 700 * MS);
	snapshot_unref(s);
	model_free(m);
}

static void a_series_does_not_fall_when_one_of_its_processes_ends(void **state)
{
	struct ps_lock one = { .word = WORD,
			       .proc = the_process,
			       .flags = PS_LOCK_SURE | PS_LOCK_SHARED },
		       two = one;
	const struct ps_lock *both[] = { &one, &two };
	struct model *m = model_new();
	const struct snapshot *s;

	(void)state;
	two.proc.tgid++;
	ps_hist_put(&one.wait, MS);
	ps_hist_put(&two.wait, 2 * MS);
	s = tick(m, both, 2);
	assert_int_equal(s->n_lock_sums, 1);
	assert_string_equal(s->lock_sums[0].process, "app");
	assert_string_equal(s->lock_sums[0].lock, "app:the_lock");
	assert_int_equal(s->lock_sums[0].wait->count, 2);
	snapshot_unref(s);
	ps_hist_put(&two.wait, 2 * MS);
	s = tick(m, &both[1], 1);
	assert_int_equal(s->n_locks, 1);
	assert_int_equal(s->lock_sums[0].wait->count, 3);
	assert_true(s->lock_sums[0].wait->sum_s > 0.00499 && s->lock_sums[0].wait->sum_s < 0.00501);
	snapshot_unref(s);
	s = tick(m, NULL, 0);
	assert_int_equal(s->n_lock_sums, 0);
	snapshot_unref(s);
	model_free(m);
}

static void too_many_series_share_one(void **state)
{
	struct model *m = model_new();
	const struct snapshot *s;
	uint64_t n = 0;

	(void)state;
	model_tick_begin(m, (int64_t)shim_now_ns);
	for (uint64_t i = 0; i < 300; i++) {
		struct ps_lock l = { .word = WORD + 4 * i,
				     .proc = the_process,
				     .flags = PS_LOCK_SURE | PS_LOCK_SHARED };
		char name[32];

		snprintf(name, sizeof(name), "app:%d", (int)i);
		ps_hist_put(&l.wait, MS);
		assert_int_equal(model_feed_lock(m, &l, 0, 0), 0);
		assert_int_equal(model_name_lock(m, &l, name), 0);
	}
	model_tick_end(m);
	s = look(m);
	assert_int_equal(s->n_locks, 300);
	assert_int_equal(s->n_lock_sums, 201);
	for (size_t i = 0; i < s->n_lock_sums; i++)
		n += s->lock_sums[i].wait->count;
	assert_int_equal(n, 300);
	assert_string_equal(s->lock_sums[200].lock, "other");
	assert_int_equal(s->lock_sums[200].wait->count, 100);
	snapshot_unref(s);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_value_tells_who_may_wait_for_a_lock, reset),
		cmocka_unit_test_setup(
			a_word_is_a_lock_when_one_was_woken_at_a_value_that_has_not_risen, reset),
		cmocka_unit_test_setup(a_call_that_locks_is_a_lock_at_once, reset),
		cmocka_unit_test_setup(what_was_refused_counts_no_more, reset),
		cmocka_unit_test_setup(a_wait_lasts_from_its_sleep_to_when_the_thread_runs, reset),
		cmocka_unit_test_setup(who_was_woken_too_late_waits_on, reset),
		cmocka_unit_test_setup(who_had_the_lock_in_between_waits_anew, reset),
		cmocka_unit_test_setup(a_wait_that_a_timer_ended_is_a_timeout_unless_it_goes_on,
				       reset),
		cmocka_unit_test_setup(a_stack_is_wanted_at_first_and_after_long_waits, reset),
		cmocka_unit_test_setup(a_word_without_a_place_is_refused_and_counted, reset),
		cmocka_unit_test_setup(processes_share_no_word, reset),
		cmocka_unit_test_setup(who_slept_at_a_place_that_was_cleared_counts_nowhere, reset),
		cmocka_unit_test_setup(most_threads_at_one_lock_are_a_convoy, reset),
		cmocka_unit_test_setup(most_threads_at_what_is_no_lock_are_none, reset),
		cmocka_unit_test_setup(books_agree_with_a_slow_reckoning, reset),
		cmocka_unit_test_setup(a_row_tells_of_a_lock_when_it_is_sure_and_shared, reset),
		cmocka_unit_test_setup(a_convoy_that_goes_on_is_a_stall, reset),
		cmocka_unit_test_setup(a_series_does_not_fall_when_one_of_its_processes_ends,
				       reset),
		cmocka_unit_test_setup(too_many_series_share_one, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
