/* SPDX-License-Identifier: MIT */
/*
 * slots.h - what was known of each thing in the last tick, for who writes a tick as what has changed, and for who reads that. Both keep the
 * same slots in the same order, so a number is enough to name one. Pure.
 */
#ifndef POOLSCOPE_RECORD_SLOTS_H
#define POOLSCOPE_RECORD_SLOTS_H

#include <uthash.h>

#include "base/slab.h"
#include "model/records.h"

#define SLOTS_MOST_BYTES ((size_t)128 << 20)	/* of what is known, squeezed or not */
#define SLOT_VALUE_MOST 4352u	/* bytes of the largest value */

struct slot {
	enum record what;
	uint32_t place;		/* in the order of the last tick that had it */
	uint32_t tick;
	uint32_t n_text;
	uint16_t n_squeezed;
	char *text;		/* NULL = none */
	unsigned char *squeezed;	/* a large value; NULL = it is in `bytes` */
	const unsigned char *key;	/* in `bytes`, behind the value and the kind */
	UT_hash_handle hh;
	_Alignas(8) unsigned char bytes[];
};

struct slot_order {
	struct slot **slot;
	size_t n, size;
};

struct slots {
	struct slot *by_id;
	struct slot_order last, now;
	uint32_t tick;
	size_t bytes;		/* of SLOTS_MOST_BYTES, as if nothing were squeezed */
	size_t held_bytes;	/* what they take */
	uint32_t count[RECORD_END];	/* in this tick */
	struct slab memory;	/* of all slots, and of their texts and values */
};

void slots_done(struct slots *s);

/* is_key: nothing is known. */
void slots_tick_begin(struct slots *s, bool is_key);

/* What this tick did not have is forgotten, but for what lives by something that it had. -ENOMEM. */
int slots_tick_end(struct slots *s);

struct slot *slots_find(const struct slots *s, enum record what, const void *key);

/* A new one, of zeros. NULL: out of memory, or of SLOTS_MOST_BYTES (*ret_is_full). */
struct slot *slots_add(struct slots *s, enum record what, const void *key, bool *ret_is_full);

/* It is next in this tick. -ENOMEM. */
int slots_append(struct slots *s, struct slot *slot);

/* Its value: in the slot, or in `scratch`, which has SLOT_VALUE_MOST aligned bytes. */
const void *slot_value(const struct slot *slot, void *scratch);

/* -ENOMEM leaves what there was. */
int slot_set_value(struct slots *s, struct slot *slot, const void *value);
int slot_set_text(struct slots *s, struct slot *slot, const char *text, size_t n);

#endif
