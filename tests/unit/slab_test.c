/* SPDX-License-Identifier: MIT */
/*
 * slab_test.c - blocks of a slab by dice, held against copies of what was written to them. The surprise: it includes slab.c itself, with malloc and calloc replaced, so that
 * chunks can be counted and made to fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int n_until_failure = -1, n_asked;

static void *failing_calloc(size_t n, size_t size)
{
	n_asked++;
	if (n_until_failure == 0)
		return NULL;
	if (n_until_failure > 0)
		n_until_failure--;
	return calloc(n, size);
}

static void *failing_malloc(size_t n)
{
	return failing_calloc(1, n);
}

#define calloc failing_calloc
#define malloc failing_malloc
#include "base/slab.c"
#undef calloc
#undef malloc

enum { BLOCKS = 1009 };

static unsigned char *block[BLOCKS];
static size_t bytes[BLOCKS];

static void assert_is_all(size_t i, unsigned char value)
{
	for (size_t k = 0; k < bytes[i]; k++)
		assert_int_equal(block[i][k], value);
}

static void blocks_are_zeroed_aligned_and_apart_whoever_had_them_before(void **state)
{
	struct slab s = { 0 };
	uint32_t dice = 1;

	(void)state;
	memset(block, 0, sizeof(block));
	for (int round = 0; round < 20000; round++) {
		size_t i;

		dice = dice * 1664525 + 1013904223;
		i = (dice >> 8) % BLOCKS;
		if (block[i]) {
			assert_is_all(i, (unsigned char)i);
			slab_free(&s, block[i], bytes[i]);
			block[i] = NULL;
			continue;
		}
		bytes[i] = (dice >> 4) % 600;
		block[i] = slab_alloc(&s, bytes[i]);
		assert_non_null(block[i]);
		assert_int_equal((uintptr_t)block[i] % SLAB_STEP, 0);
		assert_is_all(i, 0);
		memset(block[i], (int)(i & 0xff), bytes[i]);
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		if (block[i])
			assert_is_all(i, (unsigned char)i);
		if (bytes[i] > SLAB_MOST)
			slab_free(&s, block[i], bytes[i]);
	}
	slab_done(&s);
	assert_null(s.chunks);
}

static void what_is_freed_serves_the_next_of_its_size(void **state)
{
	struct slab s = { 0 };
	void *first;

	(void)state;
	n_asked = 0;
	first = slab_alloc(&s, 100);
	for (int i = 0; i < 100000; i++) {
		slab_free(&s, first, 100);
		assert_ptr_equal(slab_alloc(&s, 97 + (size_t)i % 16), first);
	}
	assert_int_equal(n_asked, 1);
	slab_free(&s, NULL, 100);
	slab_done(&s);
	slab_done(&s);
}

static void without_memory_there_is_no_block_and_all_others_stay(void **state)
{
	struct slab s = { 0 };
	unsigned char *kept;
	size_t n = 0;

	(void)state;
	n_until_failure = 0;
	assert_null(slab_alloc(&s, 16));
	n_until_failure = 1;
	kept = slab_alloc(&s, 16);
	assert_non_null(kept);
	memset(kept, 7, 16);
	while (slab_alloc(&s, 512))
		n++;
	assert_int_equal(n, CHUNK_BYTES / 512 - 1);
	assert_null(slab_alloc(&s, 513));
	for (int i = 0; i < 16; i++)
		assert_int_equal(kept[i], 7);
	assert_non_null(slab_alloc(&s, 16)); /* of what is left */
	n_until_failure = -1;
	slab_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_zeroed_aligned_and_apart_whoever_had_them_before),
		cmocka_unit_test(what_is_freed_serves_the_next_of_its_size),
		cmocka_unit_test(without_memory_there_is_no_block_and_all_others_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
