/* SPDX-License-Identifier: MIT */
/*
 * field.h - reading the JSON that commands print from. What is missing, null or of another type is unknown: NaN, NULL, false.
 */
#ifndef POOLSCOPE_CMD_FIELD_H
#define POOLSCOPE_CMD_FIELD_H

#include <stdbool.h>

#include <jansson.h>

struct hist;

/* A number, NaN when unknown. A key "wait.p99_seconds" looks into an object. */
double field_number(const json_t *o, const char *key);

/* A string, borrowed from the JSON; NULL when unknown. */
const char *field_text(const json_t *o, const char *key);

/* Likewise, but `otherwise` when unknown. */
const char *field_text_or(const json_t *o, const char *key, const char *otherwise);

bool field_bool(const json_t *o, const char *key);

/* An array; NULL (which jansson takes as an empty one) when unknown. */
json_t *field_array(const json_t *o, const char *key);

/* Adds the "buckets" of a histogram of a pool; an empty one, and 0, when they are unknown. -EPROTO: they are none, -ENOMEM. */
int field_hist(const json_t *o, const char *key, struct hist *ret);

#endif
