/* SPDX-License-Identifier: MIT */
/*
 * object.c - see object.h. The surprise: nothing here looks at the result of each step. A jansson container that is NULL or that
 * could not take a value makes later steps fail too, so the first failure is remembered and the object is dropped as a whole at the end.
 */
#include "api/object.h"

#include <math.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "model/snapshot.h"

#define TEXT_BYTES 1024	/* of a sentence; names have TEXT_NAME_BYTES */

struct object object_begin(void)
{
	return (struct object){ .json = json_object() };
}

json_t *object_end(struct object *o)
{
	if (o->has_failed) {
		json_decref(o->json);
		o->json = NULL;
	}
	return TAKE(o->json);
}

void object_set(struct object *o, const char *key, json_t *value)
{
	if (json_object_set_new_nocheck(o->json, key, value))
		o->has_failed = true;
}

static void set_text_of(struct object *o, const char *key, const char *s, size_t size)
{
	char clean[TEXT_BYTES];

	if (!s) {
		object_set(o, key, json_null());
		return;
	}
	size = size < sizeof(clean) ? size : sizeof(clean);
	text_clean(s, SIZE_MAX, clean, size);
	object_set(o, key, json_string_nocheck(clean));
}

void object_set_name(struct object *o, const char *key, const char *s)
{
	set_text_of(o, key, s, TEXT_NAME_BYTES);
}

void object_set_text(struct object *o, const char *key, const char *s)
{
	set_text_of(o, key, s, TEXT_BYTES);
}

void object_set_count(struct object *o, const char *key, int64_t n)
{
	object_set(o, key, n == UNKNOWN ? json_null() : json_integer(n));
}

void object_set_total(struct object *o, const char *key, uint64_t n)
{
	object_set(o, key, json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n));
}

void object_set_real(struct object *o, const char *key, double v)
{
	object_set(o, key, isfinite(v) ? json_real(v) : json_null());
}

void object_set_ns(struct object *o, const char *key, int64_t ns)
{
	object_set_real(o, key, ns == UNKNOWN ? NAN : (double)ns / 1e9);
}

void object_set_bool(struct object *o, const char *key, bool v)
{
	object_set(o, key, json_boolean(v));
}

void array_add(json_t **array, json_t *value)
{
	if (json_array_append_new(*array, value)) {
		json_decref(*array);
		*array = NULL;
	}
}

void object_set_texts(struct object *o, const char *key, const char *const *text, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		char clean[2 * TEXT_NAME_BYTES];

		text_clean(text[i], SIZE_MAX, clean, sizeof(clean));
		array_add(&array, json_string_nocheck(clean));
	}
	object_set(o, key, array);
}

void object_set_counts_by(struct object *o, const char *key, const int64_t *n, size_t n_names,
			  const char *const *names)
{
	struct object by = object_begin();
	bool is_known = false;

	for (size_t i = 0; i < n_names; i++) {
		if (n[i] == UNKNOWN)
			continue;
		is_known = true;
		object_set_count(&by, names[i], n[i]);
	}
	if (is_known) {
		object_set(o, key, object_end(&by));
	} else {
		json_decref(by.json);
		object_set(o, key, json_null());
	}
}

void object_set_hist(struct object *o, const char *key, const struct hist *h)
{
	struct object hist;

	if (!h) {
		object_set(o, key, json_null());
		return;
	}
	hist = object_begin();
	object_set_total(&hist, "count", h->count);
	object_set_real(&hist, "sum_seconds", h->sum_s);
	object_set_real(&hist, "p50_seconds", hist_quantile_s(h, 0.5));
	object_set_real(&hist, "p90_seconds", hist_quantile_s(h, 0.9));
	object_set_real(&hist, "p99_seconds", hist_quantile_s(h, 0.99));
	object_set_real(&hist, "max_seconds", h->count ? (double)h->max_ns / 1e9 : NAN);
	object_set(o, key, object_end(&hist));
}

json_t *encode_array(const char *key, size_t n,
		     json_t *(*encode)(const struct snapshot *s, size_t i, void *context),
		     const struct snapshot *s, void *context)
{
	struct object o = object_begin();
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		array_add(&array, encode(s, i, context));
	object_set(&o, key, array);
	return object_end(&o);
}
