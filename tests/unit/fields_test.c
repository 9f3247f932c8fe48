/* SPDX-License-Identifier: MIT */
/* fields_test.c - members of another process's structs, read from our own: chains, sizes, lists, and what is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "ingest/fields.h"

struct server {
	uint64_t unused;
	struct server *next;
	uint32_t limit;
	int32_t weight;
};

struct pool {
	uint64_t unused;
	struct server *servers;
	int16_t open;
	int16_t idle;
	int32_t waiting;
};

static struct pool_extra read_all(const struct pool *p, const struct recipe_field_plan *plan)
{
	struct pool_extra extra = POOL_EXTRA_UNKNOWN;

	fields_read((uint32_t)getpid(), (uintptr_t)p, plan, &extra);
	return extra;
}

static const struct recipe_field_plan limit_of_all = {
	.n_steps = 2,
	.step = { offsetof(struct pool, servers), offsetof(struct server, limit) },
	.next = offsetof(struct server, next),
	.size = 4,
	.is_list = true,
};

static void members_by_size_and_sign(void **state)
{
	const struct recipe_field_plan plan[RECIPE_FIELD_COUNT] = {
		[RECIPE_FIELD_OPEN] = { .n_steps = 1,
					.step = { offsetof(struct pool, open) },
					.size = 2 },
		[RECIPE_FIELD_IDLE] = { .n_steps = 1,
					.step = { offsetof(struct pool, idle) },
					.size = 2,
					.is_signed = true },
		[RECIPE_FIELD_WAITING] = { .n_steps = 1,
					   .step = { offsetof(struct pool, waiting) },
					   .size = 4,
					   .is_signed = true },
	};
	struct pool p = { .open = 7, .idle = 3, .waiting = -1 };
	struct pool_extra extra = read_all(&p, plan);

	(void)state;
	assert_int_equal(extra.counted_open, 7);
	assert_int_equal(extra.counted_in_use, 4);
	assert_int_equal(extra.counted_waiting, UNKNOWN); /* a negative number of callers */
	assert_int_equal(extra.counted_capacity, UNKNOWN);
}

static void a_member_of_all_elements_of_a_list(void **state)
{
	const struct recipe_field_plan plan[RECIPE_FIELD_COUNT] = { [RECIPE_FIELD_CAPACITY] =
									    limit_of_all };
	struct server third = { .limit = 4 }, second = { .next = &third, .limit = 3 },
		      first = { .next = &second, .limit = 2 };
	struct pool p = { .servers = &first };

	(void)state;
	assert_int_equal(read_all(&p, plan).counted_capacity, 9);
	second.limit = 0; /* without a limit, so the whole has none */
	assert_int_equal(read_all(&p, plan).counted_capacity, 0);
	second.limit = UINT32_MAX; /* nonsense */
	assert_int_equal(read_all(&p, plan).counted_capacity, UNKNOWN);
}

static void a_list_that_cannot_be_read(void **state)
{
	const struct recipe_field_plan plan[RECIPE_FIELD_COUNT] = { [RECIPE_FIELD_CAPACITY] =
									    limit_of_all };
	struct server first = { .limit = 2 };
	struct pool p = { .servers = &first };

	(void)state;
	first.next = &first; /* a ring */
	assert_int_equal(read_all(&p, plan).counted_capacity, UNKNOWN);
	first.next = (struct server *)(uintptr_t)8; /* not mapped */
	assert_int_equal(read_all(&p, plan).counted_capacity, UNKNOWN);
	p.servers = NULL;
	assert_int_equal(read_all(&p, plan).counted_capacity, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_by_size_and_sign),
		cmocka_unit_test(a_member_of_all_elements_of_a_list),
		cmocka_unit_test(a_list_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
