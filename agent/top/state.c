/* SPDX-License-Identifier: MIT */
/*
 * state.c - see state.h. The surprise: a line beyond the window has no id yet. Who moves there is held by the number of the line (AT_LINE) until the
 * answer comes and tells which pool that is.
 */
#include "top/state.h"

#include <stdio.h>
#include <string.h>

#include "api/choice.h"
#include "base/text.h"
#include "term/screen.h"

#define INTERVAL_S 2.0

void state_init(struct state *s)
{
	*s = (struct state){ .order = COLUMN_VERDICT, .interval_s = INTERVAL_S, .speed = 1 };
	columns_default(s->is_shown);
}

const char *group_word(enum group g)
{
	static const char *const words[GROUP_COUNT] = {
		[GROUP_PROCESS] = "process",
		[GROUP_SERVICE] = "service",
		[GROUP_CONTAINER] = "container",
	};

	return words[g];
}

void state_question(const struct state *s, struct pool_choice *ret)
{
	ret->text = *s->filter ? s->filter : NULL;
	ret->is_sick = s->is_sick;
	ret->order = column_order(s->order);
	ret->is_reversed = s->is_reversed;
	ret->first = s->at == AT_TOP ? 0 : s->first;
	ret->limit = s->page;
	ret->around = s->at == AT_ITEM ? s->item : 0;
	ret->group = group_word(s->group);
	ret->is_folded = s->group && s->is_folded;
	ret->of = s->group && s->has_of ? s->of : NULL;
	ret->with_trend = s->is_shown[COLUMN_TREND];
	ret->with_summary = true;
}

/* ---- the chosen line ------------------------------------------------------------------------------------------------------- */

static void copy(char ret[static STATE_TEXT_BYTES], const char *text)
{
	snprintf(ret, STATE_TEXT_BYTES, "%s", text ? text : "");
}

static bool is_item(const struct state *s, const struct line *line)
{
	return line->pool == s->item &&
	       (line->pool || !strncmp(line->of ? line->of : "", s->heading, STATE_TEXT_BYTES - 1));
}

/* Of this line from now on. */
static void hold(struct state *s, const struct lines *l, size_t i)
{
	s->line = l->first + i;
	s->item = l->line[i].pool;
	copy(s->heading, l->line[i].of);
}

static void hold_again(struct state *s, const struct lines *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (is_item(s, &l->line[i])) {
			hold(s, l, i);
			return;
		}
	}
	s->at = AT_LINE; /* it has gone: who is there now */
}

/* The number of the line within all, as near as it can be. */
static void hold_line(struct state *s, const struct lines *l)
{
	if (s->line >= l->first + l->n)
		s->line = l->first + l->n - 1;
	if (s->line < l->first)
		s->line = l->first;
	hold(s, l, (size_t)(s->line - l->first));
}

void state_answer(struct state *s, const struct lines *l)
{
	s->first = l->first;
	if (!l->n) {
		s->at = AT_TOP;
		s->item = 0;
		s->line = 0;
		return;
	}
	if (s->at == AT_TOP)
		hold(s, l, 0);
	if (s->at == AT_ITEM)
		hold_again(s, l);
	if (s->at == AT_LINE) {
		hold_line(s, l);
		s->at = AT_ITEM;
	}
}

bool state_has_chosen(const struct state *s, const struct lines *l, size_t i)
{
	return l->first + i == s->line && is_item(s, &l->line[i]);
}

/* The window follows the line; true when it needs another one. */
static bool go_to(struct state *s, const struct lines *l, uint64_t line)
{
	if (!l->n_chosen)
		return false;
	s->line = line < l->n_chosen ? line : l->n_chosen - 1;
	if (s->line >= l->first && s->line < l->first + l->n) {
		s->at = AT_ITEM;
		hold(s, l, (size_t)(s->line - l->first));
		return false;
	}
	s->at = AT_LINE;
	if (s->line < s->first)
		s->first = s->line;
	else if (s->page && s->line >= s->first + s->page)
		s->first = s->line - s->page + 1;
	return true;
}

static uint64_t less(uint64_t line, uint64_t by)
{
	return line > by ? line - by : 0;
}

static bool go_home(struct state *s, const struct lines *l)
{
	bool is_elsewhere = l->first > 0;

	s->at = AT_TOP;
	s->line = s->first = 0;
	if (!is_elsewhere && l->n)
		hold(s, l, 0);
	return is_elsewhere;
}

static unsigned int move(struct state *s, const struct lines *l, enum action action)
{
	bool needs_answer;

	switch (action) {
	case ACTION_UP:
		needs_answer = go_to(s, l, less(s->line, 1));
		break;
	case ACTION_DOWN:
		needs_answer = go_to(s, l, s->line + 1);
		break;
	case ACTION_PAGE_UP:
		needs_answer = go_to(s, l, less(s->line, s->page));
		break;
	case ACTION_PAGE_DOWN:
		needs_answer = go_to(s, l, s->line + s->page);
		break;
	case ACTION_END:
		needs_answer = go_to(s, l, less(l->n_chosen, 1));
		break;
	default:
		needs_answer = go_home(s, l);
		break;
	}
	return needs_answer ? EFFECT_ASK : 0;
}

/* ---- views ----------------------------------------------------------------------------------------------------------------- */

static void enter(struct state *s, enum view view)
{
	if (s->view == view)
		return;
	if (s->n_back == STATE_VIEWS) { /* the oldest but the list is forgotten */
		memmove(&s->back[1], &s->back[2], sizeof(s->back[0]) * (STATE_VIEWS - 2));
		s->n_back--;
	}
	s->back[s->n_back++] = s->view;
	s->view = view;
}

void state_open(struct state *s, uint64_t pool)
{
	if (!pool)
		return;
	s->pool = pool;
	enter(s, VIEW_POOL);
}

static unsigned int leave(struct state *s)
{
	enum view left = s->view;

	s->view = s->n_back ? s->back[--s->n_back] : VIEW_POOLS;
	return EFFECT_ASK | (left == VIEW_COLUMNS ? EFFECT_SAVE : 0);
}

/* In the list: what narrows it is taken away, the last one first. */
static unsigned int widen(struct state *s)
{
	if (*s->filter)
		s->filter[0] = '\0';
	else if (s->has_of)
		s->has_of = false;
	else
		s->is_sick = false;
	return EFFECT_ASK;
}

static unsigned int open_chosen(struct state *s, const struct lines *l)
{
	if (!l->n)
		return 0;
	if (s->item) {
		state_open(s, s->item);
		return EFFECT_OPEN | EFFECT_ASK;
	}
	if (!s->group)
		return 0;
	copy(s->of, s->heading);
	s->has_of = true;
	s->is_folded = false;
	s->at = AT_TOP;
	return EFFECT_ASK;
}

/* ---- what is shown --------------------------------------------------------------------------------------------------------- */

static bool is_orderable(const struct state *s, int column)
{
	return s->is_shown[column] || column_stays((enum column)column);
}

static unsigned int order_beside(struct state *s, int step)
{
	int column = (int)s->order;

	do
		column = (column + step + COLUMN_COUNT) % COLUMN_COUNT;
	while (!is_orderable(s, column));
	s->order = (enum column)column;
	return EFFECT_ASK;
}

static unsigned int next_group(struct state *s)
{
	s->group = (enum group)((s->group + 1) % GROUP_COUNT);
	s->has_of = false;
	if (!s->item) /* a heading of another tree is nowhere */
		s->at = AT_TOP;
	return EFFECT_ASK;
}

static unsigned int choose_column(struct state *s, enum action action)
{
	enum column c = (enum column)s->at_column;

	if (action == ACTION_TOGGLE && !column_stays(c))
		s->is_shown[c] = !s->is_shown[c];
	else if (action == ACTION_DEFAULTS)
		columns_default(s->is_shown);
	else if (action == ACTION_COLUMN_UP && s->at_column > 0)
		s->at_column--;
	else if (action == ACTION_COLUMN_DOWN && s->at_column < COLUMN_COUNT - 1)
		s->at_column++;
	if (!is_orderable(s, (int)s->order))
		s->order = COLUMN_VERDICT;
	return 0;
}

static double within(double x, double least, double most)
{
	return x < least ? least : x > most ? most : x;
}

static unsigned int change_time(struct state *s, enum action action)
{
	if (action == ACTION_FREEZE) {
		s->is_frozen = !s->is_frozen;
		return s->is_frozen ? 0 : EFFECT_ASK;
	}
	if (action == ACTION_SLOWER || action == ACTION_FASTER) {
		s->interval_s = within(s->interval_s * (action == ACTION_SLOWER ? 2 : 0.5),
				       INTERVAL_LEAST_S, INTERVAL_MOST_S);
		return 0;
	}
	if (!s->is_recording)
		return 0;
	if (action == ACTION_STEP) {
		s->is_frozen = true;
		return EFFECT_STEP | EFFECT_ASK;
	}
	s->speed =
		within(s->speed * (action == ACTION_SPEED_UP ? 2 : 0.5), SPEED_LEAST, SPEED_MOST);
	return 0;
}

/* ---- typing ---------------------------------------------------------------------------------------------------------------- */

static void type(struct state *s, int key)
{
	char text[STATE_TEXT_BYTES], bytes[4];
	size_t n = strlen(s->filter), more = text_put((uint32_t)key, bytes);

	if (key < ' ' || key >= KEY_IS_OTHER || n + more >= sizeof(text))
		return;
	memcpy(text, s->filter, n);
	memcpy(text + n, bytes, more);
	text[n + more] = '\0';
	if (text_is_clean(text)) /* no more can be in what is looked for */
		copy(s->filter, text);
}

static void erase(struct state *s)
{
	size_t n = strlen(s->filter);

	while (n && ((unsigned char)s->filter[n - 1] & 0xc0) == 0x80)
		n--;
	s->filter[n ? n - 1 : 0] = '\0';
}

static unsigned int type_filter(struct state *s, int key)
{
	if (key == KEY_IS_ENTER || key == KEY_IS_ESCAPE)
		s->is_typing = false;
	if (key == KEY_IS_ENTER)
		return 0;
	if (key == KEY_IS_ESCAPE)
		s->filter[0] = '\0';
	else if (key == KEY_IS_BACKSPACE)
		erase(s);
	else
		type(s, key);
	return EFFECT_ASK;
}

/* ---- keys ------------------------------------------------------------------------------------------------------------------ */

static unsigned int change_list(struct state *s, const struct lines *l, enum action action)
{
	switch (action) {
	case ACTION_OPEN:
		return open_chosen(s, l);
	case ACTION_FILTER:
		s->is_typing = true;
		return 0;
	case ACTION_GROUP:
		return next_group(s);
	case ACTION_FOLD:
		s->is_folded = !s->is_folded;
		return EFFECT_ASK;
	case ACTION_SICK:
		s->is_sick = !s->is_sick;
		return EFFECT_ASK;
	case ACTION_ORDER_LEFT:
		return order_beside(s, -1);
	case ACTION_ORDER_RIGHT:
		return order_beside(s, 1);
	case ACTION_REVERSE:
		s->is_reversed = !s->is_reversed;
		return EFFECT_ASK;
	default:
		return move(s, l, action);
	}
}

static unsigned int change_view(struct state *s, enum action action)
{
	switch (action) {
	case ACTION_COLUMNS:
		enter(s, VIEW_COLUMNS);
		return 0;
	case ACTION_FINDINGS:
		enter(s, VIEW_FINDINGS);
		return EFFECT_ASK;
	case ACTION_STALLS:
		enter(s, VIEW_STALLS);
		return EFFECT_ASK;
	case ACTION_HELP:
		s->help_first = 0;
		enter(s, VIEW_HELP);
		return 0;
	case ACTION_BACK:
		return s->view == VIEW_POOLS ? widen(s) : leave(s);
	default:
		return s->view == VIEW_POOLS ? EFFECT_QUIT : leave(s);
	}
}

unsigned int state_key(struct state *s, const struct lines *l, int key)
{
	enum action action = key_action(s->view, key);

	if (s->view == VIEW_POOLS && s->is_typing)
		return type_filter(s, key);
	switch (action) {
	case ACTION_NONE:
		return 0;
	case ACTION_PASS:
		return EFFECT_PASS;
	case ACTION_OPEN_FOUND:
		return EFFECT_OPEN_FOUND | EFFECT_ASK;
	case ACTION_COLUMNS:
	case ACTION_FINDINGS:
	case ACTION_STALLS:
	case ACTION_HELP:
	case ACTION_BACK:
	case ACTION_QUIT:
		return change_view(s, action);
	case ACTION_TOGGLE:
	case ACTION_DEFAULTS:
	case ACTION_COLUMN_UP:
	case ACTION_COLUMN_DOWN:
		return choose_column(s, action);
	case ACTION_FREEZE:
	case ACTION_SLOWER:
	case ACTION_FASTER:
	case ACTION_STEP:
	case ACTION_SPEED_UP:
	case ACTION_SPEED_DOWN:
		return change_time(s, action);
	default:
		return change_list(s, l, action);
	}
}
