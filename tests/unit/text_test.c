/* SPDX-License-Identifier: MIT */
/* text_test.c - hostile names and human numbers. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void assert_cleaned(const char *dirty, const char *clean)
{
	char ret[256];

	assert_int_equal(text_clean(dirty, SIZE_MAX, ret, sizeof(ret)), strlen(clean));
	assert_string_equal(ret, clean);
	assert_true(text_is_clean(ret));
	assert_int_equal(text_is_clean(dirty), !strcmp(dirty, clean));
}

static void ordinary_names_stay_as_they_are(void **state)
{
	(void)state;
	assert_cleaned("", "");
	assert_cleaned("HikariPool-1", "HikariPool-1");
	assert_cleaned("größe/日本語/😀", "größe/日本語/😀");
}

static void control_characters_become_question_marks(void **state)
{
	(void)state;
	assert_cleaned("a\nb\tc\033[31m\x7f", "a?b?c?[31m?");
	assert_cleaned("c1 \xc2\x9b"
		       "31m",
		       "c1 ?31m");
}

static void characters_that_hide_or_reorder_become_question_marks(void **state)
{
	(void)state;
	assert_cleaned("a\xe2\x80\xae"
		       "b",
		       "a?b"); /* U+202E */
	assert_cleaned("a\xe2\x81\xa6"
		       "b",
		       "a?b"); /* U+2066 */
	assert_cleaned("a\xe2\x80\x8b"
		       "b",
		       "a?b"); /* U+200B */
	assert_cleaned("a\xef\xbb\xbf"
		       "b",
		       "a?b"); /* U+FEFF */
	assert_cleaned("a\xe2\x80\xa8"
		       "b",
		       "a?b"); /* U+2028 */
	assert_cleaned("a\xf3\xa0\x81\x81"
		       "b",
		       "a?b"); /* U+E0041 */
}

static void invalid_utf8_becomes_question_marks(void **state)
{
	(void)state;
	assert_cleaned("\x80", "?");
	assert_cleaned("\xff\xfe", "??");
	assert_cleaned("\xc0\xaf", "??");	/* not the shortest form */
	assert_cleaned("\xe0\x80\xaf", "???");
	assert_cleaned("\xed\xa0\x80", "???");	/* surrogate */
	assert_cleaned("\xf4\x90\x80\x80", "????");	/* over U+10FFFF */
	assert_cleaned("a\xe2\x82", "a??");	/* cut off */
	assert_cleaned("\xe2x", "?x");
}

static void a_long_name_is_cut_between_characters(void **state)
{
	char ret[8];

	(void)state;
	assert_int_equal(text_clean("aaaaaaaaaa", SIZE_MAX, ret, sizeof(ret)), 7);
	assert_int_equal(text_clean("aaaaaaé", SIZE_MAX, ret, sizeof(ret)), 6);
	assert_string_equal(ret, "aaaaaa");
	assert_int_equal(text_clean("aaaaa😀", SIZE_MAX, ret, sizeof(ret)), 5);
	assert_int_equal(text_clean("abc", 2, ret, sizeof(ret)), 2);
	assert_int_equal(text_clean("aé", 2, ret, sizeof(ret)), 2);
	assert_string_equal(ret, "a?");
	assert_int_equal(text_clean("abc", SIZE_MAX, ret, 1), 0);
	assert_int_equal(text_clean(NULL, 5, ret, sizeof(ret)), 0);
}

/* Every buffer is as long as its content, so that ASan sees a byte read too far. */
static void random_bytes_always_come_out_clean(void **state)
{
	uint64_t seed = 23;

	(void)state;
	for (int i = 0; i < 100003; i++) {
		size_t n = (size_t)(i % 31);
		char *dirty = malloc(n + 1), ret[24];

		for (size_t k = 0; k < n; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			dirty[k] = (char)(seed >> 56);
		}
		dirty = realloc(dirty, n ? n : 1);
		text_clean(dirty, n, ret, sizeof(ret));
		assert_true(text_is_clean(ret));
		free(dirty);
	}
}

static void assert_duration(double s, const char *text)
{
	char ret[TEXT_NUMBER_BYTES];

	assert_string_equal(text_format_duration(s, ret), text);
}

static void durations_have_three_digits_and_a_unit(void **state)
{
	(void)state;
	assert_duration(0, "0");
	assert_duration(238e-9, "238ns");
	assert_duration(0.9996e-6, "1µs");
	assert_duration(1.25e-3, "1.25ms");
	assert_duration(12.34e-3, "12.3ms");
	assert_duration(0.25, "250ms");
	assert_duration(0.9999, "1s");
	assert_duration(42, "42s");
	assert_duration(59.99, "1m00s");
	assert_duration(185, "3m05s");
	assert_duration(3599.7, "1h00m");
	assert_duration(7265, "2h01m");
	assert_duration(187200, "2d04h");
	assert_duration(86399, "1d00h");
	assert_duration(NAN, "-");
	assert_duration(INFINITY, "-");
	assert_duration(-1, "-");
	assert_duration(1e300, "41666666666666d16h");
}

static void assert_count(double n, const char *text)
{
	char ret[TEXT_NUMBER_BYTES];

	assert_string_equal(text_format_count(n, ret), text);
}

static void counts_are_exact_until_they_are_long(void **state)
{
	char ret[TEXT_NUMBER_BYTES];

	(void)state;
	assert_count(0, "0");
	assert_count(0.25, "0.2");
	assert_count(9.99, "10");
	assert_count(17.5, "18");
	assert_count(99999, "99999");
	assert_count(100000, "100k");
	assert_count(999999, "1M");
	assert_count(1234567, "1.23M");
	assert_count(-1234567, "-1.23M");
	assert_count(1e300, "9999E");
	assert_count(NAN, "-");
	assert_string_equal(text_format_percent(0.854, ret), "85%");
	assert_string_equal(text_format_percent(NAN, ret), "-");
	assert_string_equal(text_format_bytes(5 << 20, ret), "5MiB");
	assert_string_equal(text_format_bytes(999, ret), "999B");
}

static void width_is_in_columns_not_bytes(void **state)
{
	size_t width;

	(void)state;
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("größe"), 5);
	assert_int_equal(text_width("日本"), 4);
	assert_int_equal(text_fit("日本", 3, &width), 3);
	assert_int_equal(width, 2);
	assert_int_equal(text_fit("abc", 0, &width), 0);
	setlocale(LC_CTYPE, "C");
	assert_int_equal(text_width("größe"), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_names_stay_as_they_are),
		cmocka_unit_test(control_characters_become_question_marks),
		cmocka_unit_test(characters_that_hide_or_reorder_become_question_marks),
		cmocka_unit_test(invalid_utf8_becomes_question_marks),
		cmocka_unit_test(a_long_name_is_cut_between_characters),
		cmocka_unit_test(random_bytes_always_come_out_clean),
		cmocka_unit_test(durations_have_three_digits_and_a_unit),
		cmocka_unit_test(counts_are_exact_until_they_are_long),
		cmocka_unit_test(width_is_in_columns_not_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
