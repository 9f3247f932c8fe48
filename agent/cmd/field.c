/* SPDX-License-Identifier: MIT */
/* field.c - see field.h. No surprise. */
#include "cmd/field.h"

#include <math.h>
#include <string.h>

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
