/* SPDX-License-Identifier: MIT */
/*
 * screen.c - see screen.h. The surprise: Escape is the beginning of other keys' codes, and ncurses waits for their rest; a person who pressed it
 * would wait a second, so that is ESCAPE_MS here.
 */
#define NCURSES_WIDECHAR 1
#include "term/screen.h"

#include <errno.h>
#include <langinfo.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "term/frame.h"

#define ESCAPE_MS 25

struct screen {
	SCREEN *ncurses;
	attr_t attribute[MEANS_COUNT];
	short pair[MEANS_COUNT];
	bool is_ascii;
};

/* ---- colours --------------------------------------------------------------------------------------------------------------- */

/* An attribute that shows with and without the colour; -1 = the terminal's own. */
static const struct {
	attr_t attribute;
	short color;
	attr_t without_color;
} looks[MEANS_COUNT] = {
	[MEANS_PLAIN] = { A_NORMAL, -1, A_NORMAL },
	[MEANS_DIM] = { A_DIM, -1, A_DIM },
	[MEANS_STRONG] = { A_BOLD, -1, A_BOLD },
	[MEANS_HEAD] = { A_REVERSE, -1, A_REVERSE },
	[MEANS_GOOD] = { A_NORMAL, COLOR_GREEN, A_NORMAL },
	[MEANS_INFO] = { A_NORMAL, COLOR_CYAN, A_NORMAL },
	[MEANS_WARNING] = { A_NORMAL, COLOR_YELLOW, A_BOLD },
	[MEANS_CRITICAL] = { A_BOLD, COLOR_RED, A_BOLD | A_UNDERLINE },
};

/* no-color.org: any value but the empty one */
static bool wants_color(void)
{
	const char *no = getenv("NO_COLOR");

	return !(no && *no) && has_colors();
}

static void choose_looks(struct screen *s)
{
	bool is_colored = wants_color() && start_color() == OK && use_default_colors() == OK;

	for (int i = 0; i < MEANS_COUNT; i++) {
		s->attribute[i] = is_colored ? looks[i].attribute : looks[i].without_color;
		if (is_colored && looks[i].color >= 0 &&
		    init_pair((short)i, looks[i].color, -1) == OK)
			s->pair[i] = (short)i;
	}
}

/* ---- begin and end --------------------------------------------------------------------------------------------------------- */

bool screen_is_ascii(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
}

int screen_open(struct screen **ret)
{
	struct screen *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->ncurses = newterm(NULL, stdout, stdin);
	if (!s->ncurses) {
		free(s);
		return -EINVAL;
	}
	set_term(s->ncurses);
	set_escdelay(ESCAPE_MS);
	cbreak();
	noecho();
	nonl(); /* Enter is told from ^J */
	nodelay(stdscr, true);
	keypad(stdscr, true);
	curs_set(0);
	choose_looks(s);
	s->is_ascii = screen_is_ascii();
	*ret = s;
	return 0;
}

void screen_close(struct screen *s)
{
	if (!s)
		return;
	endwin();
	delscreen(s->ncurses);
	free(s);
}

/* ---- pictures -------------------------------------------------------------------------------------------------------------- */

int screen_begin(const struct screen *s, struct frame *ret)
{
	ret->is_ascii = s->is_ascii;
	return frame_begin(ret, COLS, LINES);
}

static void show_cell(const struct screen *s, int y, int x, const struct cell *cell)
{
	wchar_t text[2] = { (wchar_t)cell->character, 0 };
	attr_t attribute = s->attribute[cell->meaning];
	cchar_t c;

	if (cell->is_chosen)
		attribute ^= A_REVERSE;
	if (setcchar(&c, text, attribute, s->pair[cell->meaning], NULL) == OK)
		mvadd_wch(y, x, &c);
}

void screen_show(struct screen *s, const struct frame *f)
{
	erase();
	for (int y = 0; y < f->height; y++) {
		for (int x = 0; x < f->width; x++) {
			const struct cell *cell =
				&f->cell[(size_t)y * (size_t)f->width + (size_t)x];

			if (cell->character) /* ncurses takes both columns of a wide one */
				show_cell(s, y, x, cell);
		}
	}
	refresh();
}

/* ---- keys ------------------------------------------------------------------------------------------------------------------ */

static int of_function_key(wint_t code)
{
	static const struct {
		wint_t code;
		enum key key;
	} keys[] = {
		{ KEY_UP, KEY_IS_UP },
		{ KEY_DOWN, KEY_IS_DOWN },
		{ KEY_LEFT, KEY_IS_LEFT },
		{ KEY_RIGHT, KEY_IS_RIGHT },
		{ KEY_PPAGE, KEY_IS_PAGE_UP },
		{ KEY_NPAGE, KEY_IS_PAGE_DOWN },
		{ KEY_HOME, KEY_IS_HOME },
		{ KEY_END, KEY_IS_END },
		{ KEY_ENTER, KEY_IS_ENTER },
		{ KEY_BACKSPACE, KEY_IS_BACKSPACE },
		{ KEY_RESIZE, KEY_IS_RESIZE },
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].code == code)
			return keys[i].key;
	}
	return KEY_IS_OTHER;
}

static int of_character(wint_t c)
{
	switch (c) {
	case '\r':
	case '\n':
		return KEY_IS_ENTER;
	case 0x1b:
		return KEY_IS_ESCAPE;
	case 0x7f:
	case '\b':
		return KEY_IS_BACKSPACE;
	default:
		return (int)c;
	}
}

int screen_key(struct screen *s)
{
	wint_t code;
	int r = get_wch(&code);

	(void)s;
	if (r == KEY_CODE_YES)
		return of_function_key(code);
	return r == OK ? of_character(code) : KEY_IS_NONE;
}
