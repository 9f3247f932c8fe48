/* SPDX-License-Identifier: MIT */
/*
 * otel.c - see otel.h. The surprise: the signature is there all the time, also while the context is changed. Only its time of publishing tells: it is
 * 0 meanwhile, and another one after; so it is read before and behind the payload, and both must be the same.
 */
#include "discover/otel.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/remote.h"
#include "discover/mapped.h"

#define READ_TRIES 3
#define DECODED_BYTES (4 * TEXT_NAME_BYTES) /* of a text that is cut to TEXT_NAME_BYTES when it is clean */

/* ---- a resource ---------------------------------------------------------------------------------------------------------- */

static bool is_unknown_service(const char *name)
{
	static const char unknown[] = "unknown_service";
	size_t n = sizeof(unknown) - 1;

	return !strncmp(name, unknown, n) && (!name[n] || name[n] == ':');
}

static void name_set(struct otel_resource *r, const char *text, size_t n)
{
	char name[TEXT_NAME_BYTES];

	text_clean(text, n, name, sizeof(name));
	if (name[0] && !is_unknown_service(name))
		memcpy(r->service_name, name, sizeof(name));
}

/* Neither is clean. */
static void attribute_put(struct otel_resource *r, const char *key, size_t n_key, const char *value,
			  size_t n_value)
{
	struct otel_attribute a;
	size_t i = 0;

	if (!text_clean(key, n_key, a.key, sizeof(a.key)))
		return;
	if (!strcmp(a.key, "service.name")) {
		name_set(r, value, n_value);
		return;
	}
	text_clean(value, n_value, a.value, sizeof(a.value));
	while (i < r->n && strcmp(r->attribute[i].key, a.key) != 0)
		i++;
	if (i == OTEL_ATTRIBUTES_MAX) {
		r->n_left_out++;
		return;
	}
	r->attribute[i] = a;
	if (i == r->n)
		r->n++;
}

/* ---- the process context: a protobuf message ------------------------------------------------------------------------------ */

struct bytes {
	const uint8_t *at, *end;
};

/* A field of a message: its number, and a number or bytes. */
struct field {
	uint64_t number, value;
	struct bytes bytes;
	enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 } type;
};

static bool take_varint(struct bytes *b, uint64_t *ret)
{
	*ret = 0;
	for (unsigned int shift = 0; shift < 64 && b->at < b->end; shift += 7) {
		uint8_t byte = *b->at++;

		*ret |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static bool take_fixed(struct bytes *b, size_t n, uint64_t *ret)
{
	if ((size_t)(b->end - b->at) < n)
		return false;
	*ret = 0;
	memcpy(ret, b->at, n);
	b->at += n;
	return true;
}

/* False = what comes is no field; groups are none, nobody has written them for years. */
static bool take_field(struct bytes *b, struct field *ret)
{
	uint64_t tag, n;

	if (!take_varint(b, &tag))
		return false;
	ret->number = tag >> 3;
	switch (tag & 7) {
	case VARINT:
		ret->type = VARINT;
		return take_varint(b, &ret->value);
	case FIXED64:
		ret->type = FIXED64;
		return take_fixed(b, 8, &ret->value);
	case FIXED32:
		ret->type = FIXED32;
		return take_fixed(b, 4, &ret->value);
	case BYTES:
		ret->type = BYTES;
		if (!take_varint(b, &n) || n > (uint64_t)(b->end - b->at))
			return false;
		ret->bytes = (struct bytes){ b->at, b->at + n };
		b->at += n;
		return true;
	default:
		return false;
	}
}

/* An AnyValue as text: false = of a type that is none here. The text is the message's own, or in `room`. */
static bool value_take(struct bytes b, char room[64], struct bytes *ret, bool *ret_is_damaged)
{
	bool is_known = false;
	struct field f;
	double d;
	int n;

	*ret_is_damaged = false;
	while (b.at < b.end) {
		if (!take_field(&b, &f)) {
			*ret_is_damaged = true;
			return false;
		}
		if (f.number == 1 && f.type == BYTES) {
			*ret = f.bytes;
			is_known = true;
			continue;
		}
		if (f.number == 2 && f.type == VARINT) {
			n = snprintf(room, 64, "%s", f.value ? "true" : "false");
		} else if (f.number == 3 && f.type == VARINT) {
			n = snprintf(room, 64, "%lld", (long long)f.value);
		} else if (f.number == 4 && f.type == FIXED64) {
			memcpy(&d, &f.value, sizeof(d));
			n = snprintf(room, 64, "%.15g", d);
		} else {
			continue;
		}
		*ret = (struct bytes){ (uint8_t *)room, (uint8_t *)room + n };
		is_known = true;
	}
	return is_known;
}

/* A KeyValue. ret NULL: it is looked through, no more. */
static bool attribute_take(struct bytes b, struct otel_resource *ret)
{
	struct bytes key = { NULL, NULL }, value = { NULL, NULL };
	bool has_value = false, is_damaged;
	struct field f;
	char room[64];

	while (b.at < b.end) {
		if (!take_field(&b, &f))
			return false;
		if (f.number == 1 && f.type == BYTES)
			key = f.bytes;
		if (f.number != 2 || f.type != BYTES)
			continue;
		has_value = value_take(f.bytes, room, &value, &is_damaged);
		if (is_damaged)
			return false;
	}
	if (!ret)
		return true;
	if (has_value && key.at)
		attribute_put(ret, (const char *)key.at, (size_t)(key.end - key.at),
			      (const char *)value.at, (size_t)(value.end - value.at));
	else
		ret->n_left_out++;
	return true;
}

static bool resource_take(struct bytes b, struct otel_resource *ret)
{
	struct field f;

	while (b.at < b.end) {
		if (!take_field(&b, &f))
			return false;
		if (f.number == 1 && f.type == BYTES && !attribute_take(f.bytes, ret))
			return false;
	}
	return true;
}

static bool context_take(struct bytes b, struct otel_resource *ret)
{
	struct field f;

	while (b.at < b.end) {
		if (!take_field(&b, &f))
			return false;
		if (f.number == 1 && f.type == BYTES && !resource_take(f.bytes, ret))
			return false;
	}
	return true;
}

int otel_payload_parse(const void *bytes, size_t n, struct otel_resource *ret)
{
	struct bytes b = { bytes, (const uint8_t *)bytes + n };

	if (n > OTEL_PAYLOAD_MAX || !context_take(b, NULL))
		return -EBADMSG;
	*ret = (struct otel_resource){ .n = 0 };
	context_take(b, ret);
	return 0;
}

int otel_header_check(const struct otel_header *h)
{
	if (memcmp(h->signature, "OTEL_CTX", 8) != 0 || h->version != OTEL_VERSION)
		return -EBADMSG;
	if (!h->published_ns)
		return -EAGAIN;
	return h->payload_size && h->payload_size <= OTEL_PAYLOAD_MAX && h->payload_at ? 0
										       : -EBADMSG;
}

/* ---- the environment ------------------------------------------------------------------------------------------------------ */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Without blanks around it. False = a percent sign that begins nothing. What is behind the room is looked at and left out. */
static bool decode(const char *s, size_t n, char ret[static DECODED_BYTES], size_t *ret_n)
{
	*ret_n = 0;
	while (n && (*s == ' ' || *s == '\t')) {
		s++;
		n--;
	}
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		n--;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '%') {
			int high = n - i > 2 ? hex_digit(s[i + 1]) : -1,
			    low = n - i > 2 ? hex_digit(s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (*ret_n < DECODED_BYTES)
			ret[(*ret_n)++] = c;
	}
	return true;
}

/* ret NULL: it is looked through, no more. */
static bool pairs_take(const char *text, size_t n, struct otel_resource *ret)
{
	char key[DECODED_BYTES], value[DECODED_BYTES];
	const char *end = text + n;
	size_t n_key, n_value;

	for (const char *at = text; at < end;) {
		const char *comma = memchr(at, ',', (size_t)(end - at)),
			   *stop = comma ? comma : end;
		const char *equals = memchr(at, '=', (size_t)(stop - at));

		if (!equals) {
			if (!decode(at, (size_t)(stop - at), key, &n_key) || n_key)
				return false;
			at = stop + 1; /* nothing between two commas */
			continue;
		}
		if (!decode(at, (size_t)(equals - at), key, &n_key) || !n_key ||
		    !decode(equals + 1, (size_t)(stop - equals - 1), value, &n_value))
			return false;
		if (ret)
			attribute_put(ret, key, n_key, value, n_value);
		at = stop + 1;
	}
	return true;
}

int otel_attributes_parse(const char *text, size_t n, struct otel_resource *ret)
{
	if (!pairs_take(text, n, NULL))
		return -EBADMSG;
	*ret = (struct otel_resource){ .n = 0 };
	pairs_take(text, n, ret);
	return 0;
}

/* What stands behind NAME= in the first string that begins so; NULL. */
static const char *variable_find(const char *bytes, size_t n, const char *name, size_t *ret_n)
{
	const char *end = bytes + n, *stop;
	size_t n_name = strlen(name);

	for (const char *at = bytes; at < end; at = stop + 1) {
		stop = memchr(at, 0, (size_t)(end - at));
		if (!stop)
			return NULL;
		if ((size_t)(stop - at) > n_name && at[n_name] == '=' &&
		    !memcmp(at, name, n_name)) {
			*ret_n = (size_t)(stop - at) - n_name - 1;
			return at + n_name + 1;
		}
	}
	return NULL;
}

void otel_environ_parse(const char *bytes, size_t n, struct otel_resource *ret)
{
	size_t n_text;
	const char *text = variable_find(bytes, n, "OTEL_RESOURCE_ATTRIBUTES", &n_text);

	*ret = (struct otel_resource){ .n = 0 };
	if (text)
		otel_attributes_parse(text, n_text, ret); /* all of it or nothing */
	text = variable_find(bytes, n, "OTEL_SERVICE_NAME", &n_text);
	if (text)
		name_set(ret, text, n_text);
}

/* ---- of a process --------------------------------------------------------------------------------------------------------- */

int otel_environ_read(uint32_t pid, struct otel_resource *ret)
{
	AUTO_FREE char *bytes = malloc(OTEL_ENVIRON_MAX);
	ssize_t n;

	if (!bytes)
		return -ENOMEM;
	n = remote_read_file(pid, "environ", bytes, OTEL_ENVIRON_MAX);
	if (n < 0)
		return (int)n;
	otel_environ_parse(bytes, (size_t)n, ret);
	return 0;
}

int otel_context_find(uint32_t pid, uint64_t *ret_address)
{
	static const char *const names[] = { "/memfd:OTEL_CTX (deleted)", "/memfd:OTEL_CTX",
					     "[anon_shmem:OTEL_CTX]", "[anon:OTEL_CTX]", NULL };

	return mapped_named(pid, names, ret_address);
}

static int read_once(uint32_t pid, uint64_t address, uint64_t known_ns, struct otel_resource *ret,
		     uint64_t *ret_published_ns)
{
	AUTO_FREE char *payload = NULL;
	struct otel_header before, after;
	int error = remote_read_all(pid, address, &before, sizeof(before));

	if (!error)
		error = otel_header_check(&before);
	if (error)
		return error;
	if (before.published_ns == known_ns)
		return -EALREADY;
	payload = malloc(before.payload_size);
	if (!payload)
		return -ENOMEM;
	error = remote_read_all(pid, before.payload_at, payload, before.payload_size);
	if (remote_read_all(pid, address, &after, sizeof(after)))
		return -EFAULT;
	if (memcmp(&before, &after, sizeof(before)) != 0)
		return -EAGAIN;
	if (error)
		return -EBADMSG; /* it points nowhere */
	error = otel_payload_parse(payload, before.payload_size, ret);
	if (!error)
		*ret_published_ns = before.published_ns;
	return error;
}

int otel_context_read(uint32_t pid, uint64_t address, uint64_t known_ns, struct otel_resource *ret,
		      uint64_t *ret_published_ns)
{
	int error = -EAGAIN;

	for (int i = 0; i < READ_TRIES && error == -EAGAIN; i++)
		error = read_once(pid, address, known_ns, ret, ret_published_ns);
	return error;
}
