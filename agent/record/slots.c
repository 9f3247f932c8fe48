/* SPDX-License-Identifier: MIT */
/*
 * slots.c - see slots.h. The surprise: what is large is kept squeezed. Books and histograms of a pool have five kilobytes and are nearly empty,
 * and a thousand idle pools would take more memory for what they last were than for all else.
 */
#include "record/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/squeeze.h"

#define LARGE 256u

#define RECORD_NOTHING char[0]
#define RECORD(number, name, key, value, lives_by, most, text)                                     \
	_Static_assert(sizeof(value) <= SLOT_VALUE_MOST, #name " is larger than the scratch");     \
	_Static_assert(SQUEEZED_MOST(sizeof(value)) <= UINT16_MAX, #name " is too large");         \
	_Static_assert(sizeof(key) < 128, "the key of " #name " is too large");
#include "model/records.def"

static size_t key_size(enum record what)
{
	return record_kinds[what].key_size;
}

static size_t value_size(enum record what)
{
	return record_kinds[what].value_size;
}

static bool is_large(enum record what)
{
	return value_size(what) >= LARGE;
}

static size_t weight(enum record what)
{
	return sizeof(struct slot) + value_size(what) + key_size(what) + 64;
}

/* What it takes in truth, malloc's own included. */
static size_t held(const struct slot *slot)
{
	size_t kept = is_large(slot->what) ? 0 : value_size(slot->what);

	return sizeof(*slot) + kept + key_size(slot->what) + slot->n_text + slot->n_squeezed + 40;
}

/* The slot itself, with what lies behind it: the value, unless that is large, the kind and the key. */
static size_t slot_bytes(enum record what)
{
	size_t kept = is_large(what) ? 0 : value_size(what);

	return sizeof(struct slot) + kept + 1 + key_size(what);
}

static void slot_free(struct slots *s, struct slot *slot)
{
	HASH_DEL(s->by_id, slot);
	s->bytes -= weight(slot->what) + slot->n_text;
	s->held_bytes -= held(slot);
	slab_free(&s->memory, slot->text, slot->n_text);
	slab_free(&s->memory, slot->squeezed, slot->n_squeezed);
	slab_free(&s->memory, slot, slot_bytes(slot->what));
}

static void forget_all(struct slots *s)
{
	struct slot *slot, *next;

	HASH_ITER (hh, s->by_id, slot, next)
		slot_free(s, slot);
	slab_done(&s->memory);
	s->last.n = s->now.n = 0;
}

void slots_done(struct slots *s)
{
	forget_all(s);
	free(s->last.slot);
	free(s->now.slot);
	memset(s, 0, sizeof(*s));
}

void slots_tick_begin(struct slots *s, bool is_key)
{
	struct slot_order former = s->last;

	if (is_key)
		forget_all(s);
	s->tick++;
	s->last = s->now;
	s->now = former;
	s->now.n = 0;
	memset(s->count, 0, sizeof(s->count));
}

static bool lives_on(const struct slots *s, const struct slot *slot)
{
	enum record by = record_kinds[slot->what].lives_by;
	const struct slot *other = by ? slots_find(s, by, slot->key) : NULL;

	return other && other->tick == s->tick;
}

int slots_tick_end(struct slots *s)
{
	int error = 0;

	for (size_t i = 0; i < s->last.n; i++) {
		struct slot *slot = s->last.slot[i];

		if (slot->tick == s->tick)
			continue;
		if (!lives_on(s, slot))
			slot->tick = 0;
		else if (slots_append(s, slot))
			error = -ENOMEM;
	}
	for (size_t i = 0; i < s->last.n; i++)
		if (s->last.slot[i]->tick != s->tick)
			slot_free(s, s->last.slot[i]);
	s->last.n = 0;
	return error;
}

/* The kind and the key are one run of bytes. */
static size_t id_bytes(enum record what, const void *key, unsigned char ret[128])
{
	ret[0] = (unsigned char)what;
	memcpy(ret + 1, key ? key : "", key_size(what));
	return 1 + key_size(what);
}

struct slot *slots_find(const struct slots *s, enum record what, const void *key)
{
	unsigned char id[128];
	size_t n = id_bytes(what, key, id);
	struct slot *slot;

	HASH_FIND(hh, s->by_id, id, n, slot);
	return slot;
}

struct slot *slots_add(struct slots *s, enum record what, const void *key, bool *ret_is_full)
{
	size_t kept = is_large(what) ? 0 : value_size(what), n;
	unsigned char id[128];
	struct slot *slot;

	*ret_is_full = s->bytes + weight(what) > SLOTS_MOST_BYTES;
	if (*ret_is_full)
		return NULL;
	n = id_bytes(what, key, id);
	slot = slab_alloc(&s->memory, slot_bytes(what));
	if (!slot)
		return NULL;
	slot->what = what;
	memcpy(slot->bytes + kept, id, n);
	slot->key = slot->bytes + kept + 1;
	HASH_ADD_KEYPTR(hh, s->by_id, slot->key - 1, n, slot);
	s->bytes += weight(what);
	s->held_bytes += held(slot);
	return slot;
}

int slots_append(struct slots *s, struct slot *slot)
{
	struct slot_order *o = &s->now;

	if (o->n == o->size) {
		size_t size = o->size ? 2 * o->size : 256;
		struct slot **more = realloc(o->slot, size * sizeof(struct slot *));

		if (!more)
			return -ENOMEM;
		o->slot = more;
		o->size = size;
	}
	slot->tick = s->tick;
	slot->place = (uint32_t)o->n;
	o->slot[o->n++] = slot;
	return 0;
}

const void *slot_value(const struct slot *slot, void *scratch)
{
	struct bytes b;

	if (!is_large(slot->what))
		return slot->bytes;
	memset(scratch, 0, value_size(slot->what));
	if (!slot->squeezed)
		return scratch;
	b = (struct bytes){ .at = slot->squeezed, .end = slot->squeezed + slot->n_squeezed };
	unsqueeze(&b, scratch, value_size(slot->what));
	return scratch;
}

int slot_set_value(struct slots *s, struct slot *slot, const void *value)
{
	unsigned char squeezed[SQUEEZED_MOST(SLOT_VALUE_MOST)], *copy;
	size_t n;

	if (!is_large(slot->what)) {
		memcpy(slot->bytes, value, value_size(slot->what));
		return 0;
	}
	n = squeeze(value, NULL, value_size(slot->what), squeezed);
	copy = n == slot->n_squeezed ? slot->squeezed : slab_alloc(&s->memory, n);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, squeezed, n);
	if (copy != slot->squeezed)
		slab_free(&s->memory, slot->squeezed, slot->n_squeezed);
	slot->squeezed = copy;
	s->held_bytes += n - slot->n_squeezed;
	slot->n_squeezed = (uint16_t)n;
	return 0;
}

int slot_set_text(struct slots *s, struct slot *slot, const char *text, size_t n)
{
	char *copy = n ? slab_alloc(&s->memory, n) : NULL;

	if (n && !copy)
		return -ENOMEM;
	if (n)
		memcpy(copy, text, n);
	slab_free(&s->memory, slot->text, slot->n_text);
	slot->text = copy;
	s->bytes += n - slot->n_text;
	s->held_bytes += n - slot->n_text;
	slot->n_text = (uint32_t)n;
	return 0;
}
