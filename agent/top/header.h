/* SPDX-License-Identifier: MIT */
/* header.h - the two lines at the top of every view of `top`: whose answer it is, what it costs, what was lost, what is wrong. Pure. */
#ifndef POOLSCOPE_TOP_HEADER_H
#define POOLSCOPE_TOP_HEADER_H

#include <jansson.h>

struct frame;

#define HEADER_LINES 2

/* The summary of an answer about pools; NULL while there is none. `tail` is put at the right of the first line, "" = nothing. */
void header_draw(struct frame *f, int y, const json_t *summary, const char *tail);

#endif
