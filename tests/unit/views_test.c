/* SPDX-License-Identifier: MIT */
/*
 * views_test.c - what the views of one pool, of findings and of stalls draw, from answers of a real agent in tests/golden/views/NAME.json. Each frame
 * is held against tests/golden/views/NAME-WIDTHxHEIGHT.txt; `make golden-views` writes them anew, for a person to read the difference.
 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buffer.h"
#include "base/hist.h"
#include "term/frame.h"
#include "term/screen.h"
#include "top/findings_view.h"
#include "top/hist_draw.h"
#include "top/page.h"
#include "top/pool_view.h"
#include "top/refs_page.h"
#include "top/stalls_view.h"

#define GOLDEN "tests/golden/views/"

/* ---- golden frames --------------------------------------------------------------------------------------------------------- */

static void read_file(const char *path, struct buffer *ret)
{
	FILE *f = fopen(path, "r");
	char piece[4096];
	size_t n;

	if (!f)
		fail_msg("%s: %s; make golden-views writes it", path, strerror(errno));
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buffer_add(ret, piece, n);
	fclose(f);
}

static void write_file(const char *path, const struct buffer *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text->data, 1, text->n, f), text->n);
	assert_int_equal(fclose(f), 0);
}

static void compare(const char *name, const struct frame *f)
{
	struct buffer text = { 0 }, expected = { 0 };
	char path[128];

	snprintf(path, sizeof(path), GOLDEN "%s-%dx%d.txt", name, f->width, f->height);
	frame_print(f, true, &text);
	assert_int_equal(text.error, 0);
	if (getenv("GOLDEN_WRITE"))
		write_file(path, &text);
	read_file(path, &expected);
	if (strcmp(text.data, expected.data) != 0)
		fail_msg("%s is not what is drawn:\n%s", path, text.data);
	buffer_done(&text);
	buffer_done(&expected);
}

static json_t *load(const char *name)
{
	char path[128];
	json_error_t error;
	json_t *answers;

	snprintf(path, sizeof(path), GOLDEN "%s.json", name);
	answers = json_load_file(path, 0, &error);
	if (!answers)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	return answers;
}

/* The line of help below a view, and the header above it, are the program's. */
static void draw_pool(struct pool_view *v, struct frame *f, int width, int height)
{
	assert_int_equal(frame_begin(f, width, height), 0);
	pool_view_draw(v, f, 1, height - 1);
}

static void view_pool(const json_t *answers, struct pool_view *ret)
{
	json_t *before = json_object_get(answers, "before"),
	       *trend = json_object_get(answers, "trend");

	*ret = (struct pool_view){ 0 };
	pool_view_open(ret, (uint64_t)json_integer_value(
				    json_object_get(json_object_get(answers, "pool"), "id")));
	ret->pool = json_deep_copy(json_object_get(answers, "pool"));
	ret->row = json_pack("{s:O*}", "trend", trend);
	ret->findings = json_incref(json_object_get(answers, "findings"));
	ret->stalls = json_incref(json_object_get(answers, "stalls"));
	ret->probes = json_incref(json_object_get(answers, "probes"));
	ret->now = json_number_value(json_object_get(answers, "now"));
	if (before) {
		assert_int_equal(sizing_feed(&ret->sizing, before), 0);
		assert_int_equal(sizing_feed(&ret->sizing, ret->pool), 0);
		assert_int_equal(sizing_advise(&ret->sizing, &ret->advice), 0);
		ret->has_advice = true;
	}
}

static void draw_pool_in_sizes(const char *name)
{
	json_t *answers = load(name);
	struct frame f = { 0 };
	struct pool_view v;
	char stacks[64], rest[64];

	snprintf(stacks, sizeof(stacks), "%s-stacks", name);
	snprintf(rest, sizeof(rest), "%s-whole", name);
	view_pool(answers, &v);
	draw_pool(&v, &f, 80, 24);
	compare(name, &f);
	draw_pool(&v, &f, 120, 40);
	compare(name, &f);
	draw_pool(&v, &f, 100, 140);
	compare(rest, &f);
	v.has_stacks = true;
	draw_pool(&v, &f, 80, 24);
	compare(stacks, &f);
	pool_view_done(&v);
	frame_done(&f);
	json_decref(answers);
}

static void a_leak_shows_who_holds_first(void **state)
{
	(void)state;
	draw_pool_in_sizes("leak");
}

static void a_deadlock_shows_who_waits_while_holding_first(void **state)
{
	(void)state;
	draw_pool_in_sizes("deadlock");
}

static void a_pool_that_is_too_small_shows_its_size_first(void **state)
{
	(void)state;
	draw_pool_in_sizes("too-small");
}

static void a_stall_shows_the_stalls_first(void **state)
{
	(void)state;
	draw_pool_in_sizes("stall");
}

static void slow_holders_are_shown_first(void **state)
{
	(void)state;
	draw_pool_in_sizes("slow-holders");
}

static void findings_are_a_list_and_the_chosen_one(void **state)
{
	json_t *leak = load("leak"), *deadlock = load("deadlock"), *list = json_array();
	struct findings_view v = { .now = json_number_value(json_object_get(leak, "now")) };
	struct frame f = { 0 };

	(void)state;
	json_array_extend(list, json_object_get(deadlock, "findings"));
	json_array_extend(list, json_object_get(leak, "findings"));
	v.findings = json_pack("{s:o}", "findings", list);
	frame_begin(&f, 80, 24);
	findings_view_draw(&v, &f, 1, 23);
	compare("findings", &f);
	assert_true(findings_view_key(&v, KEY_IS_DOWN));
	frame_begin(&f, 120, 40);
	findings_view_draw(&v, &f, 1, 39);
	compare("findings", &f);
	findings_view_done(&v);
	frame_done(&f);
	json_decref(leak);
	json_decref(deadlock);
}

static void stalls_are_as_the_command_has_them(void **state)
{
	json_t *stall = load("stall");
	struct stalls_view v = { .stalls = json_pack("{s:O}", "stalls",
						     json_object_get(stall, "stalls")) };
	struct frame f = { 0 };

	(void)state;
	frame_begin(&f, 80, 24);
	stalls_view_draw(&v, &f, 1, 23);
	compare("stalls", &f);
	stalls_view_done(&v);
	frame_done(&f);
	json_decref(stall);
}

/* ---- what is not known, too much, too long ---------------------------------------------------------------------------------- */

static char *text_of(const struct frame *f)
{
	struct buffer text = { 0 };

	frame_print(f, false, &text);
	assert_int_equal(text.error, 0);
	return text.data;
}

static void draw_small_and_large(struct pool_view *v)
{
	static const int sizes[][2] = { { 20, 3 }, { 1, 1 }, { 80, 24 }, { 11, 40 }, { 200, 60 } };
	struct frame f = { 0 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int with_stacks = 0; with_stacks < 2; with_stacks++) {
			v->has_stacks = with_stacks;
			draw_pool(v, &f, sizes[i][0], sizes[i][1]);
			for (int k = 0; k < 12; k++) {
				pool_view_key(v, k % 2 ? '\t' : KEY_IS_PAGE_DOWN);
				draw_pool(v, &f, sizes[i][0], sizes[i][1]);
			}
		}
	}
	frame_done(&f);
}

/* The same answer with null for each value, down to the depth of an object. */
static void nullify(json_t *o)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(o, next, key, value) json_object_set_new(o, key, json_null());
}

static void what_is_null_is_a_dash_and_never_0(void **state)
{
	json_t *answers = load("leak"), *pool = json_object_get(answers, "pool");
	struct pool_view v = { 0 };
	struct frame f = { 0 };
	char *text;

	(void)state;
	json_object_del(answers, "before");
	json_object_del(answers, "trend");
	nullify(pool);
	view_pool(answers, &v);
	json_array_clear(v.findings);
	json_array_clear(v.stalls);
	json_array_clear(v.probes);
	draw_pool(&v, &f, 100, 140);
	compare("null", &f);
	text = text_of(&f);
	for (char *at; (at = strstr(text, "p50")) || (at = strstr(text, "p99"));)
		memset(at, '-', 3);
	assert_null(strpbrk(text, "0123456789"));
	assert_null(strstr(text, "nan"));
	free(text);
	draw_small_and_large(&v);
	pool_view_done(&v);
	frame_done(&f);
	json_decref(answers);
}

static void an_empty_answer_is_drawn(void **state)
{
	struct pool_view v = { .pool = json_object() }, none = { 0 };
	struct findings_view findings = { .findings = json_pack("{s:[{}]}", "findings") },
			     no_findings = { 0 };
	struct stalls_view stalls = { .stalls = json_pack("{s:[{}]}", "stalls") },
			   no_stalls = { 0 };
	struct frame f = { 0 };

	(void)state;
	draw_small_and_large(&v);
	draw_small_and_large(&none);
	frame_begin(&f, 20, 3);
	for (int bottom = 0; bottom < 4; bottom++) {
		findings_view_draw(&findings, &f, 1, bottom);
		findings_view_draw(&no_findings, &f, 1, bottom);
		stalls_view_draw(&stalls, &f, 1, bottom);
		stalls_view_draw(&no_stalls, &f, 1, bottom);
	}
	assert_int_equal(findings_view_pool(&findings), 0);
	assert_int_equal(findings_view_pool(&no_findings), 0);
	findings_view_key(&no_findings, KEY_IS_DOWN);
	stalls_view_key(&no_stalls, KEY_IS_END);
	assert_int_equal(no_findings.row, 0);
	pool_view_done(&v);
	findings_view_done(&findings);
	stalls_view_done(&stalls);
	frame_done(&f);
}

/* Each string of the answer, however deep. */
static void lengthen(json_t *o, const char *name)
{
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach (o, key, value)
		lengthen(value, name);
	json_array_foreach (o, i, value)
		lengthen(value, name);
	if (json_is_string(o))
		json_string_set_nocheck(o, name);
}

static void names_of_64_kib_are_cut(void **state)
{
	static const char *const pieces[] = { "x", "日", "e\xcc\x81", "a word " };

	(void)state;
	for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
		json_t *answers = load("deadlock");
		struct pool_view v;
		struct findings_view findings = { 0 };
		struct buffer name = { 0 };
		struct frame f = { 0 };

		while (name.n < 65536)
			buffer_add_text(&name, pieces[k]);
		while (json_array_size(
			       json_object_get(json_object_get(answers, "pool"), "waiters")) > 1)
			json_array_remove(
				json_object_get(json_object_get(answers, "pool"), "waiters"), 0);
		json_object_del(answers, "before");
		json_object_del(answers, "probes");
		lengthen(answers, name.data);
		view_pool(answers, &v);
		draw_small_and_large(&v);
		findings.findings = json_pack("{s:O}", "findings", v.findings);
		frame_begin(&f, 20, 3);
		findings_view_draw(&findings, &f, 0, 3);
		findings_view_done(&findings);
		pool_view_done(&v);
		frame_done(&f);
		buffer_done(&name);
		json_decref(answers);
	}
}

static void of_10000_holders_the_oldest_are_lines(void **state)
{
	json_t *answers = load("leak"), *pool = json_object_get(answers, "pool"),
	       *holders = json_array();
	struct pool_view v;
	struct frame f = { 0 };
	char *text;

	(void)state;
	for (int i = 0; i < 10000; i++)
		json_array_append_new(holders,
				      json_pack("{s:s, s:i, s:s, s:f}", "item", "0x1", "tid", i,
						"thread", "load", "age_seconds", 10000.0 - i));
	json_object_set_new(pool, "holders", holders);
	view_pool(answers, &v);
	draw_pool(&v, &f, 80, 300);
	assert_true(v.n_lines > REFS_MAX && v.n_lines < REFS_MAX + 120);
	text = text_of(&f);
	assert_non_null(strstr(text, "and 9800 more; `poolscope show` has all"));
	free(text);
	pool_view_done(&v);
	frame_done(&f);
	json_decref(answers);
}

static void without_utf_8_it_is_ascii(void **state)
{
	static const char *const names[] = { "leak", "too-small" };
	struct frame f = { .is_ascii = true };

	(void)state;
	for (int i = 0; i < 2; i++) {
		json_t *answers = load(names[i]);
		struct pool_view v;
		char *text;

		view_pool(answers, &v);
		draw_pool(&v, &f, 100, 140);
		text = text_of(&f);
		for (const char *c = text; *c; c++)
			assert_true((unsigned char)*c < 0x7f);
		assert_null(strchr(text, '?'));
		free(text);
		pool_view_done(&v);
		json_decref(answers);
	}
	frame_done(&f);
}

/* ---- parts ----------------------------------------------------------------------------------------------------------------- */

static void a_stack_stays_with_its_holder(void **state)
{
	json_t *former = json_pack("{s:f, s:[{s:s, s:i, s:f, s:{s:f, s:s}}]}", "since_seconds",
				   10.0, "holders", "item", "0x1", "tid", 7, "age_seconds", 3.0,
				   "stack", "age_seconds", 0.5, "state", "sleeping");
	json_t *later = json_pack("{s:f, s:[{s:s, s:i, s:f, s:n}]}", "since_seconds", 12.0,
				  "holders", "item", "0x1", "tid", 7, "age_seconds", 5.0, "stack");
	json_t *taken_anew =
		json_pack("{s:f, s:[{s:s, s:i, s:f, s:n}]}", "since_seconds", 12.0, "holders",
			  "item", "0x1", "tid", 7, "age_seconds", 1.0, "stack");
	json_t *ref = json_array_get(json_object_get(later, "holders"), 0);

	(void)state;
	refs_carry_stacks(former, later);
	assert_non_null(ref_stack(ref));
	assert_float_equal(json_number_value(json_object_get(ref_stack(ref), "age_seconds")), 2.5,
			   1e-9);
	refs_carry_stacks(former, taken_anew);
	assert_null(ref_stack(json_array_get(json_object_get(taken_anew, "holders"), 0)));
	json_decref(former);
	json_decref(later);
	json_decref(taken_anew);
}

static void a_stack_from_before_the_hold_is_none_of_it(void **state)
{
	json_t *ref = json_pack("{s:f, s:{s:f}}", "age_seconds", 0.1, "stack", "age_seconds", 0.5);

	(void)state;
	assert_null(ref_stack(ref));
	json_object_set_new(ref, "age_seconds", json_real(0.6));
	assert_non_null(ref_stack(ref));
	json_decref(ref);
}

static void buckets_are_joined_until_they_fit(void **state)
{
	struct hist_line line[HIST_DRAW_LINES];
	struct hist h = { 0 };
	uint64_t all = 0;

	(void)state;
	assert_int_equal(hist_lines(&h, 12, line), 0);
	hist_record_ns(&h, 1000000);
	assert_int_equal(hist_lines(&h, 12, line), 1);
	for (int i = 0; i < 40; i++)
		hist_record_ns(&h, 1ull << i);
	for (int n_max = 0; n_max <= 12; n_max++) {
		int n = hist_lines(&h, n_max, line);

		assert_true(n >= 2 && n <= (n_max > 2 ? n_max : 2));
		all = 0;
		for (int i = 0; i < n; i++) {
			assert_true(!i || line[i].upper_s > line[i - 1].upper_s);
			all += line[i].n;
		}
		assert_int_equal(all, 41);
	}
	hist_add(&h, PS_HIST_BUCKETS - 1, 5);
	hist_add(&h, 0, 3);
	assert_true(isinf(line[hist_lines(&h, 12, line) - 1].upper_s));
	hist_done(&h);
}

static void a_text_is_broken_between_words(void **state)
{
	struct frame f = { 0 };
	struct page p;
	char *text;

	(void)state;
	frame_begin(&f, 10, 5);
	p = page_begin(&f, 10, 0, 5, 0);
	page_wrap(&p, 1, 2, 4, MEANS_PLAIN, "one two three fourfivesixseven");
	assert_int_equal(p.line, 4);
	text = text_of(&f);
	assert_string_equal(text, " one two\n   three\n   fourfiv\n   esixse…\n\n");
	free(text);
	frame_done(&f);
}

static void tab_goes_from_section_to_section(void **state)
{
	json_t *answers = load("leak");
	struct frame f = { 0 };
	struct pool_view v;
	int former = 0, n = 0;

	(void)state;
	view_pool(answers, &v);
	draw_pool(&v, &f, 80, 24);
	while (pool_view_key(&v, '\t') && v.first) {
		assert_true(v.first > former);
		former = v.first;
		n++;
		draw_pool(&v, &f, 80, 24);
	}
	assert_true(n >= 4 && n <= SECTION_COUNT);
	assert_true(pool_view_key(&v, KEY_IS_END));
	assert_int_equal(v.first, v.n_lines - v.n_visible);
	assert_false(pool_view_key(&v, 'q'));
	assert_false(pool_view_waits(&v));
	assert_true(pool_view_key(&v, 's'));
	assert_true(pool_view_waits(&v) && v.has_stacks);
	assert_true(pool_view_key(&v, 's'));
	assert_false(pool_view_waits(&v) || v.has_stacks);
	pool_view_done(&v);
	frame_done(&f);
	json_decref(answers);
}

static void the_choice_stays_on_its_finding(void **state)
{
	struct findings_view v = { .findings = json_pack("{s:[{s:i, s:i}, {s:i, s:i}]}", "findings",
							 "id", 5, "pool_id", 50, "id", 6, "pool_id",
							 60) };
	struct frame f = { 0 };

	(void)state;
	frame_begin(&f, 80, 24);
	findings_view_draw(&v, &f, 0, 24);
	assert_int_equal(findings_view_pool(&v), 50);
	findings_view_key(&v, KEY_IS_DOWN);
	assert_int_equal(findings_view_pool(&v), 60);
	json_array_insert_new(json_object_get(v.findings, "findings"), 0,
			      json_pack("{s:i}", "id", 9));
	findings_view_draw(&v, &f, 0, 24);
	assert_int_equal(v.row, 2);
	assert_int_equal(findings_view_pool(&v), 60);
	findings_view_done(&v);
	frame_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_leak_shows_who_holds_first),
		cmocka_unit_test(a_deadlock_shows_who_waits_while_holding_first),
		cmocka_unit_test(a_pool_that_is_too_small_shows_its_size_first),
		cmocka_unit_test(a_stall_shows_the_stalls_first),
		cmocka_unit_test(slow_holders_are_shown_first),
		cmocka_unit_test(findings_are_a_list_and_the_chosen_one),
		cmocka_unit_test(stalls_are_as_the_command_has_them),
		cmocka_unit_test(what_is_null_is_a_dash_and_never_0),
		cmocka_unit_test(an_empty_answer_is_drawn),
		cmocka_unit_test(names_of_64_kib_are_cut),
		cmocka_unit_test(of_10000_holders_the_oldest_are_lines),
		cmocka_unit_test(without_utf_8_it_is_ascii),
		cmocka_unit_test(a_stack_stays_with_its_holder),
		cmocka_unit_test(a_stack_from_before_the_hold_is_none_of_it),
		cmocka_unit_test(buckets_are_joined_until_they_fit),
		cmocka_unit_test(a_text_is_broken_between_words),
		cmocka_unit_test(tab_goes_from_section_to_section),
		cmocka_unit_test(the_choice_stays_on_its_finding),
	};

	setlocale(LC_ALL, "C.UTF-8");
	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
