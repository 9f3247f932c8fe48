/* SPDX-License-Identifier: MIT */
/*
 * paste.h - text that may be pasted anywhere: into a terminal, a mail, an issue, a chat. Names in it are other processes', and whoever gave
 * them may have meant them to hide what follows or to call somebody.
 */
#ifndef POOLSCOPE_CMD_PASTE_H
#define POOLSCOPE_CMD_PASTE_H

#include <stddef.h>

struct buffer;

/*
 * Appends n bytes of text as clean lines. Nothing is left that means more than itself: no control character (tabs are blanks), no invalid UTF-8, no
 * backtick (it ends a block of code), no two tildes in a row, no angle bracket (HTML), no "](" (a link or an image), no "@name". What goes in
 * its place takes at most one column more.
 */
void paste_add(struct buffer *b, const char *text, size_t n);

/*
 * The same, each line after two blanks, so that no line can pass for one of those at the left edge; when it is longer than `max` bytes, it is cut
 * after a line, and the lines left out are counted. Returns their number.
 */
size_t paste_add_section(struct buffer *b, const char *text, size_t n, size_t max);

#endif
