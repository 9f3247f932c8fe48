/* SPDX-License-Identifier: MIT */
/*
 * pages_test.c - pages that can be read again are given back, and nothing is lost. The surprise: that they come back is the kernel's work; what is ours to prove
 * is that nothing that was written is among them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/pages.h"

#define PAGES 257
#define SIZE (PAGES * 4096)
#define AROUND 64	/* what is read beside it brings 16 pages back, at either end */

static unsigned char begun_with[SIZE] = { 101 };	/* of the part that is written to; its file has other bytes */
static unsigned char begun_empty[SIZE];
static const unsigned char never_written[SIZE] = { 23, [SIZE - 1] = 101 };

static size_t n_resident(const unsigned char *bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 0;
	uintptr_t begin = ((uintptr_t)bytes + page - 1) / page * page;
	FILE *pagemap = fopen("/proc/self/pagemap", "r");

	assert_non_null(pagemap);
	for (uintptr_t at = begin; at + page <= (uintptr_t)bytes + SIZE; at += page) {
		uint64_t entry;

		assert_int_equal(fseek(pagemap, (long)(at / page * sizeof(entry)), SEEK_SET), 0);
		assert_int_equal(fread(&entry, sizeof(entry), 1, pagemap), 1);
		n += entry >> 63; /* mapped */
	}
	fclose(pagemap);
	return n;
}

static unsigned int sum(const volatile unsigned char *bytes)
{
	unsigned int n = 0;

	for (size_t i = 0; i < SIZE; i++)
		n += bytes[i];
	return n;
}

static void what_was_never_written_goes_and_can_be_read_again(void **state)
{
	(void)state;
	assert_int_equal(sum(never_written), 124);
	assert_true(n_resident(never_written) >= PAGES - 1); /* it may begin within one */
	pages_give_back();
	assert_true(n_resident(never_written) < AROUND);
	assert_int_equal(sum(never_written), 124);
}

static void what_was_written_stays(void **state)
{
	unsigned char *heap = malloc(SIZE);

	(void)state;
	memset(begun_with, 7, SIZE);
	memset(begun_empty, 5, SIZE);
	memset(heap, 3, SIZE);
	for (int i = 0; i < 3; i++) {
		pages_give_back();
		assert_int_equal(sum(begun_with), 7 * SIZE);
		assert_int_equal(sum(begun_empty), 5 * SIZE);
		assert_int_equal(sum(heap), 3 * SIZE);
	}
	free(heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_never_written_goes_and_can_be_read_again),
		cmocka_unit_test(what_was_written_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
