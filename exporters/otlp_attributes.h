/* SPDX-License-Identifier: MIT */
/*
 * otlp_attributes.h - the attributes of a data point, a Resource or a record, packed once and copied as often as they are needed: a pool has some 45
 * points, all with the same ones. Text is cleaned here, so whatever a process is called, the strings are UTF-8, as protobuf wants them.
 *
 * Each attribute is a tag, a length and a packed KeyValue. The tag is that of the message where they go; which one is said when they are copied.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_ATTRIBUTES_H
#define POOLSCOPE_EXPORTERS_OTLP_ATTRIBUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

#define OTLP_ATTRIBUTES_MAX 48	/* of one list; more are left out and counted */
#define OTLP_TEXT_BYTES 1024	/* the longest text of an attribute that is no name; NUL included */

struct attributes {
	struct buffer bytes;
	uint16_t n;
	uint16_t n_dropped;
};

/* Zero is an empty list. */
void attributes_done(struct attributes *a);

/* Gives back what it has taken too much, for lists that are kept. */
void attributes_trim(struct attributes *a);

/* Names and other short texts, cut at TEXT_NAME_BYTES. A value of NULL adds nothing. Out of memory is kept in bytes.error. */
void attributes_add(struct attributes *a, const char *key, const char *value);

/* The same, cut at OTLP_TEXT_BYTES. */
void attributes_add_text(struct attributes *a, const char *key, const char *value);
void attributes_add_int(struct attributes *a, const char *key, int64_t value);
void attributes_add_double(struct attributes *a, const char *key, double value);
void attributes_add_bool(struct attributes *a, const char *key, bool value);

/* The key is a stranger's too; false when the list has it already, as it is cleaned, and then nothing is added. */
bool attributes_add_foreign(struct attributes *a, const char *key, const char *value);

/* Writes them as the repeated field `field` (below 16) of some message, bytes.n bytes. */
void attributes_copy(const struct attributes *a, unsigned int field, uint8_t *to);

/* A varint, and how long one is. */
size_t varint_put(uint64_t n, uint8_t ret[static 10]);
size_t varint_size(uint64_t n);

#endif
