/* SPDX-License-Identifier: MIT */
/*
 * screen.h - the terminal that a person looks at: shows frames, and tells keys. One at a time, by ncurses.
 *
 * Colours carry meaning and are never needed: without them (NO_COLOR is set, as no-color.org has it, or the terminal has none) each meaning has
 * an attribute of its own. Where the locale is not UTF-8, frames are to be drawn in ASCII.
 */
#ifndef POOLSCOPE_TERM_SCREEN_H
#define POOLSCOPE_TERM_SCREEN_H

#include <stdbool.h>

struct frame;
struct screen;

/* Keys that are no character; a character is its ASCII code, or its Unicode code point. */
enum key {
	KEY_IS_NONE = -1,	/* there is none now */
	KEY_IS_OTHER = 0x200000,	/* one that has no name here */
	KEY_IS_UP,
	KEY_IS_DOWN,
	KEY_IS_LEFT,
	KEY_IS_RIGHT,
	KEY_IS_PAGE_UP,
	KEY_IS_PAGE_DOWN,
	KEY_IS_HOME,
	KEY_IS_END,
	KEY_IS_ENTER,
	KEY_IS_ESCAPE,
	KEY_IS_BACKSPACE,
	KEY_IS_RESIZE	/* no key: the terminal has another size now */
};

/* The locale has no other characters. */
bool screen_is_ascii(void);

/* Takes the terminal of stdin and stdout. -EINVAL: $TERM is not known, -ENOMEM. */
int screen_open(struct screen **ret);

/* Gives it back as it was. NULL is allowed. */
void screen_close(struct screen *s);

/* Makes the frame as large as the terminal now is, and blank. -ENOMEM. */
int screen_begin(const struct screen *s, struct frame *ret);

void screen_show(struct screen *s, const struct frame *f);

/* The next key, at once. */
int screen_key(struct screen *s);

#endif
