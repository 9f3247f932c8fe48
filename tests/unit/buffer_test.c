/* SPDX-License-Identifier: MIT */
/*
 * buffer_test.c - a buffer that is made to fit. The surprise: it includes buffer.c itself, with realloc replaced, so that it is seen what was asked for and so that
 * it can be refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool is_refusing;
static size_t n_asked, last_size;

static void *told_realloc(void *data, size_t size)
{
	n_asked++;
	last_size = size;
	return is_refusing ? NULL : realloc(data, size);
}

#define realloc told_realloc
#include "base/buffer.c"
#undef realloc

static struct buffer of_bytes(size_t n)
{
	struct buffer b = { 0 };

	is_refusing = false;
	for (size_t i = 0; i < n; i++)
		buffer_add(&b, "x", 1);
	n_asked = last_size = 0;
	return b;
}

static void assert_holds(const struct buffer *b, size_t n)
{
	assert_int_equal(b->n, n);
	assert_int_equal(b->error, 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(b->data[i], 'x');
	assert_int_equal(b->data[n], '\0');
}

static void what_it_has_grown_over_its_bytes_is_given_back(void **state)
{
	static const size_t sizes[] = { 1, 101, 255, 256, 257, 70001 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct buffer b = of_bytes(sizes[i]);

		buffer_fit(&b);
		assert_int_equal(n_asked, 1);
		assert_int_equal(last_size, sizes[i] + 1); /* and a NUL */
		assert_int_equal(b.size, sizes[i] + 1);
		assert_holds(&b, sizes[i]);
		buffer_done(&b);
	}
}

static void one_that_fits_grows_again(void **state)
{
	struct buffer b = of_bytes(101);

	(void)state;
	buffer_fit(&b);
	for (int i = 0; i < 1009; i++)
		buffer_add(&b, "x", 1);
	assert_holds(&b, 1110);
	assert_true(b.size > 1110);
	buffer_done(&b);
}

static void one_that_was_never_written_to_stays_without_memory(void **state)
{
	struct buffer b = of_bytes(0);

	(void)state;
	buffer_fit(&b);
	assert_int_equal(n_asked, 0);
	assert_null(b.data);
	assert_int_equal(b.size, 0);
}

static void one_that_was_emptied_keeps_its_nul(void **state)
{
	struct buffer b = of_bytes(101);

	(void)state;
	b.n = 0;
	b.data[0] = '\0';
	buffer_fit(&b);
	assert_int_equal(b.size, 1);
	assert_holds(&b, 0);
	buffer_done(&b);
}

static void where_that_is_refused_it_stays_as_it_is(void **state)
{
	struct buffer b = of_bytes(101);
	char *data = b.data;
	size_t size = b.size;

	(void)state;
	is_refusing = true;
	buffer_fit(&b);
	assert_int_equal(n_asked, 1);
	assert_ptr_equal(b.data, data);
	assert_int_equal(b.size, size);
	assert_holds(&b, 101);
	is_refusing = false;
	buffer_add(&b, "x", 1);
	assert_holds(&b, 102);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_has_grown_over_its_bytes_is_given_back),
		cmocka_unit_test(one_that_fits_grows_again),
		cmocka_unit_test(one_that_was_never_written_to_stays_without_memory),
		cmocka_unit_test(one_that_was_emptied_keeps_its_nul),
		cmocka_unit_test(where_that_is_refused_it_stays_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
