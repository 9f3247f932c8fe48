/* SPDX-License-Identifier: MIT */
/*
 * page.h - what a process has written about its pools in its own memory (tools/sdk/poolscope-page.h), read and checked.
 *
 * All of it is a stranger's: it may be of any bytes, and change while it is read. So nothing is mapped and no address is followed but by a read that
 * may fail; each number is held against the clock, against the others and against what was read before. What does not fit is a lie: it is counted, and the
 * numbers that were there before stay. How much is read has a limit (PAGE_TABLES_BYTES, and those of the layout), and so has how often.
 *
 * A slot is the books of one pool from one beginning of counting until its end (`serial`). Numbers of one serial never fall here.
 */
#ifndef POOLSCOPE_INGEST_PAGE_H
#define POOLSCOPE_INGEST_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "model/snapshot.h"
#include "tools/sdk/poolscope-page.h"

#define PAGE_SLACK_NS 10000000	/* a time of the process may be off by that: its clock is set twice a second, and is believed within 0.4 % */
#define PAGE_COUNT_MOST (1ull << 47)	/* a count that is larger is none */
#define PAGE_TRIES 16	/* to read a slot whole */
#define PAGE_TORN_TICKS 3	/* readings that were torn one after the other: a writer that was put off its CPU has come to its end before */
#define PAGE_TABLES_BYTES (8u << 20)	/* of tables that lie outside of slots: in one reading, of one page */
#define PAGE_HOLDERS_MAX SNAPSHOT_REFS_MAX	/* that are kept of a pool: the oldest */

/* A part of that memory, and where it is to go. */
struct page_part {
	uint64_t address;
	void *into;
	size_t bytes;
	bool is_read;
};

struct page_memory {
	/* Reads as many as can be read, in this order, and each from its beginning to its end. */
	void (*read)(void *context, struct page_part *part, size_t n);
	/* CLOCK_MONOTONIC ns. */
	int64_t (*now)(void *context);
	void *context;
	/* Something was not tried since page_read() began, so nothing follows from what is not there; NULL = that cannot be. */
	bool (*is_left_out)(void *context);
};

/* The numbers of a slot; see there. */
struct page_counts {
	uint64_t since_ns, closed_ns;
	uint64_t leases_begun, leases_ended, use_sum;
	uint64_t acquires_new, released_broken, unheld;
	uint64_t odd_acquire, odd_release;
	uint64_t before_releases, before_sum_ns;
	uint64_t leases_unlisted, waits_unlisted;
	uint64_t saturated_ns, saturated_since_ns;
	uint64_t most_out;	/* so many leases can have been out at once */
	uint32_t before_most;
	uint32_t n_waiting;
	int64_t late_ns;	/* they may be from so long before they were said to be read */
	struct poolscope_page_peak peak[POOLSCOPE_PAGE_PEAKS];
};

struct page_holder {
	uint64_t item, since_ns, waiter;
	uint32_t tid;	/* as its own PID namespace has it */
	bool is_doubtful;	/* it may be put together from two; the next reading knows */
};

/* A squeezed struct ps_hist, of one serial, and of all who have it: the slot writes it, and who else has it sees that by n_changes. */
struct page_hold {
	uint32_t n_owners, n_changes;
	uint32_t n, room;	/* bytes */
	unsigned char bytes[];
};

struct paged_pool;

struct page_slot {
	uint64_t address;
	uint64_t serial;	/* 0 = nothing was read of it yet */
	uint64_t handle;
	uint32_t seq;	/* as of the last reading */
	uint32_t odd_seq;	/* as its head had it in the last tick, in the midst of being written; 0 = it was not */
	bool is_whole;	/* the last reading had all of it, and it is kept */
	uint32_t n_torn;	/* readings in a row that found it half written, each time */
	bool has_lied;	/* with this serial */
	bool is_changed;	/* by the last page_read(), or it could not be read in that */
	int64_t read_ns;	/* when `counts` were read */
	struct page_counts counts;
	uint64_t hold_ended;	/* leases_ended of the last whole reading */
	struct page_hold *hold;	/* owned with others, NULL = zeros */
	struct page_holder *holder;	/* owned, NULL = there is none */
	struct paged_pool *pool;	/* paged_pools.c has it: which has what was read of it last; NULL = none */
	size_t n_holders;
};

struct page_chunk {
	uint64_t address;
	uint32_t n_slots, n_used;
	uint32_t pid;	/* of the process, in its own PID namespace */
};

/* All zero but `root` and `slots_max` = nothing was read yet. */
struct page {
	uint64_t root;	/* address */
	uint32_t generation;	/* another one when all slots were forgotten, and those that follow are others */
	size_t slots_max;	/* the caller's: chunks with which there would be more are not read */
	bool is_cut;	/* there are such chunks */
	uint32_t n_refused;	/* pools that have no slot */
	struct page_chunk chunk[POOLSCOPE_PAGE_CHUNKS_MAX];
	size_t n_chunks;
	struct page_slot *slot;
	size_t n_slots, n_slots_max;
	unsigned int turn;	/* where not all tables can be read in one reading: whose it is */
	uint64_t n_lies, n_torn;	/* so far; slots that could not be read PAGE_TORN_TICKS times in a row */
	unsigned int n_unreadable;	/* parts, in this reading */
	bool has_lied;	/* about more than a slot */
};

struct page_stale;

/* Where things are read to; one for all pages. All zero = empty. */
struct page_room {
	void *bytes;
	struct page_part *part;
	struct page_stale *stale;
	size_t n_stale_max;
	unsigned char *table;
	size_t table_bytes;
};

void page_done(struct page *g);
void page_room_done(struct page_room *r);

/*
 * Reads what has changed. 0; -EFAULT: no root can be read there; -EBADMSG: what is there is no root; -EPROTO: it has a version that is not known here. -ENOMEM.
 */
int page_read(struct page *g, const struct page_memory *m, struct page_room *room);

/* The part of its numbers that can be wrong by themselves, held against the time. */
bool page_counts_fit(const struct page_counts *c, int64_t now_ns);
/* Whether numbers can follow others of the same serial that were read at former_ns. */
bool page_counts_follow(const struct page_counts *former, int64_t former_ns,
			const struct page_counts *c, int64_t now_ns);
/* Items x ns from since_ns until now, or until it was closed. */
uint64_t page_counts_use(const struct page_counts *c, int64_t now_ns);

/* What is known of its holds, in *ret. */
void page_slot_hold(const struct page_slot *s, struct ps_hist *ret);

/* One more owner; one fewer, of whom the last frees it. NULL is allowed, and to be read as zeros. */
struct page_hold *page_hold_ref(struct page_hold *h);
void page_hold_unref(struct page_hold *h);
void page_hold_read(const struct page_hold *h, struct ps_hist *ret);

/* The memory of process *(pid_t *)context, read by base/remote.h, and the time: for struct page_memory. */
void page_process_read(void *context, struct page_part *part, size_t n);
int64_t page_process_now(void *context);

#endif
