/* SPDX-License-Identifier: MIT */
/* progress_test.c - bpf/progress.h natively, what follows from it (agent/ingest/progress.c), and who has work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf_shim.h"

/* knobs and maps that this does not use */
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "bpf/progress.h"

#include "ingest/progress.h"
#include "model/model.h"

#define MS 1000000ll
#define S 1000000000ll

static int reset(void **state)
{
	(void)state;
	memset(ps_ran, 0, sizeof(ps_ran));
	ps_jiffy_ns = 4 * MS;
	ps_no_progress_ns = S;
	shim_jiffies = 5000;
	return 0;
}

/* ---- when a process ran last --------------------------------------------------------------------------------------------- */

static void who_is_not_known_has_no_note(void **state)
{
	__u64 ago;
	uint32_t ran;

	(void)state;
	ps_ran_leaves(42, 1);
	assert_int_equal(ps_ran[42], PS_RAN_UNWANTED);
	shim_jiffies += 100000;
	assert_int_equal(ps_ran_long_ago(42, &ran, &ago), 0);
	ps_ran_ends(42);
	assert_int_equal(ps_ran[42], PS_RAN_UNWANTED);
}

static void the_first_look_begins_the_note(void **state)
{
	__u64 ago;
	uint32_t ran;

	(void)state;
	ps_ran[42] = PS_RAN_UNKNOWN;
	assert_int_equal(ps_ran_long_ago(42, &ran, &ago), 0);
	shim_jiffies += 249;
	assert_int_equal(ps_ran_long_ago(42, &ran, &ago), 0);
	shim_jiffies++;
	assert_int_equal(ps_ran_long_ago(42, &ran, &ago), 1);
	assert_int_equal(ago, S);
	assert_int_equal(ran & 1, 0);
	ps_ran_leaves(42, 0);
	assert_int_equal(ps_ran_long_ago(42, &ran, &ago), 0);
	shim_jiffies += 500;
	assert_int_equal(ps_ran_long_ago(42, &ran, &ago), 1);
	assert_int_equal(ago, 2 * S);
	assert_int_equal(ran & 1, 1); /* it would have gone on */
	ps_ran_leaves(42, 2);
	assert_int_equal(ps_ran[42] & 1, 0);
	ps_ran_ends(42);
	assert_int_equal(ps_ran[42], PS_RAN_UNWANTED);
}

static void a_note_outlives_the_end_of_its_numbers(void **state)
{
	uint32_t ran;

	(void)state;
	ran = ps_ran_note(0x7ffffff0, 1);
	assert_int_equal(ps_ran_ago(ran, 0x80000010), 0x20);
	assert_int_equal(ps_ran_ago(ran, 0x1007ffffff0), 0);
	assert_int_equal(ps_ran_ago(ran, 0x7fffffef), 0); /* noted since the clock was read */
}

/* ---- what a thread does -------------------------------------------------------------------------------------------------- */

static void a_thread_that_waits_for_others_is_not_told_of(void **state)
{
	enum { KILLABLE = 0x102, IDLE = 0x402, WAKING = 0x200 };

	(void)state;
	assert_int_equal(ps_still_of(1, 0, 0, 0), PS_STILL_NOT);
	assert_int_equal(ps_still_of(0x2001, 0, 0, 0), PS_STILL_NOT); /* it may be frozen so */
	assert_int_equal(ps_still_of(4, 0, 0, 0), PS_STILL_NOT);
	assert_int_equal(ps_still_of(8, 0, 0, 1), PS_STILL_NOT); /* stopped before */
	assert_int_equal(ps_still_of(0x20, 0, 0, 0), PS_STILL_NOT);
	assert_int_equal(ps_still_of(IDLE, 0, 0, 0), PS_STILL_NOT);
	assert_int_equal(ps_still_of(0, 1, 0, 0), PS_STILL_RUNS);
	assert_int_equal(ps_still_of(1, 1, 0, 0), PS_STILL_RUNS); /* about to sleep */
	assert_int_equal(ps_still_of(0, 0, 0, 0), PS_STILL_RUNNABLE);
	assert_int_equal(ps_still_of(WAKING, 0, 0, 0), PS_STILL_RUNNABLE);
	assert_int_equal(ps_still_of(2, 0, 0, 0), PS_STILL_BLOCKED);
	assert_int_equal(ps_still_of(KILLABLE, 0, 0, 1), PS_STILL_BLOCKED); /* not frozen yet */
	assert_int_equal(ps_still_of(1, 0, 0, 1), PS_STILL_FROZEN);
	assert_int_equal(ps_still_of(0x8000, 0, 0, 0), PS_STILL_FROZEN);
	assert_int_equal(ps_still_of(2, 0, 1, 0), PS_STILL_FROZEN);
	assert_int_equal(ps_still_of(0, 0, 0, 1), PS_STILL_RUNNABLE); /* it is to be */
}

static void what_is_frozen_slept_or_was_at_work(void **state)
{
	(void)state;
	assert_int_equal(ps_frozen_how(UINT64_MAX, 7, 0), PS_STILL_AT_WORK);
	assert_int_equal(ps_frozen_how(UINT64_MAX, 7, 1), PS_STILL_AT_WORK);
	assert_int_equal(ps_frozen_how(1, 100, 0), PS_STILL_AT_WORK); /* at the end of a write */
	for (int64_t result = -516; result <= -512; result++)
		assert_int_equal(ps_frozen_how(202, result, 0), 0);
	assert_int_equal(ps_frozen_how(232, -4, 0), 0); /* epoll_wait */
	assert_int_equal(ps_frozen_how(232, -4, 1), 0);
	assert_int_equal(ps_frozen_how(202, -38, 1), PS_STILL_IN_PLACE);
}

/* ---- what follows -------------------------------------------------------------------------------------------------------- */

/* what it does, flags, since when it waits for a CPU */
#define ASLEEP PS_STILL_NOT, 0, 0
#define RUNS PS_STILL_RUNS, 0, 0
#define READY(at_s) PS_STILL_RUNNABLE, 0, (at_s)*S
#define DISK PS_STILL_BLOCKED, 0, 0
#define ICE(how) PS_STILL_FROZEN, (how), 0
#define BED ICE(PS_STILL_IN_PLACE)

static void a_process_stands_since_it_ran_or_had_something_to_do(void **state)
{
	static const struct {
		const char *what;
		uint32_t ran; /* odd: who left the CPU last would have gone on */
		bool has_work;
		int64_t since_s; /* it ran last at 10 s, and was found first at 12 */
		struct {
			uint32_t kind, flags;
			uint64_t queued_ns;
		} thread[2];
	} cases[] = {
		{ "all sleep for others", 2, true, 0, { { ASLEEP }, { ASLEEP } } },
		{ "a disk", 2, false, 10, { { DISK }, { ASLEEP } } },
		{ "taken its CPU, moved to another one", 3, false, 10, { { READY(11) }, { ASLEEP } } },
		{ "woken, and given none", 2, false, 11, { { READY(11) }, { ASLEEP } } },
		{ "two of them", 2, false, 11, { { READY(13) }, { READY(11) } } },
		{ "nobody knows when", 2, false, 12, { { READY(0) }, { ASLEEP } } },
		{ "taken before the last one slept", 2, false, 10, { { READY(9) }, { ASLEEP } } },
		{ "woken, and a disk", 2, false, 10, { { READY(11) }, { DISK } } },
		{ "one runs", 2, true, 0, { { DISK }, { RUNS } } },
		{ "frozen, nothing to do", 2, false, 0, { { ICE(0) }, { BED } } },
		{ "frozen at work", 2, false, 10, { { ICE(PS_STILL_AT_WORK) }, { ICE(0) } } },
		{ "frozen, and requests come", 2, false, 10, { { ICE(PS_STILL_UNREAD) }, { ASLEEP } } },
		{ "frozen with a lease", 2, true, 10, { { ICE(0) }, { ICE(0) } } },
		{ "frozen with a lease, one in its sleep", 2, true, 10, { { ICE(0) }, { BED } } },
		{ "frozen with a lease, all in their sleep", 2, true, 12, { { BED }, { BED } } },
		{ "woken, then frozen in its sleep", 2, true, 11, { { READY(11) }, { BED } } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct standing s = { 0 };

		for (int t = 0; t < 2; t++) {
			struct ps_still_thread r = { .kind = cases[i].thread[t].kind,
						     .flags = cases[i].thread[t].flags,
						     .since_ns = cases[i].thread[t].queued_ns,
						     .ran = cases[i].ran,
						     .ran_ns = 10 * S };

			if (r.kind != PS_STILL_NOT)
				standing_add(&s, &r);
		}
		if (standing_since(&s, cases[i].has_work, 12 * S) != cases[i].since_s * S)
			fail_msg("%s: %lld", cases[i].what,
				 (long long)standing_since(&s, cases[i].has_work, 12 * S));
	}
}

static void who_ran_while_its_threads_were_looked_at_does_not_stand(void **state)
{
	struct ps_still_thread r = { .kind = PS_STILL_BLOCKED, .ran = 2, .ran_ns = 10 * S };
	struct standing s = { 0 };

	(void)state;
	standing_add(&s, &r);
	r.ran = 4;
	r.ran_ns += 4 * MS;
	standing_add(&s, &r);
	assert_int_equal(standing_since(&s, true, 12 * S), 0);
}

/* ---- work ---------------------------------------------------------------------------------------------------------------- */

static void who_has_an_item_out_or_a_caller_waiting_has_work(void **state)
{
	static const struct ps_pool_key key = { .pool = 1,
						.proc = { .tgid = 42, .incarnation = 1 } };
	static const struct ps_proc_key other = { .tgid = 42, .incarnation = 2 };
	static const struct {
		uint64_t acquired, released, waits_begun, waits_ended;
		bool has_work;
	} cases[] = { { 5, 5, 3, 3, false }, { 5, 4, 3, 3, true }, { 5, 5, 3, 2, true } };
	const struct pool_extra nothing = POOL_EXTRA_UNKNOWN;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct process_info info = { .key = key.proc };
		struct ps_pool b = { .since_ns = S,
				     .acquires = cases[i].acquired,
				     .leases_begun = cases[i].acquired,
				     .releases = cases[i].released,
				     .leases_ended = cases[i].released,
				     .wait_begins = cases[i].waits_begun,
				     .waits_begun = cases[i].waits_begun,
				     .wait_ends = cases[i].waits_ended,
				     .waits_ended = cases[i].waits_ended };
		struct model *m = model_new();

		model_tick_begin(m, 2 * S);
		assert_int_equal(model_feed_process(m, &info), 0);
		assert_int_equal(model_feed_pool(m, &key, &b, &nothing, 2 * S), 0);
		model_tick_end(m);
		assert_int_equal(model_has_work(m, &key.proc), cases[i].has_work);
		assert_false(model_has_work(m, &other));
		model_free(m);
	}
}

static void who_waits_for_an_answer_or_has_clients_waiting_has_work(void **state)
{
	struct ps_endpoint_key key = { .proc = { .tgid = 42, .incarnation = 1 },
				       .role = PS_SOCK_CONNECT };
	struct process_info info = { .key = key.proc };
	struct ps_endpoint books = { .since_ns = S, .open = 2 };
	struct ps_wire wire = { .open = 2, .held = 2 }; /* so many at most */

	(void)state;
	for (int n = 0; n < 2; n++) {
		struct model *m = model_new();

		wire.busy = n;
		key.role = PS_SOCK_CONNECT;
		model_tick_begin(m, 2 * S);
		assert_int_equal(model_feed_process(m, &info), 0);
		assert_int_equal(
			model_feed_endpoint(m, &key, &books, false, UNKNOWN, UNKNOWN, 2 * S), 0);
		assert_int_equal(model_feed_wire(m, &key, &wire), 0);
		model_tick_end(m);
		assert_int_equal(model_has_work(m, &key.proc), n);
		key.role = PS_SOCK_LISTEN;
		model_tick_begin(m, 3 * S);
		assert_int_equal(model_feed_process(m, &info), 0);
		assert_int_equal(model_feed_endpoint(m, &key, &books, false, n, 128, 3 * S), 0);
		model_tick_end(m);
		assert_int_equal(model_has_work(m, &key.proc), n);
		model_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(who_is_not_known_has_no_note, reset),
		cmocka_unit_test_setup(the_first_look_begins_the_note, reset),
		cmocka_unit_test_setup(a_note_outlives_the_end_of_its_numbers, reset),
		cmocka_unit_test(a_thread_that_waits_for_others_is_not_told_of),
		cmocka_unit_test(what_is_frozen_slept_or_was_at_work),
		cmocka_unit_test(a_process_stands_since_it_ran_or_had_something_to_do),
		cmocka_unit_test(who_ran_while_its_threads_were_looked_at_does_not_stand),
		cmocka_unit_test(who_has_an_item_out_or_a_caller_waiting_has_work),
		cmocka_unit_test(who_waits_for_an_answer_or_has_clients_waiting_has_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
