/* SPDX-License-Identifier: MIT */
/*
 * queue_test.c - the simulated queue against closed forms. 100 000 callers are counted: means of waits agree within 12 % (up to a use of
 * 0.85, where the waits of neighbours depend on each other), p90 as well and p99 within 15 %, of which 4.4 % are the buckets of the histogram.
 *
 * Erlang C, the repairman (M/M/c//N) and Pollaczek-Khinchine as in Gross and Harris, Fundamentals of Queueing Theory; limits of time
 * of one length (M/M/1+D) by Barrer, Queuing with impatient customers and ordered service, Operations Research 5 (1957).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "advise/queue.h"

#define HOLD_S 0.005
#define MU (1 / HOLD_S)

/* Exponential holds: 20 000 values at even shares. */
static void exponential_holds(struct hist *h)
{
	*h = (struct hist){ 0 };
	for (int i = 0; i < 20000; i++)
		assert_int_equal(
			hist_record_ns(h, (uint64_t)(-log((i + 0.5) / 20000) * HOLD_S * 1e9)), 0);
}

static void even_holds(struct hist *h)
{
	*h = (struct hist){ 0 };
	for (int i = 0; i < 1000; i++)
		assert_int_equal(hist_record_ns(h, (uint64_t)(HOLD_S * 1e9)), 0);
}

static void assert_near(double got, double want, double tolerance)
{
	if (fabs(got - want) > tolerance * want)
		fail_msg("got %g, want %g", got, want);
}

/* The share of callers that wait: c servers, `load` of them busy on average. */
static double erlang_c(unsigned int c, double load)
{
	double b = 1; /* Erlang B, by its recursion */

	for (unsigned int i = 1; i <= c; i++)
		b = load * b / (i + load * b);
	return b / (1 - load / c * (1 - b));
}

/* The wait that a share of 1 - q have more than. */
static double erlang_quantile_s(unsigned int c, double load, double q)
{
	double waits = erlang_c(c, load);

	return waits <= 1 - q ? 0 : log(waits / (1 - q)) * HOLD_S / (c - load);
}

static void open_arrivals_wait_as_erlang_said(void **state)
{
	static const struct {
		unsigned int capacity;
		double use;
	} cases[] = { { 1, 0.5 }, { 1, 0.6 }, { 4, 0.7 }, { 4, 0.85 }, { 10, 0.8 }, { 100, 0.9 } };
	struct hist hold;

	(void)state;
	exponential_holds(&hold);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned int c = cases[i].capacity;
		double load = cases[i].use * c;
		const struct queue q = {
			.arrivals = QUEUE_OPEN, .capacity = c, .hold = &hold, .per_s = load * MU
		};
		struct queue_answer a;

		assert_int_equal(queue_ask(&q, &a), 0);
		assert_true(a.is_stable);
		assert_near(a.utilization, cases[i].use, 0.03);
		assert_near(a.per_s, load * MU, 0.02);
		assert_near(a.mean_s, erlang_c(c, load) * HOLD_S / (c - load), 0.12);
		assert_near(a.p90_s, erlang_quantile_s(c, load, 0.9), 0.12);
		assert_near(a.p99_s, erlang_quantile_s(c, load, 0.99), 0.15);
		assert_true(a.timeout_ratio == 0);
	}
	hist_done(&hold);
}

static void even_holds_wait_half_as_long(void **state)
{
	struct queue q = { .arrivals = QUEUE_OPEN, .capacity = 1, .per_s = 0.7 * MU };
	struct queue_answer a;
	struct hist hold;

	(void)state;
	even_holds(&hold);
	q.hold = &hold;
	assert_int_equal(queue_ask(&q, &a), 0);
	assert_near(a.mean_s, 0.5 * 0.7 / (1 - 0.7) * HOLD_S, 0.12);
	hist_done(&hold);
}

static void the_order_changes_the_tail_and_not_the_mean(void **state)
{
	struct queue q = { .arrivals = QUEUE_OPEN, .capacity = 4, .per_s = 3 * MU };
	double mean_s = erlang_c(4, 3) * HOLD_S, p99_s = 0;
	struct queue_answer a;
	struct hist hold;

	(void)state;
	exponential_holds(&hold);
	q.hold = &hold;
	for (q.order = QUEUE_FIRST; q.order <= QUEUE_LAST; q.order++) {
		assert_int_equal(queue_ask(&q, &a), 0);
		assert_near(a.mean_s, mean_s, 0.12);
		assert_true(a.p99_s > 1.1 * p99_s);
		p99_s = a.p99_s;
	}
	hist_done(&hold);
}

/* The repairman: N callers, each back after a mean of Z. */
static void callers_who_come_again_wait_as_machines_for_repair(void **state)
{
	static const unsigned int capacities[] = { 2, 4, 8 };
	const unsigned int n = 24;
	const double z = 0.02;
	struct hist hold;

	(void)state;
	exponential_holds(&hold);
	for (size_t k = 0; k < 3; k++) {
		const unsigned int c = capacities[k];
		const struct queue q = { .arrivals = QUEUE_CLOSED,
					 .capacity = c,
					 .hold = &hold,
					 .callers = n,
					 .think_s = z };
		double p = 1, sum = 1, queued = 0, gone = n;
		struct queue_answer a;

		for (unsigned int i = 1; i <= n; i++) {
			p *= (n - i + 1) / z / (MU * (i < c ? i : c));
			sum += p;
			queued += p * (i > c ? i - c : 0);
			gone += p * (n - i);
		}
		assert_int_equal(queue_ask(&q, &a), 0);
		assert_near(a.per_s, gone / sum / z, 0.02);
		assert_near(a.mean_s, queued / (gone / z), 0.12);
		assert_near(a.utilization, gone / sum / z / MU / c, 0.03);
	}
	hist_done(&hold);
}

static void callers_who_come_back_at_once_share_what_there_is(void **state)
{
	struct queue q = { .arrivals = QUEUE_CLOSED, .capacity = 5, .callers = 20 };
	struct queue_answer a;
	struct hist hold;

	(void)state;
	exponential_holds(&hold);
	q.hold = &hold;
	assert_int_equal(queue_ask(&q, &a), 0);
	assert_near(a.per_s, 5 * MU, 0.02);
	assert_near(a.mean_s, 15 / (5 * MU), 0.03);
	q.capacity = 20;
	assert_int_equal(queue_ask(&q, &a), 0);
	assert_true(a.p99_s == 0 && a.mean_s == 0);
	hist_done(&hold);
}

/* The queue is Erlang's, of which at most N - c are inside: the mean of min(queue, N - c) by Little's law. */
static void callers_before_the_pool_do_not_wait_in_it(void **state)
{
	struct queue q = {
		.arrivals = QUEUE_LIMITED, .capacity = 4, .callers = 10, .per_s = 3.4 * MU
	};
	double queued = 0, share = erlang_c(4, 3.4);
	struct queue_answer a;
	struct hist hold;

	(void)state;
	exponential_holds(&hold);
	q.hold = &hold;
	for (int i = 0; i < 6; i++)
		queued += share *= 0.85; /* more than i wait */
	assert_int_equal(queue_ask(&q, &a), 0);
	assert_near(a.mean_s, queued / q.per_s, 0.12);
	assert_near(a.per_s, 3.4 * MU, 0.02);
	hist_done(&hold);
}

static void who_waits_too_long_gives_up_as_barrer_said(void **state)
{
	const double limit = 2 * HOLD_S;
	struct hist hold;

	(void)state;
	exponential_holds(&hold);
	for (int i = 0; i < 3; i++) {
		const double lambda = (const double[]){ 0.7, 0.9, 1.7 }[i] * MU;
		const struct queue q = { .arrivals = QUEUE_OPEN,
					 .capacity = 1,
					 .hold = &hold,
					 .per_s = lambda,
					 .timeout_s = limit };
		double end = exp(-(MU - lambda) * limit);
		double none = 1 / (1 + lambda * (1 - end) / (MU - lambda) + lambda * end / MU);
		struct queue_answer a;

		assert_int_equal(queue_ask(&q, &a), 0);
		assert_true(a.is_stable);
		assert_near(a.timeout_ratio, lambda * none * end / MU, 0.06);
		assert_near(a.utilization, 1 - none, 0.03);
		assert_true(a.p99_s <= 1.05 * limit);
	}
	hist_done(&hold);
}

static void more_than_can_be_served_has_no_bound(void **state)
{
	struct queue q = { .arrivals = QUEUE_OPEN, .capacity = 4, .per_s = 4.1 * MU };
	struct queue_answer a;
	struct hist hold;

	(void)state;
	exponential_holds(&hold);
	q.hold = &hold;
	assert_int_equal(queue_ask(&q, &a), 0);
	assert_false(a.is_stable);
	assert_true(isnan(a.p99_s) && isnan(a.mean_s));
	hist_done(&hold);
}

static void the_same_question_has_the_same_answer(void **state)
{
	struct queue q = {
		.arrivals = QUEUE_OPEN, .capacity = 4, .order = QUEUE_ANY, .per_s = 3 * MU
	};
	struct queue_answer a, b;
	struct hist hold;

	(void)state;
	exponential_holds(&hold);
	q.hold = &hold;
	assert_int_equal(queue_ask(&q, &a), 0);
	assert_int_equal(queue_ask(&q, &b), 0);
	assert_true(a.mean_s == b.mean_s && a.p99_s == b.p99_s);
	hist_done(&hold);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_arrivals_wait_as_erlang_said),
		cmocka_unit_test(even_holds_wait_half_as_long),
		cmocka_unit_test(the_order_changes_the_tail_and_not_the_mean),
		cmocka_unit_test(callers_who_come_again_wait_as_machines_for_repair),
		cmocka_unit_test(callers_who_come_back_at_once_share_what_there_is),
		cmocka_unit_test(callers_before_the_pool_do_not_wait_in_it),
		cmocka_unit_test(who_waits_too_long_gives_up_as_barrer_said),
		cmocka_unit_test(more_than_can_be_served_has_no_bound),
		cmocka_unit_test(the_same_question_has_the_same_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
