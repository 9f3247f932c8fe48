/* SPDX-License-Identifier: MIT */
/*
 * hash_oom_test.c - tables of the agent for which there is no memory. The surprise: it includes what it tests, with the allocations of uthash replaced, for
 * uthash would end the program at the first one that fails, unless whoever includes it says otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static int n_until_failure = -1;	/* -1 = none fails; after one that failed the next ones do not */
static int n_asked;

static void *failing_malloc(size_t n)
{
	n_asked++;
	if (n_until_failure == 0) {
		n_until_failure = -1;
		return NULL;
	}
	if (n_until_failure > 0)
		n_until_failure--;
	return malloc(n);
}

#define uthash_malloc(n) failing_malloc(n)
#include "exporters/series.c"
#include "ingest/inventory.c"
#include "ingest/jvms.c"
#undef uthash_malloc
#include "snapshot_fixture.h"

static void fail_after(int n)
{
	n_until_failure = n;
	n_asked = 0;
}

/* A listener is in the table of listeners and in that of places, each of two allocations when it is the first. */
static const struct ps_inventory listening_socket = {
	.proc = { .tgid = 4242 },
	.inode = 101,
	.role = PS_SOCK_LISTEN,
	.addr = { .family = 1 },
};
static const struct ps_inventory connected_socket = {
	.proc = { .tgid = 4242 },
	.inode = 103,
	.role = PS_SOCK_CONNECT,
	.addr = { .family = 1 },
};

static void
a_socket_without_room_in_the_inventory_is_refused_and_comes_with_the_next_pass(void **state)
{
	static const struct ps_inventory *const socket[] = { &listening_socket, &connected_socket };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (int n = 0;; n++) {
			struct inventory *v;
			bool has_failed;

			assert_int_equal(inventory_new(&v), 0);
			v->pass = 1;
			fail_after(n);
			take(v, socket[i]);
			has_failed = n_asked > n;
			assert_int_equal(v->refused, has_failed);
			fail_after(-1);
			take(v, socket[i]);
			assert_int_equal(v->refused, has_failed);
			assert_int_equal(HASH_COUNT(v->places), 1);
			assert_int_equal(HASH_COUNT(v->listeners), i == 0);
			assert_int_equal(HASH_COUNT(v->sockets), i == 1);
			inventory_free(v);
			if (!has_failed) {
				assert_int_equal(n, 4); /* each was made to fail */
				break;
			}
		}
	}
}

static void a_jvm_without_room_is_met_in_another_tick(void **state)
{
	const struct ps_proc_key key = { .tgid = 4242 };
	struct jvms j = { 0 };

	(void)state;
	for (int n = 0; n < 2; n++) {
		fail_after(n);
		assert_null(jvm_get(&j, &key));
		assert_null(j.table);
	}
	fail_after(2);
	assert_non_null(jvm_get(&j, &key));
	fail_after(-1);
	assert_int_equal(HASH_COUNT(j.table), 1);
	jvms_done(&j);
}

static void write_pair(struct buffer *labels, const char *name, const char *value)
{
	buffer_printf(labels, "%s=%s,", name, value);
}

static void begin_none(double *values)
{
	values[0] = 0;
}

static void add_one(double *values, const struct pool_row *p)
{
	(void)p;
	values[0]++;
}

static void a_page_without_room_for_its_series_is_an_error(void **state)
{
	const struct series_sums sums = { .n_values = 1, .begin = begin_none, .add = add_one };
	struct snapshot *s = fixture_full();

	(void)state;
	for (int n = 0;; n++) {
		struct series_set set = { 0 };
		int r;

		fail_after(n);
		r = series_init(&set, s, false, 1000, write_pair, &sums);
		series_done(&set);
		if (n_asked <= n) {
			assert_int_equal(r, 0);
			assert_true(n >= 2);
			break;
		}
		assert_int_equal(r, -ENOMEM);
	}
	fail_after(-1);
	snapshot_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_socket_without_room_in_the_inventory_is_refused_and_comes_with_the_next_pass),
		cmocka_unit_test(a_jvm_without_room_is_met_in_another_tick),
		cmocka_unit_test(a_page_without_room_for_its_series_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
