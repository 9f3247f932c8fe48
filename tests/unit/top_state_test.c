/* SPDX-License-Identifier: MIT */
/* top_state_test.c - what a key makes of what `top` shows: a script of answers and keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/choice.h"
#include "term/screen.h"
#include "top/state.h"

#define PAGE 4
#define MOST 16

static struct state s;
static struct lines lines;
static struct line window[PAGE];

/* What there is: pools by their ids, in the present order; 0 = a heading, "100". */
static uint64_t world[MOST];
static size_t n_world;

static int begin(void **state)
{
	(void)state;
	state_init(&s);
	s.page = PAGE;
	n_world = 0;
	lines = (struct lines){ 0 };
	return 0;
}

static void set_world(size_t n, const uint64_t *id)
{
	if (n)
		memcpy(world, id, n * sizeof(*id));
	n_world = n;
}

/* As a server answers: choice.c's window, in short. */
static void ask(void)
{
	struct pool_choice c = { 0 };
	size_t first, n = n_world < PAGE ? n_world : PAGE;

	state_question(&s, &c);
	first = c.first < n_world - n ? (size_t)c.first : n_world - n;
	for (size_t i = 0; c.around && i < n_world; i++) {
		if (world[i] == c.around && i < first)
			first = i;
		else if (world[i] == c.around && i >= first + n)
			first = i - n + 1;
	}
	for (size_t i = 0; i < n; i++)
		window[i] = (struct line){ world[first + i], world[first + i] ? NULL : "100" };
	lines = (struct lines){ .line = window, .n = n, .first = first, .n_chosen = n_world };
	state_answer(&s, &lines);
}

/* Keys, each with its answer when it wants one. */
static unsigned int press(int key)
{
	unsigned int effects = state_key(&s, &lines, key);

	if (effects & EFFECT_ASK)
		ask();
	return effects;
}

static void type(const char *text)
{
	for (; *text; text++)
		press(*text);
}

static uint64_t chosen(void)
{
	for (size_t i = 0; i < lines.n; i++) {
		if (state_has_chosen(&s, &lines, i))
			return window[i].pool ? window[i].pool : UINT64_MAX;
	}
	return 0;
}

static void at_the_top_the_choice_stays_at_the_top(void **state)
{
	(void)state;
	set_world(3, (uint64_t[]){ 1, 2, 3 });
	ask();
	assert_int_equal(chosen(), 1);
	set_world(3, (uint64_t[]){ 3, 1, 2 });
	ask();
	assert_int_equal(chosen(), 3);
}

static void a_chosen_pool_stays_chosen_while_the_order_changes(void **state)
{
	(void)state;
	set_world(8, (uint64_t[]){ 1, 2, 3, 4, 5, 6, 7, 8 });
	ask();
	press(KEY_IS_DOWN);
	assert_int_equal(chosen(), 2);
	set_world(8, (uint64_t[]){ 8, 7, 6, 5, 4, 3, 2, 1 });
	ask();
	assert_int_equal(chosen(), 2);
	assert_int_equal(lines.first, 3); /* just so far that it is in */
	press(KEY_IS_HOME);
	assert_int_equal(chosen(), 8);
	set_world(8, (uint64_t[]){ 1, 2, 3, 4, 5, 6, 7, 8 });
	ask();
	assert_int_equal(chosen(), 1);
}

static void the_window_follows_the_line(void **state)
{
	(void)state;
	set_world(8, (uint64_t[]){ 1, 2, 3, 4, 5, 6, 7, 8 });
	ask();
	for (int i = 0; i < 4; i++)
		press(KEY_IS_DOWN);
	assert_int_equal(chosen(), 5);
	assert_int_equal(lines.first, 1);
	press(KEY_IS_PAGE_DOWN);
	assert_int_equal(chosen(), 8);
	press(KEY_IS_DOWN);
	assert_int_equal(chosen(), 8);
	press(KEY_IS_PAGE_UP);
	assert_int_equal(chosen(), 4);
	press(KEY_IS_END);
	assert_int_equal(chosen(), 8);
	press('k');
	assert_int_equal(chosen(), 7);
}

static void where_a_chosen_pool_has_gone_its_neighbour_is_chosen(void **state)
{
	(void)state;
	set_world(4, (uint64_t[]){ 1, 2, 3, 4 });
	ask();
	press(KEY_IS_DOWN);
	set_world(3, (uint64_t[]){ 1, 3, 4 });
	ask();
	assert_int_equal(chosen(), 3);
	press(KEY_IS_END);
	set_world(1, (uint64_t[]){ 1 });
	ask();
	assert_int_equal(chosen(), 1);
	set_world(0, NULL);
	ask();
	assert_int_equal(chosen(), 0);
	assert_int_equal(press(KEY_IS_ENTER), 0);
	press(KEY_IS_DOWN);
	press(KEY_IS_END);
	set_world(2, (uint64_t[]){ 5, 6 });
	ask();
	assert_int_equal(chosen(), 5);
}

static void enter_opens_a_pool_and_escape_comes_back_to_it(void **state)
{
	(void)state;
	set_world(3, (uint64_t[]){ 1, 2, 3 });
	ask();
	press('j');
	assert_true(press(KEY_IS_ENTER) & EFFECT_OPEN);
	assert_int_equal(s.view, VIEW_POOL);
	assert_int_equal(s.pool, 2);
	press(KEY_IS_ESCAPE);
	assert_int_equal(s.view, VIEW_POOLS);
	assert_int_equal(chosen(), 2);
	assert_true(press('q') & EFFECT_QUIT);
}

static void views_lead_back_the_way_they_came(void **state)
{
	(void)state;
	press('f');
	assert_true(press(KEY_IS_ENTER) & EFFECT_OPEN_FOUND);
	state_open(&s, 7);
	assert_int_equal(s.view, VIEW_POOL);
	press('?');
	assert_int_equal(s.view, VIEW_HELP);
	press('q');
	assert_int_equal(s.view, VIEW_POOL);
	press('q');
	assert_int_equal(s.view, VIEW_FINDINGS);
	press('q');
	assert_int_equal(s.view, VIEW_POOLS);
	for (int i = 0; i < 100; i++) { /* round and round */
		press(i % 2 ? 'f' : 'S');
		state_open(&s, 1);
	}
	for (int i = 0; i < STATE_VIEWS; i++)
		press(KEY_IS_ESCAPE);
	assert_int_equal(s.view, VIEW_POOLS);
}

static void a_filter_is_asked_for_while_it_is_typed(void **state)
{
	struct pool_choice c = { 0 };

	(void)state;
	press('/');
	assert_true(press('q') & EFFECT_ASK); /* no key now */
	type("uer");
	press(0xe9);
	state_question(&s, &c);
	assert_string_equal(c.text, "quer\xc3\xa9");
	press(KEY_IS_BACKSPACE);
	assert_string_equal(s.filter, "quer");
	press(0x1f);
	press(0x202e); /* turns text round */
	assert_string_equal(s.filter, "quer");
	press(KEY_IS_ENTER);
	assert_false(s.is_typing);
	press(KEY_IS_ESCAPE);
	memset(&c, 0, sizeof(c));
	state_question(&s, &c);
	assert_null(c.text);
	press('/');
	type("x");
	press(KEY_IS_ESCAPE);
	assert_false(s.is_typing);
	assert_string_equal(s.filter, "");
}

static void a_filter_has_a_limit(void **state)
{
	(void)state;
	press('/');
	for (int i = 0; i < 1000; i++)
		press(0x4e2d);
	assert_true(strlen(s.filter) < STATE_TEXT_BYTES);
	assert_int_equal(strlen(s.filter) % 3, 0);
	for (int i = 0; i < 1000; i++)
		press(KEY_IS_BACKSPACE);
	assert_string_equal(s.filter, "");
}

static void a_tree_is_entered_by_its_headings(void **state)
{
	struct pool_choice c = { 0 };

	(void)state;
	set_world(3, (uint64_t[]){ 0, 1, 2 });
	press('t');
	state_question(&s, &c);
	assert_string_equal(c.group, "process");
	assert_false(c.is_folded);
	assert_int_equal(chosen(), UINT64_MAX);
	press('o');
	state_question(&s, &c);
	assert_true(c.is_folded);
	press(KEY_IS_ENTER);
	state_question(&s, &c);
	assert_string_equal(c.of, "100");
	assert_false(c.is_folded);
	press(KEY_IS_ESCAPE);
	memset(&c, 0, sizeof(c));
	state_question(&s, &c);
	assert_null(c.of);
	for (int i = 0; i < 3; i++)
		press('t');
	state_question(&s, &c);
	assert_null(c.group);
}

static void orders_are_those_of_columns_that_are_shown(void **state)
{
	struct pool_choice c = { 0 };

	(void)state;
	state_question(&s, &c);
	assert_string_equal(c.order, "worst");
	assert_false(c.is_reversed);
	press('>');
	assert_int_equal(s.order, COLUMN_PROCESS);
	press('>');
	assert_int_equal(s.order, COLUMN_POOL); /* process ids are not shown */
	press('<');
	press('<');
	assert_int_equal(s.order, COLUMN_VERDICT);
	press('r');
	state_question(&s, &c);
	assert_true(c.is_reversed);
}

static void columns_are_chosen_and_some_stay(void **state)
{
	(void)state;
	press('c');
	assert_int_equal(s.view, VIEW_COLUMNS);
	press(' ');
	assert_false(s.is_shown[COLUMN_PROCESS]);
	press(KEY_IS_DOWN);
	press(KEY_IS_ENTER);
	assert_true(s.is_shown[COLUMN_PID]);
	press(KEY_IS_DOWN);
	press(' ');
	assert_true(s.is_shown[COLUMN_POOL]);
	for (int i = 0; i < 100; i++)
		press(KEY_IS_DOWN);
	assert_int_equal(s.at_column, COLUMN_COUNT - 1);
	assert_true(press('q') & EFFECT_SAVE);
	press('c');
	press('d');
	assert_true(s.is_shown[COLUMN_PROCESS]);
	assert_false(s.is_shown[COLUMN_PID]);
}

static void time_can_be_changed_within_limits(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		press('+');
	assert_true(s.interval_s == INTERVAL_MOST_S);
	for (int i = 0; i < 20; i++)
		press('-');
	assert_true(s.interval_s == INTERVAL_LEAST_S);
	press(']');
	assert_true(s.speed == 1); /* it is no recording */
	assert_false(press('.') & EFFECT_STEP);
	s.is_recording = true;
	press(']');
	assert_true(s.speed == 2);
	press('[');
	press('[');
	assert_true(s.speed == 0.5);
	assert_true(press('.') & EFFECT_STEP);
	assert_true(s.is_frozen);
	press(' ');
	assert_false(s.is_frozen);
}

static void only_sick_ones_and_back(void **state)
{
	struct pool_choice c = { 0 };

	(void)state;
	press('!');
	state_question(&s, &c);
	assert_true(c.is_sick);
	press(KEY_IS_ESCAPE);
	state_question(&s, &c);
	assert_false(c.is_sick);
	assert_int_equal(press('Z'), 0); /* no key */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(at_the_top_the_choice_stays_at_the_top, begin),
		cmocka_unit_test_setup(a_chosen_pool_stays_chosen_while_the_order_changes, begin),
		cmocka_unit_test_setup(the_window_follows_the_line, begin),
		cmocka_unit_test_setup(where_a_chosen_pool_has_gone_its_neighbour_is_chosen, begin),
		cmocka_unit_test_setup(enter_opens_a_pool_and_escape_comes_back_to_it, begin),
		cmocka_unit_test_setup(views_lead_back_the_way_they_came, begin),
		cmocka_unit_test_setup(a_filter_is_asked_for_while_it_is_typed, begin),
		cmocka_unit_test_setup(a_filter_has_a_limit, begin),
		cmocka_unit_test_setup(a_tree_is_entered_by_its_headings, begin),
		cmocka_unit_test_setup(orders_are_those_of_columns_that_are_shown, begin),
		cmocka_unit_test_setup(columns_are_chosen_and_some_stay, begin),
		cmocka_unit_test_setup(time_can_be_changed_within_limits, begin),
		cmocka_unit_test_setup(only_sick_ones_and_back, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
