/* SPDX-License-Identifier: MIT */
/*
 * top.c - `poolscope top`: the table of `list`, live. On a terminal it takes the whole screen; else, or with --once or --count, it
 * prints. The surprise: keys are looked for only every KEY_MS, because between them an in-process agent has to do its work.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/json.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/pools.h"
#include "cmd/source.h"
#include "cmd/table.h"
#include "term/frame.h"
#include "term/screen.h"

#define INTERVAL_S 2.0
#define KEY_MS 100

struct top {
	const struct invocation *in;
	struct source *source;
	const char *sort_key;	/* NULL = worst */
	bool is_reversed;
	int first_row;		/* scrolled to */
	json_t *pools;		/* owned; the newest that came */
	json_t *status;		/* likewise */
	struct diag problem;	/* why nothing newer came; empty = all is well */
	struct screen *screen;	/* owned; NULL = it prints */
	struct frame frame;	/* owned */
};

static void top_done(struct top *t)
{
	json_decref(t->pools);
	json_decref(t->status);
	source_close(t->source);
	screen_close(t->screen);
	frame_done(&t->frame);
}

static double interval(const struct invocation *in)
{
	return in->interval_s > 0 ? in->interval_s : INTERVAL_S;
}

static int get_pools(struct top *t, json_t **ret)
{
	struct pool_choice choice = pools_choice(t->in);

	choice.order = t->sort_key;
	choice.is_reversed = t->is_reversed;
	return source_get_pools(t->source, &choice, ret, &t->problem);
}

/* On failure what came before stays, and t->problem says why. */
static int refresh_answers(struct top *t)
{
	json_t *pools = NULL, *status = NULL;
	int r = get_pools(t, &pools);

	if (!r)
		r = source_get(t->source, API_PREFIX "status", &status, &t->problem);
	if (r) {
		json_decref(pools);
		return r;
	}
	json_decref(t->pools);
	json_decref(t->status);
	t->pools = pools;
	t->status = status;
	t->problem.text[0] = '\0';
	return 0;
}

static const char *next_order(const char *key)
{
	static const char *const words[] = {
#define WORD(word) word,
		POOL_ORDERS(WORD)
#undef WORD
	};
	size_t i, n = sizeof(words) / sizeof(words[0]);

	for (i = 0; key && i < n && strcmp(key, words[i]) != 0; i++)
		;
	return words[(i + 1) % n];
}

static void format_header(const struct top *t, char *ret, size_t size)
{
	size_t n_shown = json_array_size(field_array(t->pools, "pools"));
	double n = field_number(t->status, "pools");
	time_t at = (time_t)field_number(t->status, "time");
	char clock[16] = "-", shown[48] = "";
	struct tm tm;

	if (localtime_r(&at, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if ((double)n_shown != n)
		snprintf(shown, sizeof(shown), " (%zu shown)", n_shown);
	snprintf(ret, size, "poolscope %s  %s  %s  %.0f pools%s, %.0f open findings  by %s%s",
		 field_text_or(t->status, "version", "-"), field_text_or(t->status, "host", "-"),
		 clock, n, shown, field_number(t->status, "findings_open"),
		 t->sort_key ? t->sort_key : "worst", t->is_reversed ? ", reversed" : "");
}

/* ---- printing -------------------------------------------------------------------------------------------------------------- */

static int print_once(struct top *t)
{
	CLEANUP(table_done) struct table table = { 0 };
	char header[512];

	if (t->in->is_json) {
		json_dumpf(t->pools, stdout, JSON_COMPACT | API_JSON_FLAGS);
		printf("\n");
		return 0;
	}
	format_header(t, header, sizeof(header));
	printf("%s\n", header);
	pools_tabulate(&table, t->pools);
	return table_print(&table);
}

static int print_times(struct top *t, int n)
{
	for (int i = 0; i < n && !(i && source_is_over(t->source)); i++) {
		if (i && source_wait(t->source, (int)(interval(t->in) * 1000), &t->problem))
			return command_fail(t->in, "%s", t->problem.text);
		if (i && refresh_answers(t))
			return command_fail(t->in, "%s", t->problem.text);
		if (i && !t->in->is_json)
			printf("\n");
		if (print_once(t))
			return command_fail(t->in, "out of memory");
		fflush(stdout);
	}
	return EXIT_DONE;
}

/* ---- the screen ------------------------------------------------------------------------------------------------------------ */

static enum meaning row_meaning(const json_t *pools, size_t row)
{
	const json_t *pool = json_array_get(field_array(pools, "pools"), row), *finding;
	int worst = 0;
	size_t i;

	json_array_foreach (field_array(pool, "findings"), i, finding) {
		int rank = severity_rank(field_text(finding, "severity"));

		worst = rank > worst ? rank : worst;
	}
	if (worst == 3)
		return MEANS_CRITICAL;
	return worst == 2 ? MEANS_WARNING : MEANS_PLAIN;
}

static void draw_line(struct frame *f, int y, const char *text, enum meaning meaning, bool is_bar)
{
	frame_text(f, y, 0, f->width, meaning, text);
	if (is_bar)
		frame_mean(f, y, 0, f->width, meaning);
}

/* Lines 0 and 1 are the header and the titles, the last one is for help. */
static void draw_rows(struct top *t, char *lines)
{
	int n_rows = (int)json_array_size(field_array(t->pools, "pools"));
	int n_visible = t->frame.height - 3;
	char *next = lines;

	if (t->first_row > n_rows - n_visible)
		t->first_row = n_rows - n_visible;
	if (t->first_row < 0)
		t->first_row = 0;
	for (int i = -1; i < n_rows && next; i++) {
		char *line = strsep(&next, "\n");

		if (i < 0)
			draw_line(&t->frame, 1, line, MEANS_HEAD, true);
		else if (i >= t->first_row && i - t->first_row < n_visible)
			draw_line(&t->frame, 2 + i - t->first_row, line,
				  row_meaning(t->pools, (size_t)i), false);
	}
}

static void draw(struct top *t)
{
	CLEANUP(table_done) struct table table = { 0 };
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct frame *f = &t->frame;
	char header[512];

	if (screen_begin(t->screen, f))
		return; /* the picture before stays */
	format_header(t, header, sizeof(header));
	draw_line(f, 0, header, MEANS_STRONG, false);
	pools_tabulate(&table, t->pools);
	if (!table_write(&table, (size_t)f->width, &text))
		draw_rows(t, text.data);
	if (t->problem.text[0])
		draw_line(f, f->height - 1, t->problem.text, MEANS_HEAD, true);
	else
		draw_line(
			f, f->height - 1,
			source_is_over(t->source)
				? "the recording ends here   q quit   s order   r reverse   arrows scroll"
				: "q quit   s order   r reverse   arrows scroll",
			MEANS_DIM, false);
	screen_show(t->screen, f);
}

/* Returns false for the end. */
static bool take_key(struct top *t, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 's':
		t->sort_key = next_order(t->sort_key);
		break;
	case 'r':
		t->is_reversed = !t->is_reversed;
		break;
	case KEY_IS_UP:
	case 'k':
		t->first_row--;
		break;
	case KEY_IS_DOWN:
	case 'j':
		t->first_row++;
		break;
	case KEY_IS_PAGE_UP:
		t->first_row -= t->frame.height - 3;
		break;
	case KEY_IS_PAGE_DOWN:
		t->first_row += t->frame.height - 3;
		break;
	case KEY_IS_HOME:
		t->first_row = 0;
		break;
	case KEY_IS_END:
		t->first_row = (int)json_array_size(field_array(t->pools, "pools"));
		break;
	default:
		break;
	}
	refresh_answers(t);
	draw(t);
	return true;
}

/* Until q. A running agent that stops answering leaves the last picture and the reason. */
static int watch(struct top *t)
{
	for (;;) {
		int ms = (int)(interval(t->in) * 1000);

		draw(t);
		for (; ms > 0; ms -= KEY_MS) {
			int key;

			if (source_wait(t->source, ms < KEY_MS ? ms : KEY_MS, &t->problem))
				return EXIT_FAILED;
			while ((key = screen_key(t->screen)) != KEY_IS_NONE) {
				if (!take_key(t, key))
					return EXIT_DONE;
			}
		}
		refresh_answers(t);
	}
}

static int run_screen(struct top *t)
{
	int r = screen_open(&t->screen);

	if (r == -ENOMEM)
		return command_fail(t->in, "out of memory");
	if (r)
		return command_fail(
			t->in,
			"the terminal '%s' is not known; `poolscope top --once` prints without it",
			getenv("TERM") ? getenv("TERM") : "");
	r = watch(t);
	screen_close(t->screen);
	t->screen = NULL;
	return r == EXIT_DONE ? r : command_fail(t->in, "%s", t->problem.text);
}

int command_top(const struct invocation *in)
{
	CLEANUP(top_done) struct top t = { .in = in, .sort_key = in->sort };
	bool is_screen = command_is_screen(in);

	if (source_open(in, &t.source, &t.problem) || refresh_answers(&t))
		return command_fail(in, "%s", t.problem.text);
	if (is_screen)
		return run_screen(&t);
	return print_times(&t, in->count && !in->is_once ? in->count : 1);
}
