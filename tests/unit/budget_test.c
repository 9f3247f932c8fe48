/* SPDX-License-Identifier: MIT */
/*
 * budget_test.c - the policy as a script of (time, cost) -> level. The surprise: a target here is a closed loop, as outside: what it costs in the next second depends on the level that it was
 * given in this one.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "budget/budget.h"

#define S 1000000000ll

static const struct budget_rules one_percent = { .share = 0.01, .floor = 0.005 };

/* A program that would be watched at that cost, if all of its probes were on. */
struct program {
	double hot, slow;	/* CPUs that its probes take */
	double cpu;	/* CPUs that it takes, watching within */
	bool has_slow;
};

struct run {
	struct budget b;
	struct program p;
	int64_t now_ns;
	double watched_s;	/* CPU time of watching so far */
	unsigned int n_changes;
};

static void begin(struct run *r, struct program p)
{
	*r = (struct run){ .p = p, .now_ns = 1000 * S };
	budget_begin(&r->b);
}

static bool read_for(struct run *r, const struct budget_rules *rules, int64_t ns)
{
	double s = (double)ns / 1e9;
	struct budget_reading reading = {
		.long_ns = ns,
		.hot_s = budget_has_hot(&r->b) ? r->p.hot * s : 0,
		.slow_s = budget_has_slow(&r->b) ? r->p.slow * s : 0,
		.cpu_s = r->p.cpu * s,
		.has_hot = true,
		.has_slow = r->p.has_slow,
	};
	bool is_changed;

	r->now_ns += ns;
	reading.t_ns = r->now_ns;
	r->watched_s += reading.hot_s + reading.slow_s;
	is_changed = budget_tick(&r->b, rules, &reading);
	r->n_changes += is_changed;
	return is_changed;
}

static void seconds(struct run *r, int n)
{
	for (int i = 0; i < n; i++)
		read_for(r, &one_percent, S);
}

static void what_is_within_the_budget_stays_watched_in_full(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.009, .cpu = 1, .has_slow = true });
	seconds(&r, 1000);
	assert_int_equal(r.b.level, LEVEL_FULL);
	assert_int_equal(r.n_changes, 0);
	assert_float_equal(r.b.share, 0.009, 1e-9);
}

static void a_million_hits_a_second_are_stepped_down_by_the_first_reading(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.5, .cpu = 1, .has_slow = true });
	assert_true(read_for(&r, &one_percent, S));
	assert_int_equal(r.b.level, LEVEL_SLOW_PATH);
	assert_int_equal(r.b.reason, LEVEL_REASON_BUDGET);
	assert_float_equal(r.b.cause, 0.5, 1e-9);
	assert_false(budget_has_hot(&r.b));
	assert_true(budget_has_slow(&r.b));
}

static void a_little_over_the_budget_must_last(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.02, .cpu = 1, .has_slow = true });
	seconds(&r, 2);
	assert_int_equal(r.b.level, LEVEL_FULL);
	r.p.hot = 0.005; /* it did not */
	seconds(&r, 1);
	r.p.hot = 0.02;
	seconds(&r, 2);
	assert_int_equal(r.b.level, LEVEL_FULL);
	seconds(&r, 1);
	assert_int_equal(r.b.level, LEVEL_SLOW_PATH);
}

static void what_is_cheap_in_itself_is_left_alone_whatever_its_share(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.004, .cpu = 0.005, .has_slow = true });
	seconds(&r, 100);
	assert_int_equal(r.b.level, LEVEL_FULL);
	assert_float_equal(r.b.share, 0.8, 1e-9);
	r.p.hot = 0.006;
	r.p.cpu = 0.007;
	seconds(&r, 2);
	assert_int_equal(r.b.level, LEVEL_FULL); /* far over its share, and little over the floor: it must last */
	seconds(&r, 1);
	assert_int_equal(r.b.level, LEVEL_SLOW_PATH);
}

/* 500 items a second, two hits each: of a program that does nothing else the share is 1, and one reading says ten times the truth. */
static void a_reading_that_is_wrong_does_not_step_down_who_is_cheap(void **state)
{
	const struct budget_rules rules = { .share = 0.01, .floor = 0.01 };
	struct run r;

	(void)state;
	begin(&r, (struct program){ .cpu = 0.008, .has_slow = true });
	for (int i = 0; i < 1000; i++) {
		r.p.hot = 1000 * (i % 3 ? 3e-6 : 30e-6);
		read_for(&r, &rules, S);
	}
	assert_int_equal(r.b.level, LEVEL_FULL);
	assert_int_equal(r.n_changes, 0);
}

/* Where little is left without the hot probes: by the floor, too, and not by the share of a program that does nothing else. */
static void a_slow_path_that_is_below_the_floor_is_left_on(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.05, .slow = 0.004, .cpu = 0.05, .has_slow = true });
	seconds(&r, 1);
	assert_int_equal(r.b.level, LEVEL_SLOW_PATH);
	seconds(&r, 20);
	assert_int_equal(r.b.level, LEVEL_SLOW_PATH);
}

/* Of an hour at a load that never changes: 30 + 60 + 120 + ... and each trial is a reading of 0.2 s. */
static void trials_are_ever_more_seldom(void **state)
{
	struct run r;
	int n_trials = 0;

	(void)state;
	begin(&r, (struct program){ .hot = 0.5, .cpu = 1, .has_slow = true });
	while (r.now_ns < 4600 * S) {
		bool was_trial = r.b.is_trial;

		read_for(&r, &one_percent, r.b.is_trial ? S / 5 : S);
		n_trials += r.b.is_trial && !was_trial;
	}
	assert_int_equal(r.b.level, LEVEL_SLOW_PATH);
	assert_int_equal(n_trials, 6);
	assert_int_equal(r.b.pause_ns, 64 * BUDGET_PAUSE_MIN_NS);
	assert_true(r.watched_s < 0.5 + 6 * 0.5 * 0.2 + 0.01);
}

static void it_is_watched_in_full_again_when_it_has_become_calm(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.5, .cpu = 1, .has_slow = true });
	seconds(&r, 10);
	assert_int_equal(r.b.level, LEVEL_SLOW_PATH);
	r.p.hot = 0.001;
	seconds(&r, 30);
	assert_int_equal(r.b.level, LEVEL_FULL);
	assert_int_equal(r.b.reason, LEVEL_REASON_NONE);
	seconds(&r, 100);
	assert_false(r.b.is_trial);
	assert_int_equal(r.b.n_down, 1);
	assert_int_equal(r.b.n_up, 1);
}

/* A burst a minute: each time it is stepped down, the pause grows, until it is left where it is. */
static void bursts_do_not_make_it_flap(void **state)
{
	struct run r;
	uint64_t early, late;

	(void)state;
	begin(&r, (struct program){ .hot = 0.001, .cpu = 1, .has_slow = true });
	for (int minute = 0; minute < 60; minute++) {
		r.p.hot = 0.3;
		seconds(&r, 10);
		r.p.hot = 0.001;
		seconds(&r, 50);
		if (minute == 9)
			early = r.b.n_down;
	}
	late = r.b.n_down - early;
	assert_true(early >= 2);
	assert_true(late <= 4); /* in 50 minutes */
}

static void long_after_the_pause_begins_small_again(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.5, .cpu = 1, .has_slow = true });
	seconds(&r, 100);
	assert_true(r.b.pause_ns >= 4 * BUDGET_PAUSE_MIN_NS);
	r.p.hot = 0;
	seconds(&r, 3600);
	assert_int_equal(r.b.level, LEVEL_FULL);
	r.p.hot = 0.5;
	seconds(&r, 1);
	assert_int_equal(r.b.level, LEVEL_SLOW_PATH);
	assert_int_equal(r.b.pause_ns, BUDGET_PAUSE_MIN_NS);
}

static void a_slow_path_that_is_too_dear_itself_is_sampled_within_the_budget(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.2, .slow = 0.3, .cpu = 1, .has_slow = true });
	seconds(&r, 1);
	assert_int_equal(r.b.level, LEVEL_SAMPLED);
	assert_false(budget_has_hot(&r.b));
	assert_int_equal(r.b.period_ns, 50 * S);
	seconds(&r, 49);
	assert_true(r.b.is_on);
	assert_true(budget_has_hot(&r.b));
	seconds(&r, 1);
	assert_false(r.b.is_on);
	r.watched_s = 0;
	seconds(&r, 5000);
	assert_int_equal(r.b.level, LEVEL_SAMPLED);
	assert_true(r.watched_s < 5000 * 0.01 * 1.05);
	assert_true(r.watched_s > 5000 * 0.01 * 0.8);
}

static void windows_that_are_cheap_lead_back_to_all(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.2, .slow = 0.3, .cpu = 1, .has_slow = true });
	seconds(&r, 1);
	r.p.hot = r.p.slow = 0.001;
	seconds(&r, 120);
	assert_int_equal(r.b.level, LEVEL_FULL);
}

static void windows_whose_slow_path_is_cheap_lead_back_to_that(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.2, .slow = 0.3, .cpu = 1, .has_slow = true });
	seconds(&r, 1);
	r.p.slow = 0.001;
	seconds(&r, 70);
	assert_int_equal(r.b.level, LEVEL_SLOW_PATH);
}

static void a_smaller_budget_than_any_sample_leaves_the_fields(void **state)
{
	const struct budget_rules tight = { .share = 0.001 };
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.5, .cpu = 1 });
	read_for(&r, &tight, S);
	assert_int_equal(r.b.level, LEVEL_FIELDS);
	r.watched_s = 0;
	for (int i = 0; i < 7200; i++)
		read_for(&r, &tight, S);
	assert_int_equal(r.b.level, LEVEL_FIELDS);
	assert_true(r.watched_s < 7200 * 0.001); /* its trials are windows, and ever more seldom */
	assert_true(r.watched_s > 0);
}

static void without_a_slow_path_it_is_sampled(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.5, .cpu = 1 });
	seconds(&r, 1);
	assert_int_equal(r.b.level, LEVEL_SAMPLED);
}

static void of_a_short_reading_only_what_is_far_over_counts(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.5, .cpu = 1, .has_slow = true });
	seconds(&r, 30);
	r.p.hot = 0.03;
	seconds(&r, 1);
	assert_true(r.b.is_trial);
	assert_false(read_for(&r, &one_percent, S / 5));
	assert_true(r.b.is_trial);
	r.p.hot = 0.06;
	assert_true(read_for(&r, &one_percent, S / 5));
	assert_int_equal(r.b.level, LEVEL_SLOW_PATH);
}

static void a_trial_that_is_a_little_over_fails_when_that_lasts(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.5, .cpu = 1, .has_slow = true });
	seconds(&r, 30);
	r.p.hot = 0.03;
	seconds(&r, 1);
	assert_true(r.b.is_trial);
	seconds(&r, 2);
	assert_int_equal(r.b.level, LEVEL_FULL);
	r.p.hot = 0.005; /* its caches were cold */
	seconds(&r, 1);
	r.p.hot = 0.03;
	seconds(&r, 2);
	assert_int_equal(r.b.level, LEVEL_FULL);
	seconds(&r, 1);
	assert_int_equal(r.b.level, LEVEL_SLOW_PATH);
	assert_int_equal(r.b.pause_ns, 2 * BUDGET_PAUSE_MIN_NS);
}

static void without_probes_only_readings_in_a_row_step_down(void **state)
{
	const struct budget_rules tight = { .share = 0.001 };
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.5, .cpu = 1 });
	read_for(&r, &tight, S);
	assert_int_equal(r.b.level, LEVEL_FIELDS);
	for (int i = 0; i < 25; i++) {
		struct budget_reading reading = {
			.t_ns = r.now_ns += S, .long_ns = S, .hot_s = i % 3 ? 0.1 : 0, .cpu_s = 1
		};

		budget_tick(&r.b, &tight, &reading);
	}
	assert_int_equal(r.b.level, LEVEL_FIELDS);
}

static void without_a_budget_nothing_is_stepped_down_and_what_was_is_not_any_more(void **state)
{
	const struct budget_rules none = { 0 };
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.9, .cpu = 1, .has_slow = true });
	for (int i = 0; i < 100; i++)
		assert_false(read_for(&r, &none, S));
	seconds(&r, 1);
	assert_int_equal(r.b.level, LEVEL_SLOW_PATH);
	assert_true(read_for(&r, &none, S));
	assert_int_equal(r.b.level, LEVEL_FULL);
}

static void what_the_kernel_refuses_is_tried_again(void **state)
{
	struct run r;

	(void)state;
	begin(&r, (struct program){ .hot = 0.001, .cpu = 1, .has_slow = true });
	budget_refuse(&r.b, LEVEL_FIELDS, r.now_ns);
	assert_int_equal(r.b.reason, LEVEL_REASON_REFUSED);
	seconds(&r, 29);
	assert_int_equal(r.b.level, LEVEL_FIELDS);
	seconds(&r, 300);
	assert_int_equal(r.b.level, LEVEL_FULL);
}

static void a_reading_of_nothing_says_nothing(void **state)
{
	struct budget b;

	(void)state;
	budget_begin(&b);
	assert_false(budget_tick(&b, &one_percent, &(struct budget_reading){ .hot_s = 1 }));
	assert_false(budget_tick(&b, &one_percent,
				 &(struct budget_reading){ .long_ns = S, .hot_s = NAN }));
	assert_int_equal(b.level, LEVEL_FULL);
	/* what it did is not known: it is taken as one whole CPU */
	assert_float_equal(
		budget_share(&(struct budget_reading){ .long_ns = S, .hot_s = 0.25, .cpu_s = NAN }),
		0.25, 1e-9);
	/* the clock of its CPU time is coarser than ours */
	assert_float_equal(
		budget_share(&(struct budget_reading){ .long_ns = S, .hot_s = 0.25, .cpu_s = 0.2 }),
		1, 1e-9);
}

/* ---- what a hit costs ----------------------------------------------------------------------------------------------------- */

static void an_interrupt_in_a_hit_that_was_timed_is_no_cost_of_it(void **state)
{
	struct budget_hit h = { 0 };

	(void)state;
	assert_float_equal(budget_hit_ns(&h), 0, 0);
	budget_hit_feed(&h, 4, 400000); /* the first ones, cold */
	assert_float_equal(budget_hit_ns(&h), 100000, 1e-9);
	budget_hit_feed(&h, 12, 400000 + 8 * 2000);
	assert_float_equal(budget_hit_ns(&h), 2000, 1e-9);
	budget_hit_feed(&h, 20, 416000 + 8 * 2000 + 3000000); /* 3 ms in one of eight */
	assert_float_equal(budget_hit_ns(&h), 2000, 1e-9);
	budget_hit_feed(&h, 20, 3432000); /* none was timed */
	assert_float_equal(budget_hit_ns(&h), 2000, 1e-9);
	budget_hit_feed(&h, 28, 3432000 + 8 * 2500);
	assert_float_equal(budget_hit_ns(&h), 2500, 1e-9);
}

static void a_hit_that_has_become_dearer_is_so_with_the_second_reading(void **state)
{
	struct budget_hit h = { 0 };
	uint64_t n = 0, ns = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		budget_hit_feed(&h, n += 1000, ns += 1000 * 500);
	budget_hit_feed(&h, n += 1000, ns += 1000 * 5000);
	assert_float_equal(budget_hit_ns(&h), 500, 1e-9);
	budget_hit_feed(&h, n += 1000, ns += 1000 * 5000);
	assert_float_equal(budget_hit_ns(&h), 5000, 1e-9);
}

/* ---- the agent's own ------------------------------------------------------------------------------------------------------ */

/* other_cpus: CPUs that all else takes, however long a tick is. */
static void agent_among(struct budget_agent *b, double tick_cpu_s, double other_cpus, int n)
{
	for (int i = 0; i < n; i++) {
		double long_s = b->tick_s ? b->tick_s : 1;

		budget_agent_tick(b, 0.02, tick_cpu_s, other_cpus * long_s, long_s);
	}
}

static void agent(struct budget_agent *b, double tick_cpu_s, int n)
{
	agent_among(b, tick_cpu_s, 0, n);
}

static void dear_ticks_are_made_less_often(void **state)
{
	struct budget_agent b = { 0 };

	(void)state;
	agent(&b, 0.015, 100);
	assert_int_equal(b.tick_s, 1);
	agent(&b, 0.05, 1); /* once is nothing */
	agent(&b, 0.015, 1);
	agent(&b, 0.05, 2);
	assert_int_equal(b.tick_s, 1);
	agent(&b, 0.05, 1);
	assert_int_equal(b.tick_s, 3);
	assert_true(0.05 / b.tick_s <= 0.02);
	agent(&b, 0.2, 10);
	assert_int_equal(b.tick_s, BUDGET_TICK_MAX_S);
}

static void cheap_ticks_come_more_often_again_one_by_one(void **state)
{
	struct budget_agent b = { 0 };

	(void)state;
	agent(&b, 0.2, 3);
	assert_int_equal(b.tick_s, BUDGET_TICK_MAX_S);
	agent(&b, 0.001, BUDGET_CALM_TICKS - 1);
	assert_int_equal(b.tick_s, BUDGET_TICK_MAX_S);
	agent(&b, 0.001, 1);
	assert_int_equal(b.tick_s, BUDGET_TICK_MAX_S - 1);
	agent(&b, 0.001, 5 * BUDGET_CALM_TICKS);
	assert_int_equal(b.tick_s, 1);
	agent(&b, 0.018, 1000); /* no room for shorter ones, and none of their own */
	assert_int_equal(b.tick_s, 1);
	assert_true(budget_agent_tick(&(struct budget_agent){ .tick_s = 4 }, 0, 1, 0, 1));
}

static void what_longer_ticks_would_not_spare_does_not_make_them_longer(void **state)
{
	struct budget_agent b = { 0 };

	(void)state;
	agent_among(&b, 0.004, 0.1, 100); /* somebody asks all the time, or thousands of processes begin */
	assert_int_equal(b.tick_s, 1);
	assert_float_equal(b.share, 0.104, 1e-9);
	agent_among(&b, 0.015, 0.008, 100); /* but ticks make room for it */
	assert_int_equal(b.tick_s, 2);
	agent_among(&b, 0.015, 1, 100); /* up to a half */
	assert_int_equal(b.tick_s, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_within_the_budget_stays_watched_in_full),
		cmocka_unit_test(a_million_hits_a_second_are_stepped_down_by_the_first_reading),
		cmocka_unit_test(a_little_over_the_budget_must_last),
		cmocka_unit_test(what_is_cheap_in_itself_is_left_alone_whatever_its_share),
		cmocka_unit_test(a_reading_that_is_wrong_does_not_step_down_who_is_cheap),
		cmocka_unit_test(a_slow_path_that_is_below_the_floor_is_left_on),
		cmocka_unit_test(a_trial_that_is_a_little_over_fails_when_that_lasts),
		cmocka_unit_test(without_probes_only_readings_in_a_row_step_down),
		cmocka_unit_test(an_interrupt_in_a_hit_that_was_timed_is_no_cost_of_it),
		cmocka_unit_test(a_hit_that_has_become_dearer_is_so_with_the_second_reading),
		cmocka_unit_test(trials_are_ever_more_seldom),
		cmocka_unit_test(it_is_watched_in_full_again_when_it_has_become_calm),
		cmocka_unit_test(bursts_do_not_make_it_flap),
		cmocka_unit_test(long_after_the_pause_begins_small_again),
		cmocka_unit_test(a_slow_path_that_is_too_dear_itself_is_sampled_within_the_budget),
		cmocka_unit_test(windows_that_are_cheap_lead_back_to_all),
		cmocka_unit_test(windows_whose_slow_path_is_cheap_lead_back_to_that),
		cmocka_unit_test(a_smaller_budget_than_any_sample_leaves_the_fields),
		cmocka_unit_test(without_a_slow_path_it_is_sampled),
		cmocka_unit_test(of_a_short_reading_only_what_is_far_over_counts),
		cmocka_unit_test(
			without_a_budget_nothing_is_stepped_down_and_what_was_is_not_any_more),
		cmocka_unit_test(what_the_kernel_refuses_is_tried_again),
		cmocka_unit_test(a_reading_of_nothing_says_nothing),
		cmocka_unit_test(dear_ticks_are_made_less_often),
		cmocka_unit_test(cheap_ticks_come_more_often_again_one_by_one),
		cmocka_unit_test(what_longer_ticks_would_not_spare_does_not_make_them_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
