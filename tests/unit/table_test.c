/* SPDX-License-Identifier: MIT */
/* table_test.c - aligned tables, cut to a width. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/text.h"
#include "cmd/table.h"

#define E "e\xcc\x81" /* two characters, one column */

static const struct column columns[] = {
	{ "NAME", false, 0, 8 },
	{ "N", true, 2, 0 },
	{ "MORE", false, 1, 0 },
	{ "TEXT", false, 0, 0 },
};

static void assert_table(const char *const *cell, size_t n, size_t width, const char *expected)
{
	struct buffer text = { 0 };
	struct table t;

	table_init(&t, columns, 4);
	for (size_t i = 0; i < n; i++)
		table_add(&t, cell[i]);
	assert_int_equal(table_write(&t, width, &text), 0);
	assert_string_equal(text.data, expected);
	buffer_done(&text);
	table_done(&t);
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
	const char *const cell[] = { "a", "1", "x", "first", "größe-日本", "1000", NULL, "second" };

	(void)state;
	assert_table(cell, 8, 0,
		     "NAME           N  MORE  TEXT\n"
		     "a              1  x     first\n"
		     "größe-日本  1000  -     second\n");
}

static void names_are_cut_first_and_no_more_than_is_needed(void **state)
{
	const char *const cell[] = { "a-very-long-name", "1", "x", "the pool is too small" };

	(void)state;
	assert_table(cell, 4, 48,
		     "NAME              N  MORE  TEXT\n"
		     "a-very-long-name  1  x     the pool is too small\n");
	assert_table(cell, 4, 46,
		     "NAME            N  MORE  TEXT\n"
		     "a-very-long-n…  1  x     the pool is too small\n");
	assert_table(cell, 4, 40,
		     "NAME      N  MORE  TEXT\n"
		     "a-very-…  1  x     the pool is too small\n");
}

/* A character of two columns is left out where only one is left, and what takes no column stays with what it belongs to. */
static void wide_and_combining_characters_are_cut_between_characters(void **state)
{
	const char *const wide[] = { "日本語日本語日本語", "1", "x", "the pool is too small" };
	const char *const combining[] = { "n" E E E E E E E E, "1", "x", "the pool is too small" };

	(void)state;
	assert_table(wide, 4, 40,
		     "NAME      N  MORE  TEXT\n"
		     "日本語…   1  x     the pool is too small\n");
	assert_table(combining, 4, 40,
		     "NAME      N  MORE  TEXT\n"
		     "n" E E E E E E "…  1  x     the pool is too small\n");
}

static void a_narrow_terminal_loses_the_least_important_columns_first(void **state)
{
	const char *const cell[] = { "a-long-name", "1", "x",
				     "a text that is longer than the line has room for" };

	(void)state;
	assert_table(cell, 4, 40,
		     "NAME      MORE  TEXT\n"
		     "a-long-…  x     a text that is longer t…\n");
	assert_table(cell, 4, 36,
		     "NAME      TEXT\n"
		     "a-long-…  a text that is longer tha…\n");
	assert_table(cell, 4, 20,
		     "NAME    TEXT\n"
		     "a-lon…  a text that…\n");
	assert_table(cell, 4, 1,
		     "NAME    …\n"
		     "a-lon…  …\n");
}

static void hostile_cells_cannot_break_lines_or_speak_to_the_terminal(void **state)
{
	const char *const cell[] = { "a\nb", "\033[2J", "\xff", "\xe2\x80\xae!" };

	(void)state;
	assert_table(cell, 4, 0,
		     "NAME     N  MORE  TEXT\n"
		     "a?b   ?[2J  ?     ?!\n");
}

static void every_line_keeps_within_the_width(void **state)
{
	const char *const cell[] = { "日本語日本語日本語", "123456", "größe größe",
				     "日本語日本語日本語日本語日本語日本語" };

	(void)state;
	for (size_t width = 16; width < 120; width++) {
		struct buffer text = { 0 };
		struct table t;
		char *next, *line;

		table_init(&t, columns, 4);
		t.indent = 2;
		for (size_t i = 0; i < 4; i++)
			table_add(&t, cell[i]);
		assert_int_equal(table_write(&t, width, &text), 0);
		next = text.data;
		while ((line = strsep(&next, "\n")))
			assert_true(text_width(line) <= width);
		buffer_done(&text);
		table_done(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
		cmocka_unit_test(names_are_cut_first_and_no_more_than_is_needed),
		cmocka_unit_test(wide_and_combining_characters_are_cut_between_characters),
		cmocka_unit_test(a_narrow_terminal_loses_the_least_important_columns_first),
		cmocka_unit_test(hostile_cells_cannot_break_lines_or_speak_to_the_terminal),
		cmocka_unit_test(every_line_keeps_within_the_width),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
