/* SPDX-License-Identifier: MIT */
/*
 * top.c - see top.h. The surprise: the list is asked for whatever view is on, since the two lines above all views come with its answer; it costs what
 * a screen of pools costs.
 */
#include "top/top.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/source.h"
#include "term/frame.h"
#include "term/screen.h"
#include "top/header.h"
#include "top/prefs.h"

#define CHOICE_LINE HEADER_LINES	/* the line that tells what is shown, above the list */
#define LIST_TOP (CHOICE_LINE + 1)
#define VIEW_TOP HEADER_LINES
#define TEXT_BYTES 96

void top_init(struct top *t, struct source *source, const struct pool_choice *base,
	      double interval_s)
{
	*t = (struct top){ .source = source, .base = *base };
	state_init(&t->state);
	t->state.order = column_of_order(base->order);
	t->state.is_recording = source_is_recording(source);
	t->state.speed = source_speed(source);
	if (interval_s > 0)
		t->state.interval_s = interval_s;
}

void top_done(struct top *t)
{
	list_done(&t->list);
	pool_view_done(&t->pool);
	findings_view_done(&t->findings);
	stalls_view_done(&t->stalls);
}

/* ---- asking ---------------------------------------------------------------------------------------------------------------- */

static int refresh_list(struct top *t)
{
	struct pool_choice choice = t->base;
	json_t *answer;
	int r;

	state_question(&t->state, &choice);
	r = source_get_pools(t->source, &choice, &answer, &t->problem);
	if (r)
		return r;
	if (list_take(&t->list, answer)) {
		json_decref(answer);
		return diag_set(&t->problem, -ENOMEM, "out of memory");
	}
	state_answer(&t->state, &t->list.lines);
	return 0;
}

static int refresh_view(struct top *t)
{
	switch (t->state.view) {
	case VIEW_POOL:
		return pool_view_refresh(&t->pool, t->source, &t->problem);
	case VIEW_FINDINGS:
		return findings_view_refresh(&t->findings, t->source, &t->problem);
	case VIEW_STALLS:
		return stalls_view_refresh(&t->stalls, t->source, &t->problem);
	default:
		return 0;
	}
}

int top_refresh(struct top *t)
{
	int r = refresh_list(t);

	if (!r)
		r = refresh_view(t);
	t->needs_answer = false;
	if (r == -ENODATA && t->state.view == VIEW_POOL)
		r = 0; /* a pool that has gone: its page says so */
	if (!r)
		t->problem.text[0] = '\0';
	return r;
}

double top_interval_s(const struct top *t)
{
	if (t->state.view == VIEW_POOL && !t->state.is_frozen && pool_view_waits(&t->pool))
		return POOL_VIEW_SOON_MS / 1e3;
	return t->state.interval_s;
}

/* ---- keys ------------------------------------------------------------------------------------------------------------------ */

static void pass(struct top *t, int key)
{
	switch (t->state.view) {
	case VIEW_POOL:
		t->needs_answer |= pool_view_key(&t->pool, key) && pool_view_waits(&t->pool);
		break;
	case VIEW_FINDINGS:
		findings_view_key(&t->findings, key);
		break;
	case VIEW_STALLS:
		stalls_view_key(&t->stalls, key);
		break;
	case VIEW_HELP:
		keys_scroll_help(&t->state.help_first, key, (int)t->state.page);
		break;
	default:
		break;
	}
}

static void step(struct top *t)
{
	if (source_step(t->source, &t->problem) == -ENODATA)
		diag_set(&t->message, 0, "the recording ends here");
}

static void open_found(struct top *t)
{
	uint64_t pool = findings_view_pool(&t->findings);

	if (pool)
		state_open(&t->state, pool);
	else
		diag_set(&t->message, 0, "this finding is about no single pool");
	if (pool)
		pool_view_open(&t->pool, pool);
}

bool top_key(struct top *t, int key)
{
	unsigned int effects = state_key(&t->state, &t->list.lines, key);

	t->message.text[0] = '\0';
	if (effects & EFFECT_QUIT)
		return false;
	if (effects & EFFECT_SAVE)
		prefs_write(t->state.is_shown, &t->message);
	if (effects & EFFECT_STEP)
		step(t);
	if (effects & EFFECT_PASS)
		pass(t, key);
	if (effects & EFFECT_OPEN)
		pool_view_open(&t->pool, t->state.pool);
	if (effects & EFFECT_OPEN_FOUND)
		open_found(t);
	if (t->state.is_recording)
		source_play(t->source, t->state.speed, t->state.is_frozen);
	t->needs_answer |= (effects & EFFECT_ASK) != 0;
	return true;
}

/* ---- drawing --------------------------------------------------------------------------------------------------------------- */

static const char *format_tail(const struct top *t, char ret[static TEXT_BYTES])
{
	char at[TEXT_NUMBER_BYTES], length[TEXT_NUMBER_BYTES];
	const char *frozen = t->state.is_frozen ? "FROZEN, " : "";

	if (!t->state.is_recording)
		snprintf(ret, TEXT_BYTES, "%severy %gs", frozen, t->state.interval_s);
	else if (source_is_over(t->source))
		snprintf(ret, TEXT_BYTES, "%sthe end of the recording, %s", frozen,
			 text_format_duration(source_length_s(t->source), length));
	else
		snprintf(ret, TEXT_BYTES, "%s%s of %s, %gx, every %gs", frozen,
			 text_format_duration(source_at_s(t->source), at),
			 text_format_duration(source_length_s(t->source), length), t->state.speed,
			 t->state.interval_s);
	return ret;
}

/* Problem over message over what is typed over keys. */
static void draw_bottom(const struct top *t, struct frame *f, int y)
{
	const char *text = *t->problem.text ? t->problem.text : t->message.text;
	int x;

	if (*text) {
		frame_text(f, y, 0, f->width, MEANS_HEAD, text);
		frame_mean(f, y, 0, f->width, MEANS_HEAD);
	} else if (t->state.is_typing) {
		x = frame_text(f, y, 0, f->width, MEANS_STRONG, "/");
		x += frame_text(f, y, x, f->width - x, MEANS_PLAIN, t->state.filter);
		x += frame_text(f, y, x, f->width - x, MEANS_HEAD, " ");
		frame_text(f, y, x + 2, f->width - x - 2, MEANS_DIM,
			   "Enter keeps it, Escape clears it");
	} else {
		keys_draw_brief(f, y, 0, t->state.view);
	}
}

static void draw_view(struct top *t, struct frame *f, int bottom)
{
	switch (t->state.view) {
	case VIEW_POOL:
		pool_view_draw(&t->pool, f, VIEW_TOP, bottom);
		break;
	case VIEW_FINDINGS:
		findings_view_draw(&t->findings, f, VIEW_TOP, bottom);
		break;
	case VIEW_STALLS:
		stalls_view_draw(&t->stalls, f, VIEW_TOP, bottom);
		break;
	case VIEW_COLUMNS:
		columns_draw_choice(&t->state, f, VIEW_TOP, bottom);
		break;
	case VIEW_HELP:
		keys_draw_help(f, VIEW_TOP, bottom, &t->state.help_first);
		break;
	default:
		list_draw_choice(&t->list, &t->state, f, CHOICE_LINE);
		list_draw(&t->list, &t->state, f, LIST_TOP, bottom, true);
		break;
	}
}

/* Below the titles, and above the line of keys. At least one, so that a question is never for all. */
static void set_page(struct top *t, int height)
{
	int page = height - LIST_TOP - 2;

	page = page > 1 ? page : 1;
	t->needs_answer |= t->state.page != (uint64_t)page;
	t->state.page = (uint64_t)page;
}

void top_draw(struct top *t, struct frame *f)
{
	char tail[TEXT_BYTES];

	set_page(t, f->height);
	header_draw(f, 0, list_summary(&t->list), format_tail(t, tail));
	draw_view(t, f, f->height - 1);
	draw_bottom(t, f, f->height - 1);
}

int top_print(struct top *t, struct frame *f, int width)
{
	int n = (int)t->list.lines.n;

	if (frame_begin(f, width, LIST_TOP + 1 + (n ? n : 1)))
		return -ENOMEM;
	header_draw(f, 0, list_summary(&t->list), "");
	list_draw_choice(&t->list, &t->state, f, CHOICE_LINE);
	list_draw(&t->list, &t->state, f, LIST_TOP, f->height, false);
	return 0;
}
