/* SPDX-License-Identifier: MIT */
/* place_test.c - what is said of the stack with which an item was taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "symbolize/place.h"

static struct stack stack;

static void check(const char *library, const char *expected, const char *const *frames, size_t n)
{
	char place[PLACE_BYTES];

	memset(&stack, 0, sizeof(stack));
	for (size_t i = 0; i < n; i++)
		snprintf(stack.frame[i], sizeof(stack.frame[i]), "%s", frames[i]);
	stack.n_frames = (uint32_t)n;
	place_of_taker(&stack, library, place);
	assert_string_equal(place, expected);
}

#define CHECK(library, expected, ...)                                                              \
	do {                                                                                       \
		static const char *const frames[] = { __VA_ARGS__ };                               \
		check(library, expected, frames, sizeof(frames) / sizeof(*frames));                \
	} while (0)

static void the_functions_of_the_sdk_and_the_one_with_the_point_go(void **state)
{
	(void)state;
	CHECK(NULL, "handle_order < run", "poolscope_acquired (app) at poolscope.h:342",
	      "take (app) at pool.c:7", "handle_order (app) at app.c:12", "run (app)",
	      "start_thread (libc.so.6) at pthread_create.c:442", "clone3 (libc.so.6)");
	CHECK(NULL, "handle_order < main", "take (app)", "handle_order (app)", "main (app)",
	      "__libc_start_call_main (libc.so.6)", "_start (app)");
}

static void a_library_goes_as_a_whole(void **state)
{
	(void)state;
	CHECK("apr_reslist", "handle_order < run", "apr_reslist_acquire (libaprutil-1.so.0.6.3)",
	      "apr_dbd_get (libaprutil-1.so.0.6.3)", "handle_order (app) at app.c:12", "run (app)");
	CHECK("mariadb", "run", "pool_get (app)", "run (app)");
}

static void in_go_the_package_goes_however_it_is_called(void **state)
{
	(void)state;
	CHECK("database/sql", "main.(*Shop).order < main.main.func1",
	      "database/sql.(*DB).query (app) at sql.go:1700",
	      "database/sql.(*DB).QueryContext (app)", "main.(*Shop).order (app) at main.go:12",
	      "main.main.func1 (app)", "runtime.goexit.abi0 (app) at asm_amd64.s:1594");
	CHECK("puddle", "main.take", "main.take (app)", "runtime.goexit (app)");
	CHECK("puddle", "main.take", "github.com/jackc/puddle.(*Pool).Acquire (app)",
	      "main.take (app)", "runtime.goexit (app)");
	CHECK("redigo", "main.take", "github.com/gomodule/redigo/redis.(*Pool).GetContext (app)",
	      "main.take (app)");
	CHECK("redigo", "example.com/x/redigoish.take < main.main",
	      "example.com/x/redigoish.take (app)", "main.main (app)");
}

static void names_have_what_brackets_they_like(void **state)
{
	(void)state;
	CHECK(NULL, "shop::order(int, char const*) < (anonymous namespace)::run()", "take (app)",
	      "shop::order(int, char const*) (app) at shop.cc:12",
	      "(anonymous namespace)::run() (app)");
}

static void what_is_no_frame_is_left_out(void **state)
{
	(void)state;
	check(NULL, "", NULL, 0);
	CHECK(NULL, "main", "main (app)", "_start (app)"); /* all is compiled into it */
	CHECK(NULL, "", "(", ")", "()", "");
	CHECK(NULL, "run", "take (app)", "0x7f0012345678", "run (app)");
	CHECK(NULL, "b < c < d < e < f", "a (x)", "b (x)", "c (x)", "d (x)", "e (x)", "f (x)",
	      "g (x)");
}

static void what_is_too_long_is_cut(void **state)
{
	char place[PLACE_BYTES];

	(void)state;
	memset(&stack, 0, sizeof(stack));
	for (size_t i = 0; i < 7; i++)
		snprintf(stack.frame[i], sizeof(stack.frame[i]), "%0*d (x)", 150, 7);
	stack.n_frames = 7;
	place_of_taker(&stack, NULL, place);
	assert_int_equal(strlen(place), 4 * 60 + 3 * 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_functions_of_the_sdk_and_the_one_with_the_point_go),
		cmocka_unit_test(a_library_goes_as_a_whole),
		cmocka_unit_test(in_go_the_package_goes_however_it_is_called),
		cmocka_unit_test(names_have_what_brackets_they_like),
		cmocka_unit_test(what_is_no_frame_is_left_out),
		cmocka_unit_test(what_is_too_long_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
