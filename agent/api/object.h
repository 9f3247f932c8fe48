/* SPDX-License-Identifier: MIT */
/*
 * object.h - JSON objects in the making. A step that fails is remembered, and object_end() tells it. All text leaves clean; what is not known
 * leaves as null. The keys are our own literals.
 */
#ifndef POOLSCOPE_API_OBJECT_H
#define POOLSCOPE_API_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct hist;
struct snapshot;

struct object {
	json_t *json;
	bool has_failed;
};

struct object object_begin(void);

/* Hands the object over, or NULL when any step failed. */
json_t *object_end(struct object *o);

/* Takes the value; NULL means that it could not be made. */
void object_set(struct object *o, const char *key, json_t *value);

/* NULL = null. A name is cut sooner than a text. */
void object_set_name(struct object *o, const char *key, const char *s);
void object_set_text(struct object *o, const char *key, const char *s);

/* UNKNOWN and NaN leave as null; a time in seconds. */
void object_set_count(struct object *o, const char *key, int64_t n);
void object_set_total(struct object *o, const char *key, uint64_t n);
void object_set_real(struct object *o, const char *key, double v);
void object_set_ns(struct object *o, const char *key, int64_t ns);
void object_set_bool(struct object *o, const char *key, bool v);

/* An array of clean text: places in programs. */
void object_set_texts(struct object *o, const char *key, const char *const *text, size_t n);

/* {"timeout": 3, ...}: those that are known; null when none is. */
void object_set_counts_by(struct object *o, const char *key, const int64_t *n, size_t n_names,
			  const char *const *names);

/* Count, sum, quantiles and the most; NULL = null. */
void object_set_hist(struct object *o, const char *key, const struct hist *h);

/* Takes the value; on failure the array becomes NULL, which stays NULL and cannot be set. */
void array_add(json_t **array, json_t *value);

/* {"<key>": [...]} of n elements; NULL when any of them is. */
json_t *encode_array(const char *key, size_t n,
		     json_t *(*encode)(const struct snapshot *s, size_t i, void *context),
		     const struct snapshot *s, void *context);

#endif
