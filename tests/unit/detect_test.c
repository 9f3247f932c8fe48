/* SPDX-License-Identifier: MIT */
/* detect_test.c - which findings open, when, how bad, and when they close. A story is told tick by tick, one a second. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "detect/detector.h"
#include "snapshot_fixture.h"

#define S 1000000000ll
#define MS 1000000ll

/* A pool of four whose story is being told, and another one of the same process. */
static struct {
	struct detect *d;
	const struct snapshot *last;
	int64_t now_ns;
	struct pool_row pool, other;
	bool has_other;
	struct hist wait, hold;
	struct ref_row holders[4], waiters[4];
	struct thread_facts facts[100]; /* by tid */
	size_t n_looks;
	const struct stall_row *stalls;
	size_t n_stalls;
	const struct stack_row *stacks;
	size_t n_stacks;
} story;

static void begin_pool(struct pool_row *p, uint64_t id, const char *name)
{
	*p = fixture_unknown_pool(id);
	p->name = name;
	p->capacity = 4;
	p->in_use = p->pending = 0;
	p->acquires = p->timeouts = p->rejections = p->opened = p->open_failures = 0;
	p->in_use_s = p->saturated_s = p->capacity_s = p->stalled_s = 0;
	p->open = 4;
	p->closed = 0;
	p->pending_s = 0;
	for (int i = 0; i < PS_REJECT_COUNT; i++)
		p->rejected_by[i] = 0;
	p->verdict = "healthy";
}

static int begin(void **state)
{
	struct detect_limits limits = { .leak_ns = 5 * S, .wait_ns = 1 * S };

	(void)state;
	memset(&story, 0, sizeof(story));
	story.now_ns = 100 * S;
	begin_pool(&story.pool, 1, "main-db");
	begin_pool(&story.other, 2, "workers");
	story.pool.wait = &story.wait;
	story.pool.hold = &story.hold;
	story.pool.holders = story.holders;
	story.pool.waiters = story.waiters;
	return detect_new(&limits, &story.d);
}

static int end(void **state)
{
	(void)state;
	snapshot_unref(story.last);
	detect_free(story.d);
	hist_done(&story.wait);
	hist_done(&story.hold);
	return 0;
}

static bool look(void *unused, int32_t pid, uint32_t tid, struct thread_facts *ret)
{
	(void)unused;
	assert_int_equal(pid, 4242);
	if (tid >= sizeof(story.facts) / sizeof(*story.facts))
		return false;
	*ret = story.facts[tid];
	story.n_looks++;
	return true;
}

static void tick(void)
{
	struct pool_row *rows;
	struct snapshot *s = fixture_new(1 + story.has_other, &rows);

	s->t_ns = story.now_ns;
	s->wall_ns = 1764000000 * S + story.now_ns;
	rows[0] = story.pool;
	if (story.has_other)
		rows[1] = story.other;
	s->stalls = story.stalls;
	s->n_stalls = story.n_stalls;
	s->stacks = story.stacks;
	s->n_stacks = story.n_stacks;
	assert_int_equal(detect_tick(story.d, s, look, NULL), 0);
	snapshot_unref(story.last);
	story.last = s;
}

/* One second of so many holds of so long, during which the pool was full for a part of it. */
static void second(int n_holds, int64_t hold_ns, double full_s)
{
	story.now_ns += S;
	story.pool.acquires += n_holds;
	for (int i = 0; i < n_holds; i++)
		assert_int_equal(hist_record_ns(&story.hold, (uint64_t)hold_ns), 0);
	story.pool.saturated_s += full_s;
	story.pool.pending = full_s > 0 ? 3 : 0;
	tick();
}

static void calm(int seconds)
{
	for (int i = 0; i < seconds; i++)
		second(100, 2 * MS, 0);
}

static const struct finding_row *finding(const char *type)
{
	for (size_t i = 0; i < story.last->n_findings; i++)
		if (!strcmp(story.last->findings[i].type, type))
			return &story.last->findings[i];
	return NULL;
}

static size_t n_open(void)
{
	size_t n = 0;

	for (size_t i = 0; i < story.last->n_findings; i++)
		n += story.last->findings[i].is_open;
	return n;
}

static bool is_open(const char *type)
{
	const struct finding_row *f = finding(type);

	return f && f->is_open;
}

/* ---- when -------------------------------------------------------------------------------------------------------------------- */

static void a_healthy_pool_has_none(void **state)
{
	(void)state;
	calm(20);
	assert_int_equal(story.last->n_findings, 0);
	assert_string_equal(story.last->pools[0].verdict, "healthy");
}

static void a_moment_opens_nothing(void **state)
{
	(void)state;
	calm(5);
	second(1000, 4 * MS, 0.9);
	calm(5);
	assert_int_equal(story.last->n_findings, 0);
}

static void one_opens_once_and_closes(void **state)
{
	uint64_t id;

	(void)state;
	calm(5);
	for (int i = 0; i < 8; i++)
		second(1000, 3900000, 0.95);
	assert_int_equal(n_open(), 1);
	id = story.last->findings[0].id;
	for (int i = 0; i < 5; i++)
		second(1000, 3900000, 0.95);
	assert_int_equal(n_open(), 1);
	assert_int_equal(story.last->findings[0].id, id);
	calm(12);
	assert_int_equal(n_open(), 0);
	assert_int_equal(story.last->n_findings, 1);
	assert_true(story.last->findings[0].until_ns > story.last->findings[0].since_ns);
	assert_string_equal(story.last->pools[0].verdict, "healthy");
}

static void those_of_a_pool_that_is_gone_close(void **state)
{
	(void)state;
	story.has_other = true;
	story.other.close_wait = 1;
	story.other.oldest_close_wait_ns = 2 * S;
	calm(3);
	assert_true(is_open("stale-socket"));
	story.has_other = false;
	calm(1);
	assert_false(is_open("stale-socket"));
	assert_non_null(finding("stale-socket"));
}

/* ---- a full pool: why ----------------------------------------------------------------------------------------------------------- */

static void more_arrivals_than_it_carries_is_too_small(void **state)
{
	(void)state;
	calm(5);
	for (int i = 0; i < 8; i++) {
		story.pool.timeouts += 100;
		second(1900, 2 * MS, 0.95);
	}
	assert_true(is_open("too-small"));
	assert_int_equal(n_open(), 1);
	assert_int_equal(finding("too-small")->severity, SEVERITY_CRITICAL);
	assert_string_equal(story.last->pools[0].verdict, finding("too-small")->text);
}

static void longer_holds_are_slow_holders(void **state)
{
	(void)state;
	calm(5);
	for (int i = 0; i < 8; i++)
		second(100, 39 * MS, 0.95);
	assert_true(is_open("slow-holders"));
	assert_int_equal(n_open(), 1);
}

static void items_that_do_not_come_back_are_slow_holders(void **state)
{
	(void)state;
	calm(5);
	for (int i = 0; i < 6; i++) {
		story.pool.in_use = 4;
		story.pool.n_holders = 2;
		story.holders[0] = (struct ref_row){ .id = 1, .tid = 7, .age_ns = (i + 1) * S };
		story.holders[1] = (struct ref_row){ .id = 2, .tid = 8, .age_ns = (i + 1) * S };
		second(900, 2 * MS, 0.95);
	}
	assert_true(is_open("slow-holders"));
	assert_false(is_open("too-small"));
}

static void a_process_that_stands_still_has_no_pool_too_small(void **state)
{
	(void)state;
	calm(5);
	for (int i = 0; i < 8; i++) {
		story.pool.pending_s += 0.9;
		story.pool.stalled_s += 0.85;
		second(1900, 2 * MS, 0.95);
	}
	assert_true(is_open("saturation"));
	assert_int_equal(n_open(), 1);
	assert_int_equal(finding("saturation")->severity, SEVERITY_WARNING);
	assert_non_null(strstr(finding("saturation")->text, "stands still"));
}

static void what_stalls_explain_is_an_information_and_the_verdict(void **state)
{
	(void)state;
	calm(3);
	story.pool.saturated_by = "saturated by stalls (gc): 97% of the wait came of them";
	calm(1);
	assert_int_equal(n_open(), 1);
	assert_int_equal(finding("saturation")->severity, SEVERITY_INFO);
	assert_string_equal(story.last->pools[0].verdict, story.pool.saturated_by);
	story.pool.saturated_by = NULL;
	calm(6);
	assert_int_equal(n_open(), 0);
	assert_string_equal(story.last->pools[0].verdict, "healthy");
}

static void where_holds_take_seconds_a_full_moment_lasts_longer(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		second(2, 1900 * MS, 0);
	for (int i = 0; i < 7; i++)
		second(2, 1900 * MS, 1);
	assert_int_equal(story.last->n_findings, 0);
	for (int i = 0; i < 3; i++)
		second(2, 1900 * MS, 1);
	assert_int_equal(n_open(), 1);
}

static void mostly_full_is_something_only_where_waits_are_long(void **state)
{
	(void)state;
	calm(5);
	for (int i = 0; i < 8; i++) {
		for (int k = 0; k < 1700; k++)
			assert_int_equal(hist_record_ns(&story.wait, MS), 0);
		second(1700, 2 * MS, 0.85);
	}
	assert_int_equal(story.last->n_findings, 0);
	for (int i = 0; i < 8; i++) {
		for (int k = 0; k < 1900; k++)
			assert_int_equal(hist_record_ns(&story.wait, 9 * MS), 0);
		second(1900, 2 * MS, 0.85);
	}
	assert_true(is_open("too-small"));
}

static void early_ticks_make_no_window_shorter(void **state)
{
	(void)state;
	calm(5);
	for (int i = 0; i < 19; i++) { /* 1.9 s */
		story.now_ns += S / 10;
		story.pool.saturated_s += 0.1;
		story.pool.pending = 3;
		tick();
	}
	assert_int_equal(story.last->n_findings, 0);
	for (int i = 0; i < 21; i++) {
		story.now_ns += S / 10;
		story.pool.saturated_s += 0.1;
		tick();
	}
	assert_int_equal(n_open(), 1);
}

static void nothing_is_said_of_the_size_of_a_pool_that_is_not_trusted(void **state)
{
	(void)state;
	story.pool.trusted = false;
	for (int i = 0; i < 9; i++)
		second(1900, 2 * MS, 1);
	assert_int_equal(story.last->n_findings, 0);
}

/* ---- leases --------------------------------------------------------------------------------------------------------------------- */

/* Thread 7 has an item since so long; it is given a CPU so often in each second, and uses it for so long. */
static void hold_on(int64_t age_ns, int seconds, uint64_t n_runs, uint64_t cpu_ns)
{
	story.pool.in_use = story.pool.n_holders = 1;
	story.holders[0] = (struct ref_row){ .id = 1, .tid = 7, .age_ns = age_ns };
	for (int i = 0; i < seconds; i++) {
		story.holders[0].age_ns += S;
		story.holders[0].does = REF_UNKNOWN;
		story.facts[7].n_runs += n_runs;
		story.facts[7].cpu_ns += cpu_ns;
		calm(1);
	}
}

static void an_old_lease_may_be_a_leak_and_of_a_dead_thread_it_is(void **state)
{
	(void)state;
	calm(3);
	hold_on(0, 4, 3, 0);
	assert_int_equal(n_open(), 0);
	hold_on(4 * S, 1, 3, 0);
	assert_true(is_open("leak"));
	assert_int_equal(n_open(), 1);
	assert_int_equal(finding("leak")->severity, SEVERITY_WARNING);
	assert_int_equal(story.last->pools[0].leaked, 1);
	story.holders[0].is_thread_gone = true;
	calm(1);
	assert_int_equal(finding("leak")->severity, SEVERITY_CRITICAL);
	assert_non_null(strstr(finding("leak")->text, "has ended"));
	story.pool.n_holders = story.pool.in_use = 0;
	calm(1);
	assert_false(is_open("leak"));
	assert_non_null(strstr(finding("leak")->text, "returned late"));
	assert_int_equal(story.last->pools[0].leaked, 0);
}

/* The books are read at one moment, who holds at another. */
static void what_is_out_for_a_moment_has_not_leaked(void **state)
{
	(void)state;
	calm(3);
	story.pool.n_holders = 0;
	story.pool.in_use = 1;
	calm(1);
	assert_int_equal(story.last->pools[0].leaked, 0);
	story.pool.hold = NULL; /* nobody knows who holds what */
	story.pool.leaked = UNKNOWN;
	calm(1);
	assert_int_equal(story.last->pools[0].leaked, UNKNOWN);
}

static void a_leak_says_who_took_its_items_and_which_they_are(void **state)
{
	static const struct stack_row stacks[] = {
		{ .pid = 4242, .item = 5, .taken_ns = 40 * S, .thread = "load-1", .place = "f < g" },
		{ .pid = 4242, .item = 6, .taken_ns = 41 * S, .thread = "load-2", .place = "h" },
	};

	(void)state;
	for (int i = 0; i < 50; i++)
		second(10, 10 * MS, 0);
	story.holders[0] = (struct ref_row){ .id = 4, .tid = 9, .since_ns = 30 * S };
	story.holders[1] =
		(struct ref_row){ .id = 5, .tid = 7, .since_ns = 40 * S, .is_thread_gone = true };
	story.holders[2] = (struct ref_row){ .id = 6, .tid = 8, .since_ns = 41 * S };
	story.pool.n_holders = story.pool.in_use = 3;
	story.stacks = stacks;
	story.n_stacks = 2;
	for (int i = 0; i < 12; i++) {
		for (int j = 0; j < 3; j++)
			story.holders[j].age_ns = story.now_ns + S - story.holders[j].since_ns;
		second(10, 10 * MS, 0); /* the first one sleeps all the time, so he may be at it still */
		story.facts[8].n_runs++;
	}
	assert_non_null(strstr(finding("leak")->text, ", taken by load-1 in f < g"));
	assert_int_equal(finding("leak")->n_items, 2);
	assert_int_equal(finding("leak")->items[0], 5);
	assert_int_equal(finding("leak")->items[1], 6);
	assert_int_equal(finding("slow-holders")->n_items, 1);
	assert_int_equal(finding("slow-holders")->items[0], 4);
	assert_true(story.last->pools[0].is_doubted);
}

static void who_sleeps_or_computes_since_is_slow_and_no_leak(void **state)
{
	static const struct {
		uint64_t n_runs, cpu_ns;
		const char *says;
	} cases[] = { { 0, 0, "in one sleep" }, { 50, 900 * MS, "computing" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		end(state);
		begin(state);
		calm(3);
		hold_on(0, 6, cases[i].n_runs, cases[i].cpu_ns);
		assert_true(is_open("slow-holders"));
		assert_int_equal(n_open(), 1);
		assert_non_null(strstr(finding("slow-holders")->evidence, cases[i].says));
		assert_int_equal(story.last->pools[0].leaked, 0);
	}
}

static void who_once_went_on_has_gone_on(void **state)
{
	(void)state;
	calm(3);
	hold_on(0, 4, 1, 0);
	hold_on(4 * S, 9, 0, 0);
	assert_true(is_open("leak"));
	assert_int_equal(n_open(), 1);
}

static void a_pool_that_needs_long_leases_has_no_leak(void **state)
{
	(void)state;
	second(3, 3 * S, 0);
	calm(2);
	hold_on(0, 5, 3, 0);
	assert_int_equal(n_open(), 0);
	hold_on(5 * S + MS, 1, 3, 0);
	assert_int_equal(n_open(), 0); /* what its thread does is not yet known */
	hold_on(6 * S + MS, 1, 3, 0);
	assert_true(is_open("leak"));
}

static void a_pool_of_which_little_is_known_gets_ten_times_as_long(void **state)
{
	(void)state;
	second(50, 2 * MS, 0);
	story.pool.in_use = story.pool.n_holders = 1;
	story.holders[0] = (struct ref_row){ .id = 1, .age_ns = 49 * S };
	second(0, 0, 0);
	assert_int_equal(n_open(), 0);
	story.holders[0].age_ns = 50 * S;
	second(0, 0, 0);
	assert_true(is_open("leak"));
}

static void a_task_may_run_for_ever(void **state)
{
	(void)state;
	story.pool.kind = PS_KIND_worker;
	calm(3);
	hold_on(0, 20, 3, 0);
	assert_int_equal(n_open(), 0);
	hold_on(20 * S, 5, 0, 0);
	assert_int_equal(n_open(), 0);
	story.holders[0].is_thread_gone = true;
	calm(1);
	assert_true(is_open("leak"));
}

static void a_connection_that_is_silent_beside_hand_offs_is_a_leak(void **state)
{
	(void)state;
	story.pool.hold = NULL;
	story.pool.acquires = UNKNOWN;
	story.pool.silent = 0;
	story.pool.oldest_hold_ns = UNKNOWN;
	for (int i = 0; i < 6; i++) {
		story.now_ns += S;
		story.pool.silent = i > 0;
		story.pool.oldest_hold_ns = i > 0 ? i * S : UNKNOWN;
		tick();
		assert_int_equal(n_open(), i >= 5);
	}
	assert_true(is_open("leak"));
}

static void one_that_comes_back_late_hides_no_other(void **state)
{
	(void)state;
	calm(3);
	story.pool.in_use = story.pool.n_holders = 2;
	story.holders[0] = (struct ref_row){ .id = 1, .age_ns = 8 * S };
	story.holders[1] = (struct ref_row){ .id = 2, .age_ns = 7 * S };
	calm(1);
	assert_int_equal(story.last->pools[0].leaked, 2);
	story.pool.n_holders = story.pool.in_use = 1;
	story.holders[0] = story.holders[1];
	second(1, 8 * S, 0);
	assert_true(is_open("leak"));
	assert_int_equal(story.last->pools[0].leaked, 1);
}

/* All four are out since i seconds; who took them sleeps, or has come for another one since. */
static void exhaust(int seconds, bool is_coming_again)
{
	calm(3);
	for (int i = 1; i <= seconds; i++) {
		for (uint32_t k = 0; k < 4; k++) {
			story.holders[k] =
				(struct ref_row){ .id = k, .tid = 10 + k, .age_ns = i * S };
			story.waiters[k] =
				(struct ref_row){ .id = k, .tid = 10 + k, .age_ns = 300 * MS };
		}
		story.pool.in_use = story.pool.n_holders = 4;
		story.pool.n_waiters = is_coming_again ? 4 : 0;
		story.pool.timeouts += 3;
		second(0, 0, 1);
	}
}

static void holders_that_sleep_exhaust_a_pool_and_are_slow(void **state)
{
	(void)state;
	exhaust(4, false);
	assert_true(is_open("slow-holders"));
	assert_int_equal(n_open(), 1);
	assert_int_equal(finding("slow-holders")->severity, SEVERITY_CRITICAL);
}

static void holders_that_come_again_have_leaked(void **state)
{
	(void)state;
	exhaust(4, true);
	assert_true(is_open("saturation"));
	assert_int_equal(n_open(), 1);
	assert_non_null(strstr(finding("saturation")->text, "a leak, if it stays so"));
	for (uint32_t k = 0; k < 4; k++)
		story.holders[k].age_ns = 6 * S;
	second(0, 0, 1);
	assert_true(is_open("leak"));
	assert_int_equal(finding("leak")->severity, SEVERITY_CRITICAL);
	assert_false(is_open("pool-deadlock"));
}

static void holders_that_are_one_too_many_are_not_looked_at(void **state)
{
	struct ref_row holders[9][16];
	struct pool_row *rows;
	struct snapshot *s = fixture_new(9, &rows);

	(void)state;
	for (int i = 0; i < 9; i++) {
		begin_pool(&rows[i], 1 + (uint64_t)i, "p");
		for (uint32_t k = 0; k < 16; k++)
			holders[i][k] = (struct ref_row){ .id = k, .tid = 1 + k, .age_ns = 9 * S };
		rows[i].holders = holders[i];
		rows[i].n_holders = rows[i].in_use = 16;
		rows[i].capacity = 20;
	}
	assert_int_equal(detect_n_refused(story.d), 0);
	assert_int_equal(detect_tick(story.d, s, look, NULL), 0);
	assert_int_equal(detect_n_refused(story.d), 16);
	assert_int_equal(holders[7][15].does, REF_LOOKED_AT);
	assert_int_equal(holders[8][0].does, REF_UNKNOWN);
	snapshot_unref(s);
}

static void hold_all_and_wait(struct pool_row *p, struct ref_row *holders, struct ref_row *waiters,
			      uint32_t first_holder, uint32_t first_waiter)
{
	for (uint32_t i = 0; i < 4; i++) {
		holders[i] = (struct ref_row){ .id = i, .tid = first_holder + i, .age_ns = 2 * S };
		waiters[i] = (struct ref_row){ .id = i, .tid = first_waiter + i, .age_ns = 2 * S };
	}
	p->in_use = p->pending = 4;
	p->n_holders = p->n_waiters = 4;
	p->holders = holders;
	p->waiters = waiters;
	p->oldest_wait_ns = 2 * S;
}

static void holders_that_wait_for_each_other_are_deadlocked(void **state)
{
	struct ref_row holders[4], waiters[4];

	(void)state;
	calm(3);
	hold_all_and_wait(&story.pool, story.holders, story.waiters, 10, 20);
	hold_all_and_wait(&story.other, holders, waiters, 20, 10);
	story.has_other = true;
	for (int i = 0; i < 3; i++) {
		story.now_ns += S;
		story.pool.saturated_s += 1;
		tick();
	}
	assert_true(is_open("pool-deadlock"));
	assert_int_equal(n_open(), 2); /* one of each */
	assert_int_equal(finding("pool-deadlock")->severity, SEVERITY_CRITICAL);
}

static void one_holder_that_runs_is_no_deadlock(void **state)
{
	(void)state;
	calm(3);
	hold_all_and_wait(&story.pool, story.holders, story.waiters, 10, 11); /* thread 10 has one and wants none */
	for (int i = 0; i < 3; i++) {
		story.now_ns += S;
		tick();
	}
	assert_false(is_open("pool-deadlock"));
}

/* ---- the rest ------------------------------------------------------------------------------------------------------------------- */

static void failures_without_an_opening_are_an_endpoint_that_is_down(void **state)
{
	(void)state;
	calm(2);
	story.pool.open_failures += 2;
	calm(1);
	assert_int_equal(n_open(), 0);
	story.pool.open_failures += 2;
	calm(1);
	assert_true(is_open("endpoint-down"));
	story.pool.opened += 1;
	story.pool.open_failures += 1;
	calm(4);
	assert_false(is_open("endpoint-down"));
}

static void a_connection_after_that_is_a_recovery_for_some_seconds(void **state)
{
	(void)state;
	calm(2);
	for (int i = 0; i < 3; i++) {
		story.pool.open_failures += 4;
		second(0, 0, 0);
	}
	assert_true(is_open("endpoint-down"));
	for (int i = 0; i < 3; i++) /* nobody tries, nobody is served */
		second(0, 0, 0);
	assert_true(is_open("endpoint-down"));
	story.pool.opened++;
	calm(1);
	assert_false(is_open("endpoint-down"));
	assert_true(is_open("recovered"));
	assert_int_equal(finding("recovered")->severity, SEVERITY_INFO);
	calm(7);
	assert_int_equal(n_open(), 0);
}

static void an_address_that_never_answered_is_a_warning(void **state)
{
	(void)state;
	story.pool.acquires = UNKNOWN;
	story.pool.open = 0;
	story.pool.hold = NULL;
	for (int i = 0; i < 4; i++) {
		story.now_ns += S;
		story.pool.open_failures += 4;
		tick();
	}
	assert_true(is_open("endpoint-down"));
	assert_int_equal(finding("endpoint-down")->severity, SEVERITY_WARNING);
}

static void openings_for_each_use_are_churn(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		story.pool.opened += 90;
		story.pool.closed += 89;
		calm(1);
	}
	assert_true(is_open("churn"));
}

static void a_pool_that_grows_does_not_churn(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		story.pool.opened += 90;
		calm(1);
	}
	assert_int_equal(n_open(), 0);
}

static void callers_that_are_turned_away_are_backpressure(void **state)
{
	(void)state;
	calm(2);
	for (int i = 0; i < 3; i++) {
		story.pool.rejections += 5;
		story.pool.rejected_by[PS_REJECT_dropped] += 5;
		calm(1);
	}
	assert_true(is_open("backpressure"));
	assert_int_equal(n_open(), 1);
}

/* A second in which so many are served after so long, while one waits. */
static void serve_others(int64_t oldest_ns, int64_t wait_ns)
{
	story.pool.oldest_wait_ns = oldest_ns;
	for (int i = 0; i < 10; i++)
		assert_int_equal(hist_record_ns(&story.wait, (uint64_t)wait_ns), 0);
	calm(1);
}

/* Full, and slowly so; then nothing is known of it any more. */
static void what_is_not_watched_in_full_is_said_and_nothing_else_ends(void **state)
{
	const struct finding_row *f;

	(void)state;
	calm(10);
	for (int i = 0; i < 10; i++)
		second(20, 200 * MS, 1);
	assert_true(is_open("slow-holders"));
	story.pool.level = LEVEL_SLOW_PATH;
	story.pool.level_reason = LEVEL_REASON_BUDGET;
	story.pool.level_cause = 0.25;
	story.pool.trusted = false;
	story.pool.acquires = story.pool.in_use = story.pool.pending = UNKNOWN;
	story.pool.saturated_s = story.pool.pending_s = NAN;
	story.pool.wait = story.pool.hold = NULL;
	for (int i = 0; i < 60; i++) {
		story.now_ns += S;
		tick();
	}
	f = finding("stepped-down");
	assert_non_null(f);
	assert_true(f->is_open);
	assert_int_equal(f->severity, SEVERITY_INFO);
	assert_non_null(strstr(f->text, "main-db"));
	assert_non_null(strstr(f->text, "slow-path"));
	assert_non_null(strstr(f->evidence, "25%"));
	assert_true(is_open("slow-holders")); /* who knows */
	assert_int_equal(n_open(), 2);
	/* all of it comes back at once, as far as can be seen: no growth */
	story.pool.level = LEVEL_FULL;
	story.pool.trusted = true;
	story.pool.acquires = 1000000;
	story.pool.opened = story.pool.closed = 1000000;
	story.pool.in_use = story.pool.pending = 0;
	story.pool.saturated_s = story.pool.pending_s = 0;
	story.pool.wait = &story.wait;
	story.pool.hold = &story.hold;
	calm(20);
	assert_int_equal(n_open(), 0);
	assert_null(finding("churn"));
}

static void alone_it_is_the_verdict_and_no_doubt(void **state)
{
	(void)state;
	story.pool.level = LEVEL_FIELDS;
	story.pool.level_reason = LEVEL_REASON_REFUSED;
	tick();
	assert_true(is_open("stepped-down"));
	assert_non_null(strstr(story.last->pools[0].verdict, "not watched in full"));
	assert_false(story.last->pools[0].is_doubted); /* to keep more stacks of it would cost more */
}

static void one_who_is_overtaken_for_long_starves(void **state)
{
	(void)state;
	calm(2);
	serve_others(2 * S, 10 * MS);
	assert_int_equal(n_open(), 0);
	serve_others(3 * S, 10 * MS);
	assert_true(is_open("starvation"));
	story.pool.oldest_wait_ns = 0;
	calm(3);
	assert_false(is_open("starvation"));
}

static void where_all_wait_for_long_nobody_starves(void **state)
{
	(void)state;
	calm(2);
	for (int i = 0; i < 5; i++)
		serve_others(3 * S, 2900 * MS);
	assert_int_equal(n_open(), 0);
}

/* Four workers, three of which wait for a pool of two that is full. */
static void workers_that_wait_for_a_smaller_pool_are_too_many(void **state)
{
	struct ref_row waiters[3];

	(void)state;
	story.has_other = true;
	story.other.capacity = 2;
	story.other.waiters = waiters;
	story.other.pending = 3;
	for (uint32_t i = 0; i < 4; i++)
		story.holders[i] = (struct ref_row){ .id = i, .tid = 10 + i, .age_ns = 40 * MS };
	for (uint32_t i = 0; i < 3; i++)
		waiters[i] = (struct ref_row){ .id = i, .tid = 10 + i, .age_ns = 30 * MS };
	story.pool.in_use = story.pool.n_holders = 4;
	for (int i = 0; i < 5; i++) {
		story.other.n_waiters = i == 0 ? 0 : 3;
		story.other.saturated_s += 1;
		calm(1);
	}
	assert_true(is_open("imbalance"));
	assert_int_equal(finding("imbalance")->pool_id, 1);
	story.other.waiters = NULL;
	story.other.n_waiters = 0;
}

/* ---- processes ------------------------------------------------------------------------------------------------------------------ */

/* Seconds in which the process stood still for a part of each. */
static void stand(struct stall_row *row, int seconds, double part_s)
{
	story.stalls = row;
	for (int i = 0; i < seconds; i++) {
		row->n++;
		row->sum_s += part_s;
		calm(1);
	}
}

static void a_tenth_of_the_time_is_a_stall_and_half_is_critical(void **state)
{
	struct hist length = { 0 };
	struct stall_row row = {
		.pid = 4242, .process = "orders", .cause = PS_STALL_gc, .length = &length
	};

	(void)state;
	story.n_stalls = 1;
	stand(&row, 10, 0.09);
	assert_int_equal(n_open(), 0);
	stand(&row, 6, 0.2);
	assert_true(is_open("stall"));
	assert_int_equal(finding("stall")->severity, SEVERITY_WARNING);
	assert_null(finding("stall")->pool);
	assert_int_equal(finding("stall")->pool_id, 0);
	assert_string_equal(story.last->pools[0].verdict, "healthy");
	stand(&row, 6, 0.7);
	assert_int_equal(finding("stall")->severity, SEVERITY_CRITICAL);
	story.n_stalls = 0;
	calm(1);
	assert_int_equal(n_open(), 0);
}

static void one_that_goes_on_for_a_second_is_told_at_once(void **state)
{
	struct hist length = { 0 };
	struct stall_row row = {
		.pid = 4242, .process = "orders", .cause = PS_STALL_stopped, .length = &length
	};

	(void)state;
	story.n_stalls = 1;
	story.stalls = &row;
	calm(2);
	row.since_ns = 1100 * MS;
	calm(1);
	assert_true(is_open("stall"));
	story.n_stalls = 0;
}

static void of_causes_that_lie_in_each_other_the_larger_is_told(void **state)
{
	struct hist length = { 0 };
	struct stall_row rows[2] = {
		{ .pid = 4242, .process = "orders", .cause = PS_STALL_gc, .length = &length },
		{ .pid = 4242, .process = "orders", .cause = PS_STALL_safepoint, .length = &length },
	};

	(void)state;
	story.n_stalls = 2;
	for (int i = 0; i < 8; i++) {
		rows[0].sum_s += 0.3;
		stand(rows, 1, 0);
		rows[1].sum_s += 0.31;
	}
	assert_int_equal(n_open(), 1);
	assert_non_null(strstr(finding("stall")->text, "safepoint"));
	story.n_stalls = 0;
}

static void each_that_opens_or_closes_is_news_once_and_counted(void **state)
{
	const struct finding_count *count;

	(void)state;
	calm(2);
	story.pool.close_wait = 1;
	story.pool.oldest_close_wait_ns = 2 * S;
	calm(1);
	assert_true(finding("stale-socket")->is_news);
	calm(1);
	assert_false(finding("stale-socket")->is_news);
	story.pool.close_wait = 0;
	calm(2);
	assert_false(finding("stale-socket")->is_open);
	assert_true(finding("stale-socket")->is_news);
	calm(1);
	assert_false(finding("stale-socket")->is_news);
	count = story.last->finding_counts;
	for (size_t i = 0; i < story.last->n_finding_counts; i++)
		assert_int_equal(count[i].opened, !strcmp(count[i].type, "stale-socket"));
}

static void no_name_is_too_long(void **state)
{
	char name[2000];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	story.pool.name = story.pool.process = story.pool.endpoint = name;
	story.pool.close_wait = 1;
	story.pool.oldest_close_wait_ns = 2 * S;
	story.pool.open_failures += 2;
	calm(1);
	story.pool.open_failures += 9;
	calm(1);
	assert_true(is_open("stale-socket"));
	assert_true(is_open("endpoint-down"));
	story.pool.name = story.pool.process = story.pool.endpoint = "short again";
}

/* ---- what is not looked at ------------------------------------------------------------------------------------------------ */

static uint32_t dice_state;

/* One of n. */
static uint32_t dice(uint32_t n)
{
	dice_state = dice_state * 1664525 + 1013904223;
	return (dice_state >> 8) % n;
}

/* Mostly nothing. */
static int64_t seldom(int64_t n)
{
	return dice(8) ? 0 : n;
}

static void throw_counters(struct pool_row *p, bool is_busy_alone)
{
	p->acquires += dice(2) ? 0 : dice(20);
	if (is_busy_alone)
		return;
	p->timeouts += seldom(dice(3));
	p->rejections += seldom(dice(3));
	p->opened += seldom(dice(30));
	p->closed += seldom(dice(30));
	p->open_failures += seldom(dice(5));
	p->saturated_s += dice(4) ? 0 : 1;
	p->pending_s += 0.5 * dice(3);
	p->stalled_s += 0.5 * (double)seldom(1);
}

static void throw_levels(struct pool_row *p, struct ref_row *holders, struct ref_row *waiters)
{
	static const int64_t ages[] = { 0, 400 * MS, 2 * S, 70 * S, 700 * S };

	p->n_holders = dice(2) ? 0 : dice(4);
	p->n_waiters = dice(3);
	p->in_use = dice(2) ? (int64_t)p->n_holders : dice(5);
	p->pending = dice(4) ? (int64_t)p->n_waiters : (int64_t)dice(3) - 1;
	p->capacity = dice(2) ? (int64_t)p->n_holders : (int64_t)dice(6) - 1;
	p->silent = dice(8) ? UNKNOWN : (int64_t)dice(2);
	p->oldest_hold_ns = ages[dice(5)];
	p->close_wait = dice(8) ? UNKNOWN : (int64_t)dice(2);
	p->oldest_close_wait_ns = ages[dice(5)];
	p->oldest_wait_ns = dice(8) ? 0 : ages[dice(5)];
	p->trusted = dice(8);
	p->saturated_by = dice(8) ? NULL : "saturated by stalls";
	for (size_t i = 0; i < 3; i++) {
		holders[i] = (struct ref_row){ .id = i + 1,
					       .tid = dice(3),
					       .age_ns = ages[dice(5)],
					       .is_thread_gone = !dice(4),
					       .does = (enum ref_does)dice(REF_WENT_ON + 1) };
		waiters[i] = (struct ref_row){ .tid = dice(3), .age_ns = ages[dice(5)] };
	}
	for (size_t i = 1; i < p->n_holders; i++)
		if (holders[i].age_ns > holders[0].age_ns)
			holders[i].age_ns = holders[0].age_ns; /* the oldest comes first */
}

/* As detect.c asks them. */
static bool says_anything(struct look *l)
{
	struct told told = { 0 };

	l->tick = past_growth(l->past, 1);
	l->window = past_growth(l->past, WINDOW_TICKS);
	l->window_s = (double)l->window.t_ns / 1e9;
	l->full_ns = is_full(l->pool, &l->window) ? 100 * S : 0;
	l->unusual_ns = unusual_ns(l->pool);
	l->deadlock = deadlocked_with(l);
	l->pressure = pressure_of(l);
	for (unsigned int i = 0; i < n_detectors; i++)
		if (detectors[i].about == ABOUT_POOL && detectors[i].look(l, &told))
			return true;
	return false;
}

static void of_a_calm_pool_no_detector_has_anything_to_say(void **state)
{
	const struct detect_limits limits = { .leak_ns = 60 * S, .wait_ns = 1 * S };
	unsigned int n_calm = 0, n_said = 0;

	(void)state;
	for (dice_state = 0; n_calm + n_said < 10000;) {
		struct ref_row holders[3], waiters[3];
		struct pool_row *rows;
		struct snapshot *s = fixture_new(2, &rows);
		struct look l = { .s = s, .limits = &limits, .pool = rows };
		bool is_busy_alone = dice(8);
		struct past past;

		assert_int_equal(detect_new(&limits, &l.all), 0);
		begin_pool(&rows[0], 1, "main-db");
		rows[1] = rows[0];
		rows[0].holders = holders;
		rows[0].waiters = rows[1].waiters = waiters;
		past_begin(&past);
		for (uint32_t tick = 0; tick < 7; tick++) {
			throw_counters(&rows[0], is_busy_alone);
			past_add(&past, &rows[0], tick * S);
		}
		throw_levels(&rows[0], holders, waiters);
		l.past = &past;
		if (is_calm(&l)) {
			n_calm++;
			assert_false(says_anything(&l));
		} else {
			n_said += says_anything(&l);
		}
		past_done(&past);
		detect_free(l.all);
		snapshot_unref(s);
	}
	assert_true(n_calm > 1000 && n_said > 1000); /* it is about something */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_healthy_pool_has_none, begin, end),
		cmocka_unit_test_setup_teardown(a_moment_opens_nothing, begin, end),
		cmocka_unit_test_setup_teardown(one_opens_once_and_closes, begin, end),
		cmocka_unit_test_setup_teardown(those_of_a_pool_that_is_gone_close, begin, end),
		cmocka_unit_test_setup_teardown(more_arrivals_than_it_carries_is_too_small, begin,
						end),
		cmocka_unit_test_setup_teardown(longer_holds_are_slow_holders, begin, end),
		cmocka_unit_test_setup_teardown(items_that_do_not_come_back_are_slow_holders, begin,
						end),
		cmocka_unit_test_setup_teardown(a_process_that_stands_still_has_no_pool_too_small,
						begin, end),
		cmocka_unit_test_setup_teardown(
			what_stalls_explain_is_an_information_and_the_verdict, begin, end),
		cmocka_unit_test_setup_teardown(where_holds_take_seconds_a_full_moment_lasts_longer,
						begin, end),
		cmocka_unit_test_setup_teardown(mostly_full_is_something_only_where_waits_are_long,
						begin, end),
		cmocka_unit_test_setup_teardown(early_ticks_make_no_window_shorter, begin, end),
		cmocka_unit_test_setup_teardown(
			nothing_is_said_of_the_size_of_a_pool_that_is_not_trusted, begin, end),
		cmocka_unit_test_setup_teardown(
			an_old_lease_may_be_a_leak_and_of_a_dead_thread_it_is, begin, end),
		cmocka_unit_test_setup_teardown(what_is_out_for_a_moment_has_not_leaked, begin,
						end),
		cmocka_unit_test_setup_teardown(a_leak_says_who_took_its_items_and_which_they_are,
						begin, end),
		cmocka_unit_test_setup_teardown(who_sleeps_or_computes_since_is_slow_and_no_leak,
						begin, end),
		cmocka_unit_test_setup_teardown(who_once_went_on_has_gone_on, begin, end),
		cmocka_unit_test_setup_teardown(a_pool_that_needs_long_leases_has_no_leak, begin,
						end),
		cmocka_unit_test_setup_teardown(
			a_pool_of_which_little_is_known_gets_ten_times_as_long, begin, end),
		cmocka_unit_test_setup_teardown(one_that_comes_back_late_hides_no_other, begin,
						end),
		cmocka_unit_test_setup_teardown(holders_that_sleep_exhaust_a_pool_and_are_slow,
						begin, end),
		cmocka_unit_test_setup_teardown(holders_that_come_again_have_leaked, begin, end),
		cmocka_unit_test_setup_teardown(holders_that_are_one_too_many_are_not_looked_at,
						begin, end),
		cmocka_unit_test_setup_teardown(holders_that_wait_for_each_other_are_deadlocked,
						begin, end),
		cmocka_unit_test_setup_teardown(one_holder_that_runs_is_no_deadlock, begin, end),
		cmocka_unit_test_setup_teardown(
			failures_without_an_opening_are_an_endpoint_that_is_down, begin, end),
		cmocka_unit_test_setup_teardown(
			a_connection_after_that_is_a_recovery_for_some_seconds, begin, end),
		cmocka_unit_test_setup_teardown(an_address_that_never_answered_is_a_warning, begin,
						end),
		cmocka_unit_test_setup_teardown(a_task_may_run_for_ever, begin, end),
		cmocka_unit_test_setup_teardown(
			a_connection_that_is_silent_beside_hand_offs_is_a_leak, begin, end),
		cmocka_unit_test_setup_teardown(openings_for_each_use_are_churn, begin, end),
		cmocka_unit_test_setup_teardown(a_pool_that_grows_does_not_churn, begin, end),
		cmocka_unit_test_setup_teardown(callers_that_are_turned_away_are_backpressure,
						begin, end),
		cmocka_unit_test_setup_teardown(
			what_is_not_watched_in_full_is_said_and_nothing_else_ends, begin, end),
		cmocka_unit_test_setup_teardown(alone_it_is_the_verdict_and_no_doubt, begin, end),
		cmocka_unit_test_setup_teardown(one_who_is_overtaken_for_long_starves, begin, end),
		cmocka_unit_test_setup_teardown(where_all_wait_for_long_nobody_starves, begin, end),
		cmocka_unit_test_setup_teardown(workers_that_wait_for_a_smaller_pool_are_too_many,
						begin, end),
		cmocka_unit_test_setup_teardown(a_tenth_of_the_time_is_a_stall_and_half_is_critical,
						begin, end),
		cmocka_unit_test_setup_teardown(one_that_goes_on_for_a_second_is_told_at_once,
						begin, end),
		cmocka_unit_test_setup_teardown(of_causes_that_lie_in_each_other_the_larger_is_told,
						begin, end),
		cmocka_unit_test_setup_teardown(each_that_opens_or_closes_is_news_once_and_counted,
						begin, end),
		cmocka_unit_test_setup_teardown(no_name_is_too_long, begin, end),
		cmocka_unit_test_setup_teardown(of_a_calm_pool_no_detector_has_anything_to_say,
						begin, end),
	};

	return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}
