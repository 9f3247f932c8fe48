/* SPDX-License-Identifier: MIT */
/* prose.c - see prose.h. The surprise: where a terminal is too narrow for the indent it gets none, since one word a line helps nobody. */
#include "cmd/prose.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/table.h"

#define LEAST_WIDTH 20 /* of the text beside its indent */

static void begin_line(struct buffer *b, size_t indent)
{
	buffer_add_text(b, "\n");
	for (size_t i = 0; i < indent; i++)
		buffer_add(b, " ", 1);
}

static size_t width_of(const char *word, size_t n)
{
	size_t width = 0;
	uint32_t c;
	int columns;

	for (const char *end = word + n; word && word < end;) {
		word = text_next(word, &c, &columns);
		width += word ? (size_t)columns : 0;
	}
	return width;
}

/* So many bytes of a word, over as many lines as it takes; returns the column after. */
static size_t write_word(struct buffer *b, size_t at, size_t indent, size_t width, const char *word,
			 size_t n)
{
	while (n) {
		size_t used, fits = text_fit(word, width - at, &used);

		if (fits > n) {
			fits = n;
			used = width_of(word, n);
		}
		if (!fits && at == indent)
			fits = n; /* not even one character: then so be it */
		buffer_add(b, word, fits);
		word += fits;
		n -= fits;
		at += used;
		if (n) {
			begin_line(b, indent);
			at = indent;
		}
	}
	return at;
}

void prose_write(struct buffer *ret, size_t at, size_t indent, size_t width, const char *text)
{
	if (!width) {
		buffer_add_text(ret, text);
		buffer_add_text(ret, "\n");
		return;
	}
	if (width < indent + LEAST_WIDTH)
		indent = 0;
	for (bool is_first = true; *text; is_first = false) {
		size_t n = strcspn(text, " "), columns = width_of(text, n);
		size_t gap = is_first ? 0 : 1;

		if (at > indent && at + gap + columns > width) {
			begin_line(ret, indent);
			at = indent;
			gap = 0;
		}
		if (gap)
			buffer_add(ret, " ", 1);
		at = columns + at + gap <= width
			     ? (buffer_add(ret, text, n), at + gap + columns)
			     : write_word(ret, at + gap, indent, width, text, n);
		text += n + (text[n] == ' ');
	}
	buffer_add_text(ret, "\n");
}

void prose_print(const char *label, size_t indent, const char *text)
{
	CLEANUP(buffer_done) struct buffer b = { 0 };
	size_t at = text_width(label);

	printf("%s%*s", label, (int)(at < indent ? indent - at : 0), "");
	prose_write(&b, at < indent ? indent : at, indent, terminal_width(), text);
	if (!b.error)
		fwrite(b.data, 1, b.n, stdout);
}
