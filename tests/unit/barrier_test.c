/* SPDX-License-Identifier: MIT */
/* barrier_test.c - bpf/barrier.h natively: threads that sleep on one word, and the call that wakes them all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf_shim.h"

/* knobs and maps that barriers do not use */
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/barrier.h"

#define US 1000ull
#define MS 1000000ull
#define WORD 0x7f0000001000ull
#define TEAM 16

static const struct ps_proc_key the_process = { .tgid = 42, .incarnation = 1 };
static struct ps_thread team[TEAM];
static struct ps_work work;
static struct ps_broadcast broadcast;
static int n_starved; /* so many of those who are woken get no CPU at once */
static uint64_t slice_ns; /* how long who goes to sleep had the CPU before */

static int reset(void **state)
{
	(void)state;
	shim_map_clear(&ps_standstills);
	shim_map_clear(&ps_stalls);
	shim_map_clear(&ps_losses);
	ps_standstills.limit = ps_stalls.limit = 16;
	shim_now_ns = 1000 * MS;
	slice_ns = MS;
	n_starved = 0;
	memset(team, 0, sizeof(team));
	memset(&work, 0, sizeof(work));
	memset(&broadcast, 0, sizeof(broadcast));
	return 0;
}

static void after(uint64_t ns)
{
	shim_now_ns += ns;
}

/* A thread of the process has the CPU for so long. */
static void runs(uint64_t ns)
{
	after(ns);
	ps_work_ran(&work, ns);
}

static void parks(int i, uint32_t value)
{
	team[i].word = WORD;
	team[i].block_ns = shim_now_ns;
	ps_work_parks(&work, &team[i], 1, value, slice_ns, slice_ns);
}

static void all_park(uint32_t value)
{
	for (int i = 0; i < TEAM; i++)
		parks(i, value);
}

/* One call wakes the first n; the word has another value then, and so many other threads run. */
static void wakes(int n, int has_changed, uint32_t n_running)
{
	for (int i = 0; i < n; i++) {
		if (!ps_broadcast_is_same(&broadcast, &team[i]))
			ps_broadcast_begins(&broadcast, &team[i], &work, shim_now_ns);
		ps_broadcast_wakes(&broadcast, &team[i]);
		if (broadcast.n != PS_BARRIER_THREADS)
			continue;
		broadcast.value_now += (uint32_t)has_changed;
		ps_broadcast_opens(&broadcast, &work, &the_process);
	}
	broadcast.n_running = n_running;
	if (ps_broadcast_is_open(&broadcast))
		ps_broadcast_ends(&broadcast, &work, &the_process);
	for (int i = 0; i < n - n_starved; i++) {
		ps_work_wakes(&work, &team[i], 0, 0, shim_now_ns);
		team[i].block_ns = 0;
	}
}

/* Until what came of the last call is known. */
static void waits_for_outcome(void)
{
	after(2 * MS);
	if (ps_barrier_is_known(&work, shim_now_ns))
		ps_barrier_judge(&work, &the_process);
}

static uint64_t n_told(void)
{
	const struct ps_stall_key key = { .proc = the_process, .cause = PS_STALL_barrier };
	const struct ps_hist *h = bpf_map_lookup_elem(&ps_stalls, &key);
	uint64_t n = 0;

	for (int i = 0; h && i < PS_HIST_BUCKETS; i++)
		n += h->bucket[i];
	return n;
}

static uint64_t told_ns(void)
{
	const struct ps_stall_key key = { .proc = the_process, .cause = PS_STALL_barrier };
	const struct ps_hist *h = bpf_map_lookup_elem(&ps_stalls, &key);

	return h ? h->sum_ns : 0;
}

static void stop_for(uint64_t ns, uint32_t value)
{
	all_park(value);
	runs(ns);
	wakes(TEAM, 1, 0);
}

static void a_stop_is_told_when_it_is_known_what_came_of_it(void **state)
{
	(void)state;
	stop_for(20 * MS, 7);
	assert_int_equal(n_told(), 0);
	waits_for_outcome();
	assert_int_equal(n_told(), 1);
	assert_int_equal(told_ns(), 20 * MS);
}

static void the_next_one_at_once(void **state)
{
	(void)state;
	stop_for(20 * MS, 7);
	waits_for_outcome();
	for (int i = 0; i < TEAM; i++)
		runs(MS);
	stop_for(30 * MS, 8);
	assert_int_equal(n_told(), 2);
	waits_for_outcome();
	assert_int_equal(n_told(), 2);
	assert_int_equal(told_ns(), 50 * MS);
}

static void two_threads_or_less_than_a_millisecond_are_none(void **state)
{
	(void)state;
	all_park(7);
	runs(20 * MS);
	wakes(2, 1, 0);
	waits_for_outcome();
	stop_for(900 * US, 8);
	waits_for_outcome();
	assert_int_equal(n_told(), 0);
}

static void a_word_that_has_not_changed_is_no_barrier(void **state)
{
	(void)state;
	all_park(7);
	runs(20 * MS);
	wakes(TEAM, 0, 0);
	waits_for_outcome();
	assert_int_equal(n_told(), 0);
}

static void idle_workers_are_none(void **state)
{
	(void)state;
	all_park(7);
	after(200 * MS);
	runs(MS);
	wakes(TEAM, 1, 0);
	waits_for_outcome();
	assert_int_equal(n_told(), 0);
}

static void workers_without_work_beside_those_that_compute_are_none(void **state)
{
	(void)state;
	all_park(7);
	runs(20 * MS);
	wakes(TEAM, 1, TEAM);
	waits_for_outcome();
	assert_int_equal(n_told(), 0);
}

static void a_loop_that_is_shared_out_unevenly_is_none(void **state)
{
	(void)state;
	for (int i = 0; i < TEAM; i++) {
		for (int k = i; k < TEAM; k++)
			runs(MS); /* on one CPU, in turns */
		parks(i, 7);
	}
	wakes(TEAM, 1, 0);
	waits_for_outcome();
	assert_int_equal(n_told(), 0);
}

static void a_few_may_come_late(void **state)
{
	(void)state;
	for (int i = 0; i < TEAM - 2; i++)
		parks(i, 7);
	for (int i = TEAM - 2; i < TEAM; i++) {
		runs(5 * MS);
		parks(i, 7);
	}
	runs(5 * MS);
	wakes(TEAM, 1, 0);
	waits_for_outcome();
	assert_int_equal(n_told(), 1);
	assert_int_equal(told_ns(), 15 * MS);
}

static void who_waits_for_a_cpu_to_stop_is_not_late(void **state)
{
	(void)state;
	slice_ns = 20 * US;
	for (int i = 0; i < TEAM; i++) {
		parks(i, 7);
		after(MS);
	}
	runs(2 * MS);
	wakes(TEAM, 1, 0);
	waits_for_outcome();
	assert_int_equal(n_told(), 1);
	assert_int_equal(told_ns(), (TEAM + 2) * MS);
}

static void a_loop_of_small_parts_on_few_cpus_is_none(void **state)
{
	(void)state;
	slice_ns = 150 * US;
	for (int i = 0; i < TEAM; i++) {
		runs(slice_ns);
		parks(i, 7);
	}
	runs(slice_ns);
	wakes(TEAM, 1, 0);
	waits_for_outcome();
	assert_int_equal(n_told(), 0);
}

static void it_is_waited_for_those_who_have_no_cpu_yet(void **state)
{
	(void)state;
	all_park(7);
	runs(20 * MS);
	n_starved = 4;
	wakes(TEAM, 1, 0);
	waits_for_outcome();
	assert_int_equal(n_told(), 0);
	for (int i = TEAM - n_starved; i < TEAM; i++) {
		ps_work_wakes(&work, &team[i], 0, 0, shim_now_ns);
		team[i].block_ns = 0;
	}
	waits_for_outcome();
	assert_int_equal(n_told(), 1);
}

/* It may be the one that got what all were woken for. */
static void one_of_many_proves_nothing(void **state)
{
	(void)state;
	all_park(7);
	runs(20 * MS);
	n_starved = TEAM - 1;
	wakes(TEAM, 1, 0);
	after(200 * MS);
	waits_for_outcome();
	assert_int_equal(n_told(), 0);
}

static void but_not_for_ever(void **state)
{
	(void)state;
	all_park(7);
	runs(20 * MS);
	n_starved = 4;
	wakes(TEAM, 1, 0);
	after(200 * MS);
	waits_for_outcome();
	assert_int_equal(n_told(), 1);
}

static void the_next_stop_at_once_is_not_in_vain(void **state)
{
	(void)state;
	stop_for(20 * MS, 7);
	waits_for_outcome();
	for (uint32_t value = 9; value < 15; value += 2) { /* between two, the word has a third value */
		stop_for(20 * MS, value);
		after(10 * US);
	}
	all_park(15);
	assert_int_equal(work.n_back, 0);
	waits_for_outcome();
	assert_int_equal(n_told(), 4);
}

/* As a thread pool that waits at a condition variable, or at a semaphore. */
static void who_might_have_a_time_limit_is_none(void **state)
{
	(void)state;
	all_park(7);
	for (int i = 0; i < TEAM; i++)
		ps_work_parks(&work, &team[i], 0, 7, MS, MS);
	runs(20 * MS);
	for (int i = 0; i < TEAM; i++)
		assert_false(ps_broadcast_is_same(&broadcast, &team[i]));
}

static void a_pool_that_wakes_all_is_never_told(void **state)
{
	uint32_t value = 7;

	(void)state;
	all_park(value);
	for (int round = 0; round < 20; round++) {
		runs(10 * MS);
		wakes(TEAM, 1, 0);
		value++;
		for (int i = 1; i < TEAM; i++) { /* the first one gets it */
			runs(10 * US);
			parks(i, value);
		}
		waits_for_outcome();
		parks(0, value);
	}
	assert_int_equal(n_told(), 0);
}

static void what_a_runtime_told_is_not_told_again(void **state)
{
	(void)state;
	all_park(7);
	runs(20 * MS);
	ps_stall_book(&the_process, PS_STALL_gc, 19 * MS);
	wakes(TEAM, 1, 0);
	waits_for_outcome();
	assert_int_equal(n_told(), 0);
}

static void another_process_begins_anew(void **state)
{
	(void)state;
	stop_for(20 * MS, 7);
	waits_for_outcome();
	work.tgid = 4096 + 42; /* who had the place before */
	for (int i = 0; i < TEAM; i++)
		runs(MS);
	stop_for(20 * MS, 8);
	assert_int_equal(n_told(), 1);
	waits_for_outcome();
	assert_int_equal(n_told(), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_stop_is_told_when_it_is_known_what_came_of_it, reset),
		cmocka_unit_test_setup(the_next_one_at_once, reset),
		cmocka_unit_test_setup(two_threads_or_less_than_a_millisecond_are_none, reset),
		cmocka_unit_test_setup(a_word_that_has_not_changed_is_no_barrier, reset),
		cmocka_unit_test_setup(idle_workers_are_none, reset),
		cmocka_unit_test_setup(workers_without_work_beside_those_that_compute_are_none,
				       reset),
		cmocka_unit_test_setup(a_loop_that_is_shared_out_unevenly_is_none, reset),
		cmocka_unit_test_setup(who_waits_for_a_cpu_to_stop_is_not_late, reset),
		cmocka_unit_test_setup(a_loop_of_small_parts_on_few_cpus_is_none, reset),
		cmocka_unit_test_setup(it_is_waited_for_those_who_have_no_cpu_yet, reset),
		cmocka_unit_test_setup(one_of_many_proves_nothing, reset),
		cmocka_unit_test_setup(but_not_for_ever, reset),
		cmocka_unit_test_setup(the_next_stop_at_once_is_not_in_vain, reset),
		cmocka_unit_test_setup(who_might_have_a_time_limit_is_none, reset),
		cmocka_unit_test_setup(a_few_may_come_late, reset),
		cmocka_unit_test_setup(a_pool_that_wakes_all_is_never_told, reset),
		cmocka_unit_test_setup(what_a_runtime_told_is_not_told_again, reset),
		cmocka_unit_test_setup(another_process_begins_anew, reset),
	};

	return cmocka_run_group_tests_name("barrier", tests, NULL, NULL);
}
