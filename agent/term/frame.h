/* SPDX-License-Identifier: MIT */
/*
 * frame.h - a picture for a terminal: cells with one character each and what they mean. Pure. Views draw into it; it goes to the screen
 * (screen.h) or is printed. Coordinates are those of the frame, from 0; what lies outside of it is cut, so that a terminal of any size can
 * be drawn for. Text must be clean (base/text.h); characters that take no column of their own are left out.
 */
#ifndef POOLSCOPE_TERM_FRAME_H
#define POOLSCOPE_TERM_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

/* What a cell means. The screen gives each a colour or, without colours, an attribute; a printed frame has the letter. */
#define FRAME_MEANINGS(X)                                                                          \
	X(PLAIN, ' ')                                                                              \
	X(DIM, 'd') /* labels, and what is of no interest now */                                   \
	X(STRONG, 's')                                                                             \
	X(HEAD, 'h') /* titles of columns */                                                       \
	X(GOOD, 'g')                                                                               \
	X(INFO, 'i')                                                                               \
	X(WARNING, 'w')                                                                            \
	X(CRITICAL, 'c')

enum meaning {
#define FRAME_MEANING(id, letter) MEANS_##id,
	FRAME_MEANINGS(FRAME_MEANING)
#undef FRAME_MEANING
		MEANS_COUNT
};

struct cell {
	uint32_t character;	/* 0 = the right half of a wide one */
	uint8_t meaning;
	bool is_chosen;		/* of the line that keys act on */
};

struct frame {
	int width, height;
	struct cell *cell;	/* owned, line by line */
	size_t size;		/* cells that there is room for */
	bool is_ascii;		/* the terminal has no other characters */
};

/* Makes it so large, and blank. -ENOMEM leaves it as it was. */
int frame_begin(struct frame *f, int width, int height);
void frame_done(struct frame *f);

/* Writes into `width` columns from x on, and ends a text that does not fit with an ellipsis. Returns the columns that were written. */
int frame_text(struct frame *f, int y, int x, int width, enum meaning meaning, const char *text);

/* Likewise, but it ends at the right of those columns. */
int frame_text_right(struct frame *f, int y, int x, int width, enum meaning meaning,
		     const char *text);

/* A bar of `share` (0 to 1; NaN = none) of the columns, in eighths of a column where the terminal can. */
void frame_bar(struct frame *f, int y, int x, int width, enum meaning meaning, double share);

/* The last `width` of n values, each 0 to 1 (NaN = a gap), one a column, the last one at the right. */
void frame_trend(struct frame *f, int y, int x, int width, enum meaning meaning,
		 const double *value, size_t n);

/* Gives the cells of a line another meaning, or shows that the line is chosen. */
void frame_mean(struct frame *f, int y, int x, int width, enum meaning meaning);
void frame_choose(struct frame *f, int y);

/*
 * Appends the lines, without blanks at their ends. With meanings, each line that has some is followed by one of letters under the cells, in
 * capitals where it is chosen ('=' for a plain one); then the former begin with "|" and the latter with ":".
 */
void frame_print(const struct frame *f, bool with_meanings, struct buffer *ret);

#endif
