/* SPDX-License-Identifier: MIT */
/*
 * frame.c - see frame.h. The surprise: a wide character has two cells, and whoever overwrites one of them takes the other along, as a terminal
 * does; else a name in Chinese under a bar would move the rest of its line.
 */
#include "term/frame.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"

#define ELLIPSIS 0x2026
#define BLOCK 0x2588	/* a full one; the seven eighths and so on follow, up to 0x258f */
#define LOWER_BLOCK 0x2580	/* + 1 to 8 eighths */

static const char letters[] = {
#define FRAME_LETTER(id, letter) letter,
	FRAME_MEANINGS(FRAME_LETTER)
#undef FRAME_LETTER
};

int frame_begin(struct frame *f, int width, int height)
{
	size_t n = (size_t)(width > 0 ? width : 0) * (size_t)(height > 0 ? height : 0);
	struct cell *cell = n > f->size ? reallocarray(f->cell, n, sizeof(*cell)) : f->cell;

	if (n && !cell)
		return -ENOMEM;
	f->size = n > f->size ? n : f->size;
	f->cell = cell;
	f->width = n ? width : 0;
	f->height = n ? height : 0;
	for (size_t i = 0; i < n; i++)
		cell[i] = (struct cell){ .character = ' ' };
	return 0;
}

void frame_done(struct frame *f)
{
	free(f->cell);
	*f = (struct frame){ .is_ascii = f->is_ascii };
}

static struct cell *at(const struct frame *f, int y, int x)
{
	return y >= 0 && y < f->height && x >= 0 && x < f->width
		       ? &f->cell[(size_t)y * (size_t)f->width + (size_t)x]
		       : NULL;
}

/* A half of a wide character that loses its other half becomes a blank. */
static void tear(struct frame *f, int y, int x)
{
	struct cell *cell = at(f, y, x), *left = at(f, y, x - 1), *right = at(f, y, x + 1);

	if (!cell->character && left)
		left->character = ' ';
	if (cell->character && right && !right->character)
		right->character = ' ';
}

static void put(struct frame *f, int y, int x, int width, enum meaning meaning, uint32_t c)
{
	for (int i = 0; i < width; i++) {
		struct cell *cell = at(f, y, x + i);

		if (!cell)
			return;
		tear(f, y, x + i);
		cell->character = i ? 0 : c;
		cell->meaning = (uint8_t)meaning;
	}
}

/* Its first half would be left of the frame, or its second one right of it. */
static bool is_within(const struct frame *f, int x, int width)
{
	return x >= 0 && x + width <= f->width;
}

/* Those that our own texts have keep their sense. */
static uint32_t in_ascii(uint32_t c)
{
	switch (c) {
	case 0xb5:
		return 'u'; /* of microseconds */
	case 0x2264:
		return '<'; /* or equal */
	case ELLIPSIS:
		return '~';
	default:
		return c > 0x7e ? '?' : c;
	}
}

int frame_text(struct frame *f, int y, int x, int width, enum meaning meaning, const char *text)
{
	bool is_cut = width > 0 && text_width(text) > (size_t)width;
	int column = 0, room = is_cut ? width - 1 : width, w;
	uint32_t c;

	while ((text = text_next(text, &c, &w)) && column + w <= room) {
		if (f->is_ascii)
			c = in_ascii(c);
		if (w && is_within(f, x + column, w))
			put(f, y, x + column, w, meaning, c);
		column += w;
	}
	if (is_cut)
		put(f, y, x + column++, 1, meaning, f->is_ascii ? '~' : ELLIPSIS);
	return column;
}

int frame_text_right(struct frame *f, int y, int x, int width, enum meaning meaning,
		     const char *text)
{
	size_t needed = text_width(text);
	int blanks = needed < (size_t)(width > 0 ? width : 0) ? width - (int)needed : 0;

	return blanks + frame_text(f, y, x + blanks, width - blanks, meaning, text);
}

/* ---- figures --------------------------------------------------------------------------------------------------------------- */

static double within_1(double share)
{
	return share < 0 ? 0 : share > 1 ? 1 : share;
}

void frame_bar(struct frame *f, int y, int x, int width, enum meaning meaning, double share)
{
	int eighths = isnan(share) ? 0 : (int)lround(within_1(share) * width * 8);

	if (eighths == 0 && share > 0)
		eighths = 1; /* a little is not nothing */
	for (int i = 0; i < width && !isnan(share); i++) {
		int part = eighths - 8 * i;

		if (f->is_ascii)
			put(f, y, x + i, 1, meaning, part >= 4 ? '#' : part > 0 ? '-' : '.');
		else if (part > 0)
			put(f, y, x + i, 1, meaning, BLOCK + (part < 8 ? 8 - (uint32_t)part : 0));
		else
			put(f, y, x + i, 1, MEANS_DIM, 0xb7);
	}
}

void frame_trend(struct frame *f, int y, int x, int width, enum meaning meaning,
		 const double *value, size_t n)
{
	static const char ascii[] = "_.:-=+*#@";

	for (int i = 0; i < width; i++) {
		size_t back = (size_t)(width - i);
		double v = back <= n ? value[n - back] : NAN;
		int eighths = isnan(v) ? -1 : (int)lround(within_1(v) * 8);

		if (eighths == 0 && v > 0)
			eighths = 1;
		if (eighths < 0)
			put(f, y, x + i, 1, meaning, ' ');
		else if (f->is_ascii)
			put(f, y, x + i, 1, meaning, (unsigned char)ascii[eighths]);
		else
			put(f, y, x + i, 1, meaning,
			    eighths ? LOWER_BLOCK + (uint32_t)eighths : '_');
	}
}

void frame_mean(struct frame *f, int y, int x, int width, enum meaning meaning)
{
	struct cell *cell;

	for (int i = 0; i < width; i++)
		if ((cell = at(f, y, x + i)))
			cell->meaning = (uint8_t)meaning;
}

void frame_choose(struct frame *f, int y)
{
	struct cell *cell;

	for (int x = 0; (cell = at(f, y, x)); x++)
		cell->is_chosen = true;
}

/* ---- printing -------------------------------------------------------------------------------------------------------------- */

static char letter_of(const struct cell *cell)
{
	char letter = letters[cell->meaning];

	if (!cell->is_chosen)
		return letter;
	return letter == ' ' ? '=' : (char)toupper((unsigned char)letter);
}

static void print_characters(const struct cell *line, int end, struct buffer *ret)
{
	char bytes[4];

	while (end && line[end - 1].character == ' ')
		end--;
	for (int x = 0; x < end; x++) {
		if (line[x].character)
			buffer_add(ret, bytes, text_put(line[x].character, bytes));
	}
	buffer_add_text(ret, "\n");
}

static void print_letters(const struct cell *line, int end, struct buffer *ret)
{
	while (end && letter_of(&line[end - 1]) == ' ')
		end--;
	if (!end)
		return;
	buffer_add_text(ret, ":");
	for (int x = 0; x < end; x++) {
		char letter = letter_of(&line[x]);

		buffer_add(ret, &letter, 1);
	}
	buffer_add_text(ret, "\n");
}

void frame_print(const struct frame *f, bool with_meanings, struct buffer *ret)
{
	const struct cell *line = f->cell;

	for (int y = 0; y < f->height; y++, line += f->width) {
		if (with_meanings)
			buffer_add_text(ret, "|");
		print_characters(line, f->width, ret);
		if (with_meanings)
			print_letters(line, f->width, ret);
	}
}
