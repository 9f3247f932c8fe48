/* SPDX-License-Identifier: MIT */
/*
 * top.c - `poolscope top`: gives the view of agent/top its terminal and the time; or, without a terminal, with --once or --count, prints it. The
 * surprise: keys that came together get one answer and one picture, or a key held down would have the terminal run after it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "api/json.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "cmd/command.h"
#include "cmd/pools.h"
#include "cmd/source.h"
#include "term/frame.h"
#include "term/screen.h"
#include "top/prefs.h"
#include "top/top.h"

#define PRINTED_WIDTH 80	/* where nobody knows */
#define PRINTED_WIDTH_MOST 1000

static void cleanup_screen(struct screen **s)
{
	screen_close(*s);
}

/* ---- printing -------------------------------------------------------------------------------------------------------------- */

/* $COLUMNS, or that of the terminal. */
static int printed_width(void)
{
	const char *columns = getenv("COLUMNS");
	int n = columns ? atoi(columns) : 0;
	struct winsize size;

	if (n <= 0 && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		n = size.ws_col;
	if (n <= 0)
		n = PRINTED_WIDTH;
	return n < PRINTED_WIDTH_MOST ? n : PRINTED_WIDTH_MOST;
}

static int print_json_once(const struct invocation *in, struct top *t)
{
	CLEANUP(cleanup_json) json_t *pools = NULL;

	if (pools_get(in, in->sort, t->source, &pools, &t->problem))
		return -1;
	json_dumpf(pools, stdout, JSON_COMPACT | API_JSON_FLAGS);
	printf("\n");
	return 0;
}

static int print_once(const struct invocation *in, struct top *t)
{
	CLEANUP(frame_done) struct frame f = { .is_ascii = screen_is_ascii() };
	CLEANUP(buffer_done) struct buffer text = { 0 };

	if (in->is_json)
		return print_json_once(in, t);
	if (top_refresh(t))
		return -1;
	if (!top_print(t, &f, printed_width()))
		frame_print(&f, false, &text);
	if (text.error || !text.data)
		return diag_set(&t->problem, -1, "out of memory");
	fputs(text.data, stdout);
	return 0;
}

static int print_times(const struct invocation *in, struct top *t, int n)
{
	for (int i = 0; i < n && !(i && source_is_over(t->source)); i++) {
		if (i && source_wait(t->source, (int)(top_interval_s(t) * 1000), &t->problem))
			return command_fail(in, "%s", t->problem.text);
		if (i && !in->is_json)
			printf("\n");
		if (print_once(in, t))
			return command_fail(in, "%s", t->problem.text);
		fflush(stdout);
	}
	return EXIT_DONE;
}

/* ---- the screen ------------------------------------------------------------------------------------------------------------ */

/* From what is there: a key shows at once, while the agent may be in the midst of a tick. */
static void draw_soon(struct top *t, struct screen *screen, struct frame *f)
{
	if (screen_begin(screen, f))
		return; /* the picture before stays */
	top_draw(t, f);
	screen_show(screen, f);
}

static void draw(struct top *t, struct screen *screen, struct frame *f)
{
	if (screen_begin(screen, f))
		return;
	top_draw(t, f);
	if (t->needs_answer) { /* it has another size */
		top_refresh(t);
		screen_begin(screen, f);
		top_draw(t, f);
	}
	screen_show(screen, f);
}

/* All keys that have come; false for the end. */
static bool take_keys(struct top *t, struct screen *screen, bool *ret_any)
{
	int key;

	while ((key = screen_key(screen)) != KEY_IS_NONE) {
		*ret_any = true;
		if (!top_key(t, key))
			return false;
	}
	return true;
}

static double now_s(void)
{
	return (double)clock_ns(CLOCK_MONOTONIC) / 1e9;
}

/* Until q. A running agent that stops answering leaves the last picture and the reason. */
static int watch(struct top *t, struct screen *screen, struct frame *f)
{
	double last = now_s();

	for (;;) {
		double left = last + top_interval_s(t) - now_s();
		bool has_keys = false, is_due;

		if (source_wait_key(t->source, left > 0 ? (int)(left * 1000) + 1 : 0, &t->problem))
			return EXIT_FAILED;
		if (!take_keys(t, screen, &has_keys))
			return EXIT_DONE;
		is_due = now_s() >= last + top_interval_s(t);
		if (has_keys && t->needs_answer)
			draw_soon(t, screen, f);
		if (is_due || t->needs_answer) {
			last = now_s();
			if (t->needs_answer || !t->state.is_frozen)
				top_refresh(t);
		}
		if (has_keys || is_due)
			draw(t, screen, f);
	}
}

static int run_screen(const struct invocation *in, struct top *t)
{
	CLEANUP(cleanup_screen) struct screen *screen = NULL;
	CLEANUP(frame_done) struct frame f = { 0 };
	int r = screen_open(&screen);

	if (r == -ENOMEM)
		return command_fail(in, "out of memory");
	if (r)
		return command_fail(
			in,
			"the terminal '%s' is not known; `poolscope top --once` prints without it",
			getenv("TERM") ? getenv("TERM") : "");
	draw(t, screen, &f);
	r = watch(t, screen, &f);
	screen_close(TAKE(screen));
	return r == EXIT_DONE ? r : command_fail(in, "%s", t->problem.text);
}

int command_top(const struct invocation *in)
{
	CLEANUP(cleanup_source) struct source *source = NULL;
	CLEANUP(top_done) struct top t = { 0 };
	struct pool_choice base = pools_choice(in);
	bool is_screen = command_is_screen(in);
	struct diag d = { 0 };

	if (source_open(in, &source, &d))
		return command_fail(in, "%s", d.text);
	base.order = in->sort;
	top_init(&t, source, &base, in->interval_s);
	prefs_read(t.state.is_shown, &t.message);
	if (!is_screen) {
		if (*t.message.text)
			command_fail(in, "%s; the columns are the usual ones", t.message.text);
		return print_times(in, &t, in->count && !in->is_once ? in->count : 1);
	}
	t.state.page = 1; /* until the terminal's size is known */
	return top_refresh(&t) ? command_fail(in, "%s", t.problem.text) : run_screen(in, &t);
}
