/* SPDX-License-Identifier: MIT */
/*
 * page.h - lines that are written one after the other and may be more than the frame has: some of the frame's lines are a window on them. What lies
 * outside of the window is counted and not drawn. Pure.
 *
 * A view writes its page twice: without a frame, to learn its length, and then into the window, when the scrolling is known to be in range.
 */
#ifndef POOLSCOPE_TOP_PAGE_H
#define POOLSCOPE_TOP_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "term/frame.h"

#define PAGE_WRAPPED_LINES 16	/* of one text; the rest is cut */

struct page {
	struct frame *frame;	/* borrowed; NULL = it is only counted */
	int width;
	int top, bottom;	/* the window's lines in the frame, bottom excluded */
	int first;		/* the page's line that is at the top */
	int line;		/* of the page, that is written now */
};

/* Beginning at line 0. Without a frame, its width still matters: text is wrapped. */
struct page page_begin(struct frame *f, int width, int top, int bottom, int first);

/* The line is in the window; else there is no need to make up its text. */
bool page_is_seen(const struct page *p);

/* The line in the frame; of use when it is seen. */
int page_y(const struct page *p);

void page_next(struct page *p);

/* Leaves out n lines that need not be made up. */
void page_skip(struct page *p, int n);

/* As frame_text(), and nothing when the line is not seen; `width` reaches at most to the right edge, and INT_MAX just that far. */
int page_text(struct page *p, int x, int width, enum meaning meaning, const char *text);
void page_text_right(struct page *p, int x, int width, enum meaning meaning, const char *text);
__attribute__((format(printf, 4, 5))) int page_printf(struct page *p, int x, enum meaning meaning,
						      const char *format, ...);

/* As frame_bar() and frame_trend(), on a line that is seen, as far as there is room. */
void page_bar(struct page *p, int x, int width, enum meaning meaning, double share);
void page_trend(struct page *p, int x, int width, enum meaning meaning, const double *value,
		size_t n);

/*
 * From x to the right edge, broken at blanks; lines after the first one begin `indent` columns further right. At most n_max lines, the last one is
 * cut. The line after the last one is next. An empty text takes one.
 */
void page_wrap(struct page *p, int x, int indent, int n_max, enum meaning meaning,
	       const char *text);

/* Moves `first` by a key that scrolls, within n lines of which so many are visible. Whether it was one. */
bool page_key(int key, int n_lines, int n_visible, int *first);

/* Keeps it in range. */
void page_clamp(int n_lines, int n_visible, int *first);

#endif
