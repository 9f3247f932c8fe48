/* SPDX-License-Identifier: MIT */
/*
 * page.c - see page.h. The surprise: a text is broken by what it takes on the terminal and not by its bytes, so one character may be too wide for
 * the whole line; it is left out, or breaking would never end.
 */
#include "top/page.h"

#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "term/screen.h"

#define LINE_BYTES 1024

struct page page_begin(struct frame *f, int width, int top, int bottom, int first)
{
	return (struct page){
		.frame = f, .width = width, .top = top, .bottom = bottom, .first = first
	};
}

int page_y(const struct page *p)
{
	return p->top + p->line - p->first;
}

bool page_is_seen(const struct page *p)
{
	return p->frame && page_y(p) >= p->top && page_y(p) < p->bottom;
}

void page_next(struct page *p)
{
	p->line++;
}

void page_skip(struct page *p, int n)
{
	p->line += n;
}

static int room(const struct page *p, int x, int width)
{
	return width < p->width - x ? width : p->width - x;
}

int page_text(struct page *p, int x, int width, enum meaning meaning, const char *text)
{
	return page_is_seen(p)
		       ? frame_text(p->frame, page_y(p), x, room(p, x, width), meaning, text)
		       : 0;
}

void page_text_right(struct page *p, int x, int width, enum meaning meaning, const char *text)
{
	if (page_is_seen(p))
		frame_text_right(p->frame, page_y(p), x, room(p, x, width), meaning, text);
}

int page_printf(struct page *p, int x, enum meaning meaning, const char *format, ...)
{
	char text[LINE_BYTES], clean[LINE_BYTES];
	va_list args;

	if (!page_is_seen(p))
		return 0;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_clean(text, sizeof(text), clean, sizeof(clean));	/* the cut may be inside a character */
	return page_text(p, x, INT_MAX, meaning, clean);
}

void page_bar(struct page *p, int x, int width, enum meaning meaning, double share)
{
	if (page_is_seen(p))
		frame_bar(p->frame, page_y(p), x, room(p, x, width), meaning, share);
}

void page_trend(struct page *p, int x, int width, enum meaning meaning, const double *value,
		size_t n)
{
	if (page_is_seen(p))
		frame_trend(p->frame, page_y(p), x, room(p, x, width), meaning, value, n);
}

/* ---- wrapping -------------------------------------------------------------------------------------------------------------- */

static size_t skip_character(const char *text)
{
	uint32_t c;
	int width;
	const char *next = text_next(text, &c, &width);

	return next ? (size_t)(next - text) : strlen(text);
}

/* The bytes of the first line; *ret_skip are those after it that are not shown: the blank, or a character that is wider than the line. */
static size_t first_line(const char *text, size_t columns, size_t *ret_skip)
{
	size_t n = text_fit(text, columns, NULL), blank;

	*ret_skip = 0;
	if (!text[n])
		return n;
	if (!n) {
		*ret_skip = skip_character(text);
		return 0;
	}
	for (blank = n; blank && text[blank] != ' '; blank--)
		;
	if (!blank)
		return n;
	*ret_skip = 1;
	return blank;
}

static void wrap_line(struct page *p, int x, enum meaning meaning, const char *text, size_t n)
{
	AUTO_FREE char *line = page_is_seen(p) ? strndup(text, n) : NULL;

	if (line)
		page_text(p, x, INT_MAX, meaning, line);
	page_next(p);
}

void page_wrap(struct page *p, int x, int indent, int n_max, enum meaning meaning, const char *text)
{
	for (int i = 0; i < n_max && (*text || !i);) {
		size_t columns = p->width > x ? (size_t)(p->width - x) : 1, skip = 0;
		size_t n = i < n_max - 1 ? first_line(text, columns, &skip) : strlen(text);

		/* no line when all that it would have is too wide for it */
		if (n || !*text) {
			wrap_line(p, x, meaning, text, n);
			x += i++ ? 0 : indent;
		}
		text += n + skip;
	}
}

/* ---- scrolling ------------------------------------------------------------------------------------------------------------- */

void page_clamp(int n_lines, int n_visible, int *first)
{
	if (*first > n_lines - n_visible)
		*first = n_lines - n_visible;
	if (*first < 0)
		*first = 0;
}

bool page_key(int key, int n_lines, int n_visible, int *first)
{
	int page = n_visible > 2 ? n_visible - 1 : 1;

	switch (key) {
	case KEY_IS_UP:
	case 'k':
		--*first;
		break;
	case KEY_IS_DOWN:
	case 'j':
		++*first;
		break;
	case KEY_IS_PAGE_UP:
		*first -= page;
		break;
	case KEY_IS_PAGE_DOWN:
		*first += page;
		break;
	case KEY_IS_HOME:
		*first = 0;
		break;
	case KEY_IS_END:
		*first = n_lines;
		break;
	default:
		return false;
	}
	page_clamp(n_lines, n_visible, first);
	return true;
}
