/* SPDX-License-Identifier: MIT */
/* progress_line_test.c - how far long work is, on one line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/command.h"
#include "cmd/progress_line.h"

static void assert_line(size_t width, const char *what, uint64_t done, uint64_t of,
			const char *expected)
{
	char text[64];

	assert_int_equal(progress_format(text, sizeof(text), width, what, done, of),
			 strlen(expected));
	assert_string_equal(text, expected);
}

static void it_says_how_much_of_how_much(void **state)
{
	(void)state;
	assert_line(79, "processes", 37, 412, "\r\033[Kprocesses: 37 of 412");
	assert_line(79, "loading", 0, 0, "\r\033[Kloading");
}

static void it_keeps_within_the_terminal_and_its_room(void **state)
{
	(void)state;
	assert_line(9, "processes", 37, 412, "\r\033[Kprocesses");
	assert_line(200, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		    1, 2, "\r\033[Kxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

/* stderr of a test is no terminal; and where it is one, JSON was asked for */
static void who_is_no_person_sees_nothing(void **state)
{
	const struct invocation in = { .is_json = true };
	struct progress_line p;

	(void)state;
	progress_begin(&p, &in);
	assert_false(p.is_on);
	meter_tell(&p.meter, "x", 1, 2);
	meter_tell(NULL, "x", 1, 2);
	progress_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_how_much_of_how_much),
		cmocka_unit_test(it_keeps_within_the_terminal_and_its_room),
		cmocka_unit_test(who_is_no_person_sees_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
