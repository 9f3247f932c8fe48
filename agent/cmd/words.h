/* SPDX-License-Identifier: MIT */
/*
 * words.h - what commands and views say in the same words, from the JSON of the API: appended to a buffer, without a newline where not said. Pure, but for the local
 * time zone. All text is as clean as the JSON is.
 */
#ifndef POOLSCOPE_CMD_WORDS_H
#define POOLSCOPE_CMD_WORDS_H

#include <stdbool.h>

#include <jansson.h>

struct buffer;

/* "idle_timeout 3, broken 1": the counts of an object that are not 0; nothing when there is none. */
void words_counts_by(const json_t *o, const char *key, struct buffer *ret);

/* What a holder or waiter does now: "sleeping on thread 12, waits in pool orders (id 7), waits for data from 10.0.0.1:5432". */
void words_state(const json_t *ref, struct buffer *ret);

/* The frame is the C library's or a runtime's own. */
bool words_is_library(const char *frame);

/* The first place in an array of frames that is not the C library's or a runtime's own; the first one when all are, NULL when there is none. */
const char *words_place(const json_t *frames);

/* "14:03:07" in local time, with the day when that is not the day of `now`; "-" when unknown. Unix time in seconds. */
void words_time(double unix_s, double now_s, struct buffer *ret);

/* What a pool has now and had at most, and what has happened to it: lines with newlines, each behind a label that ends in column 15. */
void words_gauges(const json_t *pool, struct buffer *ret);
void words_counters(const json_t *pool, struct buffer *ret);

#endif
