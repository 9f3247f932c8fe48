/* SPDX-License-Identifier: MIT */
/* top_list_test.c - the table of `top`: which columns fit, what stands in them, the lines of an answer, and the files that remember. */
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buffer.h"
#include "base/diag.h"
#include "term/frame.h"
#include "term/screen.h"
#include "top/header.h"
#include "top/list.h"
#include "top/prefs.h"

static struct list list;
static struct state s;
static struct frame f;
static struct buffer text;

static int begin(void **state)
{
	(void)state;
	state_init(&s);
	return 0;
}

static int end(void **state)
{
	(void)state;
	list_done(&list);
	frame_done(&f);
	buffer_done(&text);
	return 0;
}

static void take(const char *answer)
{
	json_t *json = json_loads(answer, 0, NULL);

	assert_non_null(json);
	assert_int_equal(list_take(&list, json), 0);
	state_answer(&s, &list.lines);
}

static const char *draw(int width, int height, bool with_meanings)
{
	buffer_done(&text);
	assert_int_equal(frame_begin(&f, width, height), 0);
	list_draw(&list, &s, &f, 0, height, true);
	frame_print(&f, with_meanings, &text);
	assert_int_equal(text.error, 0);
	return text.data;
}

static void assert_has(const char *where, const char *what)
{
	if (!strstr(where, what))
		fail_msg("'%s' is not in:\n%s", what, where);
}

static const char one_pool[] =
	"{\"pools\":[{\"id\":7,\"name\":\"orders\",\"process\":\"shop\",\"kind\":\"connection\",\"source\":\"usdt\","
	"\"endpoint\":\"10.0.0.1:5432\",\"capacity\":10,\"in_use\":10,\"pending\":3,\"utilization\":0.97,"
	"\"acquires_per_second\":118.2,\"timeouts_per_second\":null,\"oldest_wait_seconds\":1.5,"
	"\"wait\":{\"p50_seconds\":0.000012,\"p99_seconds\":0.25},\"hold\":null,\"trusted\":true,"
	"\"verdict\":\"3 of 10\",\"findings\":[{\"severity\":\"info\",\"type\":\"churn\"},{\"severity\":\"critical\",\"type\":\"leak\"}],"
	"\"trend\":[null,0,0.5,1]}],\"first\":0,\"chosen\":1,\"total\":1}";

static void a_narrow_terminal_has_what_matters(void **state)
{
	const char *picture;

	(void)state;
	take(one_pool);
	picture = draw(80, 3, false);
	assert_has(picture, "POOL");
	assert_has(picture, "VERDICT");
	assert_has(picture, "shop");
	assert_has(picture, "leak: 3 of 10");
	assert_has(picture, "250ms");
	assert_has(picture, "97%");
	assert_null(strstr(picture, "ENDPOINT"));
	picture = draw(30, 3, false);
	assert_has(picture, "POOL");
	assert_has(picture, "VERDICT");
	assert_null(strstr(picture, "PEND"));
	draw(1, 1, false);
}

static void a_wide_terminal_has_all(void **state)
{
	const char *picture;

	(void)state;
	take(one_pool);
	picture = draw(240, 3, false);
	for (int i = 0; i < COLUMN_COUNT; i++) {
		if (s.is_shown[i])
			assert_has(picture, column_title((enum column)i));
	}
	assert_has(picture, " 12µs");
	assert_has(picture, " 1.5s");
	assert_has(picture, "10.0.0.1:5432");
	assert_has(picture, "VERDICT▾");
}

static void no_two_columns_overlap_at_any_width(void **state)
{
	struct layout l;

	(void)state;
	for (int i = 0; i < COLUMN_COUNT; i++)
		s.is_shown[i] = true;
	for (int width = 1; width < 400; width++) {
		int x = 0;

		layout_make(&l, s.is_shown, width);
		assert_int_equal(l.place[l.n - 1].column, COLUMN_VERDICT);
		for (int i = 0; i < l.n; i++) {
			assert_int_equal(l.place[i].x, x);
			x += l.place[i].width + 1;
		}
		assert_true(x - 1 <= width || l.n == 2);
	}
}

static void what_is_not_known_is_a_dash_and_colour_is_of_severity(void **state)
{
	(void)state;
	take(one_pool);
	for (int i = 0; i < COLUMN_COUNT; i++)
		s.is_shown[i] = i == COLUMN_TIMEOUTS || i == COLUMN_HOLD_P99;
	assert_string_equal(draw(52, 2, true),
			    "|POOL             HOLD99 TMO/s VERDICT▾\n"
			    ":hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh\n"
			    "|orders                -     - leak: 3 of 10\n"
			    ":CCCCCC================D=====D=CCCCCCCCCCCCC=========\n");
}

static void a_trend_ends_with_the_newest(void **state)
{
	(void)state;
	take(one_pool);
	for (int i = 0; i < COLUMN_COUNT; i++)
		s.is_shown[i] = i == COLUMN_TREND;
	assert_has(draw(60, 2, false), " █ leak");
}

static const char groups[] =
	"{\"pools\":[{\"id\":1,\"name\":\"a\",\"process\":\"shop\",\"group\":0,\"trusted\":true,\"verdict\":\"healthy\"},"
	"{\"id\":2,\"name\":\"b\",\"process\":\"web\",\"group\":1,\"trusted\":false,\"verdict\":\"healthy\"}],"
	"\"groups\":[{\"by\":\"process\",\"name\":\"shop\",\"pid\":10,\"line\":-1,\"pools\":3,\"sick\":0},"
	"{\"by\":\"process\",\"name\":\"web\",\"pid\":20,\"line\":1,\"pools\":1,\"sick\":1,\"in_use\":4,\"capacity\":8,"
	"\"pending\":0,\"acquires_per_second\":12,\"severity\":\"warning\"}],"
	"\"first\":2,\"chosen\":5,\"total\":4}";

static void headings_stand_where_the_answer_says(void **state)
{
	const char *picture;

	(void)state;
	s.group = GROUP_PROCESS;
	take(groups);
	assert_int_equal(list.lines.n, 3);
	assert_int_equal(list.lines.line[0].pool, 1);
	assert_int_equal(list.lines.line[1].pool, 0);
	assert_string_equal(list.lines.line[1].of, "20");
	assert_int_equal(list.lines.line[2].pool, 2);
	picture = draw(80, 4, false);
	assert_has(picture, "▾ web (20)");
	assert_has(picture, "1 pool, 1 sick");
	assert_has(picture, "  web");
	assert_has(picture, "(untrusted)");
}

static void an_answer_that_makes_no_sense_is_drawn_as_far_as_it_does(void **state)
{
	static const char *const answers[] = {
		"{}",
		"{\"pools\":7,\"groups\":\"x\",\"first\":-3}",
		"{\"pools\":[null,7,{}],\"chosen\":\"many\"}",
		"{\"pools\":[{\"id\":-1,\"group\":99}],\"groups\":[{\"line\":99},{\"line\":0,\"pid\":1e300},5],\"chosen\":1}",
		"{\"pools\":[{\"id\":1,\"trend\":[1,\"x\",7,-4,null],\"in_use\":1e30,\"capacity\":-1}],\"chosen\":99,\"first\":98}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		s.group = GROUP_PROCESS;
		take(answers[i]);
		draw(120, 5, true);
		list_draw_choice(&list, &s, &f, 0);
		header_draw(&f, 0, list_summary(&list), "");
		state_key(&s, &list.lines, KEY_IS_DOWN);
		state_key(&s, &list.lines, KEY_IS_END);
	}
}

/* A cell that is no character of its own place would be one that moved the cursor. */
static void a_hostile_name_stays_in_its_cells(void **state)
{
	(void)state;
	take("{\"pools\":[{\"id\":1,\"name\":\"?[2J?]0;x?\",\"process\":\"\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587\u4e2d\",\"trusted\":true,"
	     "\"verdict\":\"e\u0301\u0301\u0301healthy\"}],\"chosen\":1,\"total\":1}");
	draw(80, 2, false);
	for (int i = 0; i < f.width * f.height; i++)
		assert_true(f.cell[i].character == 0 || f.cell[i].character >= ' ');
	assert_int_equal(f.cell[f.width + 6].character, 0x6587);
	assert_int_equal(f.cell[f.width + 10].character, 0x2026);
	assert_int_equal(f.cell[f.width + 12].character, '?'); /* the next column is where it was */
}

/* ---- what is remembered ---------------------------------------------------------------------------------------------------- */

static int parse(const char *file, bool ret[static COLUMN_COUNT], struct diag *d)
{
	columns_default(ret);
	return prefs_parse(file, strlen(file), ret, d);
}

static void columns_are_remembered_as_they_were(void **state)
{
	bool shown[COLUMN_COUNT] = { 0 }, again[COLUMN_COUNT];
	struct diag d = { 0 };

	(void)state;
	shown[COLUMN_PID] = shown[COLUMN_TREND] = true;
	prefs_format(shown, &text);
	assert_int_equal(parse(text.data, again, &d), 0);
	assert_memory_equal(shown, again, sizeof(shown));
	assert_int_equal(parse("# nothing\n\n", again, &d), 0);
	columns_default(shown);
	assert_memory_equal(shown, again, sizeof(shown));
}

static void a_broken_file_is_refused_by_line(void **state)
{
	static const struct {
		const char *file, *text;
		unsigned int line;
	} cases[] = {
		{ "columns = pool\ncolumns = nonsense", "no column 'nonsense'", 2 },
		{ "colours = red\n", "found 'colours'", 1 },
		{ "\n\ncolumns pool\n", "expected '='", 3 },
		{ "columns = \x1b[2Jpool", "no column '?[2Jpool'", 1 },
	};
	bool shown[COLUMN_COUNT], before[COLUMN_COUNT];

	(void)state;
	columns_default(before);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag d = { 0 };

		assert_int_equal(parse(cases[i].file, shown, &d), -EINVAL);
		assert_int_equal(d.line, cases[i].line);
		assert_has(d.text, cases[i].text);
		assert_memory_equal(shown, before, sizeof(shown));
	}
}

static void the_file_is_replaced_as_a_whole_and_read_again(void **state)
{
	char folder[] = "/tmp/poolscope-prefs.XXXXXX", path[256];
	bool shown[COLUMN_COUNT] = { 0 }, again[COLUMN_COUNT];
	struct diag d = { 0 };

	(void)state;
	assert_non_null(mkdtemp(folder));
	setenv("XDG_CONFIG_HOME", folder, 1);
	columns_default(again);
	assert_int_equal(prefs_read(again, &d), 0); /* there is none */
	assert_string_equal(d.text, "");
	shown[COLUMN_KIND] = true;
	assert_int_equal(prefs_write(shown, &d), 0);
	assert_int_equal(prefs_write(shown, &d), 0);
	assert_int_equal(prefs_read(again, &d), 0);
	assert_memory_equal(shown, again, sizeof(shown));

	assert_int_equal(prefs_path(path, sizeof(path)), 0);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0); /* it would never end */
	assert_int_equal(prefs_read(again, &d), -EINVAL);
	assert_has(d.text, path);
	assert_has(d.text, "it is no file");
	assert_true(prefs_write(shown, &d) < 0);
	unlink(path);
	snprintf(path, sizeof(path), "%s/poolscope", folder);
	rmdir(path);
	rmdir(folder);
	setenv("XDG_CONFIG_HOME", "relative", 1);
	unsetenv("HOME");
	assert_int_equal(prefs_path(path, sizeof(path)), -ENOENT);
	assert_true(prefs_write(shown, &d) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
		CASE(a_narrow_terminal_has_what_matters),
		CASE(a_wide_terminal_has_all),
		CASE(no_two_columns_overlap_at_any_width),
		CASE(what_is_not_known_is_a_dash_and_colour_is_of_severity),
		CASE(a_trend_ends_with_the_newest),
		CASE(headings_stand_where_the_answer_says),
		CASE(an_answer_that_makes_no_sense_is_drawn_as_far_as_it_does),
		CASE(a_hostile_name_stays_in_its_cells),
		CASE(columns_are_remembered_as_they_were),
		CASE(a_broken_file_is_refused_by_line),
		CASE(the_file_is_replaced_as_a_whole_and_read_again),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
