/* SPDX-License-Identifier: MIT */
/*
 * otlp_state.h - what the encoder remembers: which series there were, since when each counts, and what was counted when they were sent last.
 *
 * A *member* is a row of the snapshot (a pool, a lock, the stalls of one cause). A *set* is what members with the same attributes are to who receives
 * them: one series per metric. Sets belong to a *proc*, one Resource. A member that ends while its set goes on leaves what it counted in the set's
 * offset, so a sum never falls.
 *
 * An export is state_begin(), reading, and state_commit() once it is sure that the result is used; without it nothing counts as sent. In
 * between, `now` members are linked into their sets. There are never more members, sets and procs than rows now and in the export before.
 * For a pool of which all is known, with its 46 series, that is 1.4 KB, and 2 KB with delta (2026-11, bench-otlp).
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_STATE_H
#define POOLSCOPE_EXPORTERS_OTLP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/hist.h"
#include "exporters/otlp_attributes.h"
#include "exporters/otlp_conventions.h"
#include "exporters/otlp_encode.h"
#include "exporters/otlp_series.h"

enum member_class { MEMBER_POOL, MEMBER_LOCK, MEMBER_STALL, MEMBER_CLASSES };

struct member_key {
	uint64_t class;	/* enum member_class */
	uint64_t a, b;	/* pool: its id, 0; lock: pid, address; stall: pid, cause */
};

struct set;

/* A histogram as it was sent last: its buckets that hold something, each with its number in the highest bits. */
struct kept {
	uint64_t count;
	double sum_s;
	uint64_t max_ns;
	uint64_t *bucket;
	uint16_t n, size;
};

#define KEPT_SHIFT 54
#define KEPT_COUNT(word) ((word) & ((1ull << KEPT_SHIFT) - 1))
#define KEPT_BUCKET(word) ((unsigned int)((word) >> KEPT_SHIFT))

struct member {
	struct member_key key;
	struct set *set;
	uint64_t digest;	/* of what its attributes are made of */
	uint64_t seen;		/* the export */
	const void *row;	/* of this export */
	struct member *next;	/* in its set, in this export */
	bool is_sent;		/* the rest is of the last export */
	double *last;		/* counters, pool_series_n_last() of them; NULL for locks and stalls */
	struct kept *hist;	/* member_n_hist() of them; without buckets where only the count is needed */
	UT_hash_handle hh;
};

struct proc;

struct set {
	struct proc *proc;
	enum member_class class;
	bool is_overflow;
	struct attributes attributes;	/* the key */
	enum convention convention;
	struct attributes *by_convention;	/* the attributes for it; NULL = none */
	int64_t start_ns;	/* counting began, CLOCK_REALTIME; 0 = not known, until it is sent */
	int64_t *starts_ns;	/* of single counters and histograms that began anew; NULL = none did */
	int64_t sent_ns;	/* the last export; 0 = none yet */
	uint64_t had[SERIES_BITS_WORDS], has[SERIES_BITS_WORDS];	/* series with a point: then, now */
	unsigned int bucketless;	/* histograms of which only number and sum are known, as bits */
	double *offset;		/* what those counted that left; NULL = nothing */
	struct hist *offset_hist;
	struct member *members;	/* in this export */
	unsigned int n_members, n_sent, n_stayed;	/* now; in the last export; of those, now */
	uint64_t seen;
	UT_hash_handle hh;
};

struct proc_key {
	uint64_t digest;
	uint64_t pid;
};

struct proc {
	struct proc_key key;
	int64_t started_wall_ns;
	struct buffer resource;	/* packed */
	uint64_t own_id;	/* digest of the process's own service.instance.id, if that is used; else 0 */
	struct set *sets;	/* in the order in which they came */
	size_t n_sets[MEMBER_CLASSES];	/* without the one for the overflow */
	uint64_t seen;
	struct proc *next_ended;
	UT_hash_handle hh;
};

struct state {
	bool is_delta;
	size_t max_series;
	int64_t since_ns;	/* CLOCK_REALTIME, when the agent began; 0 = not known */
	uint64_t n;		/* exports */
	int64_t sent_ns;	/* the last one that counts; 0 = none */
	struct proc *procs;
	struct proc *ended;	/* whose pid is another process's now; not in procs */
	struct member *members;
	struct item *items;	/* of this export, by process */
	size_t n_items;
};

/* A row, for the time of an export. */
struct item {
	int32_t pid;
	enum member_class class;
	uint64_t id;
	const void *row;
	struct proc *proc;
	struct member *member;
};

void state_done(struct state *st);

/* Takes a snapshot in. -ENOMEM: the export cannot be made; what was sent still counts. */
int state_begin(struct state *st, const struct snapshot *s);

/* What was written counts as sent at time_ns. */
void state_commit(struct state *st, int64_t time_ns);

static inline bool set_had(const struct set *s, int series)
{
	return s->had[series / 64] >> (series % 64) & 1;
}

static inline void set_mark(struct set *s, int series)
{
	s->has[series / 64] |= 1ull << (series % 64);
}

#endif
