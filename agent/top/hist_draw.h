/* SPDX-License-Identifier: MIT */
/*
 * hist_draw.h - a histogram as a person reads it: lines of a range each, with a bar, and at which of them half and 99 % of the values end. Its
 * 258 buckets are joined by 2, 4, 8 and so on, until those that hold something fit into the lines; bounds are exact, being bounds of buckets.
 */
#ifndef POOLSCOPE_TOP_HIST_DRAW_H
#define POOLSCOPE_TOP_HIST_DRAW_H

#include <stdint.h>

struct hist;
struct page;

#define HIST_DRAW_LINES 12

struct hist_line {
	double upper_s;		/* infinity for what has no bound */
	uint64_t n;
};

/* The lines, at most n_max (2 to HIST_DRAW_LINES) of them, from the shortest; the empty ones between others too. Returns how many. */
int hist_lines(const struct hist *h, int n_max, struct hist_line ret[static HIST_DRAW_LINES]);

/* Draws them. The quantiles are those that the agent told, NaN = unknown. */
void hist_draw(struct page *p, const struct hist *h, int n_max, double p50_s, double p99_s);

#endif
