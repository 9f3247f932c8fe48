/* SPDX-License-Identifier: MIT */
/*
 * otlp_attributes.c - see otlp_attributes.h. The surprise: a packed list is copied as a whole and then has its tags set, one byte each, since the field
 * for attributes has another number in each kind of data point.
 */
#include "exporters/otlp_attributes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "exporters/otlp.pb-c.h"

void attributes_done(struct attributes *a)
{
	buffer_done(&a->bytes);
	*a = (struct attributes){ .n = 0 };
}

void attributes_trim(struct attributes *a)
{
	char *less = a->bytes.data ? realloc(a->bytes.data, a->bytes.n + 1) : NULL;

	if (less) {
		a->bytes.data = less;
		a->bytes.size = a->bytes.n + 1;
	}
}

size_t varint_put(uint64_t n, uint8_t ret[static 10])
{
	size_t at = 0;

	while (n >= 0x80) {
		ret[at++] = (uint8_t)(n | 0x80);
		n >>= 7;
	}
	ret[at++] = (uint8_t)n;
	return at;
}

size_t varint_size(uint64_t n)
{
	size_t size = 1;

	while (n >= 0x80) {
		n >>= 7;
		size++;
	}
	return size;
}

static void add(struct attributes *a, const char *key, Otlp__AnyValue *value)
{
	Otlp__KeyValue kv = OTLP__KEY_VALUE__INIT;
	uint8_t packed[OTLP_TEXT_BYTES + 2 * TEXT_NAME_BYTES], head[11];
	size_t n;

	if (a->n == OTLP_ATTRIBUTES_MAX) {
		a->n_dropped++;
		return;
	}
	kv.key = (char *)key;
	kv.value = value;
	assert(otlp__key_value__get_packed_size(&kv) <= sizeof(packed));
	n = otlp__key_value__pack(&kv, packed);
	a->n++;
	head[0] = 0;
	buffer_add(&a->bytes, head, 1 + varint_put(n, head + 1));
	buffer_add(&a->bytes, packed, n);
}

static void add_cleaned(struct attributes *a, const char *key, const char *value, size_t size)
{
	Otlp__AnyValue any = OTLP__ANY_VALUE__INIT;
	char clean[OTLP_TEXT_BYTES];

	if (!value)
		return;
	text_clean(value, SIZE_MAX, clean, size);
	any.value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
	any.string_value = clean;
	add(a, key, &any);
}

void attributes_add(struct attributes *a, const char *key, const char *value)
{
	add_cleaned(a, key, value, TEXT_NAME_BYTES);
}

void attributes_add_text(struct attributes *a, const char *key, const char *value)
{
	add_cleaned(a, key, value, OTLP_TEXT_BYTES);
}

void attributes_add_int(struct attributes *a, const char *key, int64_t value)
{
	Otlp__AnyValue any = OTLP__ANY_VALUE__INIT;

	any.value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
	any.int_value = value;
	add(a, key, &any);
}

void attributes_add_double(struct attributes *a, const char *key, double value)
{
	Otlp__AnyValue any = OTLP__ANY_VALUE__INIT;

	any.value_case = OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE;
	any.double_value = value;
	add(a, key, &any);
}

void attributes_add_bool(struct attributes *a, const char *key, bool value)
{
	Otlp__AnyValue any = OTLP__ANY_VALUE__INIT;

	any.value_case = OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
	any.bool_value = value;
	add(a, key, &any);
}

/* The attribute behind the tag and the length at `at`, and where it ends. */
static size_t behind_head(const struct attributes *a, size_t at, size_t *ret_end)
{
	size_t length = 0;
	unsigned int shift = 0;
	uint8_t byte;

	at++;
	do {
		byte = (uint8_t)a->bytes.data[at++];
		length |= (size_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	*ret_end = at + length;
	return at;
}

/* A KeyValue begins with the tag and the length of its key. */
static bool has_key(const struct attributes *a, const char *key)
{
	size_t n = strlen(key), end;

	for (size_t at = 0; at < a->bytes.n; at = end) {
		const char *kv = a->bytes.data + behind_head(a, at, &end);

		if (kv[0] == 0x0a && (size_t)kv[1] == n && !memcmp(kv + 2, key, n))
			return true;
	}
	return false;
}

bool attributes_add_foreign(struct attributes *a, const char *key, const char *value)
{
	char clean[TEXT_NAME_BYTES];

	_Static_assert(TEXT_NAME_BYTES <= 0x80, "the length of a key is one byte");
	if (!text_clean(key, SIZE_MAX, clean, sizeof(clean)) || a->bytes.error || has_key(a, clean))
		return false;
	attributes_add(a, clean, value);
	return true;
}

void attributes_copy(const struct attributes *a, unsigned int field, uint8_t *to)
{
	size_t end;

	assert(field < 16);
	if (!a->bytes.n)
		return;
	memcpy(to, a->bytes.data, a->bytes.n);
	for (size_t at = 0; at < a->bytes.n; at = end) {
		to[at] = (uint8_t)(field << 3 | 2);
		behind_head(a, at, &end);
	}
}
