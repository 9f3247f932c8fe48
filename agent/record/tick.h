/* SPDX-License-Identifier: MIT */
/*
 * tick.h - the records of one tick as bytes: what is new, what has changed and by how much; a run of those that are as before is two bytes.
 * poolscope-recording(5) has the format. Pure.
 *
 * A tick that is a key stands for itself; any other one follows the one before. What is read may be a stranger's: lengths and numbers are checked,
 * and what is known at one time is bounded by SLOTS_MOST_BYTES.
 */
#ifndef POOLSCOPE_RECORD_TICK_H
#define POOLSCOPE_RECORD_TICK_H

#include "model/records.h"

#define TICK_MOST_BYTES ((size_t)64 << 20)	/* of one tick */

struct tick_writer;

/*
 * Takes what a tick has beyond TICK_PIECE_BYTES, a piece at a time and in order, so that a tick of very much (a key, as a rule) never lies in memory
 * as a whole. 0 or -ENOMEM.
 */
#define TICK_PIECE_BYTES ((size_t)1 << 20)
typedef int tick_piece_fn(void *context, const void *data, size_t n);

/* put_piece may be NULL: then all is kept for the end. */
struct tick_writer *tick_writer_new(tick_piece_fn *put_piece, void *context);
void tick_writer_free(struct tick_writer *w);

void tick_writer_begin(struct tick_writer *w, bool is_key);

/* As a tap of the model is told. What is over a limit is left out and counted. */
void tick_writer_put(struct tick_writer *w, enum record what, const void *key, const void *value,
		     const char *text, size_t n_text);

/* As a tap of the model is told (repeat). False: the last tick did not have it, or this one has it already. */
bool tick_writer_repeat(struct tick_writer *w, enum record what, const void *key, size_t at,
			size_t n);

/* The bytes that no piece had, borrowed until the next begin. -ENOMEM: the next tick must be a key. */
int tick_writer_end(struct tick_writer *w, const void **ret, size_t *ret_n);

/* What tick_writer_end() gave is needed no more: if it was much, it is freed. */
void tick_writer_rest(struct tick_writer *w);

/* Nothing is known any more, and no memory is held: the next tick must be a key. */
void tick_writer_forget(struct tick_writer *w);

/* Of memory that it has: what is known of the last tick, above all. */
size_t tick_writer_bytes(const struct tick_writer *w);

/* So far. */
uint64_t tick_writer_n_left_out(const struct tick_writer *w);

/* Returns 0, or what stops the reading. The key and the value are aligned for any type. */
typedef int tick_take_fn(void *context, enum record what, const void *key, const void *value,
			 const char *text, size_t n_text);

struct tick_reader;

struct tick_reader *tick_reader_new(void);
void tick_reader_free(struct tick_reader *r);

/* What the tick that was read last has of it; aligned, NULL = nothing. Valid until the next call. */
const void *tick_reader_find(struct tick_reader *r, enum record what, const void *key);

/* All of a tick, record by record. -EBADMSG with the byte at which it makes no sense; -ENOMEM; what `take` returned. */
int tick_read(struct tick_reader *r, const void *data, size_t n, bool is_key, tick_take_fn *take,
	      void *context, size_t *ret_at);

#endif
