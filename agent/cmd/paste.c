/* SPDX-License-Identifier: MIT */
/*
 * paste.c - see paste.h. The surprise: it is done to finished text and not to names, so that no place can be forgotten; what our own
 * sentences lose by it are backticks.
 */
#include "cmd/paste.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/text.h"

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static void add_harmless(struct buffer *b, const char *line, size_t at)
{
	const char *c = line + at;

	if (*c == '`')
		buffer_add(b, "'", 1);
	else if (*c == '<')
		buffer_add_text(b, "‹");
	else if (*c == '>')
		buffer_add_text(b, "›");
	else
		buffer_add(b, c, 1);
	if ((*c == ']' && c[1] == '(') || (*c == '@' && is_word(c[1]) && !(at && is_word(c[-1]))) ||
	    (*c == '~' && c[1] == '~'))
		buffer_add(b, " ", 1);
}

static void add_line(struct buffer *b, const char *line, size_t n)
{
	AUTO_FREE char *plain = strndup(line, n), *clean = malloc(n + 1);

	if (!plain || !clean) {
		b->error = -ENOMEM;
		return;
	}
	for (char *tab = plain; (tab = strchr(tab, '\t'));)
		*tab = ' ';
	n = text_clean(plain, n, clean, n + 1);
	for (size_t i = 0; i < n; i++)
		add_harmless(b, clean, i);
	buffer_add(b, "\n", 1);
}

/* The line at *at, which goes to the next one. */
static size_t next_line(const char *text, size_t n, size_t *at)
{
	const char *end = memchr(text + *at, '\n', n - *at);
	size_t length = end ? (size_t)(end - text) - *at : n - *at;

	*at += length + 1;
	return length;
}

void paste_add(struct buffer *b, const char *text, size_t n)
{
	for (size_t at = 0, begin = 0; at < n; begin = at)
		add_line(b, text + begin, next_line(text, n, &at));
}

size_t paste_add_section(struct buffer *b, const char *text, size_t n, size_t max)
{
	size_t first = b->n, n_cut = 0;

	for (size_t at = 0, begin = 0; at < n; begin = at) {
		size_t length = next_line(text, n, &at), before = b->n;

		if (n_cut) {
			n_cut++;
			continue;
		}
		if (length)
			buffer_add_text(b, "  ");
		add_line(b, text + begin, length);
		if (b->n - first > max && !b->error) {
			b->n = before;
			b->data[before] = '\0';
			n_cut = 1;
		}
	}
	return n_cut;
}
