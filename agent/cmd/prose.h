/* SPDX-License-Identifier: MIT */
/*
 * prose.h - sentences for people: broken between words into lines of the terminal's width, each under the first one; as they are when stdout is no
 * terminal. Clean text only (base/text.h).
 */
#ifndef POOLSCOPE_CMD_PROSE_H
#define POOLSCOPE_CMD_PROSE_H

#include <stddef.h>

struct buffer;

/*
 * Appends the text, and a newline. The first line begins after `at` columns that are written already, each other one with `indent` blanks. A word
 * that no line has room for is broken, too. width 0 = unlimited.
 */
void prose_write(struct buffer *ret, size_t at, size_t indent, size_t width, const char *text);

/* Prints the label in `indent` columns, and the text beside it. */
void prose_print(const char *label, size_t indent, const char *text);

#endif
