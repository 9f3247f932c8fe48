/* SPDX-License-Identifier: MIT */
/*
 * poolscope-page.h - the page: how a process that uses poolscope.h lays out, in its own memory, what its pools did. Shapes alone, no
 * code; for the writer (poolscope.h) and for whoever reads another process's memory. C and C++, x86-64 and aarch64, the same bytes.
 *
 * Who has what
 *	root	one per program or library that includes poolscope.h, in its data (section .probes). Its first two bytes are the
 *		semaphore of the USDT point "page" (provider "poolscope"), so the note of that point tells where it is. Not 0 = somebody
 *		watches; the kernel raises and lowers it. Nobody else writes to it.
 *	chunk	anonymous private memory, the first one made when the first watched call of a pool needs a slot, none before. A header and
 *		then slots of one size. The root has the address of the first, each the address of the next; 0 ends it. Chunks stay.
 *	slot	of one pool, from the moment at which counting began until it ended. Another beginning is another slot, with a higher
 *		serial: numbers in a slot only ever grow from 0. Tables of its holders and waiters lie in it while they are small,
 *		elsewhere in that process otherwise; the slot has their addresses.
 *
 * The life of a slot
 *	It opens when the pool is watched and does the first thing that counts; the point "page" then fires with (handle, slot).
 *	It closes when the pool is destroyed or created again, or when an acquire, a release or a wait happens while nobody watches: what
 *	came in between is then missing, so counting ended there (a while without any event is no gap). A closed slot keeps its numbers, not
 *	its tables, for POOLSCOPE_PAGE_KEPT_NS at least before it is used again, unless there is no room for others.
 *	At fork() the child finds zeros in all chunks (MADV_WIPEONFORK): its slots are its own.
 *	A pool that finds no slot (no memory, too many) is counted in the root's n_refused, and speaks through the points "acquired" and
 *	"released" alone, like one that was compiled with POOLSCOPE_USDT_ONLY. The point "page" fires with (handle, 0), for it may have had one.
 *
 * How to read it
 *	Everything in here is what another process wrote: bound each count, follow no address of one's own, stop after
 *	POOLSCOPE_PAGE_CHUNKS_MAX chunks. Read `seq` by itself, then the slot, then its tables, then `seq` by itself again: both the same and
 *	even = whole. Odd = somebody writes just now. What the slot says at `version` other than POOLSCOPE_PAGE_VERSION is unknown.
 *
 * What the numbers are
 *	Times are nanoseconds of CLOCK_MONOTONIC. Sums and counts are modulo 2^64, buckets and peaks modulo 2^32.
 *	in use		leases_begun - leases_ended: items that were taken since counting began and are out
 *	acquires	leases_begun + odd_acquire + unheld
 *	releases	leases_ended + before_releases + unheld
 *	use, item x ns	in use * t + use_sum, from since_ns until t (while it is open)
 *	Items taken before since_ns are in none of these, until they come back (before_releases, before_sum_ns).
 *	Waits are told by the points wait_begin and wait_end; a slot only knows who waits now. When a wait ends in an acquire, the point
 *	wait_end fires with the outcome OK.
 *
 * Versions
 *	A change that an older reader would take for something else has another POOLSCOPE_PAGE_VERSION, and the root another symbol name,
 *	since two translation units of one program may have included different headers. Reserved members are 0.
 */
#ifndef POOLSCOPE_PAGE_H
#define POOLSCOPE_PAGE_H

#include <stddef.h>
#include <stdint.h>

#if !defined(POOLSCOPE_LOUD_) /* see poolscope.h */
#pragma GCC system_header
#endif

#define POOLSCOPE_PAGE_VERSION 1
#define POOLSCOPE_PAGE_POINT "page" /* the USDT point: arguments are the handle's address and the slot's; 0 = it has none from now on */

#define POOLSCOPE_PAGE_ROOT_MAGIC 0x31544f4f52505350ull /* "PSPROOT1" */
#define POOLSCOPE_PAGE_CHUNK_MAGIC 0x314b4e4843505350ull /* "PSPCHNK1" */

#define POOLSCOPE_PAGE_CHUNK_BYTES 65536u /* of the first chunk; each next one is twice as large, */
#define POOLSCOPE_PAGE_CHUNK_BYTES_MAX (1u << 20) /* up to this */
#define POOLSCOPE_PAGE_CHUNKS_MAX 36u /* of one root: some 16 000 pools at once */
#define POOLSCOPE_PAGE_SLOT_BYTES 2048u
#define POOLSCOPE_PAGE_TABLE_LOG2_MAX 16u /* a table has at most 2^16 entries */
#define POOLSCOPE_PAGE_TABLES_BYTES_MAX (64u << 20) /* all tables of one root that lie outside of slots */
#define POOLSCOPE_PAGE_KEPT_NS 4000000000ull

#define POOLSCOPE_PAGE_PEAKS 4
#define POOLSCOPE_PAGE_PEAK_SHIFT 30 /* a peak is that of 2^30 ns */
#define POOLSCOPE_PAGE_BUCKETS 258 /* those of an exponential histogram of scale 3, see hold[] */
#define POOLSCOPE_PAGE_OWN_HOLDERS_LOG2 4
#define POOLSCOPE_PAGE_OWN_WAITERS_LOG2 3

/* What a slot's state is. */
enum poolscope_page_state {
	POOLSCOPE_PAGE_NONE = 0, /* never used, or just being made */
	POOLSCOPE_PAGE_OPEN = 1, /* its pool counts in it */
	POOLSCOPE_PAGE_CLOSED = 2 /* its numbers are final, its tables mean nothing */
};

/* What the times of a root's slots come from. */
enum poolscope_page_clock {
	POOLSCOPE_PAGE_CLOCK_GETTIME = 1, /* clock_gettime() at each event */
	POOLSCOPE_PAGE_CLOCK_COUNTER = 2 /* the TSC, on aarch64 CNTVCT_EL0 times 32, set right by clock_gettime() twice a second */
};

/* Bits of a slot's lock word. */
#define POOLSCOPE_PAGE_LOCK_TAKEN 1u
#define POOLSCOPE_PAGE_LOCK_SHARED 2u /* the pool calls without a lock of its own: writers exclude each other by the bit above */

/* A table in one word, so that whoever has it never has the size of another: its address, and the log2 of its entries in the 6 lowest bits. */
#define POOLSCOPE_PAGE_TABLE_AT(table) ((table) & ~(uint64_t)63)
#define POOLSCOPE_PAGE_TABLE_LOG2(table) ((uint32_t)((table)&63))

/* One per program or library. `semaphore` comes first: it is the one of the point "page". */
struct poolscope_page_root {
	volatile uint16_t semaphore;	/* how many watch */
	uint16_t version;		/* POOLSCOPE_PAGE_VERSION */
	uint32_t bytes;			/* of this struct */
	uint64_t magic;			/* POOLSCOPE_PAGE_ROOT_MAGIC */
	uint64_t first_chunk;		/* address; 0 = none yet. In a forked child it may be one of its parent's, which holds zeros */
	uint32_t n_refused;		/* pools that found no slot, modulo 2^32 */
	uint32_t reserved;
};

/*
 * The head of a chunk; slots follow at POOLSCOPE_PAGE_SLOT_BYTES, n_slots of them, of which the first n_used were ever used. What stands
 * after made_ns is the writer's own, and only the first chunk has it.
 */
struct poolscope_page_chunk {
	uint64_t magic;			/* POOLSCOPE_PAGE_CHUNK_MAGIC, written last */
	uint32_t version;		/* POOLSCOPE_PAGE_VERSION */
	uint32_t bytes;			/* of the chunk, this head and all */
	uint64_t next;			/* address; 0 = this is the last */
	uint32_t n_slots;
	uint32_t n_used;
	uint32_t slot_bytes;		/* POOLSCOPE_PAGE_SLOT_BYTES */
	uint32_t pid;			/* getpid() of the process that made it, in its own PID namespace */
	uint64_t made_ns;

	uint32_t lock;			/* a futex: 0 free, 1 taken, 2 taken and wanted */
	uint32_t n_chunks;
	uint32_t n_open;		/* slots */
	uint32_t clock;			/* enum poolscope_page_clock */
	uint64_t serial;		/* of the slot that was opened last */
	uint64_t oldest_closed;		/* slots to be used again, in the order in which they were closed */
	uint64_t newest_closed;
	uint64_t last_chunk;
	uint64_t tables_bytes;		/* outside of slots, those that wait to be used again too */
	uint64_t tables_refused;	/* a table could not be made larger */
	uint64_t strays;		/* calls with a handle that has no pool: never created, or destroyed */
	uint64_t skipped;		/* events that were not counted, because counting had just begun and ended too often */
	uint64_t cut_at;		/* from where small tables are cut, */
	uint64_t cut_end;
	uint64_t free_table[13];	/* tables to be used again, by log2 of their bytes, from 2^9: of each one, which has the address of the next */
};

/* An item that is out. */
struct poolscope_page_holder {
	uint64_t item;			/* as the pool names it */
	uint64_t since_ns;		/* it was taken */
	uint64_t waiter;		/* who took it, as the pool names it; 0 = the thread */
	uint32_t tid;			/* the thread that took it, in the process's own PID namespace */
	uint32_t is_used;		/* 0 = this entry is free */
};

/* Somebody who waits. */
struct poolscope_page_waiter {
	uint64_t waiter;		/* as the pool names it, or else the thread */
	uint32_t tid;
	uint32_t is_used;
};

/* The most that were in use during one interval of 2^30 ns; an interval without events has none, and was as it is now or until the next. */
struct poolscope_page_peak {
	uint32_t interval;		/* the time >> 30, modulo 2^32 */
	uint32_t in_use;
};

/*
 * The books of one pool. Tables are open addressing with linear steps: an entry is looked for from the index
 * (id * 0x9e3779b97f4a7c15 modulo 2^64) >> (64 - log2) on, and there is none behind a free one. The lines of the cache that an acquire or a
 * release writes are the first three and the one of the entry.
 */
struct poolscope_page_slot {
	uint64_t handle;		/* address of the pool's struct poolscope_pool; 0 = never used */
	uint32_t seq;			/* odd while somebody writes */
	uint32_t lock;			/* POOLSCOPE_PAGE_LOCK_… */
	uint64_t leases_begun;
	uint64_t leases_ended;
	uint64_t use_sum;		/* sum of the times of leases' ends less those of their beginnings */
	uint64_t clock_count;		/* time = clock_ns + (counter - clock_count) * clock_mult / 2^30, */
	uint64_t clock_ns;
	uint32_t clock_mult;
	uint32_t clock_span;		/* for so many counts from clock_count on; 0 = the clock is asked each time */

	uint64_t holders;		/* the table, in one word: see POOLSCOPE_PAGE_TABLE_AT */
	uint32_t n_holders;		/* used entries of it */
	uint32_t n_waiting;		/* and of the waiters' table */
	uint32_t pid;			/* as of the chunk: what a thread has remembered of itself holds in this process alone */
	uint32_t reserved_1;
	uint64_t hold_sum_ns;		/* of the leases in hold[] */
	uint64_t hold_max_ns;
	uint64_t saturated_since_ns;	/* in use = capacity and somebody waits; 0 = not now */
	uint64_t saturated_ns;		/* until saturated_since_ns */
	uint32_t before_most;		/* items taken before since_ns that may still be out, at most; UINT32_MAX = any number */
	uint32_t unlisted;		/* leases that are out without an entry: the table had no room */

	struct poolscope_page_peak peak[POOLSCOPE_PAGE_PEAKS];	/* at interval modulo 4 */
	uint64_t acquires_new;
	uint64_t released_broken;
	uint64_t unheld;		/* acquires that were waits alone, each a release as well */
	uint64_t odd_acquire;		/* of an item that was out already: the lease begins anew, without a hold */

	uint64_t odd_release;		/* of an item that was not out; no release in any other count */
	uint64_t before_releases;	/* of items that were taken before since_ns */
	uint64_t before_sum_ns;		/* the part of those leases that lay after since_ns */
	uint64_t leases_unlisted;	/* that found no room in the table: counted, without a holder and a hold */
	uint64_t waits_unlisted;	/* that found no room: no point tells of their beginning, nor of their end in an acquire */
	uint64_t waiters;		/* as holders */
	uint32_t reserved_3;
	uint32_t collisions;		/* two calls at once without poolscope_pool_unlocked(); from the first on as if it had been said */
	uint64_t since_ns;		/* counting began */

	uint64_t serial;		/* of this beginning, unique in this root and process; from 1 */
	uint64_t closed_ns;		/* counting ended; 0 = it goes on */
	uint32_t state;			/* enum poolscope_page_state */
	uint32_t version;		/* POOLSCOPE_PAGE_VERSION */
	uint64_t set_count;		/* a moment by both clocks, from which the next clock_mult is worked out */
	uint64_t set_ns;
	uint64_t next;			/* of the closed slots */
	uint32_t capacity_most;		/* of the pool since since_ns; 0 = it had none at some time */
	uint32_t lost;			/* not 0: a call could not be counted; the next one ends the counting and begins anew */
	uint64_t first_chunk;		/* address of the one whose lists the slot goes back to */

	/*
	 * Holds that ended, with their beginning and end both seen. Bucket i covers (2^(k/8), 2^((k+1)/8)] seconds with k = i - 1 - 176: eight
	 * to a power of two, as OpenTelemetry's exponential histogram of scale 3 and Prometheus' schema 3 have them. Bucket 0 is all up to
	 * 2^-22 s, the last one all over 2^10 s.
	 */
	uint32_t hold[POOLSCOPE_PAGE_BUCKETS];
	uint64_t refused_ns;		/* a table could not be made larger then; it is tried again a second later */
	uint32_t reserved[12];

	struct poolscope_page_waiter own_waiters[1 << POOLSCOPE_PAGE_OWN_WAITERS_LOG2];
	struct poolscope_page_holder own_holders[1 << POOLSCOPE_PAGE_OWN_HOLDERS_LOG2];
};

/* The same bytes for every compiler and both architectures; the form of the assertion is known to C++98 too. */
#define POOLSCOPE_PAGE_ASSERT(name, is_true)                                                       \
	typedef char poolscope_page_assert_##name[(is_true) ? 1 : -1] __attribute__((__unused__))
#define POOLSCOPE_PAGE_AT(what, member, at)                                                        \
	POOLSCOPE_PAGE_ASSERT(what##_##member,                                                     \
			      offsetof(struct poolscope_page_##what, member) == (at))
POOLSCOPE_PAGE_ASSERT(root, sizeof(struct poolscope_page_root) == 32);
POOLSCOPE_PAGE_ASSERT(chunk, sizeof(struct poolscope_page_chunk) == 248);
POOLSCOPE_PAGE_ASSERT(holder, sizeof(struct poolscope_page_holder) == 32);
POOLSCOPE_PAGE_ASSERT(waiter, sizeof(struct poolscope_page_waiter) == 16);
POOLSCOPE_PAGE_ASSERT(peak, sizeof(struct poolscope_page_peak) == 8);
POOLSCOPE_PAGE_ASSERT(slot, sizeof(struct poolscope_page_slot) == POOLSCOPE_PAGE_SLOT_BYTES);
POOLSCOPE_PAGE_AT(root, semaphore, 0);
POOLSCOPE_PAGE_AT(root, first_chunk, 16);
POOLSCOPE_PAGE_AT(chunk, next, 16);
POOLSCOPE_PAGE_AT(chunk, lock, 48);
POOLSCOPE_PAGE_AT(slot, seq, 8);
POOLSCOPE_PAGE_AT(slot, holders, 64);
POOLSCOPE_PAGE_AT(slot, peak, 128);
POOLSCOPE_PAGE_AT(slot, odd_release, 192);
POOLSCOPE_PAGE_AT(slot, serial, 256);
POOLSCOPE_PAGE_AT(slot, hold, 320);
POOLSCOPE_PAGE_AT(slot, own_waiters, 1408);
POOLSCOPE_PAGE_AT(slot, own_holders, 1536);

#endif
