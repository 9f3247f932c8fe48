/* SPDX-License-Identifier: MIT */
/*
 * progress_line.h - a line on stderr about work that takes longer than half a second, for a person who waits; it is wiped away afterwards. Where
 * stderr is no terminal, or JSON is asked for, there is none. One at a time; it has SIGALRM meanwhile.
 */
#ifndef POOLSCOPE_CMD_PROGRESS_LINE_H
#define POOLSCOPE_CMD_PROGRESS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/meter.h"

struct invocation;

struct progress_line {
	struct meter meter;	/* to be given to what works */
	bool is_on;
};

void progress_begin(struct progress_line *p, const struct invocation *in);

/* Safe after no begin. */
void progress_end(struct progress_line *p);

/* The text as it is written, in at most `width` columns; returns its bytes. */
size_t progress_format(char *ret, size_t size, size_t width, const char *what, uint64_t done,
		       uint64_t of);

#endif
