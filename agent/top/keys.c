/* SPDX-License-Identifier: MIT */
/*
 * keys.c - see keys.h. The surprise: the help has a section for each view and names a key once, in the first section that is only about its views;
 * what many views have comes last.
 */
#include "top/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "term/screen.h"
#include "top/page.h"

static const struct key_row {
	unsigned int views;
	int code;
	const char *name;
	enum action action;
	const char *brief, *text;
} keys[] = {
#define KEY(views, code, name, action, brief, text)                                                \
	{ views, code, name, ACTION_##action, brief, text },
#include "top/keys.def"
#undef KEY
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))
#define NAME_WIDTH 12
#define NAMES_BYTES 32

static const char the_same[] = "the same";	/* as the row above, by another key */

enum action key_action(enum view view, int code)
{
	for (size_t i = 0; i < N_KEYS; i++) {
		if (keys[i].code == code && keys[i].views & 1u << view)
			return keys[i].action;
	}
	return ACTION_NONE;
}

static bool is_general(const struct key_row *k)
{
	return (k->views | IN_HELP) == IN_ALL;
}

static int draw_briefs(struct frame *f, int y, int x, enum view view, bool are_general)
{
	for (size_t i = 0; i < N_KEYS; i++) {
		const struct key_row *k = &keys[i];
		int width = (int)(text_width(k->name) + 1 + text_width(k->brief));

		if (!*k->brief || !(k->views & 1u << view) || is_general(k) != are_general ||
		    x + width > f->width)
			continue;
		x += frame_text(f, y, x, f->width - x, MEANS_STRONG, k->name) + 1;
		x += frame_text(f, y, x, f->width - x, MEANS_DIM, k->brief) + 2;
	}
	return x;
}

/* Help and the way back are there however narrow it is. */
void keys_draw_brief(struct frame *f, int y, int x, enum view view)
{
	x = draw_briefs(f, y, x, view, true);
	draw_briefs(f, y, x, view, false);
}

/* ---- help ------------------------------------------------------------------------------------------------------------------ */

/* A key stands in the first section that has all of its views. */
static const struct {
	const char *title;
	unsigned int views;
} sections[] = {
	{ "The list of pools", IN_POOLS },
	{ "A pool", IN_POOL_VIEW },
	{ "Findings", IN_FINDINGS },
	{ "The choice of columns", IN_COLUMNS },
	{ "A pool, findings, stalls and this list", IN_PAGES },
	{ "Everywhere", IN_ALL },
};

#define N_SECTIONS (sizeof(sections) / sizeof(sections[0]))

static size_t section_of(const struct key_row *k)
{
	size_t i = 0;

	while (k->views & ~sections[i].views)
		i++;
	return i;
}

/* A line of the help: a title, a key, or nothing. */
struct help_line {
	const char *title;
	const struct key_row *key;
};

static int list_help(struct help_line line[static N_KEYS + 2 * N_SECTIONS])
{
	int n = 0;

	for (size_t s = 0; s < N_SECTIONS; s++) {
		if (n)
			line[n++] = (struct help_line){ 0 };
		line[n++] = (struct help_line){ .title = sections[s].title };
		for (size_t i = 0; i < N_KEYS; i++) {
			if (section_of(&keys[i]) == s && strcmp(keys[i].text, the_same) != 0)
				line[n++] = (struct help_line){ .key = &keys[i] };
		}
	}
	return n;
}

/* Its own and those of the rows that are the same. */
static const char *names_of(const struct key_row *k, char ret[static NAMES_BYTES])
{
	size_t n = (size_t)snprintf(ret, NAMES_BYTES, "%s", k->name);

	for (k++; k < keys + N_KEYS && n < NAMES_BYTES && !strcmp(k->text, the_same); k++)
		n += (size_t)snprintf(ret + n, NAMES_BYTES - n, " %s", k->name);
	return ret;
}

void keys_draw_help(struct frame *f, int top, int bottom, int *first)
{
	struct help_line line[N_KEYS + 2 * N_SECTIONS];
	char names[NAMES_BYTES];
	int n = list_help(line);

	page_clamp(n, bottom - top, first);
	for (int y = top; y < bottom && *first + y - top < n; y++) {
		const struct help_line *l = &line[*first + y - top];

		if (l->title)
			frame_text(f, y, 0, f->width, MEANS_STRONG, l->title);
		if (!l->key)
			continue;
		frame_text(f, y, 2, NAME_WIDTH, MEANS_INFO, names_of(l->key, names));
		frame_text(f, y, 2 + NAME_WIDTH + 1, f->width - NAME_WIDTH - 3, MEANS_PLAIN,
			   l->key->text);
	}
}

void keys_scroll_help(int *first, int code, int n_visible)
{
	page_key(code, (int)(N_KEYS + 2 * N_SECTIONS), n_visible, first);
}
