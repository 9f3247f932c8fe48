/* SPDX-License-Identifier: MIT */
/*
 * again.h - the output of a command once, or every N seconds (--watch).
 *
 * On a terminal the screen is redrawn in place, and what does not fit is cut; else the outputs follow each other with a line of the time before each;
 * with --json each is one line. It ends with Ctrl-C, which is a good end, at the end of a recording, and after --count times.
 */
#ifndef POOLSCOPE_CMD_AGAIN_H
#define POOLSCOPE_CMD_AGAIN_H

#include <stddef.h>

struct buffer;
struct invocation;
struct source;

/* Asks and prints to stdout; an exit status. */
typedef int look_fn(const struct invocation *in, struct source *source);

/* Opens the source, and prints its errors. An exit status, of the last look. */
int again_run(const struct invocation *in, look_fn *look);

/* Likewise with a source that is open; NULL = the look needs none. */
int again_go_on(const struct invocation *in, struct source *source, look_fn *look);

/*
 * Appends an output as it is drawn over the one before: from the first line of the screen on, at most `height` lines of at most `width` columns, and
 * nothing left of the one before. Where lines are left out the last one says how many.
 */
void again_draw(struct buffer *ret, const char *text, size_t width, size_t height);

#endif
