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

/* The line, of k buckets each, that a bucket belongs to; bucket 0 and the last one, which have no width, stay alone. */
static unsigned int line_of(unsigned int bucket, unsigned int k)
{
	return (bucket + k - 1) / k;
}

static double upper_of(unsigned int line, unsigned int k)
{
	return line * k < PS_HIST_BUCKETS - 1 ? hist_upper_s(line * k) : INFINITY;
}

int hist_lines(const struct hist *h, int n_max, struct hist_line ret[static HIST_DRAW_LINES])
{
	unsigned int least = PS_HIST_BUCKETS, most = 0, k = 1, n;

	for (struct hist_walk w = hist_walk(h); hist_next(&w);) {
		least = w.bucket < least ? w.bucket : least;
		most = w.bucket;
	}
	if (least > most)
		return 0;
	n_max = n_max < 1 ? 1 : n_max > HIST_DRAW_LINES ? HIST_DRAW_LINES : n_max;
	while (k < 2 * PS_HIST_BUCKETS &&
	       line_of(most, k) - line_of(least, k) >= (unsigned int)n_max)
		k *= 2;
	n = line_of(most, k) - line_of(least, k) + 1;
	if (n > (unsigned int)n_max)
		n = (unsigned int)n_max; /* bucket 0 and one line for the rest, where there is room for one */
	for (unsigned int i = 0; i < n; i++)
		ret[i] = (struct hist_line){ .upper_s = upper_of(line_of(most, k) - n + 1 + i, k) };
	for (struct hist_walk w = hist_walk(h); hist_next(&w);) {
		unsigned int back = line_of(most, k) - line_of(w.bucket, k);

		ret[back < n ? n - 1 - back : 0].n += w.n;
	}
	return (int)n;
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
