/* SPDX-License-Identifier: MIT */
/*
 * classic_test.c - the wide buckets against the histogram's own. The surprise: that each bound is one of the histogram's, on which all who sum buckets
 * rely, is a property of both lists, and so is tested here and written in neither.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/classic.h"
#include "base/hist.h"
#include "bpf/abi.h"

static void each_bound_is_four_times_the_one_before(void **state)
{
	(void)state;
	assert_true(classic_bound(0) == 1.0 / (1 << 20));
	for (unsigned int i = 1; i < N_LE; i++)
		assert_true(classic_bound(i) == 4 * classic_bound(i - 1));
	assert_true(classic_bound(N_LE - 1) == 256);
	assert_true(isinf(classic_bound(N_LE)));
}

static void a_bound_belongs_to_its_bucket_and_what_is_over_it_to_the_next(void **state)
{
	(void)state;
	assert_int_equal(classic_of_s(0), 0);
	for (unsigned int i = 0; i < N_LE; i++) {
		assert_int_equal(classic_of_s(classic_bound(i)), i);
		assert_int_equal(classic_of_s(nextafter(classic_bound(i), INFINITY)), i + 1);
	}
	assert_int_equal(classic_of_s(1e18), N_LE);
}

static void each_bucket_of_the_histogram_lies_in_one_classic_bucket(void **state)
{
	unsigned int n_on_bound = 0;

	(void)state;
	for (unsigned int i = 0; i < PS_HIST_BUCKETS; i++) {
		unsigned int classic = classic_of_bucket(i);

		assert_int_equal(classic_of_s(hist_upper_s(i)), classic);
		if (i)
			assert_true(!classic || hist_upper_s(i - 1) >= classic_bound(classic - 1));
		n_on_bound += hist_upper_s(i) == classic_bound(classic) && classic < N_LE;
	}
	assert_int_equal(n_on_bound, N_LE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_bound_is_four_times_the_one_before),
		cmocka_unit_test(a_bound_belongs_to_its_bucket_and_what_is_over_it_to_the_next),
		cmocka_unit_test(each_bucket_of_the_histogram_lies_in_one_classic_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
