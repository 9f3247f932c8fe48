/* SPDX-License-Identifier: MIT */
/* prose_test.c - sentences in lines of a terminal's width, and outputs that are drawn over each other. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/text.h"
#include "cmd/again.h"
#include "cmd/prose.h"

static void assert_prose(size_t at, size_t indent, size_t width, const char *text,
			 const char *expected)
{
	struct buffer b = { 0 };

	prose_write(&b, at, indent, width, text);
	assert_int_equal(b.error, 0);
	assert_string_equal(b.data, expected);
	buffer_done(&b);
}

static void without_a_terminal_a_sentence_is_one_line(void **state)
{
	(void)state;
	assert_prose(4, 4, 0, "as long  as it is", "as long  as it is\n");
}

static void lines_are_broken_between_words_and_begin_under_the_first(void **state)
{
	(void)state;
	assert_prose(4, 4, 24, "twenty columns of it and no more",
		     "twenty columns of it\n"
		     "    and no more\n");
	assert_prose(10, 4, 24, "twenty columns of it", /* beside a label that is longer than the indent */
		     "twenty columns\n"
		     "    of it\n");
}

static void a_word_that_no_line_has_room_for_is_broken(void **state)
{
	(void)state;
	assert_prose(2, 2, 22, "see /a/path/that/is/longer/than/a/line now",
		     "see\n"
		     "  /a/path/that/is/long\n"
		     "  er/than/a/line now\n");
}

static void no_line_is_wider_than_the_terminal(void **state)
{
	const char *const texts[] = {
		"日本語日本語日本語日本語日本語日本語日本語 größe 日本語 a", "",
		"e\xcc\x81\xcc\x81\xcc\x81 e\xcc\x81 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t width = 2; width < 60; width++) {
			struct buffer b = { 0 };
			char *next, *line;

			prose_write(&b, 0, 7, width, texts[i]);
			assert_int_equal(b.error, 0);
			next = b.data;
			while ((line = strsep(&next, "\n")))
				assert_true(text_width(line) <= width);
			buffer_done(&b);
		}
	}
}

static void assert_drawn(const char *text, size_t width, size_t height, const char *expected)
{
	struct buffer b = { 0 };

	again_draw(&b, text, width, height);
	assert_int_equal(b.error, 0);
	assert_string_equal(b.data, expected);
	buffer_done(&b);
}

static void an_output_is_drawn_over_the_one_before_and_leaves_nothing_of_it(void **state)
{
	(void)state;
	assert_drawn("one\ntwo\n", 80, 24, "\033[Hone\033[K\ntwo\033[K\n\033[J");
	assert_drawn("", 80, 24, "\033[H\033[J");
}

static void what_does_not_fit_on_the_screen_is_cut_and_told(void **state)
{
	(void)state;
	assert_drawn("1\n2\n3\n4\n", 80, 3, "\033[H1\033[K\n2\033[K\n(2 lines more)\033[J");
	assert_drawn("1\n2\n3\n", 80, 3, "\033[H1\033[K\n2\033[K\n3\033[K\033[J");
	assert_drawn("日本語日本語\n", 7, 3, "\033[H日本語…\033[K\n\033[J");
	assert_drawn("1\n2\n", 4, 1, "\033[H(2 …\033[J");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_terminal_a_sentence_is_one_line),
		cmocka_unit_test(lines_are_broken_between_words_and_begin_under_the_first),
		cmocka_unit_test(a_word_that_no_line_has_room_for_is_broken),
		cmocka_unit_test(no_line_is_wider_than_the_terminal),
		cmocka_unit_test(an_output_is_drawn_over_the_one_before_and_leaves_nothing_of_it),
		cmocka_unit_test(what_does_not_fit_on_the_screen_is_cut_and_told),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
