/* SPDX-License-Identifier: MIT */
/*
 * report.h - the parts of `poolscope report`: what is gathered is one JSON object, and the text is made from nothing else, so that both say the
 * same and what must not be in one is not in the other.
 */
#ifndef POOLSCOPE_CMD_REPORT_H
#define POOLSCOPE_CMD_REPORT_H

#include <jansson.h>

struct buffer;
struct invocation;

#define REPORT_BYTES 60000	/* of the text: an issue of GitHub takes 65 536 characters */

/* What is wrong in one line, from "findings" and "status" of a report. A new string; NULL when out of memory. */
json_t *report_summary(const json_t *report);

/* The text, clean and bounded. 0 or -ENOMEM. */
int report_write(const struct invocation *in, const json_t *report, struct buffer *ret);

#endif
