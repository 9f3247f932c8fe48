/* SPDX-License-Identifier: MIT */
/*
 * families_test.c - what is told of inferred workers: which rows there are, and what in them is null.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "model/model.h"

#define S 1000000000ll

static const struct ps_proc_key master = { .tgid = 23, .incarnation = 1 };
static const struct ps_proc_key child = { .tgid = 24, .incarnation = 1 };
static const struct ps_family_key at_socket = { .id = 4711 };
static const struct ps_family_key by_name = { .proc = { .tgid = 23, .incarnation = 1 }, .id = 99 };

static struct ps_family children(void)
{
	return (struct ps_family){ .since_ns = S,
				   .n = 3,
				   .busy = 2,
				   .begun_sum = 4 * S,
				   .periods = 2,
				   .requests = 2,
				   .first = child,
				   .last = child,
				   .flags = PS_FAMILY_PREFORK,
				   .n_aside = 1 };
}

static struct ps_family pollers(void)
{
	struct ps_family f = children();

	f.flags |= PS_FAMILY_POLLS;
	f.blocked = 1;
	return f;
}

static struct ps_family threads(void)
{
	return (struct ps_family){ .since_ns = S,
				   .n = 2,
				   .busy = 1,
				   .begun_sum = 10 * S,
				   .ended_sum = 9 * S,
				   .periods = 10,
				   .requests = 10,
				   .answered = 9,
				   .slept = 5,
				   .joined = 2,
				   .n_named = 4,
				   .name = "exec" };
}

static struct listening place(uint32_t n_holders)
{
	return (struct listening){ .owner = master,
				   .addr = { .family = 10, .port = 9000 },
				   .n_holders = n_holders,
				   .queue = 5 };
}

/* The model at t_ns: with this family, and (library) a better source's pool of workers in the child. */
static const struct snapshot *look(struct model *m, const struct ps_family_key *key,
				   const struct ps_family *f, uint32_t n_holders,
				   const char *library, int64_t t_ns)
{
	struct process_info info = { .key = master, .name = "server" };
	struct listening at = place(n_holders);
	struct arena *arena = arena_new();
	struct snapshot *s = arena_alloc(arena, 1, sizeof(*s));

	s->arena = arena;
	s->n_refs = 1;
	model_tick_begin(m, t_ns);
	model_feed_process(m, &info);
	info.key = child;
	model_feed_process(m, &info);
	if (library) {
		struct pool_extra extra = POOL_EXTRA_UNKNOWN;
		struct ps_pool_key pool = { .pool = 1, .proc = child };
		struct ps_pool books = { .since_ns = S, .kind = PS_KIND_worker, .capacity = 1 };

		extra.library = library;
		assert_int_equal(model_feed_pool(m, &pool, &books, &extra, t_ns), 0);
	}
	assert_int_equal(model_feed_family(m, key, f, key->proc.tgid ? NULL : &at, t_ns), 0);
	model_tick_end(m);
	assert_int_equal(model_snapshot(m, s, NULL, NULL), 0);
	return s;
}

static void workers_at_a_socket_are_a_pool_with_its_queue(void **state)
{
	struct model *m = model_new();
	struct ps_family f = children();
	const struct snapshot *s = look(m, &at_socket, &f, 4, NULL, 5 * S);

	(void)state;
	assert_int_equal(s->n_pools, 1);
	assert_string_equal(s->pools[0].name, "*:9000");
	assert_string_equal(s->pools[0].process, "server");
	assert_int_equal(s->pools[0].kind, PS_KIND_worker);
	assert_int_equal(s->pools[0].capacity, 3);
	assert_string_equal(s->pools[0].capacity_basis, "inferred");
	assert_int_equal(s->pools[0].in_use, 2);
	assert_int_equal(s->pools[0].idle, 1);
	assert_int_equal(s->pools[0].pending, 5);
	assert_true(fabs(s->pools[0].in_use_s - 6) < 1e-6); /* since 2 s on, both */
	assert_int_equal(s->pools[0].timeouts, UNKNOWN);
	snapshot_unref(s);
	s = look(m, &at_socket, &f, 4, NULL, 6 * S);
	assert_true(fabs(s->pools[0].in_use_s - 8) < 1e-6);
	assert_true(fabs(s->pools[0].utilization - 2.0 / 3) < 1e-6);
	snapshot_unref(s);
	model_free(m);
}

static void how_many_there_are_is_not_known_while_one_has_not_been_seen_to_wait(void **state)
{
	struct model *m = model_new();
	struct ps_family f = children();
	const struct snapshot *s = look(m, &at_socket, &f, 5, NULL, 5 * S);

	(void)state;
	assert_int_equal(s->pools[0].capacity, UNKNOWN);
	assert_int_equal(s->pools[0].in_use, UNKNOWN);
	assert_int_equal(s->pools[0].idle, UNKNOWN);
	assert_int_equal(s->pools[0].pending, 5);
	snapshot_unref(s);
	model_free(m);
}

static void workers_that_a_better_source_tells_of_have_no_second_row(void **state)
{
	struct model *m = model_new();
	struct ps_family f = children();
	const struct snapshot *s = look(m, &at_socket, &f, 4, "php-fpm", 5 * S);

	(void)state;
	assert_int_equal(s->n_pools, 1);
	assert_string_equal(s->pools[0].source, "recipe");
	snapshot_unref(s);
	model_free(m);
}

static void without_traffic_requests_are_not_told_from_each_other(void **state)
{
	struct model *m = model_new();
	struct ps_family f = children();
	const struct snapshot *s;

	(void)state;
	f.requests = 0;
	s = look(m, &at_socket, &f, 4, NULL, 5 * S);
	assert_int_equal(s->pools[0].acquires, UNKNOWN);
	assert_null(s->pools[0].hold);
	assert_int_equal(s->pools[0].in_use, 2);
	snapshot_unref(s);
	model_free(m);
}

static void one_thread_that_accepts_and_serves_nobody_is_no_pool(void **state)
{
	struct model *m = model_new();
	struct ps_family f = children();
	const struct snapshot *s;

	(void)state;
	f.flags = 0;
	f.requests = 0;
	f.n = 1;
	s = look(m, &at_socket, &f, 1, NULL, 5 * S);
	assert_int_equal(s->n_pools, 0);
	snapshot_unref(s);
	model_free(m);
}

static size_t n_rows(const struct ps_family *f)
{
	struct model *m = model_new();
	const struct snapshot *s = look(m, &at_socket, f, 4, NULL, 5 * S);
	size_t n = s->n_pools;

	snapshot_unref(s);
	model_free(m);
	return n;
}

static void
who_polls_is_a_worker_when_it_has_slept_before_an_answer_and_polls_nothing_else(void **state)
{
	struct ps_family f = pollers();

	(void)state;
	assert_int_equal(n_rows(&f), 1);
	f.blocked = 0;
	assert_int_equal(n_rows(&f), 0);
	f = pollers();
	f.flags |= PS_FAMILY_LOOPS;
	assert_int_equal(n_rows(&f), 0);
	f = pollers();
	f.multiplexed = 1;
	assert_int_equal(n_rows(&f), 0);
}

static void threads_of_one_name_are_a_pool_of_that_name(void **state)
{
	struct model *m = model_new();
	struct ps_family f = threads();
	const struct snapshot *s = look(m, &by_name, &f, 0, NULL, 5 * S);

	(void)state;
	assert_int_equal(s->n_pools, 1);
	assert_string_equal(s->pools[0].name, "exec");
	assert_int_equal(s->pools[0].capacity, 4);
	assert_int_equal(s->pools[0].in_use, 1);
	assert_int_equal(s->pools[0].pending, UNKNOWN); /* their queue is in their memory */
	assert_int_equal(s->pools[0].acquires, 10);
	snapshot_unref(s);
	f.n_unknown = 1;
	s = look(m, &by_name, &f, 0, NULL, 6 * S);
	assert_int_equal(s->pools[0].in_use, UNKNOWN);
	snapshot_unref(s);
	f.n_unsure = 1;
	s = look(m, &by_name, &f, 0, NULL, 7 * S);
	assert_int_equal(s->pools[0].capacity, UNKNOWN);
	snapshot_unref(s);
	model_free(m);
}

static void assert_is_hidden(const struct ps_family *f)
{
	struct model *m = model_new();
	const struct snapshot *s = look(m, &by_name, f, 0, NULL, 5 * S);

	assert_int_equal(s->n_pools, 0);
	snapshot_unref(s);
	model_free(m);
}

static void what_may_be_an_event_loop_is_not_told(void **state)
{
	struct ps_family f = threads();

	(void)state;
	f.multiplexed = 1;
	assert_is_hidden(&f);
	f = threads();
	f.elsewhere = 1;
	assert_is_hidden(&f);
	f = threads();
	f.slept = 0;
	assert_is_hidden(&f);
	f = threads();
	f.resumed = 1;
	assert_is_hidden(&f);
}

static void what_is_made_for_a_request_is_of_no_pool(void **state)
{
	struct ps_family f = threads();

	(void)state;
	f.joined = 6;
	assert_is_hidden(&f);
	f = threads();
	f.n_named = 1;
	assert_is_hidden(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_at_a_socket_are_a_pool_with_its_queue),
		cmocka_unit_test(
			how_many_there_are_is_not_known_while_one_has_not_been_seen_to_wait),
		cmocka_unit_test(workers_that_a_better_source_tells_of_have_no_second_row),
		cmocka_unit_test(without_traffic_requests_are_not_told_from_each_other),
		cmocka_unit_test(one_thread_that_accepts_and_serves_nobody_is_no_pool),
		cmocka_unit_test(
			who_polls_is_a_worker_when_it_has_slept_before_an_answer_and_polls_nothing_else),
		cmocka_unit_test(threads_of_one_name_are_a_pool_of_that_name),
		cmocka_unit_test(what_may_be_an_event_loop_is_not_told),
		cmocka_unit_test(what_is_made_for_a_request_is_of_no_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
