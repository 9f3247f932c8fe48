/* SPDX-License-Identifier: MIT */
/*
 * verbs_test.c - the kernel's handlers, natively and under ASan: their books against a slow reference model on random verbs, and
 * every fault that a map, a ring or a read can have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "bpf_shim.h"

/* knobs and sockets' parts that the handlers do not use here */
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/spec.h"

#include "base/arena.h"
#include "model/model.h"

static const struct ps_pool_key the_pool = { .pool = 4096,
					     .proc = { .tgid = 42, .incarnation = 1 } };

static uint64_t process_began_ns;

static int reset(void **state)
{
	(void)state;
	shim_map_clear(&ps_pools);
	shim_map_clear(&ps_hist_of);
	shim_map_clear(&ps_leases);
	shim_map_clear(&ps_waiters);
	shim_map_clear(&ps_calls);
	shim_map_clear(&ps_tasks);
	shim_map_clear(&ps_learned);
	ps_tasks.limit = ps_learned.limit = 16;
	shim_map_clear(&ps_procs);
	shim_map_clear(&ps_losses);
	shim_map_clear(&ps_specs);
	shim_map_clear(&ps_targets);
	shim_map_clear(&ps_probes);
	shim_map_clear(&ps_zero);
	shim_map_clear(&ps_story_caps);
	ps_pools.limit = ps_hist_of.limit = 16;
	ps_leases.limit = 4096;
	ps_waiters.limit = 4096;
	ps_procs.limit = 16;
	ps_pools_per_process = 8;
	shim_is_ring_full = shim_is_reading_broken = 0;
	shim_n_stories = 0;
	shim_now_ns = 1000000;
	shim_tid = 7;
	process_began_ns = 0;
	return 0;
}

static void feed(enum ps_verb verb, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
	struct ps_event e = { .pool = the_pool,
			      .now = shim_now_ns,
			      .arg = { the_pool.pool, a1, a2, a3, a4 },
			      .verb = verb };

	ps_event_feed(&e);
}

static void create(uint64_t capacity)
{
	feed(PS_VERB_pool_create, PS_KIND_connection, (uint64_t)(uintptr_t) "orders", capacity, 0);
}

static struct ps_pool *books(void)
{
	struct ps_pool *p = bpf_map_lookup_elem(&ps_pools, &the_pool);

	assert_non_null(p);
	assert_true(ps_books_are_whole(p));
	return p;
}

static uint64_t lost(enum ps_loss what)
{
	uint32_t key = what;

	return *(uint64_t *)bpf_map_lookup_elem(&ps_losses, &key);
}

static uint64_t integral(const struct ps_pool *p)
{
	return (uint64_t)ps_in_use(p) * shim_now_ns + p->use_sum;
}

static void a_lease_is_counted_timed_and_given_back(void **state)
{
	(void)state;
	create(3);
	feed(PS_VERB_acquired, 11, 0, PS_ACQUIRED_NEW, 0);
	shim_now_ns += 5000;
	assert_int_equal(ps_in_use(books()), 1);
	feed(PS_VERB_released, 11, 0, 0, 0);
	assert_int_equal(ps_in_use(books()), 0);
	assert_int_equal(books()->acquires, 1);
	assert_int_equal(books()->acquires_new, 1);
	assert_int_equal(integral(books()), 5000);
	assert_string_equal(books()->name, "orders");
}

static void release_twice_is_counted_not_fatal(void **state)
{
	(void)state;
	create(3);
	feed(PS_VERB_acquired, 11, 0, 0, 0);
	feed(PS_VERB_released, 11, 0, 0, 0);
	feed(PS_VERB_released, 11, 0, 0, 0);
	feed(PS_VERB_released, 12, 0, 0, 0);
	assert_int_equal(books()->odd_release, 2);
	assert_int_equal(books()->releases, 1);
	assert_int_equal(ps_in_use(books()), 0);
}

static void acquire_of_an_item_that_is_out_is_counted_once(void **state)
{
	(void)state;
	create(3);
	feed(PS_VERB_acquired, 11, 0, 0, 0);
	feed(PS_VERB_acquired, 11, 0, 0, 0);
	assert_int_equal(books()->odd_acquire, 1);
	assert_int_equal(ps_in_use(books()), 1);
}

static void a_wait_ends_with_the_acquire_of_its_waiter(void **state)
{
	struct ps_hists *h;

	(void)state;
	create(1);
	feed(PS_VERB_acquired, 1, 0, 0, 0);
	shim_tid = 8;
	feed(PS_VERB_wait_begin, 0, 0, 0, 0);
	assert_true(books()->saturated_since_ns != 0);
	shim_now_ns += 1000000;
	feed(PS_VERB_released, 1, 0, 0, 0);
	feed(PS_VERB_acquired, 1, 0, 0, 0);
	assert_int_equal(ps_waiting(books()), 0);
	assert_int_equal(books()->wait_ends, 1);
	assert_int_equal(books()->saturated_ns, 1000000);
	h = bpf_map_lookup_elem(&ps_hist_of, &the_pool);
	assert_int_equal(h->h[PS_HIST_WAIT].sum_ns, 1000000);
	assert_int_equal(h->h[PS_HIST_WAIT].bucket[ps_hist_bucket(1000000)], 1);
	assert_int_equal(h->h[PS_HIST_WAIT].bucket[0], 0); /* the first acquire did not wait */
}

static void a_timeout_is_counted_and_told(void **state)
{
	unsigned int before;

	(void)state;
	create(1);
	before = shim_n_stories;
	feed(PS_VERB_wait_begin, 5, 0, 0, 0);
	feed(PS_VERB_wait_begin, 5, 0, 0, 0);
	feed(PS_VERB_wait_end, 5, PS_OUTCOME_timeout, 0, 0);
	feed(PS_VERB_wait_end, 5, PS_OUTCOME_timeout, 0, 0);
	assert_int_equal(books()->outcome[PS_OUTCOME_timeout], 1);
	assert_int_equal(books()->odd_wait, 2);
	assert_int_equal(shim_n_stories, before + 1);
}

static void nonsense_values_are_counted(void **state)
{
	(void)state;
	create(~0ull);
	feed(PS_VERB_item_closed, 1, ~0ull, 0, 0);
	feed(PS_VERB_rejected, 99, 0, 0, 0);
	feed(PS_VERB_wait_begin, 1, 0, 0, 0);
	feed(PS_VERB_wait_end, 1, 77, 0, 0);
	assert_int_equal(lost(PS_LOSS_bad_value), 4);
	assert_int_equal(books()->capacity, 0);
}

static void a_full_lease_table_marks_the_pool(void **state)
{
	(void)state;
	create(10);
	ps_leases.limit = 3;
	for (uint64_t i = 1; i <= 5; i++)
		feed(PS_VERB_acquired, i, 0, 0, 0);
	assert_int_equal(books()->acquires, 5);
	assert_int_equal(ps_in_use(books()), 3);
	assert_int_equal(lost(PS_LOSS_leases_full), 2);
	assert_true(books()->flags & PS_POOL_LOST_EVENTS);
}

static void a_full_waiter_table_marks_the_pool(void **state)
{
	(void)state;
	create(1);
	ps_waiters.limit = 1;
	feed(PS_VERB_wait_begin, 5, 0, 0, 0);
	feed(PS_VERB_wait_begin, 6, 0, 0, 0);
	assert_int_equal(lost(PS_LOSS_waiters_full), 1);
	assert_true(books()->flags & PS_POOL_LOST_EVENTS);
}

static void a_full_pool_table_refuses_and_counts(void **state)
{
	(void)state;
	ps_pools.limit = 0;
	create(1);
	feed(PS_VERB_acquired, 1, 0, 0, 0);
	assert_int_equal(lost(PS_LOSS_pools_full), 2);
	assert_int_equal(lost(PS_LOSS_event_no_pool), 2);
}

static void a_process_with_too_many_pools_is_refused_more(void **state)
{
	struct ps_event e = { .pool = the_pool, .verb = PS_VERB_acquired };

	(void)state;
	for (e.pool.pool = 1; e.pool.pool <= 10; e.pool.pool++)
		ps_event_feed(&e);
	assert_int_equal(lost(PS_LOSS_pools_per_process), 2);
	assert_int_equal(ps_pools.n, 8);
}

static void a_full_process_table_refuses_the_pool(void **state)
{
	(void)state;
	ps_procs.limit = 0;
	create(1);
	assert_int_equal(lost(PS_LOSS_procs_full), 1);
}

static void a_full_ring_loses_the_story_not_the_count(void **state)
{
	(void)state;
	shim_is_ring_full = 1;
	create(1);
	feed(PS_VERB_rejected, 1, 0, 0, 0);
	assert_int_equal(books()->rejected[1], 1);
	assert_int_equal(lost(PS_LOSS_story_ring_full), 2);
}

static void stories_are_capped_per_second(void **state)
{
	(void)state;
	create(1);
	for (int i = 0; i < 2500; i++)
		feed(PS_VERB_rejected, 1, 0, 0, 0);
	assert_int_equal(books()->rejected[1], 2500);
	assert_int_equal(shim_n_stories, 2000);
	assert_int_equal(lost(PS_LOSS_story_capped), 501);
}

static void an_unreadable_name_leaves_a_pool_without_one(void **state)
{
	(void)state;
	shim_is_reading_broken = 1;
	create(1);
	assert_int_equal(lost(PS_LOSS_name_unreadable), 1);
	assert_string_equal(books()->name, "");
}

static void a_late_agent_reads_the_handle_and_counts_leases_from_before(void **state)
{
	struct ps_handle handle = {
		.magic = PS_HANDLE_MAGIC, .kind = PS_KIND_object, .capacity = 5, .name = "late"
	};
	struct ps_event e = { .pool = the_pool,
			      .now = shim_now_ns,
			      .verb = PS_VERB_released,
			      .spec_flags = PS_SPEC_SDK_HANDLE };
	struct ps_pool *p;

	(void)state;
	e.pool.pool = (uint64_t)(uintptr_t)&handle;
	e.arg[1] = 9;
	ps_event_feed(&e);
	p = bpf_map_lookup_elem(&ps_pools, &e.pool);
	assert_non_null(p);
	assert_string_equal(p->name, "late");
	assert_int_equal(p->capacity, 5);
	assert_int_equal(p->before_releases, 1);
	ps_event_feed(&e); /* the same item again: now it was seen to come back */
	assert_int_equal(p->before_releases, 1);
	assert_int_equal(p->odd_release, 1);
}

static void a_pool_that_is_destroyed_takes_its_leases_along(void **state)
{
	(void)state;
	create(3);
	feed(PS_VERB_acquired, 1, 0, 0, 0);
	shim_now_ns += 100;
	feed(PS_VERB_pool_destroy, 0, 0, 0, 0);
	assert_int_equal(ps_in_use(books()), 0);
	assert_int_equal(integral(books()), 100);
	shim_now_ns += 100;
	create(3);
	feed(PS_VERB_acquired, 1, 0, 0, 0);
	assert_int_equal(books()->odd_acquire, 0);
	assert_int_equal(ps_in_use(books()), 1);
}

static void pools_that_were_destroyed_do_not_count_against_the_limit(void **state)
{
	struct ps_proc *proc;

	(void)state;
	for (int i = 0; i < 101; i++) {
		create(1);
		feed(PS_VERB_pool_destroy, 0, 0, 0, 0);
		feed(PS_VERB_pool_destroy, 0, 0, 0, 0);
	}
	proc = bpf_map_lookup_elem(&ps_procs, &the_pool.proc);
	assert_int_equal(proc->n_pools, 0);
	create(1);
	assert_int_equal(proc->n_pools, 1);
	assert_int_equal(lost(PS_LOSS_pools_per_process), 0);
}

/* ---- probe specs ------------------------------------------------------------------------------------------------------- */

static void hit(uint32_t spec, const uint64_t *context)
{
	struct ps_hit h = { .cookie = 5ull << 32 | spec,
			    .began_ns = process_began_ns,
			    .proc = the_pool.proc };

	ps_probe_hit(&h, context);
}

static void arm_target(uint64_t at_ns)
{
	struct ps_target armed = { .armed_ns = at_ns };
	uint32_t zero = 0;

	bpf_map_update_elem(&ps_targets, &zero, &armed, BPF_ANY);
}

static void put_spec(uint32_t index, const struct ps_spec *spec)
{
	bpf_map_update_elem(&ps_specs, &index, spec, BPF_ANY);
}

static struct ps_pool *pool_of_hits(void)
{
	return bpf_map_lookup_elem(&ps_pools, &the_pool);
}

#define REGISTER(n)                                                                                \
	{                                                                                          \
		.kind = PS_ARG_REG, .reg = (n), .size = 8, .index_reg = PS_REG_NONE                \
	}
#define SAVED(n)                                                                                   \
	{                                                                                          \
		.kind = PS_ARG_SAVED, .value = (n), .size = 8                                      \
	}
#define CONSTANT(n)                                                                                \
	{                                                                                          \
		.kind = PS_ARG_CONST, .value = (n), .size = 8                                      \
	}

/*
 * A function as most libraries have it, acquire(pool, &item): the entry saves both and begins the wait, the return takes the item
 * from where the caller wanted it, or ends the wait.
 */
static void put_acquire_function(void)
{
	const struct ps_spec entry = {
		.verb = PS_VERB_wait_begin,
		.n_args = 2,
		.flags = PS_SPEC_CALL | PS_SPEC_RELAXED,
		.kind = PS_KIND_object,
		.domain = 4,
		.slot = 9,
		.n_saves = 2,
		.context = { .kind = PS_ARG_THREAD, .size = 8 },
		.save = { REGISTER(14), REGISTER(13) },
		.arg = { REGISTER(14), CONSTANT(0) },
	};
	const struct ps_spec got = {
		.verb = PS_VERB_acquired,
		.n_args = 4,
		.flags = PS_SPEC_CALL | PS_SPEC_CALL_ENDS,
		.next = 12,
		.domain = 4,
		.slot = 9,
		.n_conds = 1,
		.context = { .kind = PS_ARG_THREAD, .size = 8 },
		.cond = { { .compare = PS_COMPARE_EQ, .arg = REGISTER(10) } },
		.arg = { SAVED(0),
			 { .kind = PS_ARG_SAVED, .value = 1, .size = 8, .n_derefs = 1 },
			 CONSTANT(0),
			 CONSTANT(0) },
	};
	const struct ps_spec gave_up = {
		.verb = PS_VERB_wait_end,
		.n_args = 3,
		.flags = PS_SPEC_CALL | PS_SPEC_CALL_ENDS | PS_SPEC_RELAXED,
		.domain = 4,
		.slot = 9,
		.n_conds = 1,
		.context = { .kind = PS_ARG_THREAD, .size = 8 },
		.cond = { { .compare = PS_COMPARE_NE, .arg = REGISTER(10) } },
		.arg = { SAVED(0), CONSTANT(0), CONSTANT(PS_OUTCOME_timeout) },
	};

	put_spec(10, &entry);
	put_spec(11, &got);
	put_spec(12, &gave_up);
	arm_target(1);
}

static void what_the_entry_saved_is_there_at_the_return(void **state)
{
	uint64_t item = 77,
		 context[32] = { [13] = (uint64_t)(uintptr_t)&item, [14] = the_pool.pool };
	uint64_t later[32] = { 0 };
	struct ps_ref_key key = { .pool = the_pool, .id = 77 };

	(void)state;
	put_acquire_function();
	hit(10, context);
	shim_now_ns += 500;
	hit(11, later);
	assert_non_null(pool_of_hits());
	assert_int_equal(pool_of_hits()->kind, PS_KIND_object);
	assert_int_equal(pool_of_hits()->domain, 4);
	assert_int_equal(pool_of_hits()->acquires, 1);
	assert_int_equal(pool_of_hits()->wait_ends, 1);
	assert_int_equal(ps_waiting(pool_of_hits()), 0);
	assert_non_null(bpf_map_lookup_elem(&ps_leases, &key));
	assert_int_equal(ps_calls.n, 0);
}

static void of_a_chain_those_are_run_whose_conditions_hold(void **state)
{
	uint64_t item = 77,
		 context[32] = { [13] = (uint64_t)(uintptr_t)&item, [14] = the_pool.pool };
	uint64_t failed[32] = { [10] = 70007 };

	(void)state;
	put_acquire_function();
	hit(10, context);
	hit(11, failed);
	assert_int_equal(pool_of_hits()->acquires, 0);
	assert_int_equal(pool_of_hits()->outcome[PS_OUTCOME_timeout], 1);
	assert_int_equal(ps_waiting(pool_of_hits()), 0);
	assert_int_equal(ps_calls.n, 0);
}

static void a_return_without_its_entry_is_an_error_and_no_event(void **state)
{
	uint64_t later[32] = { 0 };

	(void)state;
	put_acquire_function();
	hit(11, later);
	assert_null(pool_of_hits());
	assert_int_equal(lost(PS_LOSS_arg_unreadable), 1);
}

static void an_entry_that_runs_twice_begins_one_wait(void **state)
{
	uint64_t context[32] = { [14] = the_pool.pool };

	(void)state;
	put_acquire_function();
	hit(10, context);
	hit(10, context);
	assert_int_equal(pool_of_hits()->wait_begins, 1);
	assert_int_equal(pool_of_hits()->odd_wait, 0);
}

static void a_pool_of_a_process_that_began_after_the_probes_was_never_missed(void **state)
{
	uint64_t context[32] = { [14] = the_pool.pool };

	(void)state;
	put_acquire_function();
	process_began_ns = 1;
	hit(10, context);
	assert_true(pool_of_hits()->flags & PS_POOL_IMPLICIT);
	reset(NULL);
	put_acquire_function();
	process_began_ns = 2;
	hit(10, context);
	assert_false(pool_of_hits()->flags & PS_POOL_IMPLICIT);
	process_began_ns = 0;
}

static void an_event_that_meets_a_pool_in_the_making_is_counted(void **state)
{
	uint64_t context[32] = { [14] = the_pool.pool };

	(void)state;
	put_acquire_function();
	hit(10, context);
	pool_of_hits()->domain = 0; /* as another CPU sees it, before its maker has written more than zeros */
	pool_of_hits()->since_ns = 0;
	shim_tid = 8;
	hit(10, context);
	assert_int_equal(pool_of_hits()->wait_begins, 2);
	assert_int_equal(lost(PS_LOSS_other_source), 0);
	pool_of_hits()->since_ns = 1; /* made, and somebody else's */
	shim_tid = 9;
	hit(10, context);
	assert_int_equal(pool_of_hits()->wait_begins, 2);
	assert_int_equal(lost(PS_LOSS_other_source), 1);
}

/*
 * A pool of threads as most libraries have it, push(pool, function, task): the push hands the pool over and begins the wait of the
 * task; the function, a target of its own, takes it and holds its thread.
 */
static void put_task_functions(void)
{
	const struct ps_spec push = {
		.verb = PS_VERB_wait_begin,
		.n_args = 2,
		.flags = PS_SPEC_HANDS | PS_SPEC_LEARNS | PS_SPEC_RELAXED,
		.kind = PS_KIND_worker,
		.domain = 4,
		.slot = 9,
		.task = REGISTER(12),
		.hand = REGISTER(14),
		.learn = REGISTER(13),
		.arg = { REGISTER(14), REGISTER(12) },
	};
	const struct ps_spec run = {
		.verb = PS_VERB_acquired,
		.n_args = 4,
		.flags = PS_SPEC_TAKES | PS_SPEC_CALL,
		.domain = 4,
		.slot = 9,
		.function = 1,
		.n_conds = 1,
		.n_saves = 1,
		.context = { .kind = PS_ARG_THREAD, .size = 8 },
		.task = REGISTER(14),
		.cond = { { .compare = PS_COMPARE_NE,
			    .arg = { .kind = PS_ARG_HANDED, .size = 8 } } },
		.save = { { .kind = PS_ARG_HANDED, .size = 8 } },
		.arg = { { .kind = PS_ARG_HANDED, .size = 8 },
			 { .kind = PS_ARG_THREAD, .size = 8 },
			 REGISTER(14),
			 CONSTANT(0) },
	};

	const struct ps_spec done = {
		.verb = PS_VERB_released,
		.n_args = 2,
		.flags = PS_SPEC_CALL | PS_SPEC_CALL_ENDS,
		.domain = 4,
		.slot = 9,
		.function = 1,
		.n_conds = 1,
		.context = { .kind = PS_ARG_THREAD, .size = 8 },
		.cond = { { .compare = PS_COMPARE_NE, .arg = SAVED(0) } },
		.arg = { SAVED(0), { .kind = PS_ARG_THREAD, .size = 8 } },
	};

	put_spec(10, &push);
	put_spec(11, &run);
	put_spec(12, &done);
	arm_target(1);
}

static void learn(uint64_t function, uint32_t state)
{
	const struct ps_call_key key = { .proc = the_pool.proc, .context = function, .slot = 9 };

	bpf_map_update_elem(&ps_learned, &key, &state, BPF_ANY);
}

static void a_task_is_counted_once_its_function_is_known(void **state)
{
	uint64_t push[32] = { [12] = 77, [13] = 500, [14] = the_pool.pool },
		 run[32] = { [14] = 77 };
	uint32_t wanted = ps_n_wanted;

	(void)state;
	put_task_functions();
	hit(10, push);
	hit(10, push);
	assert_int_equal(ps_n_wanted - wanted, 1); /* asked once */
	assert_int_equal(lost(PS_LOSS_task_unlearned), 2);
	assert_int_equal(ps_waiting(pool_of_hits()), 0);
	assert_true(pool_of_hits()->flags & PS_POOL_UNSEEN_TASKS);
	assert_int_equal(ps_tasks.n, 0);
	hit(11, run); /* of nobody who is counted */
	assert_int_equal(pool_of_hits()->acquires, 0);

	learn(500, PS_LEARNED_ATTACHED);
	hit(10, push);
	shim_now_ns += 500;
	hit(11, run);
	assert_int_equal(pool_of_hits()->wait_ends, 1);
	assert_int_equal(pool_of_hits()->wait_end_sum - pool_of_hits()->wait_begin_sum, 500);
	assert_int_equal(pool_of_hits()->acquires, 1);
	assert_int_equal(ps_tasks.n, 0);
	assert_int_equal(ps_calls.n, 1); /* for the function's return */
	assert_int_equal(lost(PS_LOSS_arg_unreadable), 0);

	learn(500, PS_LEARNED_REFUSED);
	hit(10, push);
	assert_int_equal(lost(PS_LOSS_task_unlearned), 3);
	assert_int_equal(ps_waiting(pool_of_hits()), 0);
}

static void a_pool_is_trusted_again_when_all_its_workers_were_seen_at_work(void **state)
{
	uint64_t push[32] = { [12] = 77, [13] = 500, [14] = the_pool.pool },
		 run[32] = { [14] = 77 };

	(void)state;
	put_task_functions();
	hit(10, push);
	learn(500, PS_LEARNED_ATTACHED);
	hit(10, push);
	hit(11, run);
	assert_true(pool_of_hits()->flags & PS_POOL_UNSEEN_TASKS); /* no limit is known */
	pool_of_hits()->capacity = 2;
	push[12] = run[14] = 78;
	shim_tid = 8;
	hit(10, push);
	hit(11, run);
	assert_int_equal(ps_in_use(pool_of_hits()), 2);
	assert_false(pool_of_hits()->flags & PS_POOL_UNSEEN_TASKS);
}

static void tasks_of_one_name_are_counted_and_the_pool_says_so(void **state)
{
	uint64_t push[32] = { [13] = 500, [14] = the_pool.pool }, run[32] = { 0 };

	(void)state;
	put_task_functions();
	learn(500, PS_LEARNED_ATTACHED);
	hit(10, push);
	assert_false(pool_of_hits()->flags & PS_POOL_SAME_TASKS);
	hit(10, push);
	assert_true(pool_of_hits()->flags & PS_POOL_SAME_TASKS);
	hit(11, run);
	shim_tid = 8;
	hit(11, run);
	assert_int_equal(pool_of_hits()->acquires, 2);
	assert_int_equal(ps_tasks.n, 0);
	shim_tid = 9;
	hit(11, run);
	assert_int_equal(pool_of_hits()->acquires, 2);
}

static void tasks_that_find_no_room_mark_their_pool(void **state)
{
	uint64_t push[32] = { [12] = 77, [13] = 500, [14] = the_pool.pool };

	(void)state;
	put_task_functions();
	learn(500, PS_LEARNED_ATTACHED);
	ps_tasks.limit = 1;
	hit(10, push);
	push[12] = 78;
	hit(10, push);
	assert_int_equal(lost(PS_LOSS_tasks_full), 1);
	assert_int_equal(ps_waiting(pool_of_hits()), 1);
	assert_true(pool_of_hits()->flags & PS_POOL_LOST_EVENTS);

	reset(NULL);
	put_task_functions();
	ps_learned.limit = 0;
	hit(10, push);
	assert_int_equal(lost(PS_LOSS_functions_full), 1);
	assert_int_equal(lost(PS_LOSS_task_unlearned), 0);
	assert_true(pool_of_hits()->flags & PS_POOL_LOST_EVENTS);
}

enum { SP = 19 }; /* rsp in bpf/regs.def */

static void a_function_that_calls_itself_ends_once(void **state)
{
	uint64_t push[32] = { [12] = 77, [13] = 500, [14] = the_pool.pool };
	uint64_t run[32] = { [14] = 77, [SP] = 1000 }, inner[32] = { [14] = 99, [SP] = 900 };
	uint64_t inner_done[32] = { [SP] = 908 }, done[32] = { [SP] = 1008 };

	(void)state;
	put_task_functions();
	learn(500, PS_LEARNED_ATTACHED);
	hit(10, push);
	hit(11, run);
	hit(11, inner); /* of no task */
	hit(12, inner_done);
	assert_int_equal(ps_in_use(pool_of_hits()), 1);
	shim_now_ns += 1000;
	hit(12, done);
	assert_int_equal(ps_in_use(pool_of_hits()), 0);
	assert_int_equal(pool_of_hits()->use_sum, 1000);
	assert_int_equal(ps_calls.n, 0);
}

static void tasks_of_one_name_in_two_pools_mark_both(void **state)
{
	uint64_t first[32] = { [12] = 1, [13] = 500, [14] = the_pool.pool };
	uint64_t second[32] = { [12] = 1, [13] = 500, [14] = 8192 };
	struct ps_pool_key other = { .pool = 8192, .proc = the_pool.proc };
	struct ps_pool *p;

	(void)state;
	put_task_functions();
	learn(500, PS_LEARNED_ATTACHED);
	hit(10, first);
	hit(10, second);
	p = bpf_map_lookup_elem(&ps_pools, &other);
	assert_true(pool_of_hits()->flags & PS_POOL_SAME_TASKS);
	assert_true(p->flags & PS_POOL_SAME_TASKS);
	assert_int_equal(ps_waiting(p), 0);
}

static void a_task_may_be_known_by_0(void **state)
{
	uint64_t push[32] = { [13] = 500, [14] = the_pool.pool };
	uint64_t run[32] = { [SP] = 1000 }, done[32] = { [SP] = 1008 };

	(void)state;
	put_task_functions();
	learn(500, PS_LEARNED_ATTACHED);
	for (uint32_t i = 0; i < 3; i++) {
		shim_tid = 100 + i;
		hit(10, push);
		shim_tid = 8;
		hit(11, run);
		hit(12, done);
	}
	assert_int_equal(pool_of_hits()->acquires, 3);
	assert_int_equal(pool_of_hits()->wait_ends, 3);
	assert_int_equal(ps_waiting(pool_of_hits()), 0);
	assert_false(pool_of_hits()->flags & PS_POOL_SAME_TASKS);
}

static void tasks_that_outlive_their_pool_make_no_new_one(void **state)
{
	uint64_t push[32] = { [12] = 77, [13] = 500, [14] = the_pool.pool };
	uint64_t run[32] = { [14] = 77, [SP] = 1000 }, done[32] = { [SP] = 1008 };

	(void)state;
	put_task_functions();
	learn(500, PS_LEARNED_ATTACHED);
	hit(10, push);
	bpf_map_delete_elem(&ps_pools, &the_pool); /* destroyed, and cleared away by the agent */
	hit(11, run);
	hit(12, done);
	assert_null(pool_of_hits());
	assert_int_equal(ps_calls.n, 0);
}

static void unseen_tasks_are_not_forgotten_when_the_limit_falls(void **state)
{
	uint64_t push[32] = { [12] = 77, [13] = 500, [14] = the_pool.pool };
	uint64_t run[32] = { [14] = 77, [SP] = 1000 };

	(void)state;
	put_task_functions();
	hit(10, push);
	ps_pool_set_capacity(pool_of_hits(), 4, shim_now_ns);
	ps_pool_set_capacity(pool_of_hits(), 1, shim_now_ns);
	learn(500, PS_LEARNED_ATTACHED);
	hit(10, push);
	hit(11, run);
	assert_int_equal(ps_in_use(pool_of_hits()), 1);
	assert_true(pool_of_hits()->flags & PS_POOL_UNSEEN_STAYS);
}

static void a_process_may_name_so_many_functions(void **state)
{
	uint64_t push[32] = { [12] = 77, [14] = the_pool.pool };

	(void)state;
	put_task_functions();
	ps_learned.limit = 1000;
	for (uint64_t i = 0; i < PS_FUNCTIONS_PER_PROCESS + 3; i++) {
		push[13] = 500 + i;
		hit(10, push);
	}
	assert_int_equal(ps_learned.n, PS_FUNCTIONS_PER_PROCESS);
	assert_int_equal(lost(PS_LOSS_functions_full), 3);
}

static void what_is_not_held_is_a_wait_alone(void **state)
{
	(void)state;
	feed(PS_VERB_wait_begin, 5, 0, 0, 0);
	shim_now_ns += 100;
	feed(PS_VERB_acquired, 1, 5, PS_ACQUIRED_UNHELD, 0);
	feed(PS_VERB_acquired, 1, 5, PS_ACQUIRED_UNHELD, 0);
	assert_int_equal(pool_of_hits()->acquires, 2);
	assert_int_equal(pool_of_hits()->releases, 2);
	assert_int_equal(pool_of_hits()->wait_ends, 1);
	assert_int_equal(ps_in_use(pool_of_hits()), 0);
	assert_int_equal(pool_of_hits()->odd_acquire, 0);
	assert_int_equal(ps_leases.n, 0);
	assert_true(pool_of_hits()->flags & PS_POOL_UNHELD);
}

static void a_pool_that_is_made_again_is_told_only_when_it_is_news(void **state)
{
	(void)state;
	feed(PS_VERB_pool_create, PS_KIND_worker, 0, 3, 0);
	assert_int_equal(shim_n_stories, 1);
	feed(PS_VERB_pool_create, PS_KIND_worker, 0, 3, 0);
	feed(PS_VERB_pool_resize, 3, 0, 0, 0);
	assert_int_equal(shim_n_stories, 1);
	feed(PS_VERB_pool_resize, 4, 0, 0, 0);
	assert_int_equal(shim_n_stories, 2);
	feed(PS_VERB_pool_destroy, 0, 0, 0, 0);
	feed(PS_VERB_pool_create, PS_KIND_worker, 0, 0, 0);
	assert_int_equal(shim_n_stories, 4);
}

static void comparisons_are_signed(void **state)
{
	(void)state;
	assert_true(ps_compare_holds(PS_COMPARE_LT, -1, 0));
	assert_false(ps_compare_holds(PS_COMPARE_GT, -1, 0));
	assert_true(ps_compare_holds(PS_COMPARE_GE, 0, 0));
	assert_true(ps_compare_holds(PS_COMPARE_LE, 0, 0));
	assert_true(ps_compare_holds(PS_COMPARE_NE, 1, 2));
	assert_true(ps_compare_holds(PS_COMPARE_BITS, 6, 2));
	assert_false(ps_compare_holds(PS_COMPARE_BITS, 4, 2));
	assert_false(ps_compare_holds(99, 1, 1));
}

static void a_ring_of_specs_ends(void **state)
{
	const struct ps_spec never = {
		.verb = PS_VERB_acquired,
		.next = 21,
		.n_conds = 1,
		.cond = { { .compare = PS_COMPARE_EQ, .value = 1, .arg = CONSTANT(0) } }
	};
	uint64_t context[32] = { 0 };

	(void)state;
	put_spec(21, &never);
	arm_target(1);
	hit(21, context);
	assert_null(pool_of_hits());
}

static void a_probe_reads_its_arguments_as_the_spec_says(void **state)
{
	uint64_t context[32] = { [13] = 4096, [14] = 0xffffffff80000001ull };
	uint64_t memory[4] = { 0, 0, 23, 0 };
	struct ps_spec spec = {
		.verb = PS_VERB_acquired,
		.n_args = 4,
		.arg = { { .kind = PS_ARG_REG, .reg = 13, .size = 8, .index_reg = PS_REG_NONE },
			 { .kind = PS_ARG_MEM, .reg = 12, .offset = 8, .size = 8, .index_reg = 11, .scale = 8 },
			 { .kind = PS_ARG_REG, .reg = 14, .size = 4, .is_signed = 0, .index_reg = PS_REG_NONE },
			 { .kind = PS_ARG_CONST, .value = 1 } },
	};
	struct ps_target armed = { .armed_ns = 1 };
	uint32_t index = 3, zero = 0;
	struct ps_ref_key key = { .pool = the_pool, .id = 23 };
	struct ps_lease *lease;

	(void)state;
	context[12] = (uint64_t)(uintptr_t)memory;
	context[11] = 1;
	bpf_map_update_elem(&ps_specs, &index, &spec, BPF_ANY);
	hit(index, context);
	assert_int_equal(ps_pools.n, 0); /* the target is not armed */
	bpf_map_update_elem(&ps_targets, &zero, &armed, BPF_ANY);
	hit(index, context);
	lease = bpf_map_lookup_elem(&ps_leases, &key);
	assert_non_null(lease);
	assert_true(lease->waiter == 0x80000001u);
	shim_is_reading_broken = 1;
	hit(index, context);
	assert_int_equal(lost(PS_LOSS_arg_unreadable), 1);
	hit(99, context);
	assert_int_equal(lost(PS_LOSS_bad_spec), 1);
}

/* ---- the reference model ----------------------------------------------------------------------------------------------- */

#define N_ITEMS 12

struct reference {
	uint64_t out_since[N_ITEMS], wait_since[N_ITEMS]; /* 0 = not */
	uint64_t acquires, releases, timeouts, odd;
	double in_use_ns, hold_ns, wait_ns;
};

static void reference_step(struct reference *r, enum ps_verb verb, unsigned int item,
			   unsigned int waiter)
{
	switch (verb) {
	case PS_VERB_wait_begin:
		if (r->wait_since[waiter])
			r->odd++;
		else
			r->wait_since[waiter] = shim_now_ns;
		break;
	case PS_VERB_wait_end:
		if (!r->wait_since[waiter]) {
			r->odd++;
			break;
		}
		r->timeouts++;
		r->wait_since[waiter] = 0;
		break;
	case PS_VERB_acquired:
		r->acquires++;
		if (r->wait_since[waiter])
			r->wait_ns += (double)(shim_now_ns - r->wait_since[waiter]);
		r->wait_since[waiter] = 0;
		if (r->out_since[item]) {
			r->odd++;
			r->in_use_ns += (double)(shim_now_ns - r->out_since[item]);
		}
		r->out_since[item] = shim_now_ns;
		break;
	default:
		if (!r->out_since[item]) {
			r->odd++;
			break;
		}
		r->releases++;
		r->in_use_ns += (double)(shim_now_ns - r->out_since[item]);
		r->hold_ns += (double)(shim_now_ns - r->out_since[item]);
		r->out_since[item] = 0;
	}
}

static void compare_with_reference(struct model *m, const struct reference *r)
{
	const struct pool_extra extra = { .counted_in_use = UNKNOWN, .counted_open = UNKNOWN };
	const struct process_info info = { .key = the_pool.proc, .name = "test" };
	struct snapshot s = { .arena = arena_new() };
	const struct pool_row *row;
	double in_use_ns = r->in_use_ns;
	int64_t out = 0, waiting = 0;

	for (int i = 0; i < N_ITEMS; i++) {
		out += r->out_since[i] != 0;
		waiting += r->wait_since[i] != 0;
		in_use_ns += r->out_since[i] ? (double)(shim_now_ns - r->out_since[i]) : 0;
	}
	model_tick_begin(m, (int64_t)shim_now_ns);
	assert_int_equal(model_feed_process(m, &info), 0);
	assert_int_equal(model_feed_pool(m, &the_pool, books(), &extra, (int64_t)shim_now_ns), 0);
	assert_int_equal(
		model_feed_hists(m, &the_pool, bpf_map_lookup_elem(&ps_hist_of, &the_pool)), 0);
	model_tick_end(m);
	assert_int_equal(model_snapshot(m, &s, NULL, NULL), 0);
	assert_int_equal(s.n_pools, 1);
	row = &s.pools[0];
	assert_int_equal(row->acquires, r->acquires);
	assert_int_equal(row->releases, r->releases);
	assert_int_equal(row->timeouts, r->timeouts);
	assert_int_equal(row->odd_events, r->odd);
	assert_int_equal(row->in_use, out);
	assert_int_equal(row->pending, waiting);
	assert_true(row->trusted);
	assert_true(fabs(row->in_use_s - in_use_ns / 1e9) < 1e-6);
	assert_int_equal(row->wait->count, r->acquires);
	assert_true(fabs(row->wait->sum_s - r->wait_ns / 1e9) < 1e-6);
	assert_int_equal(row->hold->count, r->releases);
	assert_true(fabs(row->hold->sum_s - r->hold_ns / 1e9) < 1e-6);
	arena_free(s.arena);
}

static void random_verbs_agree_with_a_slow_reference_model(void **state)
{
	static const enum ps_verb verbs[] = { PS_VERB_wait_begin, PS_VERB_wait_end,
					      PS_VERB_acquired, PS_VERB_released };

	(void)state;
	for (unsigned int round = 0; round < 23; round++) {
		unsigned int seed = round + 1;
		struct reference r = { .acquires = 0 };
		struct model *m = model_new();

		reset(NULL);
		create(4);
		for (int i = 0; i < 2003; i++) {
			enum ps_verb verb = verbs[rand_r(&seed) % 4];
			unsigned int item = (unsigned int)rand_r(&seed) % N_ITEMS,
				     waiter = (unsigned int)rand_r(&seed) % N_ITEMS;

			shim_now_ns += (uint64_t)rand_r(&seed) % 100000 + 1;
			reference_step(&r, verb, item, waiter);
			if (verb == PS_VERB_acquired)
				feed(verb, item + 1, waiter + 1, 0, 0);
			else if (verb == PS_VERB_released)
				feed(verb, item + 1, 0, 0, 0);
			else
				feed(verb, waiter + 1, PS_OUTCOME_timeout, 0, 0);
			if (i % 101 == 0)
				compare_with_reference(m, &r);
		}
		compare_with_reference(m, &r);
		model_free(m);
	}
}

static void buckets_are_powers_of_the_eighth_root_of_two_seconds(void **state)
{
	(void)state;
	for (double ns = 100; ns < 2e12; ns *= 1.0137) {
		uint64_t v = (uint64_t)ns;
		double index = ceil(log2((double)v / 1e9) * 8) - 1;
		unsigned int expected = index < PS_HIST_OTLP_FIRST
						? 0
						: (unsigned int)(index - PS_HIST_OTLP_FIRST) + 1;
		double off = log2((double)v / 1e9) * 8 - round(log2((double)v / 1e9) * 8);

		if (expected > PS_HIST_BUCKETS - 1)
			expected = PS_HIST_BUCKETS - 1;
		if (fabs(off) > 1e-5) /* on a boundary the factor's rounding decides, 3e-8 wide */
			assert_int_equal(ps_hist_bucket(v), expected);
	}
	/* an upper bound belongs to its bucket: 0.25 s and 1 s are counted by le="0.25" and le="1" */
	assert_int_equal(ps_hist_bucket(250000000), 1 + 8 * 20 - 1);
	assert_int_equal(ps_hist_bucket(1000000000), 1 + 8 * 22 - 1);
	assert_int_equal(ps_hist_bucket(1000000100), 1 + 8 * 22);
	assert_int_equal(ps_hist_bucket(0), 0);
	assert_int_equal(ps_hist_bucket(~0ull), PS_HIST_BUCKETS - 1);
}

static void what_is_notable_of_a_pool_is_said_by_the_agent(void **state)
{
	struct ps_pool p = { .flags = PS_POOL_DESCRIBED };

	(void)state;
	assert_true(ps_is_notable(&p, PS_POOL_NOTABLE_WAIT, ps_notable_ns));
	assert_false(ps_is_notable(&p, PS_POOL_NOTABLE_WAIT, ps_notable_ns - 1));
	p.flags |= 20u << PS_POOL_NOTABLE_WAIT | 63u << PS_POOL_NOTABLE_HOLD;
	assert_true(ps_is_notable(&p, PS_POOL_NOTABLE_WAIT, 1 << 20));
	assert_false(ps_is_notable(&p, PS_POOL_NOTABLE_WAIT, (1 << 20) - 1));
	assert_false(ps_is_notable(&p, PS_POOL_NOTABLE_HOLD, ps_notable_ns - 1));
	assert_true(ps_is_notable(&p, PS_POOL_NOTABLE_HOLD, ps_notable_ns));
}

static void feed_sdk(enum ps_verb verb, uint64_t a1, uint64_t a2)
{
	struct ps_event e = { .pool = the_pool,
			      .now = shim_now_ns,
			      .arg = { the_pool.pool, a1, a2 },
			      .verb = verb,
			      .spec_flags = PS_SPEC_SDK_HANDLE };

	ps_event_feed(&e);
}

static void what_a_page_counts_is_not_counted_here(void **state)
{
	(void)state;
	create(3);
	feed(PS_VERB_acquired, 11, 0, 0, 0);
	shim_now_ns += 5000;
	feed(PS_VERB_page, 4096, 0, 0, 0);
	assert_true(books()->flags & PS_POOL_PAGED);
	assert_int_equal(ps_in_use(books()), 0); /* the page tells of it from now on */
	assert_int_equal(books()->leases_voided, 1);
	assert_int_equal(integral(books()), 5000);
	feed(PS_VERB_released, 11, 0, 0, 0); /* others watch the points, too */
	feed(PS_VERB_acquired, 12, 0, 0, 0);
	feed(PS_VERB_page, 4096, 0, 0, 0);
	assert_int_equal(books()->acquires, 1);
	assert_int_equal(books()->releases, 0);
	assert_int_equal(books()->odd_release, 0);
	feed(PS_VERB_item_opened, 12, 500, PS_OUTCOME_ok, 0);
	assert_int_equal(books()->opened, 1); /* what is rare still is */
	feed(PS_VERB_pool_destroy, 0, 0, 0, 0);
	create(3);
	assert_false(books()->flags & PS_POOL_PAGED); /* it may get none this time */
	feed(PS_VERB_acquired, 13, 0, 0, 0);
	assert_int_equal(ps_in_use(books()), 1);
}

static void a_pool_that_has_lost_its_page_is_counted_here_again(void **state)
{
	(void)state;
	create(3);
	feed(PS_VERB_page, 0, 0, 0, 0); /* it never had one */
	assert_false(books()->flags & PS_POOL_LOST_EVENTS);
	feed(PS_VERB_page, 4096, 0, 0, 0);
	feed(PS_VERB_acquired, 11, 0, 0, 0);
	feed(PS_VERB_page, 0, 0, 0, 0);
	assert_false(books()->flags & PS_POOL_PAGED);
	assert_true(books()->flags & PS_POOL_LOST_EVENTS); /* of what was out nothing is known here */
	feed(PS_VERB_wait_begin, 5, 0, 0, 0);
	feed(PS_VERB_acquired, 12, 5, 0, 0);
	feed(PS_VERB_released, 11, 0, 0, 0);
	assert_int_equal(books()->acquires, 1);
	assert_int_equal(books()->releases, 1);
	assert_int_equal(books()->odd_release, 0);
	assert_int_equal(ps_in_use(books()), 1);
	assert_int_equal(ps_waiting(books()), 0);
}

static void a_wait_that_ended_in_an_acquire_of_the_page_is_one_that_was_won(void **state)
{
	struct ps_hists *h;

	(void)state;
	create(1);
	feed_sdk(PS_VERB_page, 4096, 0);
	feed_sdk(PS_VERB_wait_begin, 5, 0);
	shim_now_ns += 1000000;
	feed_sdk(PS_VERB_wait_end, 5, PS_OUTCOME_ok);
	h = bpf_map_lookup_elem(&ps_hist_of, &the_pool);
	assert_int_equal(h->h[PS_HIST_WAIT].sum_ns, 1000000);
	assert_int_equal(h->h[PS_HIST_WAIT_FAILED].sum_ns, 0);
	assert_int_equal(books()->outcome[PS_OUTCOME_ok], 0);
	assert_int_equal(ps_waiting(books()), 0);
	assert_int_equal(books()->acquires, 0); /* the page has it */
	feed_sdk(PS_VERB_wait_begin, 5, 0);
	feed_sdk(PS_VERB_wait_end, 5, PS_OUTCOME_timeout);
	assert_int_equal(books()->outcome[PS_OUTCOME_timeout], 1);
	feed(PS_VERB_wait_begin, 6, 0, 0, 0);
	feed(PS_VERB_wait_end, 6, PS_OUTCOME_ok, 0, 0); /* a recipe's: it may have left without an item */
	assert_int_equal(books()->outcome[PS_OUTCOME_ok], 1);
}

static void a_pool_that_was_found_by_its_page_is_described_by_the_agent(void **state)
{
	struct ps_page_found found = { .pool = the_pool,
				       .is_described = 1,
				       .kind = PS_KIND_connection,
				       .capacity = 7,
				       .min_idle = 2 };

	(void)state;
	memset(found.name, 'x', sizeof(found.name)); /* a stranger's, without an end */
	feed(PS_VERB_page, 4096, 0, 0, 0);
	assert_true(books()->flags & PS_POOL_IMPLICIT);
	ps_page_describe(books(), &found, shim_now_ns);
	assert_int_equal(books()->capacity, 7);
	assert_int_equal(books()->kind, PS_KIND_connection);
	assert_int_equal(strlen(books()->name), PS_NAME_MAX - 1);
	found.capacity = 9;
	ps_page_describe(books(), &found, shim_now_ns); /* once */
	assert_int_equal(books()->capacity, 7);
	create(3); /* what it says itself is better */
	ps_page_describe(books(), &found, shim_now_ns);
	assert_int_equal(books()->capacity, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_lease_is_counted_timed_and_given_back, reset,
						reset),
		cmocka_unit_test_setup_teardown(release_twice_is_counted_not_fatal, reset, reset),
		cmocka_unit_test_setup_teardown(acquire_of_an_item_that_is_out_is_counted_once,
						reset, reset),
		cmocka_unit_test_setup_teardown(a_wait_ends_with_the_acquire_of_its_waiter, reset,
						reset),
		cmocka_unit_test_setup_teardown(a_timeout_is_counted_and_told, reset, reset),
		cmocka_unit_test_setup_teardown(nonsense_values_are_counted, reset, reset),
		cmocka_unit_test_setup_teardown(a_full_lease_table_marks_the_pool, reset, reset),
		cmocka_unit_test_setup_teardown(a_full_waiter_table_marks_the_pool, reset, reset),
		cmocka_unit_test_setup_teardown(a_full_pool_table_refuses_and_counts, reset, reset),
		cmocka_unit_test_setup_teardown(a_process_with_too_many_pools_is_refused_more,
						reset, reset),
		cmocka_unit_test_setup_teardown(a_full_process_table_refuses_the_pool, reset,
						reset),
		cmocka_unit_test_setup_teardown(a_full_ring_loses_the_story_not_the_count, reset,
						reset),
		cmocka_unit_test_setup_teardown(stories_are_capped_per_second, reset, reset),
		cmocka_unit_test_setup_teardown(an_unreadable_name_leaves_a_pool_without_one, reset,
						reset),
		cmocka_unit_test_setup_teardown(
			a_late_agent_reads_the_handle_and_counts_leases_from_before, reset, reset),
		cmocka_unit_test_setup_teardown(a_pool_that_is_destroyed_takes_its_leases_along,
						reset, reset),
		cmocka_unit_test_setup_teardown(
			pools_that_were_destroyed_do_not_count_against_the_limit, reset, reset),
		cmocka_unit_test_setup_teardown(what_the_entry_saved_is_there_at_the_return, reset,
						reset),
		cmocka_unit_test_setup_teardown(of_a_chain_those_are_run_whose_conditions_hold,
						reset, reset),
		cmocka_unit_test_setup_teardown(a_return_without_its_entry_is_an_error_and_no_event,
						reset, reset),
		cmocka_unit_test_setup_teardown(an_entry_that_runs_twice_begins_one_wait, reset,
						reset),
		cmocka_unit_test_setup_teardown(
			a_pool_of_a_process_that_began_after_the_probes_was_never_missed, reset,
			reset),
		cmocka_unit_test_setup_teardown(an_event_that_meets_a_pool_in_the_making_is_counted,
						reset, reset),
		cmocka_unit_test_setup_teardown(a_task_is_counted_once_its_function_is_known, reset,
						reset),
		cmocka_unit_test_setup_teardown(
			a_pool_is_trusted_again_when_all_its_workers_were_seen_at_work, reset,
			reset),
		cmocka_unit_test_setup_teardown(tasks_of_one_name_are_counted_and_the_pool_says_so,
						reset, reset),
		cmocka_unit_test_setup_teardown(tasks_that_find_no_room_mark_their_pool, reset,
						reset),
		cmocka_unit_test_setup_teardown(a_function_that_calls_itself_ends_once, reset,
						reset),
		cmocka_unit_test_setup_teardown(tasks_of_one_name_in_two_pools_mark_both, reset,
						reset),
		cmocka_unit_test_setup_teardown(a_task_may_be_known_by_0, reset, reset),
		cmocka_unit_test_setup_teardown(tasks_that_outlive_their_pool_make_no_new_one,
						reset, reset),
		cmocka_unit_test_setup_teardown(unseen_tasks_are_not_forgotten_when_the_limit_falls,
						reset, reset),
		cmocka_unit_test_setup_teardown(a_process_may_name_so_many_functions, reset, reset),
		cmocka_unit_test_setup_teardown(what_is_not_held_is_a_wait_alone, reset, reset),
		cmocka_unit_test_setup_teardown(
			a_pool_that_is_made_again_is_told_only_when_it_is_news, reset, reset),
		cmocka_unit_test_setup_teardown(comparisons_are_signed, reset, reset),
		cmocka_unit_test_setup_teardown(a_ring_of_specs_ends, reset, reset),
		cmocka_unit_test_setup_teardown(a_probe_reads_its_arguments_as_the_spec_says, reset,
						reset),
		cmocka_unit_test_setup_teardown(random_verbs_agree_with_a_slow_reference_model,
						reset, reset),
		cmocka_unit_test_setup_teardown(what_a_page_counts_is_not_counted_here, reset,
						reset),
		cmocka_unit_test_setup_teardown(a_pool_that_has_lost_its_page_is_counted_here_again,
						reset, reset),
		cmocka_unit_test_setup_teardown(
			a_wait_that_ended_in_an_acquire_of_the_page_is_one_that_was_won, reset,
			reset),
		cmocka_unit_test_setup_teardown(
			a_pool_that_was_found_by_its_page_is_described_by_the_agent, reset, reset),
		cmocka_unit_test(what_is_notable_of_a_pool_is_said_by_the_agent),
		cmocka_unit_test(buckets_are_powers_of_the_eighth_root_of_two_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
