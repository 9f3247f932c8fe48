/* SPDX-License-Identifier: MIT */
/*
 * steps_test.c - what is brought about of what the budget says, and in which order. The surprise: the targets and the kernel are this file's own, so that each call that puts probes on or off is a line of a
 * script, and the kernel can refuse.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "model/snapshot.h"
#include "probe/restart.h"
#include "probe/steps.h"

#define S 1000000000ll
#define HIT_S 1e-6

/* ---- a target that is none ---------------------------------------------------------------------------------------------- */

struct target {
	uint64_t id;
	unsigned int on, armed;
	struct target_watch watch;
	double hot_hits_s, slow_hits_s; /* that it has, while they are armed */
	double late_hits; /* hot ones that come while they are taken off */
	int64_t read_ns;
};

static struct {
	struct target main, learned, twin;
	bool has_learned, has_twin;
	uint32_t domain;
	struct target_user user;
	int on_error; /* of target_on() */
	bool is_coming_off; /* perf uprobes: nothing can be put on */
	int64_t now_ns;
	char log[4096];
	size_t n_log;
	uint64_t hits;
} world;

static void say(const char *what)
{
	world.n_log += (size_t)snprintf(world.log + world.n_log, sizeof(world.log) - world.n_log,
					"%s%s", world.n_log ? " " : "", what);
}

static void assert_said(const char *script)
{
	assert_string_equal(world.log, script);
	world.n_log = 0;
	world.log[0] = 0;
}

void trap_measure(const struct kernel *k, struct trap_costs *ret)
{
	(void)k;
	*ret = (struct trap_costs){ .emulated_s = HIT_S, .stepped_s = HIT_S, .is_measured = true };
}

void books_restart(struct kernel *k, uint32_t domain, bool were_slow_off,
		   const struct target_user *users, size_t n)
{
	(void)k;
	assert_int_equal(domain, world.domain);
	assert_int_equal(n, 1);
	assert_int_equal(users->pid, getpid());
	say(were_slow_off ? "restart-all" : "restart");
}

void targets_each(struct targets *t,
		  void (*call)(void *context, struct target *g, const struct target_user *users,
			       size_t n_users),
		  void *context)
{
	(void)t;
	call(context, &world.main, &world.user, 1);
	if (world.has_twin)
		call(context, &world.twin, &world.user, 1);
}

void targets_each_learned(struct targets *t, const struct target *parent,
			  void (*call)(void *context, struct target *g), void *context)
{
	(void)t;
	if (world.has_learned && parent == &world.main)
		call(context, &world.learned);
}

struct target_store *targets_store(struct targets *t)
{
	(void)t;
	return NULL;
}

uint64_t target_id(const struct target *t)
{
	return t->id;
}

bool target_is_attached(const struct target *t)
{
	(void)t;
	return true;
}

uint32_t target_domain(const struct target *t)
{
	(void)t;
	return world.domain;
}

const char *target_path(const struct target *t)
{
	(void)t;
	return "/usr/bin/app";
}

const char *target_source(const struct target *t)
{
	(void)t;
	return "poolscope";
}

unsigned int target_kinds(const struct target *t)
{
	return t == &world.learned ? TARGET_HOT : TARGET_HOT | TARGET_SLOW;
}

static void say_kinds(const char *what, const struct target *t, unsigned int kinds)
{
	char text[64];

	snprintf(text, sizeof(text), "%s%s%s%s", what,
		 t == &world.learned ? "-learned"
		 : t == &world.twin  ? "-twin"
				     : "",
		 kinds & TARGET_HOT ? "-hot" : "", kinds & TARGET_SLOW ? "-slow" : "");
	say(text);
}

int target_on(struct target_store *s, struct target *t, unsigned int kinds)
{
	(void)s;
	if (world.is_coming_off)
		return -EAGAIN;
	if (world.on_error)
		return world.on_error;
	say_kinds("on", t, kinds & ~t->on);
	t->on |= kinds;
	return 0;
}

void target_arm(struct target_store *s, struct target *t)
{
	(void)s;
	say_kinds("arm", t, t->on & ~t->armed);
	t->armed = t->on;
}

void target_disarm(struct target_store *s, struct target *t)
{
	(void)s;
	say_kinds("disarm", t, t->armed);
	t->armed = 0;
}

void target_off(struct target_store *s, struct target *t, unsigned int kinds)
{
	(void)s;
	if (!(t->on & kinds))
		return;
	say_kinds("off", t, t->on & kinds);
	t->on &= ~kinds;
	t->armed &= t->on;
}

void target_read(struct target_store *s, struct target *t, const struct trap_costs *traps,
		 struct target_cost *ret)
{
	double seconds = (double)(world.now_ns - t->read_ns) / 1e9;
	double hot = t->armed & TARGET_HOT ? t->hot_hits_s * seconds : 0,
	       slow = t->armed & TARGET_SLOW ? t->slow_hits_s * seconds : 0;

	(void)s;
	t->read_ns = world.now_ns;
	hot += t->late_hits;
	ret->hits += (uint64_t)(hot + slow);
	ret->hot_s += hot * traps->emulated_s;
	ret->slow_s += slow * traps->emulated_s;
}

const struct target_watch *target_watch(const struct target *t)
{
	return &t->watch;
}

int targets_set_watch(struct targets *t, struct target *g, const struct target_watch *w)
{
	(void)t;
	g->watch = *w;
	return 0;
}

/* ---- the script ------------------------------------------------------------------------------------------------------------- */

static struct steps *begin(void)
{
	/* this process takes next to no CPU time, so whatever costs more than the floor is over the budget */
	const struct budget_rules rules = { .share = 0.01, .floor = 0.005 };
	struct steps *s;

	memset(&world, 0, sizeof(world));
	world.domain = 7;
	world.main.id = 1;
	world.main.on = world.main.armed = TARGET_HOT | TARGET_SLOW;
	world.main.watch.cause = NAN;
	world.learned.on = world.learned.armed = TARGET_HOT;
	world.user.pid = (uint32_t)getpid();
	world.now_ns = world.main.read_ns = 1000 * S;
	assert_int_equal(steps_new(NULL, NULL, &s), 0);
	steps_set_rules(s, &rules);
	return s;
}

static void ticks(struct steps *s, int n)
{
	for (int i = 0; i < n; i++) {
		world.now_ns += S;
		steps_tick(s, world.now_ns);
	}
}

static void hurry(struct steps *s, int n)
{
	for (int i = 0; i < n; i++) {
		world.now_ns += S / 10;
		steps_hurry(s, world.now_ns);
	}
}

static void what_costs_little_is_left_on(void **state)
{
	struct steps *s = begin();

	(void)state;
	world.main.hot_hits_s = 1000;
	ticks(s, 100);
	assert_said("");
	assert_int_equal(world.main.watch.level, LEVEL_FULL);
	steps_free(s);
}

/* The first reading has no beginning. */
static void a_storm_loses_its_hot_probes_with_the_second_reading(void **state)
{
	struct steps *s = begin();

	(void)state;
	world.main.hot_hits_s = 500000;
	ticks(s, 1);
	assert_said("");
	ticks(s, 1);
	assert_said("off-hot");
	assert_int_equal(world.main.watch.level, LEVEL_SLOW_PATH);
	assert_int_equal(world.main.watch.reason, LEVEL_REASON_BUDGET);
	assert_true(world.main.watch.cause > 0.01);
	assert_true(world.main.watch.since_ns == world.now_ns);
	steps_free(s);
}

/* Perf uprobes come off one by one, and hit until then. That is no cost of the level that has none of them. */
static void hits_that_still_come_do_not_step_it_down_once_more(void **state)
{
	struct steps *s = begin();

	(void)state;
	world.main.hot_hits_s = 500000;
	ticks(s, 2);
	assert_said("off-hot");
	world.main.late_hits = 300000;
	ticks(s, 3);
	world.main.late_hits = 0;
	ticks(s, 20);
	assert_said("");
	assert_int_equal(world.main.watch.level, LEVEL_SLOW_PATH);
	steps_free(s);
}

/* What is known beforehand is known at once. */
static void after_some_seconds_of_little_it_takes_one_reading(void **state)
{
	struct steps *s = begin();

	(void)state;
	world.main.hot_hits_s = 1000;
	ticks(s, 15);
	world.main.hot_hits_s = 500000;
	ticks(s, 1);
	assert_said("off-hot");
	steps_free(s);
}

/* The agent's own budget may have made its ticks longer. */
static void between_long_ticks_it_is_looked_at_each_second(void **state)
{
	struct steps *s = begin();

	(void)state;
	world.main.hot_hits_s = 1000;
	ticks(s, 15);
	world.main.hot_hits_s = 500000;
	hurry(s, 9);
	assert_said("");
	hurry(s, 1);
	assert_said("off-hot");
	hurry(s, 40);
	assert_said("");
	world.now_ns += S / 10 - S; /* a tick 0.1 s after the last look */
	ticks(s, 1);
	assert_said("");
	hurry(s, 260);
	assert_said(""); /* the books are read before they begin anew */
	ticks(s, 1);
	assert_said("on-hot restart arm-hot");
	hurry(s, 3);
	assert_said("off-hot");
	steps_free(s);
}

static void a_trial_puts_on_then_restarts_the_books_then_counts_and_fails_in_a_moment(void **state)
{
	struct steps *s = begin();

	(void)state;
	world.main.hot_hits_s = 500000;
	ticks(s, 2);
	assert_said("off-hot");
	ticks(s, 29);
	assert_said("");
	ticks(s, 1);
	assert_said("on-hot restart arm-hot");
	assert_int_equal(world.main.watch.level, LEVEL_FULL);
	hurry(s, 1);
	assert_said("");
	hurry(s, 2);
	assert_said("off-hot");
	assert_int_equal(world.main.watch.level, LEVEL_SLOW_PATH);
	hurry(s, 100); /* there is nothing to hurry for */
	assert_said("");
	steps_free(s);
}

static void functions_that_were_learned_go_with_their_target(void **state)
{
	struct steps *s = begin();

	(void)state;
	world.has_learned = true;
	world.learned.read_ns = world.now_ns;
	world.learned.hot_hits_s = 500000; /* all of the cost is theirs */
	ticks(s, 2);
	assert_said("off-hot off-learned-hot");
	ticks(s, 30);
	assert_said("on-hot on-learned-hot restart arm-hot arm-learned-hot");
	steps_free(s);
}

/* Perf uprobes come off one by one: what is to be put on waits, and no reading is taken for it meanwhile. */
static void nothing_is_put_on_while_others_come_off(void **state)
{
	struct steps *s = begin();

	(void)state;
	world.main.hot_hits_s = 500000;
	ticks(s, 2);
	world.main.hot_hits_s = 0;
	world.is_coming_off = true;
	assert_said("off-hot");
	ticks(s, 60);
	assert_said("");
	assert_int_equal(world.main.watch.level, LEVEL_SLOW_PATH);
	world.is_coming_off = false;
	hurry(s, 1);
	assert_said("");
	ticks(s, 1);
	assert_said("on-hot restart arm-hot");
	assert_int_equal(world.main.watch.level, LEVEL_FULL);
	steps_free(s);
}

static void what_the_kernel_does_not_take_again_is_said(void **state)
{
	struct steps *s = begin();

	(void)state;
	world.main.hot_hits_s = 500000;
	ticks(s, 2);
	world.main.hot_hits_s = 0;
	world.on_error = -EPERM;
	ticks(s, 31);
	assert_int_equal(world.main.watch.level, LEVEL_SLOW_PATH);
	assert_int_equal(world.main.watch.reason, LEVEL_REASON_REFUSED);
	world.on_error = 0;
	world.n_log = 0;
	ticks(s, 61);
	assert_said("on-hot restart arm-hot");
	assert_int_equal(world.main.watch.level, LEVEL_FULL);
	assert_int_equal(world.main.watch.reason, LEVEL_REASON_NONE);
	steps_free(s);
}

static void a_sample_is_on_from_tick_to_tick(void **state)
{
	struct steps *s = begin();

	(void)state;
	world.main.hot_hits_s = 1000;
	world.main.slow_hits_s = 100000; /* of a process that does nothing: a share of 1, a sample of 100 s */
	ticks(s, 2);
	assert_said("off-hot-slow");
	assert_int_equal(world.main.watch.level, LEVEL_SAMPLED);
	ticks(s, 98);
	assert_said("");
	ticks(s, 1);
	assert_said("on-hot-slow restart-all arm-hot-slow");
	assert_int_equal(world.main.watch.level, LEVEL_SAMPLED);
	assert_true(world.main.watch.is_on);
	assert_true(world.main.watch.on_ns == world.now_ns);
	hurry(s, 5); /* it is no trial */
	assert_said("");
	world.now_ns += S / 2 - S;
	ticks(s, 1);
	assert_said("off-hot-slow");
	assert_false(world.main.watch.is_on);
	assert_true(world.main.watch.off_ns - world.main.watch.on_ns == S);
	steps_free(s);
}

static void without_a_budget_all_is_on_again(void **state)
{
	const struct budget_rules none = { 0 };
	struct steps *s = begin();

	(void)state;
	world.main.hot_hits_s = 500000;
	ticks(s, 2);
	assert_said("off-hot");
	steps_set_rules(s, &none);
	ticks(s, 1);
	assert_said("on-hot restart arm-hot");
	ticks(s, 100);
	assert_said("");
	steps_free(s);
}

static void a_row_says_what_it_costs_and_when_more_is_tried(void **state)
{
	struct steps *s = begin();
	struct snapshot snapshot = { .arena = arena_new() };

	(void)state;
	world.main.hot_hits_s = 500000;
	ticks(s, 2);
	assert_int_equal(steps_fill(s, &snapshot), 0);
	assert_int_equal(snapshot.n_targets, 1);
	assert_string_equal(snapshot.targets[0].file, "/usr/bin/app");
	assert_int_equal(snapshot.targets[0].level, LEVEL_SLOW_PATH);
	assert_float_equal(snapshot.targets[0].hits_per_s, 500000, 1);
	assert_float_equal(snapshot.targets[0].watching_cpus, 0.5, 1e-6);
	assert_true(snapshot.targets[0].share > 0.01);
	assert_true(snapshot.targets[0].try_ns == world.now_ns + 30 * S);
	assert_int_equal(snapshot.budget.n_down, 1);
	assert_float_equal(snapshot.budget.share, 0.01, 1e-9);
	arena_free(snapshot.arena);
	/* it goes, and what it did stays in the sums */
	world.main.id = 2;
	world.main.watch = (struct target_watch){ 0 };
	world.main.hot_hits_s = 0;
	ticks(s, 2);
	snapshot.arena = arena_new();
	assert_int_equal(steps_fill(s, &snapshot), 0);
	assert_int_equal(snapshot.targets[0].level, LEVEL_FULL);
	assert_int_equal(snapshot.targets[0].n_down, 0);
	assert_int_equal(snapshot.budget.n_down, 1);
	arena_free(snapshot.arena);
	steps_free(s);
}

/* As of two containers with the same program. */
static void files_of_one_path_are_one_row(void **state)
{
	struct steps *s = begin();
	struct snapshot snapshot = { .arena = arena_new() };

	(void)state;
	world.has_twin = true;
	world.twin = world.main;
	world.twin.id = 2;
	world.main.hot_hits_s = 1000;
	world.twin.hot_hits_s = 500000;
	ticks(s, 2);
	assert_int_equal(steps_fill(s, &snapshot), 0);
	assert_int_equal(snapshot.n_targets, 1);
	assert_int_equal(snapshot.targets[0].level, LEVEL_SLOW_PATH);
	assert_float_equal(snapshot.targets[0].hits_per_s, 501000, 1);
	assert_float_equal(snapshot.targets[0].watching_cpus, 0.501, 1e-6);
	assert_int_equal(snapshot.targets[0].n_down, 1);
	assert_int_equal(snapshot.targets[0].n_processes, 2);
	arena_free(snapshot.arena);
	steps_free(s);
}

/* The program and a library: pools of the process are those of both. */
static void nobody_counts_while_books_begin_anew(void **state)
{
	struct steps *s = begin();

	(void)state;
	world.domain = 0;
	world.has_twin = true;
	world.twin = world.main;
	world.twin.id = 2;
	world.main.hot_hits_s = 500000;
	ticks(s, 2);
	assert_said("off-hot");
	ticks(s, 30);
	assert_said("on-hot disarm-twin-hot-slow restart arm-twin-hot-slow arm-hot");
	steps_free(s);
}

static void who_may_take_more_is_tried_at_once(void **state)
{
	struct budget_rules rules = { .share = 0.01, .floor = 0.005 };
	struct steps *s = begin();

	(void)state;
	world.main.hot_hits_s = 500000;
	ticks(s, 2);
	assert_said("off-hot");
	ticks(s, 5);
	steps_set_rules(s, &rules); /* the same */
	ticks(s, 2);
	assert_said("");
	rules.share = 0.9;
	steps_set_rules(s, &rules);
	ticks(s, 1);
	assert_said("on-hot restart arm-hot");
	steps_free(s);
}

/* What a process is called stands before the numbers, and may look like them. */
static void the_name_of_a_process_is_no_cpu_time(void **state)
{
	struct steps *s = begin();
	struct snapshot snapshot = { .arena = arena_new() };
	char before[16] = "";

	(void)state;
	prctl(PR_GET_NAME, before);
	prctl(PR_SET_NAME, ") R 1 1 99 99 9");
	world.main.hot_hits_s = 4000;
	ticks(s, 12);
	prctl(PR_SET_NAME, before);
	assert_int_equal(steps_fill(s, &snapshot), 0);
	assert_true(snapshot.targets[0].cpus >= 0 && snapshot.targets[0].cpus < 1);
	assert_true(snapshot.targets[0].share > 0 && snapshot.targets[0].share <= 1);
	arena_free(snapshot.arena);
	steps_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_costs_little_is_left_on),
		cmocka_unit_test(a_storm_loses_its_hot_probes_with_the_second_reading),
		cmocka_unit_test(hits_that_still_come_do_not_step_it_down_once_more),
		cmocka_unit_test(after_some_seconds_of_little_it_takes_one_reading),
		cmocka_unit_test(between_long_ticks_it_is_looked_at_each_second),
		cmocka_unit_test(
			a_trial_puts_on_then_restarts_the_books_then_counts_and_fails_in_a_moment),
		cmocka_unit_test(functions_that_were_learned_go_with_their_target),
		cmocka_unit_test(nothing_is_put_on_while_others_come_off),
		cmocka_unit_test(what_the_kernel_does_not_take_again_is_said),
		cmocka_unit_test(a_sample_is_on_from_tick_to_tick),
		cmocka_unit_test(without_a_budget_all_is_on_again),
		cmocka_unit_test(the_name_of_a_process_is_no_cpu_time),
		cmocka_unit_test(a_row_says_what_it_costs_and_when_more_is_tried),
		cmocka_unit_test(files_of_one_path_are_one_row),
		cmocka_unit_test(nobody_counts_while_books_begin_anew),
		cmocka_unit_test(who_may_take_more_is_tried_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
