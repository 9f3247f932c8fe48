/* SPDX-License-Identifier: MIT */
/*
 * advise_test.c - from two looks at a pool to a capacity. The measured waits are drawn from the closed forms of the queues (Erlang C; sums
 * of exponential times), and never from the simulation that is under test.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "advise/advise.h"
#include "snapshot_fixture.h"

#define HOLD_S 0.005
#define SECONDS 10.0

/* Two looks at one pool, and what its rows point to. */
struct looks {
	struct pool_row before, after;
	struct hist had, wait, failed, hold;
	uint64_t random;
};

static double draw(struct looks *l)
{
	l->random = l->random * 6364136223846793005u + 1442695040888963407u;
	return ((double)(l->random >> 11) + 0.5) / 9007199254740992.0;
}

static void record(struct hist *h, double s)
{
	assert_int_equal(hist_record_ns(h, (uint64_t)(s * 1e9)), 0);
}

/* Counting began before the first look: what was then must not count. */
static void begin(struct looks *l, uint32_t capacity, double per_s, double mean_in_use)
{
	*l = (struct looks){ .random = 7 };
	for (int i = 0; i < 3000; i++) {
		record(&l->had, 1);
		record(&l->wait, 1);
		record(&l->hold, 1);
	}
	for (int i = 0; i < (int)(per_s * SECONDS); i++)
		record(&l->hold, -log(draw(l)) * HOLD_S);
	l->before = fixture_known_pool(1, &l->had, &l->had);
	l->before.trusted = true;
	l->before.capacity = capacity;
	l->before.wait_failed = NULL;
	l->before.pending = 0;
	l->after = l->before;
	l->after.wait = &l->wait;
	l->after.wait_failed = &l->failed;
	l->after.hold = &l->hold;
	l->after.capacity_s += capacity * SECONDS;
	l->after.in_use_s += mean_in_use * SECONDS;
}

static void end(struct looks *l)
{
	hist_done(&l->had);
	hist_done(&l->wait);
	hist_done(&l->failed);
	hist_done(&l->hold);
}

static double erlang_c(unsigned int c, double load)
{
	double b = 1;

	for (unsigned int i = 1; i <= c; i++)
		b = load * b / (i + load * b);
	return b / (1 - load / c * (1 - b));
}

static double erlang_p99_s(unsigned int c, double load)
{
	return fmax(0, log(100 * erlang_c(c, load)) * HOLD_S / (c - load));
}

/* Callers that come as they like, `load` items in use on average. */
static void open_pool(struct looks *l, uint32_t capacity, double load)
{
	double waited = 0, waits = erlang_c(capacity, load);
	int n = (int)(load / HOLD_S * SECONDS);

	begin(l, capacity, load / HOLD_S, load);
	for (int i = 0; i < n; i++) {
		double s = draw(l) < waits ? -log(draw(l)) * HOLD_S / (capacity - load) : 0;

		waited += s;
		record(&l->wait, s);
	}
	l->after.pending_s += waited;
}

/* As many callers, each back at once: whoever comes waits until those before it and one more were served. */
static void closed_pool(struct looks *l, uint32_t capacity, uint32_t callers)
{
	double waited = 0;

	begin(l, capacity, capacity / HOLD_S, capacity);
	for (int i = 0; i < (int)(capacity / HOLD_S * SECONDS); i++) {
		double s = 0;

		for (uint32_t k = 0; k < callers - capacity; k++)
			s -= log(draw(l)) * HOLD_S / capacity;
		waited += s;
		record(&l->wait, s);
	}
	l->after.pending_s += waited;
}

static void ask(struct looks *l, uint32_t callers, struct advice *ret)
{
	assert_int_equal(advise(&l->before, &l->after, SECONDS, callers, ret), 0);
}

static void assert_declined(struct looks *l, const char *why)
{
	struct advice a;

	ask(l, 0, &a);
	assert_true(a.is_declined);
	if (!strstr(a.text, why))
		fail_msg("'%s' has no '%s'", a.text, why);
	assert_int_equal(a.proposed, 0);
	assert_int_equal(a.stable_from, 0);
	assert_true(a.n_rows <= 1);
}

static void a_pool_too_small_gets_the_capacity_that_erlang_gives(void **state)
{
	struct looks l;
	struct advice a;

	(void)state;
	for (uint32_t c = 4; c <= 16; c *= 2) {
		double load = 0.85 * c;
		uint32_t enough = c;

		while (erlang_p99_s(enough, load) > HOLD_S)
			enough++;
		open_pool(&l, c, load);
		ask(&l, 0, &a);
		assert_false(a.is_declined);
		assert_int_equal(a.arrivals, QUEUE_OPEN);
		assert_int_equal(a.order, QUEUE_FIRST);
		assert_int_equal(a.row[0].capacity, c);
		assert_true(a.proposed + 1 >= enough && a.proposed <= enough + 1);
		for (size_t i = 0; i < a.n_rows; i++) {
			double p99_s = erlang_p99_s(a.row[i].capacity, load);

			assert_true(i == 0 || a.row[i].capacity > a.row[i - 1].capacity);
			assert_true(fabs(a.row[i].wait.p99_s - p99_s) <
				    0.15 * p99_s + 0.2 * HOLD_S);
		}
		assert_non_null(strstr(a.text, "would bring the p99 wait from"));
		end(&l);
	}
}

static void what_was_before_the_first_look_does_not_count(void **state)
{
	struct looks l;
	struct advice a;

	(void)state;
	open_pool(&l, 4, 3.4);
	ask(&l, 0, &a);
	assert_true(fabs(a.hold_s - HOLD_S) < 0.05 * HOLD_S);
	assert_true(fabs(a.arrivals_per_s - 680) < 1);
	assert_true(a.measured.p99_s < 0.1); /* all had waited for a second */
	assert_true(fabs(a.measured.utilization - 0.85) < 0.001);
	end(&l);
}

static void callers_that_are_always_there_hide_what_they_want(void **state)
{
	struct looks l;
	struct advice a;

	(void)state;
	closed_pool(&l, 4, 20);
	ask(&l, 20, &a);
	assert_false(a.is_declined);
	assert_true(a.is_demand_hidden);
	assert_int_equal(a.proposed, 20);
	assert_int_equal(a.row[0].capacity, 4);
	assert_false(a.row[0].is_at_most);
	for (size_t i = 1; i < a.n_rows; i++) {
		uint32_t c = a.row[i].capacity;

		assert_int_equal(a.row[i].is_at_most, c < 20);
		/* the mean of such a sum */
		assert_true(fabs(a.row[i].wait.mean_s - (20.0 - c) / c * HOLD_S) < 0.05 * HOLD_S);
	}
	assert_int_equal(a.row[a.n_rows - 1].capacity, 20);
	assert_non_null(strstr(a.text, "Fewer may do"));
	assert_non_null(strstr(a.text, "8 would make it"));
	end(&l);

	closed_pool(&l, 10, 20); /* twice as many are all there are */
	ask(&l, 20, &a);
	assert_int_equal(a.proposed, 20);
	assert_non_null(strstr(a.text, "Fewer may do"));
	assert_null(strstr(a.text, "at most"));
	end(&l);
}

static void more_than_the_pool_can_serve_has_no_bound(void **state)
{
	struct looks l;
	struct advice a;

	(void)state;
	begin(&l, 4, 4 / HOLD_S, 4);
	for (int i = 0; i < (int)(4 / HOLD_S * SECONDS); i++) /* a queue that grew from 0 to 2400 */
		record(&l.wait, 3.0 * i / (4 / HOLD_S * SECONDS));
	l.after.pending = 2400;
	l.after.pending_s += 12000;
	ask(&l, 2404, &a);
	assert_false(a.is_declined);
	assert_true(a.is_unstable);
	assert_false(a.measured.is_stable);
	assert_false(a.row[0].wait.is_stable);
	assert_int_equal(a.stable_from, 6); /* 1040 a second of 5 ms keep 5.2 in use */
	assert_true(a.proposed > 6 && erlang_p99_s(a.proposed, 5.2) < 1.2 * HOLD_S);
	assert_non_null(strstr(a.text, "From 6 on that ends"));
	end(&l);
}

static void a_pool_for_which_nobody_waits_is_enough(void **state)
{
	struct looks l;
	struct advice a;

	(void)state;
	open_pool(&l, 20, 4);
	ask(&l, 9, &a);
	assert_false(a.is_declined);
	assert_int_equal(a.proposed, 20);
	assert_non_null(strstr(a.text, "hardly anybody waits"));
	end(&l);
}

static void what_is_not_known_is_a_reason(void **state)
{
	struct looks l;
	struct advice a;

	(void)state;
	open_pool(&l, 4, 3.4);
	l.after.capacity = UNKNOWN;
	assert_declined(&l, "its capacity is not known");
	l.after.capacity = 5;
	assert_declined(&l, "its capacity changed");
	l.after.capacity = 4;
	l.after.capacity_s += 3;
	assert_declined(&l, "its capacity changed");
	l.after.capacity_s -= 3;
	l.after.wait = NULL;
	assert_declined(&l, "how long callers wait is not known");
	l.after.wait = &l.wait;
	l.after.hold = NULL;
	assert_declined(&l, "how long items are held is not known");
	l.after.hold = &l.hold;
	l.after.in_use_s = NAN;
	assert_declined(&l, "how long items are held is not known");
	l.after.in_use_s = l.before.in_use_s + 34;
	l.after.trusted = false;
	l.after.untrusted_why = "events were lost";
	assert_declined(&l, "events were lost");
	l.after.trusted = true;
	l.after.kind = PS_KIND_listener;
	assert_declined(&l, "listener");
	l.after.kind = PS_KIND_connection;
	ask(&l, 0, &a);
	assert_false(a.is_declined);
	assert_int_equal(advise(NULL, &l.after, SECONDS, 0, &a), 0);
	assert_true(a.is_declined && isnan(a.measured.p99_s));
	end(&l);
}

static void what_distorts_is_a_reason(void **state)
{
	struct looks l;

	(void)state;
	open_pool(&l, 4, 3.4);
	l.after.rejections = l.before.rejections + 700;
	assert_declined(&l, "rejected");
	l.after.rejections = l.before.rejections;
	l.after.in_use_s += 10;
	assert_declined(&l, "is there a leak?");
	l.after.in_use_s -= 10;
	l.after.stalled_s = l.before.stalled_s + 0.6 * (l.after.pending_s - l.before.pending_s);
	assert_declined(&l, "came of stalls");
	l.after.stalled_s = l.before.stalled_s;
	l.after.timeouts = l.before.timeouts + 100;
	assert_declined(&l, "after how long is not known");
	for (int i = 0; i < 100; i++)
		record(&l.failed, i % 2 ? 0.02 : 0.05);
	assert_declined(&l, "after times of different length");
	end(&l);

	begin(&l, 4, 20, 0.1);
	assert_declined(&l, "too little was measured");
	end(&l);
}

/* Twice the wait that would follow. */
static void a_wait_that_does_not_follow_is_a_reason(void **state)
{
	struct looks l;

	(void)state;
	begin(&l, 4, 3.4 / HOLD_S, 3.4);
	for (int i = 0; i < 6800; i++)
		record(&l.wait,
		       draw(&l) < erlang_c(4, 3.4) ? -2 * log(draw(&l)) * HOLD_S / 0.6 : 0);
	assert_declined(&l, "is not the one that was measured");
	end(&l);

	begin(&l, 4, 2 / HOLD_S, 2);
	for (int i = 0; i < 4000; i++)
		record(&l.wait, 0);
	assert_declined(&l, "is not the one that was measured");
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_too_small_gets_the_capacity_that_erlang_gives),
		cmocka_unit_test(what_was_before_the_first_look_does_not_count),
		cmocka_unit_test(callers_that_are_always_there_hide_what_they_want),
		cmocka_unit_test(more_than_the_pool_can_serve_has_no_bound),
		cmocka_unit_test(a_pool_for_which_nobody_waits_is_enough),
		cmocka_unit_test(what_is_not_known_is_a_reason),
		cmocka_unit_test(what_distorts_is_a_reason),
		cmocka_unit_test(a_wait_that_does_not_follow_is_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
