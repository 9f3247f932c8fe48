/* SPDX-License-Identifier: MIT */
/*
 * prometheus_text.h - what the text forms have in common: the parts of a line. Members of struct form, or helpers of theirs.
 */
#ifndef POOLSCOPE_EXPORTERS_PROMETHEUS_TEXT_H
#define POOLSCOPE_EXPORTERS_PROMETHEUS_TEXT_H

#include "exporters/prometheus_form.h"

/* A number that reads back as the same double; returns its length. No NUL. */
size_t text_number(char ret[NUMBER_BYTES], double v);

void text_label(struct buffer *b, const char *name, const char *value);
void text_value(struct writer *w, struct labels labels, struct labels more, double v);

/* How the form writes the bound of a classic bucket; before the first histogram. */
void text_bound(struct writer *w, unsigned int i, const char *bound, size_t n);

/* `behind` adds to the line of a bucket whose exemplar this is; NULL = nothing is added. */
void text_histogram_lines(struct writer *w, struct labels labels, struct labels more,
			  const struct summed *h,
			  void (*behind)(struct buffer *b, const struct exemplar *e));

#endif
