/* SPDX-License-Identifier: MIT */
/*
 * recorder.c - see recorder.h. The surprise: a key costs as much as all that is known, so there is one only from time to time, and what is dropped is a
 * whole run of blocks up to the next one. And where all that is known is more than a half of the memory, the other half would hold seconds of a past that
 * nobody could use: it rests then.
 */
#include "record/recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record/block.h"
#include "record/tick.h"

#define KEYS_NS 60000000000 /* a key at least so often */
#define REST_NS 600000000000 /* then it is tried again */
#define KEYS_SHARE 4 /* and once since the last one more than 1 / this of the memory was taken */

struct kept {
	struct kept *next;
	unsigned char *bytes; /* a whole block, owned */
	size_t n;
	uint64_t seq;
	int64_t t_ns;
	bool is_key;
};

struct recorder {
	struct model *model;
	struct recorder_limits limits;
	struct tick_writer *writer;
	struct deflater *deflater;
	struct kept *first, *last;
	size_t bytes, bytes_since_key;
	uint64_t next_seq, n_blocks;
	int64_t now_ns, key_ns, read_ns; /* read_ns: when somebody read last; 0 = never */
	bool is_on, is_key, is_key_wanted;
	int64_t rests_ns; /* since when; 0 = it does not */
	bool is_begun; /* a tick that has not ended */
	struct block_head head; /* of one that has, and is not deflated yet; borrowed from the writer: */
	const void *raw; /* what is left of it; NULL = there is none */
	size_t n_raw;
	bool has_pieces; /* the block has begun */
};

static bool is_read(const struct recorder *r, int64_t now_ns)
{
	return r->read_ns && now_ns - r->read_ns < RECORDER_READ_NS;
}

static bool is_wanted(const struct recorder *r, int64_t now_ns)
{
	return (r->limits.keep_ns && !r->rests_ns) || is_read(r, now_ns);
}

static void drop_first(struct recorder *r)
{
	struct kept *k = r->first;

	r->first = k->next;
	if (!r->first)
		r->last = NULL;
	r->bytes -= k->n;
	free(k->bytes);
	free(k);
}

/* For blocks: what the last tick takes lies in the same memory, but for a half of it. */
static size_t room(const struct recorder *r)
{
	size_t known = tick_writer_bytes(r->writer), most = r->limits.keep_bytes;

	return known < most / 2 ? most - known : most / 2;
}

static bool tap_begin(void *context, int64_t now_ns)
{
	struct recorder *r = context;
	bool was_on = r->is_on;

	recorder_settle(r);
	r->now_ns = now_ns;
	if (r->rests_ns && now_ns - r->rests_ns >= REST_NS)
		r->rests_ns = 0;
	r->is_on = is_wanted(r, now_ns);
	if (!r->is_on)
		return false;
	r->is_key = r->is_key_wanted || r->is_begun || !was_on || !r->first ||
		    now_ns - r->key_ns >= KEYS_NS || r->bytes_since_key > room(r) / KEYS_SHARE;
	r->is_begun = true;
	r->has_pieces = false;
	tick_writer_begin(r->writer, r->is_key);
	recorder_put(r, RECORD_tick, NULL, &(struct record_tick){ .t_ns = now_ns }, NULL, 0);
	return r->is_key;
}

static void tap_put(void *context, enum record what, const void *key, const void *value,
		    const char *text, size_t n_text)
{
	recorder_put(context, what, key, value, text, n_text);
}

static bool tap_repeat(void *context, enum record what, const void *key, size_t at, size_t n)
{
	struct recorder *r = context;

	return !r->is_on || tick_writer_repeat(r->writer, what, key, at, n);
}

/* Of a tick of very much. */
static int put_piece(void *context, const void *data, size_t n)
{
	struct recorder *r = context;

	if (!r->has_pieces)
		block_begin(r->deflater);
	r->has_pieces = true;
	return block_add(r->deflater, data, n);
}

static bool tap_is_on(void *context)
{
	return recorder_is_on(context);
}

int recorder_new(struct model *m, const struct recorder_limits *limits, struct recorder **ret)
{
	struct recorder *r = calloc(1, sizeof(*r));
	struct model_tap tap = {
		.begin = tap_begin,
		.put = tap_put,
		.repeat = tap_repeat,
		.is_on = tap_is_on,
		.context = r,
	};

	if (!r)
		return -ENOMEM;
	r->model = m;
	r->limits = *limits;
	r->next_seq = 1;
	r->writer = tick_writer_new(put_piece, r);
	r->deflater = deflater_new();
	if (!r->writer || !r->deflater) {
		recorder_free(r);
		return -ENOMEM;
	}
	model_set_tap(m, &tap);
	*ret = r;
	return 0;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	model_set_tap(r->model, NULL);
	while (r->first)
		drop_first(r);
	tick_writer_free(r->writer);
	deflater_free(r->deflater);
	free(r);
}

bool recorder_is_on(const struct recorder *r)
{
	return r && r->is_on;
}

/* All at once, in the middle of a tick: what it would still take is just what there is too little of. */
static void rest(struct recorder *r)
{
	r->rests_ns = r->now_ns;
	r->is_on = false;
	while (r->first)
		drop_first(r);
	tick_writer_forget(r->writer);
}

void recorder_put(struct recorder *r, enum record what, const void *key, const void *value,
		  const char *text, size_t n_text)
{
	if (!r->is_on)
		return;
	tick_writer_put(r->writer, what, key, value, text, n_text);
	if (tick_writer_bytes(r->writer) > r->limits.keep_bytes / 2 && r->limits.keep_ns &&
	    !is_read(r, r->now_ns))
		rest(r);
}

static const struct kept *second_key(const struct recorder *r)
{
	const struct kept *k = r->first ? r->first->next : NULL;

	while (k && !k->is_key)
		k = k->next;
	return k;
}

/* Up to the next key; the last run stays, unless it is too much alone. */
static void forget_old(struct recorder *r)
{
	const struct kept *key;

	while ((key = second_key(r)) &&
	       (r->bytes > room(r) || key->t_ns <= r->now_ns - r->limits.keep_ns))
		while (r->first != key)
			drop_first(r);
	if (r->bytes > 2 * room(r))
		while (r->first)
			drop_first(r);
}

static int keep(struct recorder *r, unsigned char *bytes, size_t n, uint64_t seq)
{
	struct kept *k = calloc(1, sizeof(*k));

	if (!k) {
		free(bytes);
		return -ENOMEM;
	}
	*k = (struct kept){
		.bytes = bytes, .n = n, .seq = seq, .t_ns = r->now_ns, .is_key = r->is_key
	};
	if (r->last)
		r->last->next = k;
	else
		r->first = k;
	r->last = k;
	r->bytes += n;
	r->bytes_since_key = r->is_key ? 0 : r->bytes_since_key + n;
	return 0;
}

/* Who follows needs this one: without it the next one must stand for itself. */
void recorder_settle(struct recorder *r)
{
	unsigned char *block;
	size_t n;

	if (!r->raw)
		return;
	if (!r->has_pieces)
		block_begin(r->deflater);
	if (block_add(r->deflater, r->raw, r->n_raw) ||
	    block_end(r->deflater, &r->head, &block, &n) || keep(r, block, n, r->head.seq)) {
		r->is_key_wanted = true;
	} else {
		if (r->is_key)
			r->key_ns = r->now_ns;
		r->next_seq++;
		r->n_blocks++;
		forget_old(r);
	}
	r->raw = NULL;
	tick_writer_rest(r->writer);
}

int recorder_tick_end(struct recorder *r, int64_t wall_ns)
{
	int error;

	if (!r->is_on) {
		while (r->first)
			drop_first(r);
		tick_writer_forget(r->writer);
		return 0;
	}
	r->is_begun = false;
	r->head = (struct block_head){ .flags = r->is_key ? BLOCK_KEY : 0,
				       .seq = r->next_seq,
				       .t_ns = r->now_ns,
				       .wall_ns = wall_ns };
	error = tick_writer_end(r->writer, &r->raw, &r->n_raw);
	if (error)
		r->raw = NULL;
	r->is_key_wanted = error;
	return error;
}

uint64_t recorder_begin(struct recorder *r, int64_t now_ns)
{
	recorder_settle(r);
	r->read_ns = now_ns;
	r->is_key_wanted = true;
	return r->next_seq;
}

bool recorder_read(struct recorder *r, uint64_t *seq, uint64_t until, size_t most, int64_t now_ns,
		   struct buffer *ret)
{
	const struct kept *k;
	size_t n = 0;

	recorder_settle(r);
	if (now_ns)
		r->read_ns = now_ns;
	k = r->first;
	while (k && k->seq < *seq)
		k = k->next;
	if (*seq < r->next_seq && (!k || k->seq != *seq))
		return false;
	for (; k && k->seq < until && (!n || n + k->n <= most); k = k->next) {
		buffer_add(ret, k->bytes, k->n);
		n += k->n;
		*seq = k->seq + 1;
	}
	return true;
}

uint64_t recorder_first(const struct recorder *r)
{
	return r->first ? r->first->seq : r->next_seq;
}

uint64_t recorder_next(const struct recorder *r)
{
	return r->next_seq;
}

struct recorder_report recorder_report(const struct recorder *r)
{
	return (struct recorder_report){
		.bytes = r->bytes,
		.kept_ns = r->first ? r->last->t_ns - r->first->t_ns : 0,
		.rests = r->rests_ns != 0,
		.n_left_out = tick_writer_n_left_out(r->writer),
		.n_blocks = r->n_blocks,
	};
}
