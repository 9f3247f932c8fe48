/* SPDX-License-Identifier: MIT */
/* field.c - see field.h. No surprise. */
#include "cmd/field.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/hist.h"

#define LONGEST_S 1e6	/* is in the last bucket, however long */

double field_number(const json_t *o, const char *key)
{
	const char *dot = strchr(key, '.');
	const json_t *value;

	if (dot) {
		char head[32];
		size_t n = (size_t)(dot - key);

		if (n >= sizeof(head))
			return NAN;
		memcpy(head, key, n);
		head[n] = '\0';
		return field_number(json_object_get(o, head), dot + 1);
	}
	value = json_object_get(o, key);
	return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *field_text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

const char *field_text_or(const json_t *o, const char *key, const char *otherwise)
{
	const char *text = field_text(o, key);

	return text ? text : otherwise;
}

bool field_bool(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

json_t *field_array(const json_t *o, const char *key)
{
	json_t *value = json_object_get(o, key);

	return json_is_array(value) ? value : NULL;
}

int field_hist(const json_t *o, const char *key, struct hist *ret)
{
	const json_t *buckets = field_array(json_object_get(o, key), "buckets"), *pair;
	size_t i;

	json_array_foreach (buckets, i, pair) {
		const json_t *upper = json_array_get(pair, 0), *n = json_array_get(pair, 1);
		unsigned int bucket = PS_HIST_BUCKETS - 1;

		/* a bound is the end of its bucket, and what is a little shorter lies inside */
		if (json_is_number(upper) && json_number_value(upper) >= 0 &&
		    json_number_value(upper) < LONGEST_S)
			bucket = hist_bucket_ns((uint64_t)(0.96e9 * json_number_value(upper)));
		if (!json_is_integer(n) || json_integer_value(n) < 0)
			return -EPROTO;
		if (hist_add(ret, bucket, (uint64_t)json_integer_value(n)))
			return -ENOMEM;
	}
	return 0;
}
