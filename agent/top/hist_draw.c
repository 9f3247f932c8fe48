/* SPDX-License-Identifier: MIT */
/*
 * hist_draw.c - see hist_draw.h. The surprise: the bars are a share of the longest line and not of all values, so that a second hump of a
 * hundredth of them is still seen; the share of all stands beside it.
 */
#include "top/hist_draw.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/hist.h"
#include "base/text.h"
#include "top/page.h"

#define BAR_X 14
#define BAR_MOST 48
#define NUMBERS 21	/* columns: "  12345  100%  p50 p99" */

/* The line, of k buckets each, that a bucket belongs to; the first and the last bucket, which have no width, stay alone. */
static unsigned int line_of(unsigned int bucket, unsigned int k)
{
	return (bucket + k - 1) / k;
}

static double upper_of(unsigned int line, unsigned int k)
{
	return line * k < PS_HIST_BUCKETS - 1 ? hist_upper_s(line * k) : INFINITY;
}

/* The buckets after the first one: what took no time at all is far from the rest, and would have all of it in one line. */
static int join(const struct hist *h, unsigned int n_max, struct hist_line *ret)
{
	unsigned int least = PS_HIST_BUCKETS, most = 0, k = 1, n;

	for (struct hist_walk w = hist_walk(h); hist_next(&w);) {
		if (w.bucket && w.bucket < least)
			least = w.bucket;
		most = w.bucket;
	}
	if (least > most)
		return 0;
	while (line_of(most, k) - line_of(least, k) >= n_max)
		k *= 2;
	n = line_of(most, k) - line_of(least, k) + 1;
	for (unsigned int i = 0; i < n; i++)
		ret[i] = (struct hist_line){ .upper_s = upper_of(line_of(least, k) + i, k) };
	for (struct hist_walk w = hist_walk(h); hist_next(&w);)
		if (w.bucket)
			ret[line_of(w.bucket, k) - line_of(least, k)].n += w.n;
	return (int)n;
}

int hist_lines(const struct hist *h, int n_max, struct hist_line ret[static HIST_DRAW_LINES])
{
	uint64_t n_first = hist_get(h, 0);
	int n = 0;

	n_max = n_max < 2 ? 2 : n_max > HIST_DRAW_LINES ? HIST_DRAW_LINES : n_max;
	if (n_first)
		ret[n++] = (struct hist_line){ .upper_s = hist_upper_s(0), .n = n_first };
	return n + join(h, (unsigned int)(n_max - n), ret + n);
}

static int line_at(const struct hist_line *line, int n, double s)
{
	int i;

	for (i = 0; i < n && s > line[i].upper_s; i++)
		;
	return i;
}

static void draw_line(struct page *p, const struct hist_line *line, double longest, double all,
		      const char *marks)
{
	char number[TEXT_NUMBER_BYTES], label[TEXT_NUMBER_BYTES + 8];
	int bar = p->width - BAR_X - NUMBERS - 1;

	bar = bar > BAR_MOST ? BAR_MOST : bar;
	if (isfinite(line->upper_s))
		snprintf(label, sizeof(label), "to %s",
			 text_format_duration(line->upper_s, number));
	else
		snprintf(label, sizeof(label), "longer");
	page_text_right(p, 2, BAR_X - 3, MEANS_DIM, label);
	if (bar > 0)
		page_bar(p, BAR_X, bar, MEANS_INFO, (double)line->n / longest);
	bar = bar > 0 ? BAR_X + bar : BAR_X - 1;
	page_text_right(p, bar, 7, MEANS_PLAIN, text_format_count((double)line->n, number));
	page_text_right(p, bar + 7, 6, MEANS_DIM,
			text_format_percent((double)line->n / all, number));
	page_text(p, bar + 15, 7, MEANS_STRONG, marks);
	page_next(p);
}

void hist_draw(struct page *p, const struct hist *h, int n_max, double p50_s, double p99_s)
{
	struct hist_line line[HIST_DRAW_LINES];
	int n = hist_lines(h, n_max, line);
	double longest = 1, all = 0;

	for (int i = 0; i < n; i++) {
		longest = fmax(longest, (double)line[i].n);
		all += (double)line[i].n;
	}
	for (int i = 0; i < n; i++) {
		bool is_p50 = !isnan(p50_s) && line_at(line, n, p50_s) == i,
		     is_p99 = !isnan(p99_s) && line_at(line, n, p99_s) == i;

		draw_line(p, &line[i], longest, all,
			  is_p50 && is_p99 ? "p50 p99"
			  : is_p50         ? "p50"
			  : is_p99         ? "p99"
					   : "");
	}
}
