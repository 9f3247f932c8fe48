/* SPDX-License-Identifier: MIT */
/*
 * recorder.h - keeps the last minutes in memory, as blocks of a recording: the flight recorder, and what `poolscope record` reads from. Pure.
 *
 * It taps a model. In a tick: the model is fed, recorder_put() has what a snapshot holds beside it, recorder_tick_end() makes the block. While it is not
 * wanted it costs nothing. The oldest blocks go when they are too old or too many; what is left always begins with a key.
 *
 * What is known at one tick is part of the memory that it may take. Where that is more than a half, it rests: it keeps nothing and costs nothing, and tries again
 * after ten minutes. Who reads is told all the same.
 */
#ifndef POOLSCOPE_RECORD_RECORDER_H
#define POOLSCOPE_RECORD_RECORDER_H

#include "base/buffer.h"
#include "model/model.h"

struct recorder;

struct recorder_limits {
	int64_t keep_ns;	/* 0 = only while somebody reads */
	size_t keep_bytes;
};

#define RECORDER_READ_NS 10000000000	/* who has not read for so long does not read any more */

/* -ENOMEM. Taps the model, which must outlive it. */
int recorder_new(struct model *m, const struct recorder_limits *limits, struct recorder **ret);
void recorder_free(struct recorder *r);

/* Whether this tick is recorded; as of its beginning. */
bool recorder_is_on(const struct recorder *r);

void recorder_put(struct recorder *r, enum record what, const void *key, const void *value,
		  const char *text, size_t n_text);

/* The tick has all. -ENOMEM: what was kept is there still, and the next tick is a key. */
int recorder_tick_end(struct recorder *r, int64_t wall_ns);

/* Deflates it, which takes as long as all before: between the ticks, so that none is long. Else it is done when it must be. */
void recorder_settle(struct recorder *r);

/* Somebody reads: the next tick is recorded, as a key, and this is its number. */
uint64_t recorder_begin(struct recorder *r, int64_t now_ns);

/*
 * Whole blocks from number *seq on and before `until`, at most about `most` bytes, appended; *seq is the next one then. False = blocks in between are gone. now_ns
 * of 0 = it is read once, and nobody waits for more.
 */
bool recorder_read(struct recorder *r, uint64_t *seq, uint64_t until, size_t most, int64_t now_ns,
		   struct buffer *ret);

/* The oldest one that is kept; of none, the next one. */
uint64_t recorder_first(const struct recorder *r);
uint64_t recorder_next(const struct recorder *r);

struct recorder_report {
	size_t bytes;		/* of blocks */
	int64_t kept_ns;	/* from the first to the last one */
	bool rests;
	uint64_t n_left_out;	/* records that found no room */
	uint64_t n_blocks;	/* made so far */
};
struct recorder_report recorder_report(const struct recorder *r);

#endif
