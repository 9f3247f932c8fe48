/* SPDX-License-Identifier: MIT */
/* closer_test.c - links come off in the order in which they were handed over, and nobody waits for it who does not ask to. The surprise: a link here is a number, and takes 20 ms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <bpf/libbpf.h>

#include "base/clock.h"
#include "probe/closer.h"

#define EACH_NS 20000000

static uintptr_t closed[64];
static size_t n_closed;

int bpf_link__destroy(struct bpf_link *link)
{
	nanosleep(&(struct timespec){ .tv_nsec = EACH_NS }, NULL);
	closed[__atomic_fetch_add(&n_closed, 1, __ATOMIC_SEQ_CST)] = (uintptr_t)link;
	return 0;
}

static struct bpf_link *link_of(uintptr_t n)
{
	return (struct bpf_link *)n;
}

static void they_come_off_in_order_and_the_owner_goes_on(void **state)
{
	struct bpf_link *first[] = { link_of(3), link_of(1), link_of(2) },
			*second[] = { link_of(4), link_of(5) };
	int64_t begin_ns = clock_ns(CLOCK_MONOTONIC);
	struct closer *c;

	(void)state;
	n_closed = 0;
	assert_int_equal(closer_new(&c), 0);
	assert_int_equal(closer_n(c), 0);
	closer_take(c, first, 3);
	closer_take(c, second, 2);
	assert_true(clock_ns(CLOCK_MONOTONIC) - begin_ns < 5 * EACH_NS);
	assert_true(closer_n(c) > 0);
	closer_wait(c);
	assert_int_equal(closer_n(c), 0);
	assert_true(clock_ns(CLOCK_MONOTONIC) - begin_ns >= 5 * EACH_NS);
	assert_int_equal(n_closed, 5);
	assert_true(closed[0] == 3 && closed[1] == 1 && closed[2] == 2 && closed[4] == 5);
	closer_take(c, first, 1); /* and once more */
	closer_wait(c);
	assert_int_equal(n_closed, 6);
	closer_free(c);
}

static void at_the_end_none_is_left_on(void **state)
{
	struct bpf_link *links[] = { link_of(1), link_of(2), link_of(3) };
	struct closer *c;

	(void)state;
	n_closed = 0;
	assert_int_equal(closer_new(&c), 0);
	closer_wait(c); /* for nothing */
	closer_take(c, links, 3);
	closer_free(c);
	assert_int_equal(n_closed, 3);
	closer_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_come_off_in_order_and_the_owner_goes_on),
		cmocka_unit_test(at_the_end_none_is_left_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
