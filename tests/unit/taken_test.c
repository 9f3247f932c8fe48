/* SPDX-License-Identifier: MIT */
/* taken_test.c - what is kept of who takes an item: how often, how much, and what becomes of it where memory ends or tables are full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf_shim.h"

#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/spec.h"

static const struct ps_pool_key the_pool = { .pool = 4096,
					     .proc = { .tgid = 42, .incarnation = 1 } };
static unsigned char memory[2 * PS_TAKEN_BYTES];
static struct task_struct task;
static struct mm_struct mm;

static int reset(void **state)
{
	(void)state;
	shim_map_clear(&ps_pools);
	shim_map_clear(&ps_hist_of);
	shim_map_clear(&ps_leases);
	shim_map_clear(&ps_procs);
	shim_map_clear(&ps_losses);
	shim_map_clear(&ps_zero);
	shim_map_clear(&ps_story_caps);
	shim_map_clear(&ps_takens);
	ps_taken_usual = 5;
	ps_taken_suspected = 7;
	ps_taken_max = 3;
	ps_takens.limit = 3;
	ps_n_taken = 0;
	ps_epoch = 1;
	shim_now_ns = 1000;
	shim_is_reading_broken = 0;
	shim_end = NULL;
	shim_task = NULL;
	for (size_t i = 0; i < sizeof(memory); i++)
		memory[i] = (unsigned char)(i * 7 + i / 256);
	return 0;
}

static struct ps_event event(enum ps_verb verb, uint64_t item, uint64_t flags)
{
	return (struct ps_event){ .pool = the_pool,
				  .now = ++shim_now_ns,
				  .arg = { the_pool.pool, item, 0, flags },
				  .verb = verb };
}

static int take(uint64_t item, uint64_t flags)
{
	struct ps_event e = event(PS_VERB_acquired, item, flags);

	return ps_event_feed(&e);
}

static int give(uint64_t item)
{
	struct ps_event e = event(PS_VERB_released, item, 0);

	return ps_event_feed(&e);
}

static void create(enum ps_kind kind)
{
	struct ps_event e = event(PS_VERB_pool_create, kind, 0);

	assert_int_equal(ps_event_feed(&e), 0);
}

/* An acquire by who has its stack at this place. */
static struct ps_taken *keep(uint64_t item, const void *sp)
{
	struct ps_event e = event(PS_VERB_acquired, item, 0);
	struct ps_ref_key key = { the_pool, item };
	uint64_t context[PS_REGISTERS] = { 0 };

	for (int i = 0; i < PS_N_REGS; i++)
		context[i] = 100 + (uint64_t)i;
	context[PS_REG_SP] = (uint64_t)(uintptr_t)sp;
	ps_taken_keep(context, &e);
	return bpf_map_lookup_elem(&ps_takens, &key);
}

static uint64_t lost(enum ps_loss what)
{
	uint32_t key = what;

	return *(uint64_t *)bpf_map_lookup_elem(&ps_losses, &key);
}

static void so_many_a_tick_are_wanted_and_more_under_suspicion(void **state)
{
	struct ps_pool *p;
	int n = 0;

	(void)state;
	create(PS_KIND_connection);
	for (int i = 0; i < 10; i++) {
		n += take(1, 0);
		assert_int_equal(give(1), 0);
	}
	assert_int_equal(n, 5);
	p = bpf_map_lookup_elem(&ps_pools, &the_pool);
	p->flags |= PS_POOL_SUSPECTED;
	for (int i = 0; i < 10; i++) {
		n += take(1, 0);
		give(1);
	}
	assert_int_equal(n, 7);
	ps_epoch++;
	give(2); /* an event of the new tick */
	assert_int_equal(take(1, 0), 1);
}

static void of_workers_waits_and_other_verbs_none_is_wanted(void **state)
{
	struct ps_event e = event(PS_VERB_wait_begin, 1, 0);

	(void)state;
	create(PS_KIND_worker);
	assert_int_equal(take(1, 0), 0);
	create(PS_KIND_semaphore);
	assert_int_equal(take(2, PS_ACQUIRED_UNHELD), 0);
	assert_int_equal(ps_event_feed(&e), 0);
	assert_int_equal(take(3, 0), 1);
	ps_taken_usual = 0; /* switched off */
	assert_int_equal(take(4, 0), 0);
}

static void what_is_kept_is_of_the_last_acquire(void **state)
{
	struct ps_taken *t = keep(1, memory);

	(void)state;
	assert_non_null(t);
	assert_int_equal(t->since_ns, shim_now_ns);
	assert_int_equal(t->begun_ns, shim_now_ns);
	assert_int_equal(t->n, PS_TAKEN_BYTES);
	assert_memory_equal(t->stack, memory, PS_TAKEN_BYTES);
	assert_int_equal(t->word[0], 100);
	assert_int_equal(t->word[PS_N_REGS - 1], 100 + PS_N_REGS - 1);
	assert_string_equal(t->comm, "shim");
	assert_ptr_equal(keep(1, memory + 64), t);
	assert_int_equal(t->since_ns, shim_now_ns);
	assert_memory_equal(t->stack, memory + 64, PS_TAKEN_BYTES);
	assert_int_equal(ps_n_taken, 1);
}

static void a_stack_that_ends_is_read_to_its_end(void **state)
{
	struct ps_taken *t;

	(void)state;
	shim_end = (const char *)memory + 1000;
	t = keep(1, memory);
	assert_int_equal(t->n, 3 * PS_TAKEN_PART);
	assert_memory_equal(t->stack, memory, 3 * PS_TAKEN_PART);
	shim_is_reading_broken = 1;
	t = keep(1, memory);
	assert_int_equal(t->n, 0);
}

static void nothing_is_read_behind_what_is_the_threads_own(void **state)
{
	struct ps_taken *t;

	(void)state;
	shim_task = &task;
	task.thread.fsbase = (unsigned long)(memory + 1000);
	shim_end = (const char *)memory + 1024; /* so a read of all would fail */
	t = keep(1, memory);
	assert_int_equal(t->n, 4 * PS_TAKEN_PART);
	assert_memory_equal(t->stack, memory, 1024);
	shim_end = NULL;
	task.thread.fsbase = (unsigned long)(memory - 4096); /* of the first thread it lies elsewhere */
	assert_int_equal(keep(1, memory)->n, PS_TAKEN_BYTES);
	task.thread.fsbase = 0;
	assert_int_equal(keep(1, memory)->n, PS_TAKEN_BYTES);
	task.mm = &mm; /* but above its stack are its arguments */
	mm.start_stack = (unsigned long)(memory + 1000);
	shim_end = (const char *)memory + 1024;
	assert_int_equal(keep(1, memory)->n, 4 * PS_TAKEN_PART);
	task.mm = NULL;
}

static void what_finds_no_room_is_counted(void **state)
{
	(void)state;
	for (uint64_t item = 1; item <= 5; item++)
		assert_true((keep(item, memory) != NULL) == (item <= 3));
	assert_int_equal(lost(PS_LOSS_taken_full), 2);
	assert_non_null(keep(2, memory)); /* it has its room */
	ps_taken_max = 10; /* the map itself is full */
	assert_null(keep(6, memory));
	assert_int_equal(lost(PS_LOSS_taken_full), 3);
	assert_int_equal(ps_n_taken, 3);
}

static void what_is_of_no_use_is_dropped(void **state)
{
	struct ps_lease held = { .state = PS_LEASE_HELD }, idle = { .state = PS_LEASE_IDLE };
	struct ps_ref_key key[3] = { { the_pool, 1 }, { the_pool, 2 }, { the_pool, 3 } };

	(void)state;
	ps_taken_max = ps_takens.limit = 6;
	for (uint64_t item = 1; item <= 3; item++)
		keep(item, memory);
	bpf_map_update_elem(&ps_leases, &key[0], &held, BPF_ANY);
	bpf_map_update_elem(&ps_leases, &key[1], &idle, BPF_ANY);
	for (int i = 0; i < 3; i++)
		ps_taken_look_at(&key[i]);
	assert_non_null(bpf_map_lookup_elem(&ps_takens, &key[0]));
	assert_non_null(bpf_map_lookup_elem(&ps_takens, &key[1]));
	assert_null(bpf_map_lookup_elem(&ps_takens, &key[2])); /* it has no lease */
	assert_int_equal(ps_n_taken, 2);
	ps_taken_max = 2;
	ps_taken_look_at(&key[0]);
	ps_taken_look_at(&key[1]);
	assert_non_null(bpf_map_lookup_elem(&ps_takens, &key[0]));
	assert_null(bpf_map_lookup_elem(&ps_takens, &key[1])); /* room is wanted */
	assert_int_equal(ps_n_taken, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(so_many_a_tick_are_wanted_and_more_under_suspicion,
						reset, reset),
		cmocka_unit_test_setup_teardown(of_workers_waits_and_other_verbs_none_is_wanted,
						reset, reset),
		cmocka_unit_test_setup_teardown(what_is_kept_is_of_the_last_acquire, reset, reset),
		cmocka_unit_test_setup_teardown(a_stack_that_ends_is_read_to_its_end, reset, reset),
		cmocka_unit_test_setup_teardown(nothing_is_read_behind_what_is_the_threads_own,
						reset, reset),
		cmocka_unit_test_setup_teardown(what_finds_no_room_is_counted, reset, reset),
		cmocka_unit_test_setup_teardown(what_is_of_no_use_is_dropped, reset, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
