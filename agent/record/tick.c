/* SPDX-License-Identifier: MIT */
/*
 * tick.c - see tick.h. The surprise: maps are walked in the same order from tick to tick, so the next record is mostly the one that came next
 * the last time, and need not be named or looked up.
 */
#include "record/tick.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "record/slots.h"
#include "base/squeeze.h"

/* What a record begins with; 0 = a run of records that are as before, in the order of the last tick. */
enum op {
	OP_RECORD = 1,
	OP_NEW = 2,	/* its kind and its key follow */
	OP_MOVED = 4,	/* its place in the last tick follows; else it is the next one there */
	OP_VALUE = 8,	/* what has changed of it follows */
	OP_TEXT = 16,	/* its text follows */
	OP_KEPT = 32,	/* nothing new is known of it */
	OP_ALL = 63
};

#define KEY_MOST 128u
#define REST_BYTES ((size_t)64 << 10)	/* that an ordinary tick needs */

struct last_keys {
	unsigned char key[RECORD_END][KEY_MOST];
};

struct tick_writer {
	struct slots slots;
	struct last_keys last;
	struct buffer out;
	tick_piece_fn *put_piece;
	void *context;
	size_t n_put;	/* bytes of the tick that pieces had */
	size_t next;	/* place in the last tick */
	uint64_t n_same;	/* a run that is not written yet */
	uint64_t n_left_out;
	int error;
	_Alignas(8) unsigned char scratch[SLOT_VALUE_MOST];
};

/* ---- writing ------------------------------------------------------------------------------------------------------------- */

struct tick_writer *tick_writer_new(tick_piece_fn *put_piece, void *context)
{
	struct tick_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->put_piece = put_piece;
	w->context = context;
	return w;
}

void tick_writer_free(struct tick_writer *w)
{
	if (!w)
		return;
	slots_done(&w->slots);
	buffer_done(&w->out);
	free(w);
}

uint64_t tick_writer_n_left_out(const struct tick_writer *w)
{
	return w->n_left_out;
}

void tick_writer_begin(struct tick_writer *w, bool is_key)
{
	slots_tick_begin(&w->slots, is_key);
	if (is_key)
		memset(&w->last, 0, sizeof(w->last));
	w->out.n = w->n_put = 0;
	w->out.error = w->error = 0;
	w->next = 0;
	w->n_same = 0;
}

void tick_writer_rest(struct tick_writer *w)
{
	if (w->out.size > REST_BYTES)
		buffer_done(&w->out);
}

void tick_writer_forget(struct tick_writer *w)
{
	slots_done(&w->slots);
	buffer_done(&w->out);
}

size_t tick_writer_bytes(const struct tick_writer *w)
{
	return w->slots.held_bytes + w->out.size +
	       (w->slots.last.size + w->slots.now.size) * sizeof(struct slot *);
}

static void add_number(struct tick_writer *w, uint64_t n)
{
	unsigned char bytes[NUMBER_BYTES];

	buffer_add(&w->out, bytes, number_write(n, bytes));
}

static void add_squeezed(struct tick_writer *w, const void *a, const void *b, size_t n)
{
	unsigned char bytes[SQUEEZED_MOST(SLOT_VALUE_MOST)];

	buffer_add(&w->out, bytes, squeeze(a, b, n, bytes));
}

static void add_run(struct tick_writer *w)
{
	if (!w->n_same)
		return;
	add_number(w, 0);
	add_number(w, w->n_same);
	w->n_same = 0;
}

static bool is_of(const struct slot *slot, enum record what, const void *key)
{
	return slot->what == what &&
	       !memcmp(slot->key, key ? key : "", record_kinds[what].key_size);
}

static struct slot *find(struct tick_writer *w, enum record what, const void *key)
{
	const struct slot_order *last = &w->slots.last;

	if (w->next < last->n && is_of(last->slot[w->next], what, key))
		return last->slot[w->next];
	return slots_find(&w->slots, what, key);
}

/* Twice in a tick is written as new. */
static struct slot *write_new(struct tick_writer *w, struct slot *slot, enum record what,
			      const void *key)
{
	size_t n = record_kinds[what].key_size;
	bool is_full = false;

	if (!slot) {
		slot = slots_add(&w->slots, what, key, &is_full);
		if (!slot && !is_full)
			w->error = -ENOMEM;
		if (!slot)
			return NULL;
	}
	add_run(w);
	add_number(w, OP_RECORD | OP_NEW);
	add_number(w, what);
	add_squeezed(w, slot->key, w->last.key[what], n);
	memcpy(w->last.key[what], slot->key, n);
	return slot;
}

static bool is_text_of(const struct slot *slot, const char *text, size_t n)
{
	return n == slot->n_text && (!n || !memcmp(slot->text, text, n));
}

/* It is what it was, at the place where it was or at another one. */
static void write_same(struct tick_writer *w, const struct slot *slot)
{
	bool is_next = slot->place == w->next;

	w->next = (size_t)slot->place + 1;
	if (is_next) {
		w->n_same++;
		return;
	}
	add_run(w);
	add_number(w, OP_RECORD | OP_MOVED);
	add_number(w, slot->place);
}

static void write_record(struct tick_writer *w, struct slot *slot, bool is_new, const void *value,
			 const char *text, size_t n_text)
{
	size_t n = record_kinds[slot->what].value_size;
	const void *former = slot_value(slot, w->scratch);
	unsigned int op = OP_RECORD;

	if (!value)
		op |= OP_KEPT;
	else if (n && memcmp(former, value, n) != 0)
		op |= OP_VALUE;
	if (value && !is_text_of(slot, text, n_text))
		op |= OP_TEXT;
	if (!is_new && slot->place != w->next)
		op |= OP_MOVED;
	if (!is_new) {
		if (op == OP_RECORD) {
			write_same(w, slot);
			return;
		}
		w->next = (size_t)slot->place + 1;
		add_run(w);
		add_number(w, op);
		if (op & OP_MOVED)
			add_number(w, slot->place);
	} else { /* the kind and the key stand behind it already */
		op |= OP_NEW;
		add_number(w, op & (OP_VALUE | OP_TEXT | OP_KEPT));
	}
	if (op & OP_VALUE) {
		add_squeezed(w, value, former, n);
		if (slot_set_value(&w->slots, slot, value))
			w->error = -ENOMEM;
	}
	if (op & OP_TEXT) {
		add_number(w, n_text);
		buffer_add(&w->out, text, n_text);
		if (slot_set_text(&w->slots, slot, text, n_text))
			w->error = -ENOMEM;
	}
}

/* What each tick must have finds the room that the others leave. */
static bool is_over(const struct tick_writer *w, enum record what, size_t n_text)
{
	if (record_kinds[what].most == 1)
		return w->slots.count[what];
	return w->slots.count[what] >= record_kinds[what].most ||
	       w->n_put + w->out.n > TICK_MOST_BYTES / 2 ||
	       w->slots.bytes + 2 * SLOT_VALUE_MOST + n_text > SLOTS_MOST_BYTES;
}

static void pass_piece(struct tick_writer *w)
{
	if (!w->put_piece || w->out.error || w->out.n < TICK_PIECE_BYTES)
		return;
	if (w->put_piece(w->context, w->out.data, w->out.n))
		w->error = -ENOMEM;
	w->n_put += w->out.n;
	w->out.n = 0;
}

void tick_writer_put(struct tick_writer *w, enum record what, const void *key, const void *value,
		     const char *text, size_t n_text)
{
	struct slot *slot = find(w, what, key);
	bool is_new = !slot || slot->tick == w->slots.tick;

	if (w->error)
		return;
	pass_piece(w);
	if (!record_kinds[what].value_size && !value)
		value = "";
	if (n_text > RECORD_TEXT_MAX)
		n_text = 0;
	if (!value && is_new)
		return; /* of this nothing was known yet */
	if (is_over(w, what, n_text)) {
		w->n_left_out++;
		return;
	}
	if (is_new) {
		bool is_again = slot;

		slot = write_new(w, slot, what, key);
		if (!slot) {
			w->n_left_out += !w->error;
			return;
		}
		w->slots.count[what]++;
		write_record(w, slot, true, value, text, n_text);
		if (is_again)
			return; /* it has its place */
	} else {
		w->slots.count[what]++;
		write_record(w, slot, false, value, text, n_text);
	}
	if (slots_append(&w->slots, slot))
		w->error = -ENOMEM;
}

static void repeat(struct tick_writer *w, struct slot *slot)
{
	if (w->error)
		return;
	pass_piece(w);
	if (is_over(w, slot->what, slot->n_text)) {
		w->n_left_out++;
		return;
	}
	w->slots.count[slot->what]++;
	write_same(w, slot);
	if (slots_append(&w->slots, slot))
		w->error = -ENOMEM;
}

bool tick_writer_repeat(struct tick_writer *w, enum record what, const void *key, size_t at,
			size_t n)
{
	struct slot *slot = find(w, what, key);
	_Alignas(8) unsigned char value[SLOT_VALUE_MOST];

	if (!slot || slot->tick == w->slots.tick)
		return false;
	if (!n) {
		repeat(w, slot);
		return true;
	}
	memcpy(value, slot_value(slot, w->scratch), record_kinds[what].value_size);
	memset(value + at, 0, n);
	tick_writer_put(w, what, key, value, slot->text, slot->n_text);
	return true;
}

int tick_writer_end(struct tick_writer *w, const void **ret, size_t *ret_n)
{
	add_run(w);
	if (slots_tick_end(&w->slots))
		w->error = -ENOMEM;
	if (w->out.error)
		w->error = w->out.error;
	*ret = w->out.data ? w->out.data : "";
	*ret_n = w->out.n;
	return w->error;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

struct tick_reader {
	struct slots slots;
	struct last_keys last;
	size_t next;
	_Alignas(8) unsigned char scratch[SLOT_VALUE_MOST];
	_Alignas(8) unsigned char key[KEY_MOST];
};

struct reading {
	struct tick_reader *r;
	struct bytes in;
	tick_take_fn *take;
	void *context;
};

struct tick_reader *tick_reader_new(void)
{
	return calloc(1, sizeof(struct tick_reader));
}

void tick_reader_free(struct tick_reader *r)
{
	if (!r)
		return;
	slots_done(&r->slots);
	free(r);
}

static int count(struct tick_reader *r, enum record what)
{
	return ++r->slots.count[what] > record_kinds[what].most ? -EBADMSG : 0;
}

static int hand_over(struct reading *in, struct slot *slot, bool is_kept)
{
	struct tick_reader *r = in->r;
	const void *value = is_kept ? NULL : slot_value(slot, r->scratch);

	memcpy(r->key, slot->key, record_kinds[slot->what].key_size);
	return in->take(in->context, slot->what, r->key, value, slot->text, slot->n_text);
}

/* The next one of the last tick, which this tick has not had yet. */
static struct slot *take_place(struct tick_reader *r, uint64_t place)
{
	struct slot *slot = place < r->slots.last.n ? r->slots.last.slot[place] : NULL;

	if (!slot || slot->tick == r->slots.tick)
		return NULL;
	r->next = (size_t)place + 1;
	return slot;
}

static int read_run(struct reading *in)
{
	uint64_t n = number_read(&in->in);

	for (uint64_t i = 0; i < n; i++) {
		struct slot *slot = take_place(in->r, in->r->next);
		int error = slot ? count(in->r, slot->what) : -EBADMSG;

		if (!error)
			error = slots_append(&in->r->slots, slot);
		if (!error)
			error = hand_over(in, slot, false);
		if (error)
			return error;
	}
	return n ? 0 : -EBADMSG;
}

static int read_new(struct reading *in, struct slot **ret, bool *ret_is_again)
{
	struct tick_reader *r = in->r;
	uint64_t what = number_read(&in->in);
	bool is_full;

	if (what >= RECORD_END || !record_kinds[what].name)
		return -EBADMSG;
	unsqueeze(&in->in, r->last.key[what], record_kinds[what].key_size);
	if (in->in.is_bad)
		return -EBADMSG;
	*ret = slots_find(&r->slots, (enum record)what, r->last.key[what]);
	*ret_is_again = *ret && (*ret)->tick == r->slots.tick;
	if (*ret)
		return *ret_is_again ? 0 : -EBADMSG;
	*ret = slots_add(&r->slots, (enum record)what, r->last.key[what], &is_full);
	return *ret ? 0 : is_full ? -EBADMSG : -ENOMEM;
}

static int read_text(struct reading *in, struct slot *slot)
{
	uint64_t n = number_read(&in->in);
	const char *text = (const char *)bytes_take(&in->in, n);

	if (!text || n > RECORD_TEXT_MAX || (n && text[n - 1]) ||
	    in->r->slots.bytes + n > SLOTS_MOST_BYTES)
		return -EBADMSG;
	return slot_set_text(&in->r->slots, slot, text, n);
}

static int read_value(struct reading *in, struct slot *slot)
{
	size_t n = record_kinds[slot->what].value_size;
	const void *former = slot_value(slot, in->r->scratch);

	if (former != in->r->scratch)
		memcpy(in->r->scratch, former, n);
	unsqueeze(&in->in, in->r->scratch, n);
	return in->in.is_bad ? -EBADMSG : slot_set_value(&in->r->slots, slot, in->r->scratch);
}

static int read_record(struct reading *in, uint64_t op)
{
	bool is_new = op & OP_NEW, is_again = false;
	struct slot *slot = NULL;
	int error = 0;

	if (op > OP_ALL || !(op & OP_RECORD))
		return -EBADMSG;
	if (is_new) {
		if (op != (OP_RECORD | OP_NEW))
			return -EBADMSG;
		error = read_new(in, &slot, &is_again);
		op = number_read(&in->in);
		if (!error && op & ~(uint64_t)(OP_VALUE | OP_TEXT))
			error = -EBADMSG;
	} else {
		slot = take_place(in->r, op & OP_MOVED ? number_read(&in->in) : in->r->next);
	}
	if (error || !slot || in->in.is_bad)
		return error ? error : -EBADMSG;
	error = count(in->r, slot->what);
	if (!error && !is_again)
		error = slots_append(&in->r->slots, slot);
	if (!error && op & OP_VALUE)
		error = read_value(in, slot);
	if (!error && op & OP_TEXT)
		error = read_text(in, slot);
	return error ? error : hand_over(in, slot, op & OP_KEPT);
}

const void *tick_reader_find(struct tick_reader *r, enum record what, const void *key)
{
	const struct slot *slot = slots_find(&r->slots, what, key);

	return slot && slot->tick == r->slots.tick ? slot_value(slot, r->scratch) : NULL;
}

int tick_read(struct tick_reader *r, const void *data, size_t n, bool is_key, tick_take_fn *take,
	      void *context, size_t *ret_at)
{
	struct reading in = { .r = r,
			      .in = { .at = data, .end = (const unsigned char *)data + n },
			      .take = take,
			      .context = context };
	int error = 0;

	slots_tick_begin(&r->slots, is_key);
	if (is_key)
		memset(&r->last, 0, sizeof(r->last));
	r->next = 0;
	while (!error && in.in.at < in.in.end) {
		uint64_t op;

		*ret_at = (size_t)(in.in.at - (const unsigned char *)data);
		op = number_read(&in.in);
		error = in.in.is_bad ? -EBADMSG : op ? read_record(&in, op) : read_run(&in);
	}
	if (slots_tick_end(&r->slots) && !error)
		error = -ENOMEM;
	return error;
}
