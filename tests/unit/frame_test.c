/* SPDX-License-Identifier: MIT */
/* frame_test.c - pictures for a terminal: cutting, wide characters, bars and trends, and how they are printed. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "term/frame.h"

static struct frame f;

static int begin(void **state)
{
	(void)state;
	f.is_ascii = false;
	return frame_begin(&f, 12, 2);
}

static int end(void **state)
{
	(void)state;
	frame_done(&f);
	return 0;
}

static void assert_frame(bool with_meanings, const char *expected)
{
	struct buffer text = { 0 };

	frame_print(&f, with_meanings, &text);
	assert_int_equal(text.error, 0);
	assert_string_equal(text.data, expected);
	buffer_done(&text);
}

static void text_ends_with_an_ellipsis_where_it_does_not_fit(void **state)
{
	(void)state;
	assert_int_equal(frame_text(&f, 0, 1, 5, MEANS_PLAIN, "orders"), 5);
	assert_int_equal(frame_text(&f, 0, 7, 5, MEANS_PLAIN, "users"), 5);
	assert_int_equal(frame_text_right(&f, 1, 0, 6, MEANS_PLAIN, "42"), 6);
	assert_int_equal(frame_text(&f, 1, 7, 0, MEANS_PLAIN, "none"), 0);
	assert_frame(false, " orde… users\n    42\n");
	f.is_ascii = true;
	frame_text(&f, 0, 1, 5, MEANS_PLAIN, "ordérs");
	frame_text(&f, 1, 7, 5, MEANS_PLAIN, "é");
	assert_frame(false, " ord?~ users\n    42 ?\n");
	frame_text(&f, 0, 0, 12, MEANS_PLAIN, "122µs ≤ 4… ");
	assert_frame(false, "122us < 4~ s\n    42 ?\n");
}

static void what_lies_outside_is_cut(void **state)
{
	(void)state;
	frame_text(&f, -1, 0, 12, MEANS_PLAIN, "above");
	frame_text(&f, 2, 0, 12, MEANS_PLAIN, "below");
	frame_text(&f, 0, -3, 12, MEANS_PLAIN, "abcdef");
	frame_text(&f, 1, 10, 12, MEANS_PLAIN, "uvwxyz");
	frame_bar(&f, 1, -2, 4, MEANS_PLAIN, 1);
	frame_mean(&f, 5, 0, 12, MEANS_GOOD);
	frame_choose(&f, -1);
	assert_frame(false, "def\n██        uv\n");
}

static void a_wide_character_is_whole_or_not_there(void **state)
{
	(void)state;
	frame_text(&f, 0, 0, 12, MEANS_PLAIN, "日本語x");
	frame_text(&f, 0, 1, 1, MEANS_PLAIN, "-"); /* the right half of the first */
	frame_text(&f, 0, 4, 1, MEANS_PLAIN, "-"); /* the left half of the third */
	frame_text(&f, 1, 11, 4, MEANS_PLAIN, "本");
	frame_text(&f, 1, 0, 4, MEANS_PLAIN, "日本語");
	assert_frame(false, " -本- x\n日…\n");
}

static void what_takes_no_column_is_left_out(void **state)
{
	(void)state;
	frame_text(&f, 0, 0, 12, MEANS_PLAIN, "e\xcc\x81\xcc\x81\xcc\x81x");
	assert_frame(false, "ex\n\n");
}

static void a_bar_has_eighths_of_a_column(void **state)
{
	(void)state;
	frame_bar(&f, 0, 0, 4, MEANS_PLAIN, 0.5);
	frame_bar(&f, 0, 4, 4, MEANS_PLAIN, 0.28125);
	frame_bar(&f, 0, 8, 4, MEANS_PLAIN, 7);
	frame_bar(&f, 1, 0, 4, MEANS_PLAIN, 0.0001);
	frame_bar(&f, 1, 4, 4, MEANS_PLAIN, 0);
	frame_bar(&f, 1, 8, 4, MEANS_PLAIN, NAN);
	assert_frame(false, "██··█▏··████\n▏·······\n");
	f.is_ascii = true;
	frame_bar(&f, 0, 0, 4, MEANS_PLAIN, 0.5);
	frame_bar(&f, 0, 4, 4, MEANS_PLAIN, 0.28125);
	frame_bar(&f, 0, 8, 4, MEANS_PLAIN, 1);
	frame_bar(&f, 1, 0, 4, MEANS_PLAIN, 0.0001);
	frame_bar(&f, 1, 4, 4, MEANS_PLAIN, 0);
	assert_frame(false, "##..#-..####\n-.......\n");
}

static void a_trend_ends_at_the_right(void **state)
{
	const double value[] = { 1, 1, 0, 0.001, 0.5, NAN, 1 };

	(void)state;
	frame_trend(&f, 0, 0, 5, MEANS_PLAIN, value, 7);
	frame_trend(&f, 1, 0, 12, MEANS_PLAIN, value, 7);
	assert_frame(false, "_▁▄ █\n     ██_▁▄ █\n");
	f.is_ascii = true;
	frame_trend(&f, 0, 0, 5, MEANS_PLAIN, value, 7);
	frame_trend(&f, 1, 0, 12, MEANS_PLAIN, value, 7);
	assert_frame(false, "_.= @\n     @@_.= @\n");
}

static void meanings_stand_below_their_cells(void **state)
{
	(void)state;
	frame_text(&f, 0, 0, 4, MEANS_WARNING, "full");
	frame_text(&f, 0, 5, 4, MEANS_PLAIN, "calm");
	frame_text(&f, 1, 0, 4, MEANS_PLAIN, "row");
	frame_mean(&f, 1, 2, 1, MEANS_CRITICAL);
	frame_choose(&f, 1);
	assert_frame(true, "|full calm\n:wwww\n|row\n:==C=========\n");
}

static void a_frame_may_change_its_size(void **state)
{
	(void)state;
	frame_text(&f, 1, 0, 12, MEANS_PLAIN, "old");
	assert_int_equal(frame_begin(&f, 3, 1), 0);
	frame_text(&f, 0, 0, 12, MEANS_PLAIN, "new one");
	assert_frame(false, "new\n");
	assert_int_equal(frame_begin(&f, 0, 24), 0);
	frame_text(&f, 0, 0, 12, MEANS_PLAIN, "nothing");
	frame_choose(&f, 0);
	assert_int_equal(f.height, 0);
	assert_int_equal(frame_begin(&f, 200, 60), 0);
	frame_text(&f, 59, 199, 1, MEANS_PLAIN, "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
		TEST(text_ends_with_an_ellipsis_where_it_does_not_fit),
		TEST(what_lies_outside_is_cut),
		TEST(a_wide_character_is_whole_or_not_there),
		TEST(what_takes_no_column_is_left_out),
		TEST(a_bar_has_eighths_of_a_column),
		TEST(a_trend_ends_at_the_right),
		TEST(meanings_stand_below_their_cells),
		TEST(a_frame_may_change_its_size),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
