/* SPDX-License-Identifier: MIT */
/*
 * arena_test.c - the arena under ordinary and failing allocation. The surprise: it includes arena.c itself, with calloc replaced,
 * so that each allocation can be made to fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int n_until_failure = -1;

static void *failing_calloc(size_t n, size_t size)
{
	if (n_until_failure == 0)
		return NULL;
	if (n_until_failure > 0)
		n_until_failure--;
	return calloc(n, size);
}

#define calloc failing_calloc
#include "base/arena.c"
#undef calloc

static void memory_is_zeroed_aligned_and_apart(void **state)
{
	struct arena *a = arena_new();
	unsigned char *p[1009];

	(void)state;
	for (size_t i = 0; i < 1009; i++) {
		p[i] = arena_alloc(a, i % 97, i % 7 + 1);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < (i % 97) * (i % 7 + 1); k++)
			assert_int_equal(p[i][k], 0);
		memset(p[i], (int)(i & 0xff), (i % 97) * (i % 7 + 1));
	}
	for (size_t i = 0; i < 1009; i++) {
		for (size_t k = 0; k < (i % 97) * (i % 7 + 1); k++)
			assert_int_equal(p[i][k], i & 0xff);
	}
	arena_free(a);
}

static void a_long_array_does_not_waste_the_block_in_use(void **state)
{
	struct arena *a = arena_new();
	char *before = arena_alloc(a, 1, 16), *after;

	(void)state;
	assert_non_null(arena_alloc(a, 1, (size_t)10 << 20));
	after = arena_alloc(a, 1, 16);
	assert_ptr_equal(after, before + 16);
	assert_true(arena_bytes(a) > (size_t)10 << 20);
	assert_true(arena_bytes(a) < (size_t)11 << 20);
	arena_free(a);
}

static void a_size_that_overflows_is_refused(void **state)
{
	struct arena *a = arena_new();

	(void)state;
	assert_null(arena_alloc(a, SIZE_MAX, 2));
	assert_null(arena_alloc(a, 1, SIZE_MAX));
	assert_null(arena_alloc(a, 1, SIZE_MAX - 64));
	assert_non_null(arena_alloc(a, 1, 1));
	arena_free(a);
}

static void strings_are_copied_and_formatted(void **state)
{
	struct arena *a = arena_new();
	char name[] = "main-db";
	const char *copy = arena_strdup(a, name);

	(void)state;
	name[0] = 'x';
	assert_string_equal(copy, "main-db");
	assert_string_equal(arena_printf(a, "%s:%d", "127.0.0.1", 5432), "127.0.0.1:5432");
	assert_null(arena_strdup(a, NULL));
	arena_free(a);
	arena_free(NULL);
}

static void each_failing_allocation_gives_null_and_leaks_nothing(void **state)
{
	(void)state;
	for (int n = 0; n < 4; n++) {
		struct arena *a;

		n_until_failure = n;
		a = arena_new();
		assert_true(n == 0 ? !a : !!a);
		for (int i = 0; a && i < 3; i++) {
			int is_out = n_until_failure == 0;

			assert_int_equal(!arena_alloc(a, 1, (size_t)1 << 20), is_out);
		}
		n_until_failure = -1;
		if (a)
			assert_non_null(arena_printf(a, "%d", 23));
		arena_free(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(a_long_array_does_not_waste_the_block_in_use),
		cmocka_unit_test(a_size_that_overflows_is_refused),
		cmocka_unit_test(strings_are_copied_and_formatted),
		cmocka_unit_test(each_failing_allocation_gives_null_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
