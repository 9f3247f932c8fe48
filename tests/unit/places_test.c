/* SPDX-License-Identifier: MIT */
/* places_test.c - names for addresses of this very process, whose variables and functions the compiler has told us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "discover/places.h"

struct pair {
	int first, second;
};

static struct pair in_data = { 1, 2 }, in_bss;

static void a_variable_is_named_with_its_file(void **state)
{
	char name[PLACE_BYTES];

	(void)state;
	assert_int_equal(place_of_data((uint32_t)getpid(), (uintptr_t)&in_data, name), 0);
	assert_string_equal(name, "places_test:in_data");
	assert_int_equal(place_of_data((uint32_t)getpid(), (uintptr_t)&in_bss, name), 0);
	assert_string_equal(name, "places_test:in_bss");
	assert_int_equal(place_of_data((uint32_t)getpid(), (uintptr_t)&in_bss.second, name), 0);
	assert_string_equal(name, "places_test:in_bss+4");
}

static void a_variable_of_a_library_is_named_or_numbered(void **state)
{
	char name[PLACE_BYTES];

	(void)state;
	assert_int_equal(place_of_data((uint32_t)getpid(), (uintptr_t)&stdout, name), 0);
	assert_non_null(strstr(name, "stdout")); /* copied into the program, or libc's own */
	assert_int_equal(place_of_data((uint32_t)getpid(), (uintptr_t)stdout, name), 0);
	assert_int_equal(strncmp(name, "libc", 4), 0);
}

static void memory_of_no_file_has_no_name(void **state)
{
	char name[PLACE_BYTES];
	int on_stack = 0, *on_heap = malloc(sizeof(*on_heap));

	(void)state;
	assert_int_equal(place_of_data((uint32_t)getpid(), (uintptr_t)&on_stack, name), -ENOENT);
	assert_int_equal(place_of_data((uint32_t)getpid(), (uintptr_t)on_heap, name), -ENOENT);
	assert_int_equal(place_of_data((uint32_t)getpid(), 8, name), -ENOENT);
	assert_int_equal(place_of_data(1u << 30, 8, name), -ESRCH);
	free(on_heap);
}

static __attribute__((noinline)) uint64_t where_i_was_called(void)
{
	return (uintptr_t)__builtin_return_address(0);
}

static __attribute__((noinline)) uint64_t caller(void)
{
	uint64_t at = where_i_was_called();

	__asm__ volatile("" : "+r"(at));
	return at;
}

static void return_addresses_are_told_from_other_words(void **state)
{
	char place[4][PLACE_BYTES];
	uint64_t word[] = { 0,        7,          (uintptr_t)&in_data, (uintptr_t)&caller, /* a function, but behind no call */
			    caller(), UINT64_MAX, (uintptr_t)&word,    where_i_was_called() };

	(void)state;
	assert_int_equal(
		places_of_stack((uint32_t)getpid(), word, sizeof(word) / sizeof(*word), place, 4),
		2);
	assert_string_equal(place[0], "caller (places_test)");
	assert_string_equal(place[1], "return_addresses_are_told_from_other_words (places_test)");
	assert_int_equal(
		places_of_stack((uint32_t)getpid(), word, sizeof(word) / sizeof(*word), place, 1),
		1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_variable_is_named_with_its_file),
		cmocka_unit_test(a_variable_of_a_library_is_named_or_numbered),
		cmocka_unit_test(memory_of_no_file_has_no_name),
		cmocka_unit_test(return_addresses_are_told_from_other_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
