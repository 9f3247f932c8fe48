/* SPDX-License-Identifier: MIT */
/*
 * hist_test.c - the histogram against exact arithmetic. The surprise: it includes hist.c itself, with realloc replaced, so that
 * each allocation can be made to fail.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int n_until_failure = -1;

static void *failing_realloc(void *at, size_t size)
{
	if (n_until_failure == 0)
		return NULL;
	if (n_until_failure > 0)
		n_until_failure--;
	return realloc(at, size);
}

#define realloc failing_realloc
#include "base/hist.c"
#undef realloc

#define HALF_BUCKET (exp2(1.0 / 16) - 1)	/* 4.43 % */

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t *p = a, *q = b;

	return (*p > *q) - (*p < *q);
}

static void a_value_lies_within_the_bounds_of_its_bucket(void **state)
{
	uint64_t seed = 88172645463325252;

	(void)state;
	for (int i = 0; i < 1000003; i++) {
		uint64_t ns = next_random(&seed) >> (next_random(&seed) % 64);
		unsigned int b = hist_bucket_ns(ns);
		/* the kernel side scales by a rounded factor, 3e-8 off */
		double s = (double)ns / 1e9, slack = s * 1e-7;

		assert_true(b < PS_HIST_BUCKETS);
		assert_true(s <= hist_upper_s(b) + slack);
		if (b)
			assert_true(s >= hist_upper_s(b - 1) - slack);
	}
}

static void buckets_never_fall_when_values_rise(void **state)
{
	unsigned int last = 0;

	(void)state;
	for (double ns = 1; ns < 2e13; ns = ceil(ns * 1.0001)) {
		unsigned int b = hist_bucket_ns((uint64_t)ns);

		assert_true(b == last || b == last + 1);
		last = b;
	}
	assert_int_equal(last, PS_HIST_BUCKETS - 1);
	assert_int_equal(hist_bucket_ns(0), 0);
	assert_int_equal(hist_bucket_ns(UINT64_MAX), PS_HIST_BUCKETS - 1);
}

/* Values of the given shape, against the sorted list. */
static void check_quantiles(double low_ns, double octaves, size_t n, uint64_t seed)
{
	static const double q[] = { 0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1 };
	uint64_t *value = calloc(n, sizeof(*value));
	struct hist h = { 0 };

	for (size_t i = 0; i < n; i++) {
		double x = (double)(next_random(&seed) >> 11) / (double)(1ull << 53);

		value[i] = (uint64_t)(low_ns * exp2(x * x * octaves));
		assert_int_equal(hist_record_ns(&h, value[i]), 0);
	}
	qsort(value, n, sizeof(*value), compare_u64);
	for (size_t i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
		size_t rank = (size_t)ceil(q[i] * (double)n);
		double exact = (double)value[rank ? rank - 1 : 0] / 1e9,
		       got = hist_quantile_s(&h, q[i]);

		assert_true(fabs(got - exact) <= exact * (HALF_BUCKET + 1e-6));
		assert_true(got <= (double)h.max_ns / 1e9);
	}
	hist_done(&h);
	free(value);
}

static void a_quantile_is_at_most_half_a_bucket_off(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 24; seed++) {
		check_quantiles(300, 3, 101, seed);
		check_quantiles(1e6, 1, 10007, seed);
		check_quantiles(250, 30, 10007, seed);
		check_quantiles(5e6, 0, 23, seed);
	}
}

static void short_waits_answer_zero_and_endless_ones_the_maximum(void **state)
{
	struct hist h = { 0 };

	(void)state;
	assert_true(isnan(hist_quantile_s(&h, 0.5)));
	hist_add(&h, 0, 101);
	assert_true(hist_quantile_s(&h, 0.99) == 0);
	hist_record_ns(&h, 5000ull * 1000000000);
	assert_true(hist_quantile_s(&h, 1) == 5000);
	assert_true(isinf(hist_upper_s(PS_HIST_BUCKETS - 1)));
	assert_true(hist_upper_s(0) == exp2(-22));
	hist_done(&h);
}

static void an_index_out_of_range_is_taken_as_the_nearest(void **state)
{
	struct hist h = { 0 };

	(void)state;
	assert_int_equal(hist_add(&h, 4000000000u, 23), 0);
	assert_int_equal(hist_get(&h, PS_HIST_BUCKETS - 1), 23);
	assert_int_equal(hist_get(&h, 4000000000u), 0);
	hist_done(&h);
}

static void it_holds_only_the_buckets_it_needs(void **state)
{
	struct hist h = { 0 };

	(void)state;
	assert_null(h.packed);
	hist_add(&h, 100, 0);
	assert_null(h.packed);
	hist_add(&h, 100, 1);
	assert_int_equal(h.n_packed, 2);
	hist_add(&h, 130, 2);
	assert_int_equal(h.n_packed, 4);
	hist_add(&h, 90, 3);
	assert_int_equal(hist_get(&h, 90), 3);
	assert_int_equal(hist_get(&h, 100), 1);
	assert_int_equal(hist_get(&h, 130), 2);
	assert_int_equal(h.count, 6);
	assert_int_equal(h.n_packed, 6);
	hist_done(&h);
	assert_int_equal(h.count, 0);
}

/* Against an array; counts and gaps that take more than one byte of seven bits, up to the largest. */
static void what_is_packed_comes_back(void **state)
{
	uint64_t all[PS_HIST_BUCKETS] = { 0 }, back[PS_HIST_BUCKETS], seed = 101;
	struct hist h = { 0 };

	(void)state;
	for (int i = 0; i < 1009; i++) {
		unsigned int bucket = (unsigned int)(next_random(&seed) % PS_HIST_BUCKETS);
		struct hist_walk w;
		uint64_t count = 0;

		all[bucket] = i % 5 ? next_random(&seed) >> (next_random(&seed) % 64) : 0;
		if (i % 101 == 0)
			memset(all, 0, sizeof(all));
		if (i % 103 == 0)
			all[PS_HIST_BUCKETS - 1] = UINT64_MAX;
		assert_int_equal(hist_pack(&h, all), 0);
		hist_unpack(&h, back);
		assert_memory_equal(back, all, sizeof(all));
		w = hist_walk(&h);
		for (unsigned int b = 0; b < PS_HIST_BUCKETS; b++) {
			count += all[b];
			assert_int_equal(hist_get(&h, b), all[b]);
			if (!all[b])
				continue;
			assert_true(hist_next(&w));
			assert_int_equal(w.bucket, b);
			assert_int_equal(w.n, all[b]);
		}
		assert_false(hist_next(&w));
		assert_int_equal(h.count, count);
	}
	hist_done(&h);
}

static void a_merge_is_the_sum_of_both(void **state)
{
	struct hist all = { 0 }, a = { 0 }, b = { 0 };
	uint64_t seed = 23;

	(void)state;
	for (int i = 0; i < 1009; i++) {
		uint64_t ns = next_random(&seed) >> (20 + next_random(&seed) % 40);

		hist_record_ns(&all, ns);
		hist_record_ns(i % 3 ? &a : &b, ns);
	}
	assert_int_equal(hist_merge(&a, &b), 0);
	for (unsigned int i = 0; i < PS_HIST_BUCKETS; i++)
		assert_int_equal(hist_get(&a, i), hist_get(&all, i));
	assert_int_equal(a.count, all.count);
	assert_int_equal(a.max_ns, all.max_ns);
	assert_true(fabs(a.sum_s - all.sum_s) <= all.sum_s * 1e-12);
	hist_done(&all);
	hist_done(&a);
	hist_done(&b);
}

static void a_copy_shares_nothing(void **state)
{
	struct hist h = { 0 }, copy;

	(void)state;
	hist_record_ns(&h, 1000000);
	assert_int_equal(hist_copy(&h, &copy), 0);
	hist_record_ns(&h, 1000000);
	assert_int_equal(copy.count, 1);
	assert_int_equal(hist_get(&copy, hist_bucket_ns(1000000)), 1);
	hist_done(&h);
	hist_done(&copy);
}

static void out_of_memory_leaves_it_unchanged(void **state)
{
	struct hist h = { 0 }, far = { 0 }, none = { 0 }, copy;

	(void)state;
	hist_record_ns(&h, 1000);
	for (unsigned int i = 0; i < 8; i++)
		hist_add(&far, 100 + i, 3); /* more than its room has place for */
	n_until_failure = 0;
	assert_int_equal(hist_merge(&h, &far), -ENOMEM);
	assert_int_equal(hist_record_ns(&none, 1000000000), -ENOMEM);
	assert_int_equal(none.count, 0);
	assert_int_equal(none.max_ns, 0);
	assert_int_equal(hist_copy(&far, &copy), -ENOMEM);
	n_until_failure = -1;
	assert_int_equal(copy.count, 0);
	assert_null(copy.packed);
	assert_int_equal(h.count, 1);
	assert_int_equal(h.max_ns, 1000);
	assert_int_equal(hist_get(&h, hist_bucket_ns(1000)), 1);
	assert_true(h.sum_s == 1e-6);
	hist_done(&h);
	hist_done(&far);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_lies_within_the_bounds_of_its_bucket),
		cmocka_unit_test(buckets_never_fall_when_values_rise),
		cmocka_unit_test(a_quantile_is_at_most_half_a_bucket_off),
		cmocka_unit_test(short_waits_answer_zero_and_endless_ones_the_maximum),
		cmocka_unit_test(an_index_out_of_range_is_taken_as_the_nearest),
		cmocka_unit_test(it_holds_only_the_buckets_it_needs),
		cmocka_unit_test(what_is_packed_comes_back),
		cmocka_unit_test(a_merge_is_the_sum_of_both),
		cmocka_unit_test(a_copy_shares_nothing),
		cmocka_unit_test(out_of_memory_leaves_it_unchanged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
