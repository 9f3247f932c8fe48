/* SPDX-License-Identifier: MIT */
/* fields_test.c - members of another process's structs, read from our own: chains, sizes, lists, and what is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
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

static void a_name_in_the_struct_or_behind_a_pointer(void **state)
{
	struct {
		uint64_t unused;
		const char *pointer;
		char text[16];
	} pool = {
		.pointer =
			"a name that is much longer than any name that a row can have, so it is cut",
		.text = "orders"
	};
	struct recipe_field_plan plan[RECIPE_FIELD_COUNT] = {
		[RECIPE_FIELD_NAME] = { .n_steps = 1, .step = { 16 } }
	};

	(void)state;
	assert_string_equal(read_all((const struct pool *)(void *)&pool, plan).name, "orders");
	plan[RECIPE_FIELD_NAME] = (struct recipe_field_plan){ .n_steps = 2, .step = { 8, 0 } };
	assert_int_equal(strlen(read_all((const struct pool *)(void *)&pool, plan).name),
			 PS_NAME_MAX - 1);
	pool.pointer = NULL;
	assert_string_equal(read_all((const struct pool *)(void *)&pool, plan).name, "");
	pool.pointer = (const char *)8;
	assert_string_equal(read_all((const struct pool *)(void *)&pool, plan).name, "");
}

/* The last readable byte of memory may be the string's last one. */
static void a_name_at_the_end_of_memory(void **state)
{
	const struct recipe_field_plan plan[RECIPE_FIELD_COUNT] = { [RECIPE_FIELD_NAME] = {
									    .n_steps = 1 } };
	char *two = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(two != MAP_FAILED);
	assert_int_equal(mprotect(two + 4096, 4096, PROT_NONE), 0);
	memcpy(two + 4096 - 5, "last", 5);
	assert_string_equal(read_all((const struct pool *)(void *)(two + 4096 - 5), plan).name,
			    "last");
	memcpy(two + 4096 - 4, "last", 4); /* without its end */
	assert_string_equal(read_all((const struct pool *)(void *)(two + 4096 - 4), plan).name,
			    "last");
	munmap(two, 8192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_by_size_and_sign),
		cmocka_unit_test(a_member_of_all_elements_of_a_list),
		cmocka_unit_test(a_list_that_cannot_be_read),
		cmocka_unit_test(a_name_in_the_struct_or_behind_a_pointer),
		cmocka_unit_test(a_name_at_the_end_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
