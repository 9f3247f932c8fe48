/* SPDX-License-Identifier: MIT */
/*
 * poolscope-writer.h - how the verbs of poolscope.h write the page (poolscope-page.h has its shape). Included by poolscope.h, and by
 * nobody else; every name here ends in _ and may change.
 *
 * What always holds
 *	While nobody watches nothing is made and nothing is written, but what marks that an event was not counted: once.
 *	No call fails, waits for long, or follows an address that was not made here. What cannot be done is counted.
 *	A loop ends, whatever stands in the tables: their sizes bound it.
 *	Only libc's clock_gettime() is called; other system calls are made directly, so errno stays what it was.
 *
 * Who excludes whom
 *	The pool's own lock excludes the writers of its slot. Where a pool has none (poolscope_pool_unlocked()), a bit in the slot does; a
 *	call that does not get it within some thousand tries gives up, and the counting begins anew. Two calls at once in a pool that
 *	did not say so are seen by an odd seq, and lead to the same. The lists of a root lie under the lock of its first chunk, a futex,
 *	taken when a slot opens or closes and when a table grows. It lies in memory that fork() wipes, so a child never finds it taken.
 *
 * Why what is mapped stays so
 *	A handle that was copied by fork(), or a thread that has just read it, may still have the address of a slot, or of a table. What it
 *	finds there is then zeros, or another pool's: the handle's address in a slot says which. So whatever calls at once, nothing is written
 *	outside of this memory. A library that is unloaded leaves its chunks behind.
 */
#ifndef POOLSCOPE_WRITER_H
#ifndef POOLSCOPE_H
#include "poolscope.h" /* which includes this file where it belongs */
#else
#define POOLSCOPE_WRITER_H

#include "poolscope-page.h"

#define POOLSCOPE_BODY_ POOLSCOPE_WRAPS_ static __attribute__((__unused__, __noinline__))
#define POOLSCOPE_RARE_ POOLSCOPE_WRAPS_ static __attribute__((__unused__, __noinline__, __cold__))
#define POOLSCOPE_PART_                                                                            \
	POOLSCOPE_WRAPS_ static __inline__ __attribute__((__unused__, __always_inline__))
#define POOLSCOPE_RARELY_(is_true) __builtin_expect(!!(is_true), 0)

/* What a handle's slot_ may be instead of an address. */
#define POOLSCOPE_FRESH_ 1u	/* created while watched, and nothing has happened yet: nothing is out */
#define POOLSCOPE_REFUSED_ 2u	/* there was no slot for it */
#define POOLSCOPE_IS_SLOT_(at) ((at) > POOLSCOPE_REFUSED_)

#define POOLSCOPE_GAP_ 256u		/* in a handle's flags_ the gaps are counted from here on */
#define POOLSCOPE_GAPS_FREE_ 4u	/* so many are taken for what they are, each one more doubles what is left out */
#define POOLSCOPE_GAPS_MAX_ 20u
#define POOLSCOPE_LOCK_SKIP_ 1023u	/* calls that do not ask for the root's lock after one that waited for it in vain: who left it taken may never come back */
#define POOLSCOPE_GAPS_FORGIVEN_NS_ 100000000ull /* whoever watches for so long came to watch */

extern struct poolscope_page_root poolscope_page_semaphore
	__attribute__((__weak__, __visibility__("hidden"), __section__(".probes")));
__attribute__((__used__)) struct poolscope_page_root poolscope_page_semaphore = {
	0,
	POOLSCOPE_PAGE_VERSION,
	(uint32_t)sizeof(struct poolscope_page_root),
	POOLSCOPE_PAGE_ROOT_MAGIC,
	0,
	0,
	0
};

/*
 * What follows is seen by a reader after the seq that was written before. That reader is another process: gcc's thread sanitizer, which does not
 * know fences and says so, has nothing to learn from it.
 */
#if defined(__SANITIZE_THREAD__) && defined(__x86_64__)
#define POOLSCOPE_FENCE_() __asm__ __volatile__("" : : : "memory")
#elif defined(__SANITIZE_THREAD__)
#define POOLSCOPE_FENCE_() __asm__ __volatile__("dmb ish" : : : "memory")
#else
#define POOLSCOPE_FENCE_() __atomic_thread_fence(__ATOMIC_RELEASE)
#endif

#define POOLSCOPE_IS_WATCHED_ (poolscope_page_semaphore.semaphore != 0)
#define POOLSCOPE_CHUNK_(at) ((struct poolscope_page_chunk *)(uintptr_t)(at))
#define POOLSCOPE_SLOT_(at) ((struct poolscope_page_slot *)(uintptr_t)(at))
#define POOLSCOPE_LOAD_(at) __atomic_load_n(at, __ATOMIC_RELAXED)
#define POOLSCOPE_STORE_(at, value) __atomic_store_n(at, value, __ATOMIC_RELAXED)

/* ---- the system ------------------------------------------------------------------------------------------------------ */

#if defined(__x86_64__)
enum poolscope_call_ {
	POOLSCOPE_MMAP_ = 9,
	POOLSCOPE_MUNMAP_ = 11,
	POOLSCOPE_MADVISE_ = 28,
	POOLSCOPE_GETPID_ = 39,
	POOLSCOPE_GETTID_ = 186,
	POOLSCOPE_FUTEX_ = 202
};
#else
enum poolscope_call_ {
	POOLSCOPE_FUTEX_ = 98,
	POOLSCOPE_GETPID_ = 172,
	POOLSCOPE_GETTID_ = 178,
	POOLSCOPE_MUNMAP_ = 215,
	POOLSCOPE_MMAP_ = 222,
	POOLSCOPE_MADVISE_ = 233
};
#endif

/* A system call; mmap has a file (none) and an offset besides. Negative errno, or what it returns. */
POOLSCOPE_RARE_ int64_t poolscope_call_(enum poolscope_call_ call, uint64_t a, uint64_t b,
					uint64_t c, uint64_t d)
{
#if defined(__x86_64__)
	register uint64_t arg4 __asm__("r10") = d;
	register int64_t arg5 __asm__("r8") = -1;
	register uint64_t arg6 __asm__("r9") = 0;
	int64_t result = (int64_t)call;

	__asm__ __volatile__("syscall"
			     : "+a"(result)
			     : "D"(a), "S"(b), "d"(c), "r"(arg4), "r"(arg5), "r"(arg6)
			     : "rcx", "r11", "memory");
	return result;
#else
	register uint64_t number __asm__("x8") = (uint64_t)call;
	register uint64_t arg1 __asm__("x0") = a;
	register uint64_t arg2 __asm__("x1") = b;
	register uint64_t arg3 __asm__("x2") = c;
	register uint64_t arg4 __asm__("x3") = d;
	register int64_t arg5 __asm__("x4") = -1;
	register uint64_t arg6 __asm__("x5") = 0;

	__asm__ __volatile__("svc 0"
			     : "+r"(arg1)
			     : "r"(number), "r"(arg2), "r"(arg3), "r"(arg4), "r"(arg5), "r"(arg6)
			     : "memory");
	return (int64_t)arg1;
#endif
}

struct poolscope_timespec_ {
	int64_t s, ns;
};

/* libc's, by another name: its own declaration would need a feature macro of whoever includes this. */
extern int poolscope_gettime_(int clock, struct poolscope_timespec_ *ret) __asm__("clock_gettime");

POOLSCOPE_PART_ uint64_t poolscope_monotonic_(void)
{
	struct poolscope_timespec_ t = { 0, 0 };

	poolscope_gettime_(1, &t);
	return (uint64_t)t.s * 1000000000u + (uint64_t)t.ns;
}

/* The CPU's counter. CNTVCT_EL0 is slow: 32 times as fast its multiplier keeps its digits. */
POOLSCOPE_PART_ uint64_t poolscope_counter_(void)
{
#if defined(__x86_64__)
	uint64_t low, high; /* it clears what is above 32 bits of both */

	__asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high));
	return high << 32 | low;
#else
	uint64_t count;

	__asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(count));
	return count << 5;
#endif
}

/* A file that asks for the clock alone gets it, also where the page was begun by another one. */
#if defined(POOLSCOPE_NO_TSC)
#define POOLSCOPE_MAY_COUNT_ 0
#else
#define POOLSCOPE_MAY_COUNT_ 1
#endif

/* Whether that counter goes on at one speed, on all CPUs (x86: leaf 80000007, EDX bit 8; AMD APM 3, E.4.7, Intel SDM 3, 18.17.1). */
POOLSCOPE_PART_ int poolscope_counter_is_steady_(void)
{
#if defined(POOLSCOPE_NO_TSC)
	return 0;
#elif defined(__x86_64__)
	uint32_t a = 0x80000000u, b, c = 0, d;

	__asm__ __volatile__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (a < 0x80000007u)
		return 0;
	a = 0x80000007u;
	__asm__ __volatile__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return (int)(d >> 8 & 1);
#else
	return 1;
#endif
}

POOLSCOPE_PART_ void poolscope_pause_(void)
{
#if defined(__x86_64__)
	__asm__ __volatile__("pause");
#else
	__asm__ __volatile__("yield");
#endif
}

/* Fresh memory that a child of fork() finds wiped, or 0. */
POOLSCOPE_RARE_ uint64_t poolscope_map_(uint64_t bytes)
{
	int64_t at = poolscope_call_(POOLSCOPE_MMAP_, 0, bytes, 3, 0x22); /* read and write; private, anonymous */

	if (at < 0 && at > -4096)
		return 0;
	if (poolscope_call_(POOLSCOPE_MADVISE_, (uint64_t)at, bytes, 18, 0)) { /* MADV_WIPEONFORK */
		poolscope_call_(POOLSCOPE_MUNMAP_, (uint64_t)at, bytes, 0, 0);
		return 0;
	}
	return (uint64_t)at;
}

/* Until *word is not `seen` any more, or for so long. Where that call is refused it is no pause, so each user counts. */
POOLSCOPE_RARE_ void poolscope_sleep_(uint32_t *word, uint32_t seen, int64_t ns)
{
	struct poolscope_timespec_ most = { 0, 0 };

	most.ns = ns;
	poolscope_call_(POOLSCOPE_FUTEX_, (uintptr_t)word, 128, seen, (uintptr_t)&most); /* private wait */
}

/* 0 = not to be had for 20 ms: whoever has it was stopped in the midst, perhaps for good. Nothing may depend on it then. */
POOLSCOPE_RARE_ int poolscope_lock_(struct poolscope_page_chunk *first)
{
	uint32_t seen = 0, n;

	if (__atomic_compare_exchange_n(&first->lock, &seen, 1, 0, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return 1;
	for (n = 0; n < 20; n++) {
		if (!__atomic_exchange_n(&first->lock, 2, __ATOMIC_ACQUIRE))
			return 1;
		poolscope_sleep_(&first->lock, 2, 1000000);
	}
	return 0;
}

POOLSCOPE_RARE_ void poolscope_unlock_(struct poolscope_page_chunk *first)
{
	if (__atomic_exchange_n(&first->lock, 0, __ATOMIC_RELEASE) == 2)
		poolscope_call_(POOLSCOPE_FUTEX_, (uintptr_t)&first->lock, 129, 1, 0); /* private wake */
}

struct poolscope_self_ {
	uint32_t pid, tid;
};

static __thread struct poolscope_self_ poolscope_self_ __attribute__((__unused__));

POOLSCOPE_RARE_ uint32_t poolscope_tid_ask_(uint32_t pid)
{
	poolscope_self_.tid = (uint32_t)poolscope_call_(POOLSCOPE_GETTID_, 0, 0, 0, 0);
	poolscope_self_.pid = pid;
	return poolscope_self_.tid;
}

/*
 * In a library that was loaded late a thread's first look at what is its own allocates. So it looks before it writes: the allocator may have pools of its own, and
 * nobody is to wait for it.
 */
POOLSCOPE_PART_ const struct poolscope_self_ *poolscope_self_look_(void)
{
	const struct poolscope_self_ *self = &poolscope_self_;

	__asm__ __volatile__("" : "+r"(self) : : "memory");
	return self;
}

/* The calling thread, in the process of a slot: what its parent remembered does not hold in a forked child. */
POOLSCOPE_PART_ uint32_t poolscope_tid_(uint32_t pid)
{
	return poolscope_self_.pid == pid ? poolscope_self_.tid : poolscope_tid_ask_(pid);
}

/* ---- chunks and the memory of tables --------------------------------------------------------------------------------- */

/* A chunk that nobody knows yet, or NULL. */
POOLSCOPE_RARE_ struct poolscope_page_chunk *poolscope_chunk_new_(uint32_t bytes)
{
	struct poolscope_page_chunk *c = POOLSCOPE_CHUNK_(poolscope_map_(bytes));

	if (!c)
		return NULL;
	c->version = POOLSCOPE_PAGE_VERSION;
	c->bytes = bytes;
	c->n_slots = bytes / POOLSCOPE_PAGE_SLOT_BYTES - 1;
	c->slot_bytes = POOLSCOPE_PAGE_SLOT_BYTES;
	c->pid = (uint32_t)poolscope_call_(POOLSCOPE_GETPID_, 0, 0, 0, 0);
	c->made_ns = poolscope_monotonic_();
	__atomic_store_n(&c->magic, POOLSCOPE_PAGE_CHUNK_MAGIC, __ATOMIC_RELEASE);
	return c;
}

POOLSCOPE_PART_ int poolscope_chunk_is_there_(uint64_t at)
{
	return at && __atomic_load_n(&POOLSCOPE_CHUNK_(at)->magic, __ATOMIC_ACQUIRE) ==
			     POOLSCOPE_PAGE_CHUNK_MAGIC;
}

/* The root's first chunk, made now if there is none, or NULL. What a child has from its parent is wiped: it makes another. */
POOLSCOPE_RARE_ struct poolscope_page_chunk *poolscope_first_(void)
{
	uint64_t *first = &poolscope_page_semaphore.first_chunk;
	uint64_t at = __atomic_load_n(first, __ATOMIC_ACQUIRE);
	struct poolscope_page_chunk *c;

	if (poolscope_chunk_is_there_(at))
		return POOLSCOPE_CHUNK_(at);
	c = poolscope_chunk_new_(POOLSCOPE_PAGE_CHUNK_BYTES);
	if (!c)
		return NULL;
	c->n_chunks = 1;
	c->last_chunk = (uintptr_t)c;
	c->clock = poolscope_counter_is_steady_() ? POOLSCOPE_PAGE_CLOCK_COUNTER
						  : POOLSCOPE_PAGE_CLOCK_GETTIME;
	if (__atomic_compare_exchange_n(first, &at, (uintptr_t)c, 0, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return c;
	poolscope_call_(POOLSCOPE_MUNMAP_, (uintptr_t)c, POOLSCOPE_PAGE_CHUNK_BYTES, 0, 0);
	return poolscope_chunk_is_there_(at) ? POOLSCOPE_CHUNK_(at) : NULL;
}

#define POOLSCOPE_CUT_LOG2_ 9u	   /* the smallest table that lies outside of a slot */
#define POOLSCOPE_CUT_END_LOG2_ 16u /* from here on a table is a mapping of its own, */
#define POOLSCOPE_CUT_BYTES_ 131072u /* smaller ones are cut from mappings of this size */

/*
 * Memory that is free begins with the address of the next one, and with that inverted: where a call that came late has written over it, the rest of the list is
 * left where it is.
 */
POOLSCOPE_PART_ uint64_t poolscope_free_next_(uint64_t at)
{
	const uint64_t *link = (const uint64_t *)(uintptr_t)at;

	return link[0] == ~link[1] ? link[0] : 0;
}

/* Memory for a table of 2^log2 bytes, or 0. It may have been used. Under the lock. */
POOLSCOPE_RARE_ uint64_t poolscope_table_take_(struct poolscope_page_chunk *first, uint32_t log2)
{
	uint64_t bytes = 1ull << log2, at = first->free_table[log2 - POOLSCOPE_CUT_LOG2_];
	uint64_t more = log2 < POOLSCOPE_CUT_END_LOG2_ ? POOLSCOPE_CUT_BYTES_ : bytes;

	if (at) {
		first->free_table[log2 - POOLSCOPE_CUT_LOG2_] = poolscope_free_next_(at);
		return at;
	}
	if (more == bytes || first->cut_end - first->cut_at < bytes) {
		at = first->tables_bytes + more <= POOLSCOPE_PAGE_TABLES_BYTES_MAX
			     ? poolscope_map_(more)
			     : 0;
		if (!at)
			return 0;
		first->tables_bytes += more;
		if (more == bytes)
			return at;
		first->cut_at = at;
		first->cut_end = at + more;
	}
	at = first->cut_at;
	first->cut_at += bytes;
	return at;
}

/* A table of 2^log2 entries without any, as one word, or 0. */
POOLSCOPE_RARE_ uint64_t poolscope_table_new_(struct poolscope_page_chunk *first, uint32_t log2,
					      uint32_t entry_log2)
{
	uint64_t at;

	if (log2 > POOLSCOPE_PAGE_TABLE_LOG2_MAX || !poolscope_lock_(first))
		return 0;
	at = poolscope_table_take_(first, log2 + entry_log2);
	if (!at)
		first->tables_refused++;
	poolscope_unlock_(first);
	if (!at)
		return 0;
	memset((void *)(uintptr_t)at, 0, (size_t)1 << (log2 + entry_log2));
	return at | log2;
}

/* Memory of a slot's table, to be used again, unless it is the slot's own. It stays mapped: see above. Under the lock. */
POOLSCOPE_RARE_ void poolscope_table_give_(struct poolscope_page_chunk *first,
					   const struct poolscope_page_slot *s, uint64_t table,
					   uint32_t entry_log2)
{
	uint64_t at = POOLSCOPE_PAGE_TABLE_AT(table);
	uint32_t log2 = POOLSCOPE_PAGE_TABLE_LOG2(table) + entry_log2;
	uint64_t *link = (uint64_t *)(uintptr_t)at;

	if (!at || at - (uintptr_t)s < POOLSCOPE_PAGE_SLOT_BYTES)
		return;
	link[0] = first->free_table[log2 - POOLSCOPE_CUT_LOG2_];
	link[1] = ~link[0];
	first->free_table[log2 - POOLSCOPE_CUT_LOG2_] = at;
}

/* ---- tables: of holders and of waiters, told apart by the size of an entry ------------------------------------------- */

#define POOLSCOPE_HOLDER_LOG2_ 5u
#define POOLSCOPE_WAITER_LOG2_ 4u

/* Both kinds of entry begin with what they are looked for by, and end with whether they are used. */
#define POOLSCOPE_ENTRY_ID_(e) (*(uint64_t *)(uintptr_t)(e))
#define POOLSCOPE_ENTRY_USED_(e, entry_log2)                                                       \
	(*(uint32_t *)(uintptr_t)((e) + (1u << (entry_log2)) - 4))

POOLSCOPE_PART_ uint64_t poolscope_entry_home_(uint64_t id, uint32_t log2)
{
	return id * 0x9e3779b97f4a7c15ull >> (-log2 & 63); /* 64 - log2; log2 is not 0 */
}

POOLSCOPE_PART_ uint64_t poolscope_entry_at_(uint64_t table, uint64_t i, uint32_t entry_log2)
{
	return POOLSCOPE_PAGE_TABLE_AT(table) +
	       ((i & ((1ull << POOLSCOPE_PAGE_TABLE_LOG2(table)) - 1)) << entry_log2);
}

/* The entry at which the search for `id` begins. */
POOLSCOPE_PART_ uint64_t poolscope_entry_first_(uint64_t table, uint32_t entry_log2, uint64_t id)
{
	return POOLSCOPE_PAGE_TABLE_AT(table) +
	       (poolscope_entry_home_(id, POOLSCOPE_PAGE_TABLE_LOG2(table)) << entry_log2);
}

/* The entry behind another one, the first behind the last. */
POOLSCOPE_PART_ uint64_t poolscope_entry_after_(uint64_t table, uint32_t entry_log2, uint64_t entry)
{
	uint64_t at = POOLSCOPE_PAGE_TABLE_AT(table),
		 bytes = 1ull << entry_log2 << POOLSCOPE_PAGE_TABLE_LOG2(table);

	return at + ((entry + (1ull << entry_log2) - at) & (bytes - 1));
}

/* The entry of `id`, or the free one where it belongs, or 0 when the table is full. */
POOLSCOPE_PART_ uint64_t poolscope_entry_find_(uint64_t table, uint32_t entry_log2, uint64_t id)
{
	uint64_t first = poolscope_entry_first_(table, entry_log2, id);
	uint64_t e = first;

	do {
		if (!POOLSCOPE_ENTRY_USED_(e, entry_log2) || POOLSCOPE_ENTRY_ID_(e) == id)
			return e;
		e = poolscope_entry_after_(table, entry_log2, e);
	} while (e != first);
	return 0;
}

/* Frees an entry, and moves those behind it that were pushed there by it: what is looked for is never behind a free one. */
POOLSCOPE_PART_ void poolscope_entry_free_(uint64_t table, uint32_t entry_log2, uint64_t entry)
{
	uint32_t log2 = POOLSCOPE_PAGE_TABLE_LOG2(table);
	uint64_t hole = (entry - POOLSCOPE_PAGE_TABLE_AT(table)) >> entry_log2, i = hole + 1;
	uint64_t end = hole + (1ull << log2), home, e;

	for (; i < end; i++) { /* i and hole count on over the table's end */
		e = poolscope_entry_at_(table, i, entry_log2);
		if (!POOLSCOPE_ENTRY_USED_(e, entry_log2))
			break;
		home = poolscope_entry_home_(POOLSCOPE_ENTRY_ID_(e), log2);
		if (((i - home) & ((1ull << log2) - 1)) < i - hole)
			continue;
		memcpy((void *)(uintptr_t)poolscope_entry_at_(table, hole, entry_log2),
		       (void *)(uintptr_t)e, (size_t)1 << entry_log2);
		hole = i;
	}
	POOLSCOPE_ENTRY_USED_(poolscope_entry_at_(table, hole, entry_log2), entry_log2) = 0;
}

/*
 * A table four times as large in the place of one; when there is none, the smaller one stays. Of two that do this at once, which a pool without a lock of its own may, one succeeds:
 * what the other has moved is lost, and that is noticed by the pool's counts.
 */
POOLSCOPE_RARE_ void poolscope_table_grow_(struct poolscope_page_slot *s, uint64_t *table,
					   uint32_t entry_log2, uint64_t now)
{
	struct poolscope_page_chunk *first = POOLSCOPE_CHUNK_(s->first_chunk);
	uint64_t old = POOLSCOPE_LOAD_(table), seen = old, fresh, i, e;
	uint32_t log2 = POOLSCOPE_PAGE_TABLE_LOG2(old);

	if (s->refused_ns && now - s->refused_ns < 1000000000u)
		return;
	fresh = poolscope_table_new_(first, log2 + 2, entry_log2);
	s->refused_ns = fresh ? 0 : now;
	if (!fresh)
		return;
	for (i = 0; i < 1ull << log2; i++) {
		e = poolscope_entry_at_(old, i, entry_log2);
		if (POOLSCOPE_ENTRY_USED_(e, entry_log2))
			memcpy((void *)(uintptr_t)poolscope_entry_find_(fresh, entry_log2,
									POOLSCOPE_ENTRY_ID_(e)),
			       (void *)(uintptr_t)e, (size_t)1 << entry_log2);
	}
	if (!__atomic_compare_exchange_n(table, &seen, fresh, 0, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED))
		old = fresh;
	if (!poolscope_lock_(first))
		return;
	poolscope_table_give_(first, s, old, entry_log2);
	poolscope_unlock_(first);
}

/* Room for one more: the free entry, or 0. More than half full it grows, over seven eighths it takes no more. */
POOLSCOPE_PART_ uint64_t poolscope_entry_room_(struct poolscope_page_slot *s, uint64_t *table,
					       uint32_t entry_log2, uint32_t n_used, uint64_t id,
					       uint64_t free_entry, uint64_t now)
{
	uint32_t n = 1u << POOLSCOPE_PAGE_TABLE_LOG2(*table);

	if (POOLSCOPE_RARELY_(n_used >= n / 2)) {
		poolscope_table_grow_(s, table, entry_log2, now);
		n = 1u << POOLSCOPE_PAGE_TABLE_LOG2(*table);
		if (n_used >= n - n / 8)
			return 0;
		return poolscope_entry_find_(*table, entry_log2, id);
	}
	return free_entry;
}

/* ---- time ------------------------------------------------------------------------------------------------------------ */

/* The other clock begins again from this moment on; until its speed is known clock_gettime() is asked. */
POOLSCOPE_PART_ void poolscope_clock_anew_(struct poolscope_page_slot *s, uint64_t count,
					   uint64_t ns)
{
	s->clock_mult = 0;
	POOLSCOPE_STORE_(&s->clock_span, 0);
	s->set_count = count | 1;
	s->set_ns = ns;
}

/*
 * clock_gettime(), and the counter's speed from this moment and an earlier one: 17 ms apart at first, later half a second in a busy pool. It
 * is believed when it differs by less than 0.4 % from the one before; else the machine slept, or was moved, and all begins again.
 */
POOLSCOPE_RARE_ uint64_t poolscope_clock_set_(struct poolscope_page_slot *s)
{
	uint64_t ns = poolscope_monotonic_(), before, count, counts, span, speed, passed;

	if (!s->set_count || ns - s->set_ns < 1u << 24)
		return ns; /* there is no other clock, or it is too early for it */
	before = poolscope_counter_();
	ns = poolscope_monotonic_();
	span = poolscope_counter_() - before;
	count = before + span / 2;
	counts = count - s->set_count;
	passed = ns - s->set_ns;
	if (count <= s->set_count || ns <= s->set_ns) {
		poolscope_clock_anew_(s, count, ns);
		return ns;
	}
	if (span > counts >> 18)
		return ns; /* something came between the two clocks */
	while (passed >> 33 || counts >> 40) {
		passed >>= 1;
		counts >>= 1;
	}
	speed = counts ? (passed << 30) / counts : 0;
	if (!speed || speed > UINT32_MAX ||
	    (s->clock_mult && (speed > s->clock_mult + (s->clock_mult >> 8) ||
			       speed < s->clock_mult - (s->clock_mult >> 8)))) {
		poolscope_clock_anew_(s, count, ns);
		return ns;
	}
	s->set_count = count;
	s->set_ns = ns;
	if (!s->clock_mult) { /* the first one; believed when the next says the same */
		s->clock_mult = (uint32_t)speed;
		return ns;
	}
	span = passed >> 27 ? 1ull << 59 : passed << 32; /* four times what it was learned from, at most half a second */
	span /= speed;
	s->clock_mult = (uint32_t)speed;
	POOLSCOPE_STORE_(&s->clock_span, span > UINT32_MAX ? UINT32_MAX : (uint32_t)span);
	s->clock_count = count;
	s->clock_ns = ns;
	return ns;
}

POOLSCOPE_PART_ uint64_t poolscope_now_(struct poolscope_page_slot *s)
{
	uint32_t span = s->clock_span;
	uint64_t counts;

	if (span) {
		counts = poolscope_counter_() - s->clock_count;
		if (counts < span)
			return s->clock_ns + (counts * s->clock_mult >> 30);
	} else if (!s->set_count) {
		return poolscope_monotonic_();
	}
	return poolscope_clock_set_(s);
}

/* ---- slots: opened, closed, entered, left ---------------------------------------------------------------------------- */

POOLSCOPE_PART_ void poolscope_write_begin_(struct poolscope_page_slot *s)
{
	POOLSCOPE_STORE_(&s->seq, POOLSCOPE_LOAD_(&s->seq) | 1);
	POOLSCOPE_FENCE_();
}

POOLSCOPE_PART_ void poolscope_write_end_(struct poolscope_page_slot *s)
{
	__atomic_store_n(&s->seq, (POOLSCOPE_LOAD_(&s->seq) | 1) + 1, __ATOMIC_RELEASE);
}

#define POOLSCOPE_OWN_HOLDERS_(s) ((uintptr_t)(s)->own_holders | POOLSCOPE_PAGE_OWN_HOLDERS_LOG2)
#define POOLSCOPE_OWN_WAITERS_(s) ((uintptr_t)(s)->own_waiters | POOLSCOPE_PAGE_OWN_WAITERS_LOG2)
#define POOLSCOPE_LATE_NS_ 100000000u /* a call that began before a slot was closed is over by then, or was stopped */

/* The first of the closed slots, if it was closed before `until`, or NULL. Under the lock, as the next two. */
POOLSCOPE_PART_ struct poolscope_page_slot *
poolscope_closed_take_(struct poolscope_page_chunk *first, uint64_t until)
{
	struct poolscope_page_slot *s = POOLSCOPE_SLOT_(first->oldest_closed);

	if (!s || s->closed_ns > until)
		return NULL;
	first->oldest_closed = s->next;
	if (!s->next)
		first->newest_closed = 0;
	poolscope_table_give_(first, s, s->holders, POOLSCOPE_HOLDER_LOG2_);
	poolscope_table_give_(first, s, s->waiters, POOLSCOPE_WAITER_LOG2_);
	POOLSCOPE_STORE_(&s->holders, POOLSCOPE_OWN_HOLDERS_(s));
	POOLSCOPE_STORE_(&s->waiters, POOLSCOPE_OWN_WAITERS_(s));
	return s;
}

POOLSCOPE_PART_ struct poolscope_page_slot *
poolscope_unused_take_(struct poolscope_page_chunk *first)
{
	struct poolscope_page_chunk *last = POOLSCOPE_CHUNK_(first->last_chunk), *c;
	uint32_t bytes = last->bytes;

	if (last->n_used >= last->n_slots) {
		if (first->n_chunks >= POOLSCOPE_PAGE_CHUNKS_MAX)
			return NULL;
		if (bytes < POOLSCOPE_PAGE_CHUNK_BYTES_MAX)
			bytes *= 2;
		c = poolscope_chunk_new_(bytes);
		if (!c)
			return NULL;
		first->n_chunks++;
		first->last_chunk = (uintptr_t)c;
		__atomic_store_n(&last->next, (uintptr_t)c, __ATOMIC_RELEASE);
		last = c;
	}
	last->n_used++;
	return POOLSCOPE_SLOT_((uintptr_t)last +
			       (uint64_t)last->n_used * POOLSCOPE_PAGE_SLOT_BYTES);
}

/*
 * A slot that is nobody's, and its serial, or NULL: one that was closed long ago, a new one, one that was closed lately. Serial 0 = it is not known whether
 * there is one.
 */
POOLSCOPE_RARE_ struct poolscope_page_slot *poolscope_slot_take_(struct poolscope_page_chunk *first,
								 uint64_t now, uint64_t *ret_serial)
{
	struct poolscope_page_slot *s;

	*ret_serial = 0;
	if (!poolscope_lock_(first))
		return NULL;
	s = now > POOLSCOPE_PAGE_KEPT_NS
		    ? poolscope_closed_take_(first, now - POOLSCOPE_PAGE_KEPT_NS)
		    : NULL;
	if (!s)
		s = poolscope_unused_take_(first);
	if (!s)
		s = poolscope_closed_take_(first, now - POOLSCOPE_LATE_NS_);
	*ret_serial = ++first->serial;
	first->n_open += s != NULL;
	poolscope_unlock_(first);
	return s;
}

/* All behind `handle`, seq and the lock: by words, for a call that comes late must never find a table without an address. */
POOLSCOPE_RARE_ void poolscope_slot_clear_(struct poolscope_page_slot *s)
{
	const size_t kept[] = { offsetof(struct poolscope_page_slot, holders) / 8,
				offsetof(struct poolscope_page_slot, waiters) / 8,
				offsetof(struct poolscope_page_slot, first_chunk) / 8 };
	uint64_t *word = (uint64_t *)(void *)s;
	size_t i;

	for (i = offsetof(struct poolscope_page_slot, leases_begun) / 8; i < sizeof(*s) / 8; i++)
		if (i != kept[0] && i != kept[1] && i != kept[2])
			POOLSCOPE_STORE_(&word[i], 0);
}

/* Everything but seq, which has to go on, becomes what it is at the beginning. */
POOLSCOPE_RARE_ void poolscope_slot_init_(struct poolscope_page_slot *s,
					  struct poolscope_pool *pool,
					  struct poolscope_page_chunk *first, uint64_t serial,
					  int is_fresh, uint64_t now)
{
	uint64_t capacity = POOLSCOPE_LOAD_(&pool->capacity_), holders = 0;
	uint32_t log2 = POOLSCOPE_PAGE_OWN_HOLDERS_LOG2;

	poolscope_write_begin_(s);
	POOLSCOPE_STORE_(&s->first_chunk, (uintptr_t)first);
	POOLSCOPE_STORE_(&s->holders, POOLSCOPE_OWN_HOLDERS_(s));
	POOLSCOPE_STORE_(&s->waiters, POOLSCOPE_OWN_WAITERS_(s));
	poolscope_slot_clear_(s);
	POOLSCOPE_STORE_(&s->handle, POOLSCOPE_ID_(pool));
	POOLSCOPE_STORE_(&s->lock, POOLSCOPE_LOAD_(&pool->flags_) & POOLSCOPE_UNLOCKED_
					   ? POOLSCOPE_PAGE_LOCK_SHARED
					   : 0);
	s->pid = first->pid;
	while (log2 < 10 && 1u << log2 < 2 * capacity)
		log2 += 2;
	if (log2 > POOLSCOPE_PAGE_OWN_HOLDERS_LOG2)
		holders = poolscope_table_new_(first, log2, POOLSCOPE_HOLDER_LOG2_);
	if (holders)
		POOLSCOPE_STORE_(&s->holders, holders);
	s->capacity_most = capacity < UINT32_MAX ? (uint32_t)capacity : 0;
	s->before_most = is_fresh ? 0 : s->capacity_most ? s->capacity_most : UINT32_MAX;
	s->version = POOLSCOPE_PAGE_VERSION;
	s->serial = serial;
	if (POOLSCOPE_MAY_COUNT_ && first->clock == POOLSCOPE_PAGE_CLOCK_COUNTER)
		poolscope_clock_anew_(s, poolscope_counter_(), now);
	s->since_ns = now;
	s->state = POOLSCOPE_PAGE_OPEN;
	poolscope_write_end_(s);
}

/*
 * Counting ends; the numbers stay for a while. Only who took the slot out of the handle does this, after giving its bit back: another pool may
 * have the slot as soon as it is in the list. The tables' memory stays with the slot
 * until that is used again: two calls at once in a pool that does not exclude them may still be writing.
 */
POOLSCOPE_RARE_ void poolscope_slot_close_(struct poolscope_page_slot *s, uint64_t now)
{
	struct poolscope_page_chunk *first = POOLSCOPE_CHUNK_(s->first_chunk);

	poolscope_write_begin_(s);
	s->state = POOLSCOPE_PAGE_CLOSED;
	s->closed_ns = now;
	s->n_holders = s->n_waiting = 0;
	if (s->saturated_since_ns && now > s->saturated_since_ns)
		s->saturated_ns += now - s->saturated_since_ns;
	s->saturated_since_ns = 0;
	s->next = 0;
	poolscope_write_end_(s);
	if (!poolscope_lock_(first))
		return; /* nobody has it again */
	if (first->newest_closed)
		POOLSCOPE_SLOT_(first->newest_closed)->next = (uintptr_t)s;
	else
		first->oldest_closed = (uintptr_t)s;
	first->newest_closed = (uintptr_t)s;
	first->n_open--;
	poolscope_unlock_(first);
}

/* Those who wait go on waiting in the pool's next slot. */
POOLSCOPE_RARE_ void poolscope_waiters_copy_(struct poolscope_page_slot *to,
					     const struct poolscope_page_slot *from)
{
	uint64_t table = POOLSCOPE_LOAD_(&from->waiters), i, e, room;

	for (i = 0; i < 1ull << POOLSCOPE_PAGE_TABLE_LOG2(table); i++) {
		e = poolscope_entry_at_(table, i, POOLSCOPE_WAITER_LOG2_);
		if (!POOLSCOPE_ENTRY_USED_(e, POOLSCOPE_WAITER_LOG2_))
			continue;
		room = poolscope_entry_find_(to->waiters, POOLSCOPE_WAITER_LOG2_,
					     POOLSCOPE_ENTRY_ID_(e));
		room = poolscope_entry_room_(to, &to->waiters, POOLSCOPE_WAITER_LOG2_,
					     to->n_waiting, POOLSCOPE_ENTRY_ID_(e), room,
					     to->since_ns);
		if (!room) {
			to->waits_unlisted++;
			continue;
		}
		memcpy((void *)(uintptr_t)room, (void *)(uintptr_t)e, 1u << POOLSCOPE_WAITER_LOG2_);
		to->n_waiting++;
	}
}

/* Where the pool is counted from now on; 0 = by its points. */
POOLSCOPE_RARE_ void poolscope_page_tell_(const struct poolscope_pool *pool, uint64_t slot)
{
	if (POOLSCOPE_IS_WATCHED_)
		__asm__ __volatile__(
			POOLSCOPE_NOTE_(page, "8@%0 8@%1")::POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			POOLSCOPE_A_(slot));
}

/*
 * Counting begins, in a slot that takes the place of `seen` in the handle. Of several threads that do this at once one succeeds: 1, the
 * others have 0. -1 = not now, and nothing has changed; -2 = there is no slot for this pool, and the handle says so in the place of `seen`.
 */
POOLSCOPE_RARE_ int poolscope_slot_open_(struct poolscope_pool *pool, uint64_t seen,
					 const struct poolscope_page_slot *before)
{
	uint64_t now = poolscope_monotonic_(), serial = 0;
	struct poolscope_page_chunk *first = poolscope_first_();
	struct poolscope_page_slot *s = NULL;
	uint32_t skip;

	skip = POOLSCOPE_LOAD_(&pool->skip_);
	if (first && skip) {
		POOLSCOPE_STORE_(&pool->skip_, skip - 1);
		__atomic_fetch_add(&first->skipped, 1, __ATOMIC_RELAXED);
		return -1;
	}
	if (first)
		s = poolscope_slot_take_(first, now, &serial);
	if (first && !s && !serial) { /* the lock was not to be had, for long: not each call waits for it */
		POOLSCOPE_STORE_(&pool->skip_, POOLSCOPE_LOCK_SKIP_);
		return -1;
	}
	if (!s) {
		__atomic_fetch_add(&poolscope_page_semaphore.n_refused, 1, __ATOMIC_RELAXED);
		if (!__atomic_compare_exchange_n(&pool->slot_, &seen, POOLSCOPE_REFUSED_, 0,
						 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return -1;
		poolscope_page_tell_(pool, 0);
		return -2;
	}
	poolscope_slot_init_(s, pool, first, serial, seen == POOLSCOPE_FRESH_, now);
	if (before)
		poolscope_waiters_copy_(s, before);
	if (!__atomic_compare_exchange_n(&pool->slot_, &seen, (uintptr_t)s, 0, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED)) {
		poolscope_slot_close_(s, now);
		return 0;
	}
	poolscope_page_tell_(pool, (uintptr_t)s);
	return 1;
}

#define POOLSCOPE_SPINS_ 1000u
#define POOLSCOPE_SLEEPS_ 100u

/*
 * Takes the bit of a shared slot. 0 = it is not the pool's slot any more. Who has it holds it for some ten ns, or was put off its CPU: so a short while of trying, and then sleeps that leave
 * the CPU to it. After 20 ms it may be that it never comes back (a thread that was cancelled, or left by a jump): then the slot is given up, whoever has the bit may write on in it, nobody else will,
 * and the pool begins anew.
 */
POOLSCOPE_BODY_ int poolscope_bit_take_(struct poolscope_pool *pool, struct poolscope_page_slot *s)
{
	uint64_t at = (uintptr_t)s;
	uint32_t n, seen;

	for (n = 0; __atomic_load_n(&pool->slot_, __ATOMIC_ACQUIRE) == at; n++) {
		seen = POOLSCOPE_PAGE_LOCK_SHARED;
		if (POOLSCOPE_LOAD_(&s->lock) == seen &&
		    __atomic_compare_exchange_n(
			    &s->lock, &seen, POOLSCOPE_PAGE_LOCK_SHARED | POOLSCOPE_PAGE_LOCK_TAKEN,
			    0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			if (__atomic_load_n(&pool->slot_, __ATOMIC_ACQUIRE) == at)
				return 1;
			__atomic_store_n(&s->lock, POOLSCOPE_PAGE_LOCK_SHARED, __ATOMIC_RELEASE);
			return 0;
		}
		if (n < POOLSCOPE_SPINS_) {
			poolscope_pause_();
			continue;
		}
		if (n > POOLSCOPE_SPINS_ + POOLSCOPE_SLEEPS_) {
			POOLSCOPE_STORE_(&s->lost, 1);
			if (__atomic_compare_exchange_n(&pool->slot_, &at, 0, 0, __ATOMIC_RELAXED,
							__ATOMIC_RELAXED)) {
				POOLSCOPE_STORE_(&s->closed_ns, poolscope_monotonic_());
				POOLSCOPE_STORE_(&s->state, POOLSCOPE_PAGE_CLOSED);
			}
			return 0;
		}
		poolscope_sleep_(&s->lock, POOLSCOPE_PAGE_LOCK_SHARED | POOLSCOPE_PAGE_LOCK_TAKEN,
				 200000);
	}
	return 0;
}

POOLSCOPE_PART_ void poolscope_bit_give_(struct poolscope_page_slot *s)
{
	if (POOLSCOPE_RARELY_(POOLSCOPE_LOAD_(&s->lock) & POOLSCOPE_PAGE_LOCK_TAKEN))
		__atomic_store_n(&s->lock, POOLSCOPE_PAGE_LOCK_SHARED, __ATOMIC_RELEASE);
}

/* Whether `at` is a slot of this pool: a child of fork() finds zeros, a handle that was moved its old address. */
POOLSCOPE_PART_ int poolscope_slot_is_of_(uint64_t at, const struct poolscope_pool *pool)
{
	return POOLSCOPE_IS_SLOT_(at) &&
	       POOLSCOPE_LOAD_(&POOLSCOPE_SLOT_(at)->handle) == POOLSCOPE_ID_(pool);
}

/* A call that must not or cannot be counted in a slot as it is: the next one begins anew. */
POOLSCOPE_PART_ void poolscope_slot_spoil_(struct poolscope_pool *pool,
					   struct poolscope_page_slot *s)
{
	__atomic_fetch_add(&s->collisions, 1, __ATOMIC_RELAXED);
	POOLSCOPE_STORE_(&s->lost, 1);
	__atomic_fetch_or(&pool->flags_, POOLSCOPE_UNLOCKED_, __ATOMIC_RELAXED);
	__atomic_fetch_or(&s->lock, POOLSCOPE_PAGE_LOCK_SHARED, __ATOMIC_RELEASE);
}

/* See below; for every case but the usual one. */
POOLSCOPE_RARE_ struct poolscope_page_slot *poolscope_enter_rarely_(struct poolscope_pool *pool)
{
	struct poolscope_page_slot *s;
	uint64_t at;
	int n, done;

	for (n = 0; n < 8; n++) {
		at = __atomic_load_n(&pool->slot_, __ATOMIC_ACQUIRE);
		if (at == POOLSCOPE_REFUSED_)
			return NULL;
		if (!poolscope_slot_is_of_(at, pool)) {
			if (poolscope_slot_open_(pool, at, NULL) < 0)
				return NULL;
			continue;
		}
		s = POOLSCOPE_SLOT_(at);
		if (!(POOLSCOPE_LOAD_(&s->lock) & POOLSCOPE_PAGE_LOCK_SHARED)) {
			if (POOLSCOPE_LOAD_(&s->seq) & 1) {
				poolscope_slot_spoil_(pool, s);
				return NULL;
			}
		} else if (!poolscope_bit_take_(pool, s)) {
			if (POOLSCOPE_LOAD_(&s->lost))
				return NULL;
			continue;
		}
		if (!POOLSCOPE_LOAD_(&s->lost))
			return s;
		done = poolscope_slot_open_(pool, at, s);
		poolscope_bit_give_(s);
		if (done == 1 || done == -2)
			poolscope_slot_close_(s, poolscope_monotonic_());
		if (done < 0)
			return NULL;
	}
	return NULL;
}

/* The pool's slot, to be written and then left; NULL = this event is not counted in one. */
POOLSCOPE_PART_ struct poolscope_page_slot *poolscope_enter_(struct poolscope_pool *pool)
{
	uint64_t at = __atomic_load_n(&pool->slot_, __ATOMIC_ACQUIRE);
	struct poolscope_page_slot *s;

	if (POOLSCOPE_RARELY_(pool->magic_ != POOLSCOPE_MAGIC_)) {
		if (poolscope_chunk_is_there_(poolscope_page_semaphore.first_chunk))
			__atomic_fetch_add(
				&POOLSCOPE_CHUNK_(poolscope_page_semaphore.first_chunk)->strays, 1,
				__ATOMIC_RELAXED);
		return NULL;
	}
	s = POOLSCOPE_SLOT_(at);
	if (POOLSCOPE_RARELY_(!poolscope_slot_is_of_(at, pool) || POOLSCOPE_LOAD_(&s->lock) ||
			      POOLSCOPE_LOAD_(&s->seq) & 1)) {
		s = poolscope_enter_rarely_(pool);
		if (!s)
			return NULL;
	}
	poolscope_write_begin_(s);
	return s;
}

POOLSCOPE_PART_ void poolscope_leave_(struct poolscope_page_slot *s)
{
	poolscope_write_end_(s);
	poolscope_bit_give_(s);
}

/*
 * Something happens while nobody watches, in a pool that has a slot or is fresh: counting ends. Where that happens again and again, within ms
 * (a library that is watched and a program that is not use one pool), ever more is left out before it begins anew. Agents that come and
 * go, each for a second, are not that.
 */
POOLSCOPE_RARE_ void poolscope_gap_(struct poolscope_pool *pool)
{
	uint64_t at = __atomic_load_n(&pool->slot_, __ATOMIC_ACQUIRE), now;
	struct poolscope_page_slot *s = POOLSCOPE_SLOT_(at);
	uint32_t gaps;

	if (pool->magic_ != POOLSCOPE_MAGIC_)
		return;
	if (!poolscope_slot_is_of_(at, pool)) {
		__atomic_compare_exchange_n(&pool->slot_, &at, 0, 0, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
		return;
	}
	if (POOLSCOPE_LOAD_(&s->lock) & POOLSCOPE_PAGE_LOCK_SHARED) {
		if (!poolscope_bit_take_(pool, s))
			return;
	} else if (POOLSCOPE_LOAD_(&s->seq) & 1) {
		poolscope_slot_spoil_(pool, s);
		return;
	}
	if (!__atomic_compare_exchange_n(&pool->slot_, &at, 0, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED)) {
		poolscope_bit_give_(s);
		return;
	}
	poolscope_bit_give_(s);
	now = poolscope_monotonic_();
	gaps = POOLSCOPE_LOAD_(&pool->flags_) / POOLSCOPE_GAP_;
	if (now - s->since_ns > POOLSCOPE_GAPS_FORGIVEN_NS_)
		gaps = 0;
	else if (gaps < POOLSCOPE_GAPS_MAX_)
		gaps++;
	POOLSCOPE_STORE_(&pool->flags_, gaps * POOLSCOPE_GAP_ | (POOLSCOPE_LOAD_(&pool->flags_) &
								 POOLSCOPE_UNLOCKED_));
	POOLSCOPE_STORE_(&pool->skip_, gaps > POOLSCOPE_GAPS_FREE_ ? 1u << gaps : 0);
	poolscope_slot_close_(s, now);
}

/* ---- the books ------------------------------------------------------------------------------------------------------- */

/* Bucket of a duration, as struct poolscope_page_slot has them: in units of 2^-54 s an octave of seconds is one of the integer. */
POOLSCOPE_PART_ uint32_t poolscope_bucket_(uint64_t ns)
{
	/* 2^32 * (2^(k/8) - 1) - 1 for k from 1 on; between two of them lies more than a sixteenth, so one is left to ask for. */
	static const uint32_t most[8] = { 388727751u,  812638370u,  1274916178u, 1779033703u,
					  2328777762u, 2928277909u, 3582037455u, UINT32_MAX };
	uint32_t octave = 0, log2, top, below;
	uint64_t units;

	if (POOLSCOPE_RARELY_(ns >> 39)) {
		if (ns >= 1024000000000ull)
			return POOLSCOPE_PAGE_BUCKETS - 1;
		ns >>= 3;
		octave = 3;
	}
	units = ns * 18014398u;
	if (!octave && units <= 1ull << 32)
		return 0;
	units--; /* a bound belongs to the bucket below */
	log2 = 63 - (uint32_t)__builtin_clzll(units);
	top = (uint32_t)(units << (63 - log2) >> 31); /* the 32 bits behind the first one */
	below = (uint32_t)(0x7766655443321100ull >> (top >> 28) * 4) & 15;
	return 1 + 8 * (octave + log2 - 32) + below + (top > most[below]);
}

POOLSCOPE_PART_ void poolscope_peak_(struct poolscope_page_slot *s, uint64_t in_use, uint64_t now)
{
	uint32_t interval = (uint32_t)(now >> POOLSCOPE_PAGE_PEAK_SHIFT);
	struct poolscope_page_peak *p = &s->peak[interval % POOLSCOPE_PAGE_PEAKS];

	if (POOLSCOPE_RARELY_(p->interval != interval)) {
		p->interval = interval;
		p->in_use = (uint32_t)in_use;
	} else if (in_use > p->in_use) {
		p->in_use = (uint32_t)in_use;
	}
}

/* After each change of in use, of waiting or of the capacity: the time during which the pool was full and somebody waited. */
POOLSCOPE_PART_ void poolscope_level_(const struct poolscope_pool *pool,
				      struct poolscope_page_slot *s, uint64_t now)
{
	uint64_t capacity;

	if (!(s->n_waiting | s->saturated_since_ns))
		return;
	capacity = POOLSCOPE_LOAD_(&pool->capacity_);
	if (capacity && s->n_waiting && s->leases_begun - s->leases_ended >= capacity) {
		if (!s->saturated_since_ns)
			s->saturated_since_ns = now;
	} else if (s->saturated_since_ns) {
		if (now > s->saturated_since_ns)
			s->saturated_ns += now - s->saturated_since_ns;
		s->saturated_since_ns = 0;
	}
}

/* The more items are known to be out, the fewer others can be. */
POOLSCOPE_PART_ void poolscope_before_most_(struct poolscope_page_slot *s, uint64_t in_use)
{
	if (POOLSCOPE_RARELY_(s->before_most) && s->capacity_most &&
	    in_use + s->before_most > s->capacity_most)
		s->before_most =
			in_use < s->capacity_most ? s->capacity_most - (uint32_t)in_use : 0;
}

POOLSCOPE_PART_ void poolscope_lease_count_(struct poolscope_page_slot *s, uint64_t now)
{
	uint64_t in_use = ++s->leases_begun - s->leases_ended;

	s->use_sum -= now;
	poolscope_before_most_(s, in_use);
	poolscope_peak_(s, in_use, now);
}

POOLSCOPE_PART_ void poolscope_holder_set_(uint64_t entry, uint64_t item, uint64_t waiter,
					   uint32_t tid, uint64_t now)
{
	struct poolscope_page_holder *h = (struct poolscope_page_holder *)(uintptr_t)entry;

	h->item = item;
	h->since_ns = now;
	h->waiter = waiter;
	h->tid = tid;
	h->is_used = 1;
}

POOLSCOPE_PART_ void poolscope_lease_begin_(struct poolscope_page_slot *s, uint64_t item,
					    uint64_t waiter, uint32_t tid, uint64_t now)
{
	uint64_t e =
		poolscope_entry_find_(POOLSCOPE_LOAD_(&s->holders), POOLSCOPE_HOLDER_LOG2_, item);

	if (POOLSCOPE_RARELY_(e && POOLSCOPE_ENTRY_USED_(e, POOLSCOPE_HOLDER_LOG2_))) {
		s->odd_acquire++;
	} else {
		e = poolscope_entry_room_(s, &s->holders, POOLSCOPE_HOLDER_LOG2_, s->n_holders,
					  item, e, now);
		poolscope_lease_count_(s, now);
		if (POOLSCOPE_RARELY_(!e)) {
			s->leases_unlisted++;
			s->unlisted++;
			return;
		}
		s->n_holders++;
	}
	poolscope_holder_set_(e, item, waiter, tid, now);
}

/* The same as it mostly is: of an item that is not out, there is room, and a free entry not far. 0 = not so, and nothing is written. */
POOLSCOPE_PART_ int poolscope_lease_begin_usual_(struct poolscope_page_slot *s, uint64_t item,
						 uint64_t waiter, uint32_t tid, uint64_t now)
{
	uint64_t table = POOLSCOPE_LOAD_(&s->holders);
	uint64_t e = poolscope_entry_first_(table, POOLSCOPE_HOLDER_LOG2_, item);

	if (POOLSCOPE_RARELY_(s->n_holders >> (POOLSCOPE_PAGE_TABLE_LOG2(table) - 1)))
		return 0;
	if (POOLSCOPE_RARELY_(POOLSCOPE_ENTRY_USED_(e, POOLSCOPE_HOLDER_LOG2_))) {
		if (POOLSCOPE_ENTRY_ID_(e) == item)
			return 0;
		e = poolscope_entry_after_(table, POOLSCOPE_HOLDER_LOG2_, e);
		if (POOLSCOPE_ENTRY_USED_(e, POOLSCOPE_HOLDER_LOG2_))
			return 0;
	}
	poolscope_lease_count_(s, now);
	s->n_holders++;
	poolscope_holder_set_(e, item, waiter, tid, now);
	return 1;
}

POOLSCOPE_PART_ void poolscope_lease_end_(struct poolscope_page_slot *s, uint64_t now)
{
	poolscope_peak_(s, s->leases_begun - s->leases_ended, now);
	s->leases_ended++;
	s->use_sum += now;
}

/* A release of an item that is in no entry. 0 = it was not out. */
POOLSCOPE_RARE_ int poolscope_release_unlisted_(struct poolscope_page_slot *s, uint64_t now)
{
	if (s->unlisted) {
		s->unlisted--;
		poolscope_lease_end_(s, now);
		return 1;
	}
	if (!s->before_most) {
		s->odd_release++;
		return 0;
	}
	if (s->before_most != UINT32_MAX)
		s->before_most--;
	s->before_releases++;
	s->before_sum_ns += now > s->since_ns ? now - s->since_ns : 0;
	return 1;
}

/* A release of the item in an entry, which is still to be freed. */
POOLSCOPE_PART_ void poolscope_release_listed_(struct poolscope_page_slot *s, uint64_t entry,
					       uint64_t now)
{
	uint64_t since = ((struct poolscope_page_holder *)(uintptr_t)entry)->since_ns;
	uint64_t held = now > since ? now - since : 0;

	s->n_holders--;
	poolscope_lease_end_(s, now);
	s->hold[poolscope_bucket_(held)]++;
	s->hold_sum_ns += held;
	if (POOLSCOPE_RARELY_(held > s->hold_max_ns))
		s->hold_max_ns = held;
}

POOLSCOPE_PART_ void poolscope_book_release_(struct poolscope_page_slot *s, uint64_t item,
					     unsigned int flags, uint64_t now)
{
	uint64_t table = POOLSCOPE_LOAD_(&s->holders);
	uint64_t e = poolscope_entry_find_(table, POOLSCOPE_HOLDER_LOG2_, item);

	if (POOLSCOPE_RARELY_(!e || !POOLSCOPE_ENTRY_USED_(e, POOLSCOPE_HOLDER_LOG2_))) {
		if (!poolscope_release_unlisted_(s, now))
			return;
	} else {
		poolscope_release_listed_(s, e, now);
		poolscope_entry_free_(table, POOLSCOPE_HOLDER_LOG2_, e);
	}
	if (POOLSCOPE_RARELY_(flags & POOLSCOPE_BROKEN))
		s->released_broken++;
}

/* Somebody waits from now on. 0 = there is no room, and nothing is told of it. */
POOLSCOPE_PART_ int poolscope_wait_list_(struct poolscope_page_slot *s, uint64_t waiter,
					 uint32_t tid, uint64_t now)
{
	uint64_t id = waiter ? waiter : tid;
	uint64_t e = poolscope_entry_find_(s->waiters, POOLSCOPE_WAITER_LOG2_, id);
	struct poolscope_page_waiter *w;

	if (e && POOLSCOPE_ENTRY_USED_(e, POOLSCOPE_WAITER_LOG2_))
		return 1; /* it waits already: whoever hears of it will call that odd */
	e = poolscope_entry_room_(s, &s->waiters, POOLSCOPE_WAITER_LOG2_, s->n_waiting, id, e, now);
	if (!e) {
		s->waits_unlisted++;
		return 0;
	}
	w = (struct poolscope_page_waiter *)(uintptr_t)e;
	w->waiter = id;
	w->tid = tid;
	w->is_used = 1;
	s->n_waiting++;
	return 1;
}

/* Whether somebody waited until now. */
POOLSCOPE_PART_ int poolscope_wait_unlist_(struct poolscope_page_slot *s, uint64_t waiter,
					   uint32_t tid)
{
	uint64_t table = POOLSCOPE_LOAD_(&s->waiters);
	uint64_t e = poolscope_entry_find_(table, POOLSCOPE_WAITER_LOG2_, waiter ? waiter : tid);

	if (!e || !POOLSCOPE_ENTRY_USED_(e, POOLSCOPE_WAITER_LOG2_))
		return 0;
	poolscope_entry_free_(table, POOLSCOPE_WAITER_LOG2_, e);
	s->n_waiting--;
	return 1;
}

/* ---- the verbs ------------------------------------------------------------------------------------------------------- */

/*
 * Each of these is behind the one look that an unwatched call costs. The points acquired and released have one more argument here than without
 * the page, the constant 1, by which a reader of notes tells the two apart: behind these stands a slot.
 */
#define POOLSCOPE_LOOK_(pool, verb)                                                                \
	__builtin_expect(                                                                          \
		((uint64_t)(poolscope_page_semaphore.semaphore | poolscope_##verb##_semaphore) |   \
		 POOLSCOPE_LOAD_(&(pool)->slot_)) != 0,                                            \
		0)

/* The slot of a pool to which something happens; NULL = it is not counted there. */
POOLSCOPE_PART_ struct poolscope_page_slot *poolscope_look_(struct poolscope_pool *pool)
{
	if (POOLSCOPE_IS_WATCHED_)
		return poolscope_enter_(pool);
	poolscope_gap_(pool);
	return NULL;
}

/*
 * A call of a pool that has a page was not counted in it (NULL above): who waits is in no list then, and no acquire would tell of that wait's end. A
 * pool without a slot is told by its points alone, and whoever else looks at those gets all.
 */
POOLSCOPE_PART_ int poolscope_is_left_out_(const struct poolscope_pool *pool)
{
	return POOLSCOPE_IS_WATCHED_ && pool->magic_ == POOLSCOPE_MAGIC_ &&
	       POOLSCOPE_LOAD_(&pool->slot_) != POOLSCOPE_REFUSED_;
}

/*
 * What acquired and released mostly are stands by itself below, before all that they may be. It asks no clock but the counter and calls
 * nothing that comes back, so few registers are saved, and no more is written before the pool's lock is given back than the books are. What
 * turns out to be otherwise begins again as any.
 */

/* Takes the bit of a shared slot that is free. */
POOLSCOPE_PART_ int poolscope_bit_take_usual_(const struct poolscope_pool *pool,
					      struct poolscope_page_slot *s)
{
	uint32_t seen = POOLSCOPE_PAGE_LOCK_SHARED;

	if (!__atomic_compare_exchange_n(&s->lock, &seen,
					 POOLSCOPE_PAGE_LOCK_SHARED | POOLSCOPE_PAGE_LOCK_TAKEN, 0,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return 0;
	if (__atomic_load_n(&pool->slot_, __ATOMIC_ACQUIRE) == (uintptr_t)s &&
	    !POOLSCOPE_LOAD_(&s->lost))
		return 1;
	__atomic_store_n(&s->lock, POOLSCOPE_PAGE_LOCK_SHARED, __ATOMIC_RELEASE);
	return 0;
}

/* The slot, to be written and then left; NULL = this is for poolscope_enter_(). */
POOLSCOPE_PART_ struct poolscope_page_slot *poolscope_enter_usual_(struct poolscope_pool *pool)
{
	uint64_t at = __atomic_load_n(&pool->slot_, __ATOMIC_ACQUIRE);
	struct poolscope_page_slot *s = POOLSCOPE_SLOT_(at);
	uint32_t seq;

	if (POOLSCOPE_RARELY_(!POOLSCOPE_IS_WATCHED_ || pool->magic_ != POOLSCOPE_MAGIC_ ||
			      !poolscope_slot_is_of_(at, pool) || !POOLSCOPE_LOAD_(&s->clock_span)))
		return NULL;
	if (POOLSCOPE_RARELY_(POOLSCOPE_LOAD_(&s->lock))) {
		if (!poolscope_bit_take_usual_(pool, s))
			return NULL;
		seq = POOLSCOPE_LOAD_(&s->seq);
	} else {
		seq = POOLSCOPE_LOAD_(&s->seq);
		if (POOLSCOPE_RARELY_(seq & 1))
			return NULL;
	}
	POOLSCOPE_STORE_(&s->seq, seq | 1);
	POOLSCOPE_FENCE_();
	return s;
}

/* The time by the counter; 0 = it does not tell it now, or somebody waits. */
POOLSCOPE_PART_ uint64_t poolscope_now_usual_(const struct poolscope_page_slot *s)
{
	uint64_t counts;

	if (POOLSCOPE_RARELY_(s->n_waiting | s->saturated_since_ns))
		return 0;
	counts = poolscope_counter_() - s->clock_count;
	return POOLSCOPE_RARELY_(counts >= s->clock_span)
		       ? 0
		       : s->clock_ns + (counts * s->clock_mult >> 30);
}

/* The entry of an item that is out, or 0: it is not, or in an entry farther than the second. */
POOLSCOPE_PART_ uint64_t poolscope_holder_usual_(uint64_t table, uint64_t item)
{
	uint64_t e = poolscope_entry_first_(table, POOLSCOPE_HOLDER_LOG2_, item);

	if (!POOLSCOPE_ENTRY_USED_(e, POOLSCOPE_HOLDER_LOG2_))
		return 0;
	if (POOLSCOPE_ENTRY_ID_(e) == item)
		return e;
	e = poolscope_entry_after_(table, POOLSCOPE_HOLDER_LOG2_, e);
	return POOLSCOPE_ENTRY_USED_(e, POOLSCOPE_HOLDER_LOG2_) && POOLSCOPE_ENTRY_ID_(e) == item
		       ? e
		       : 0;
}

POOLSCOPE_BODY_ void poolscope_acquired_any_(struct poolscope_pool *pool, uint64_t item,
					     uint64_t waiter, unsigned int flags)
{
	struct poolscope_page_slot *s;
	int has_waited = 0;
	uint32_t tid;
	uint64_t now;

	poolscope_self_look_();
	s = poolscope_look_(pool);
	if (s) {
		tid = poolscope_tid_(s->pid);
		now = poolscope_now_(s);
		if (POOLSCOPE_RARELY_(s->n_waiting))
			has_waited = poolscope_wait_unlist_(s, waiter, tid);
		if (POOLSCOPE_RARELY_(flags & POOLSCOPE_UNHELD))
			s->unheld++;
		else
			poolscope_lease_begin_(s, item, waiter, tid, now);
		if (flags & POOLSCOPE_NEW)
			s->acquires_new++;
		poolscope_level_(pool, s, now);
		poolscope_leave_(s);
	} else {
		/* its wait may have been told when the slot was sound */
		has_waited = poolscope_is_left_out_(pool) &&
			     POOLSCOPE_IS_SLOT_(POOLSCOPE_LOAD_(&pool->slot_));
	}
	POOLSCOPE_PROBE_(acquired, "8@%0 8@%1 8@%2 8@%3 8@%4", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(item), POOLSCOPE_A_(waiter), POOLSCOPE_A_(flags),
			 POOLSCOPE_A_(1));
	if (POOLSCOPE_RARELY_(has_waited))
		POOLSCOPE_PROBE_(wait_end, "8@%0 8@%1 8@%2", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
				 POOLSCOPE_A_(waiter), POOLSCOPE_A_(POOLSCOPE_OUTCOME_OK));
}

POOLSCOPE_BODY_ void poolscope_acquired_look_(struct poolscope_pool *pool, uint64_t item,
					      uint64_t waiter, unsigned int flags)
{
	const struct poolscope_self_ *self = poolscope_self_look_();
	struct poolscope_page_slot *s = poolscope_enter_usual_(pool);
	uint64_t now;

	if (POOLSCOPE_RARELY_(!s)) {
		poolscope_acquired_any_(pool, item, waiter, flags);
		return;
	}
	now = poolscope_now_usual_(s);
	if (POOLSCOPE_RARELY_(!now || self->pid != s->pid || flags & POOLSCOPE_UNHELD ||
			      !poolscope_lease_begin_usual_(s, item, waiter, self->tid, now))) {
		poolscope_leave_(s);
		poolscope_acquired_any_(pool, item, waiter, flags);
		return;
	}
	if (flags & POOLSCOPE_NEW)
		s->acquires_new++;
	poolscope_leave_(s);
	POOLSCOPE_PROBE_(acquired, "8@%0 8@%1 8@%2 8@%3 8@%4", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(item), POOLSCOPE_A_(waiter), POOLSCOPE_A_(flags),
			 POOLSCOPE_A_(1));
}

POOLSCOPE_BODY_ void poolscope_released_any_(struct poolscope_pool *pool, uint64_t item,
					     unsigned int flags)
{
	struct poolscope_page_slot *s = poolscope_look_(pool);
	uint64_t now;

	if (s) {
		now = poolscope_now_(s);
		poolscope_book_release_(s, item, flags, now);
		poolscope_level_(pool, s, now);
		poolscope_leave_(s);
	}
	POOLSCOPE_PROBE_(released, "8@%0 8@%1 8@%2 8@%3", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(item), POOLSCOPE_A_(flags), POOLSCOPE_A_(1));
}

/* The end of a release whose entry is not followed by a free one. */
POOLSCOPE_BODY_ void poolscope_released_amid_(struct poolscope_pool *pool, uint64_t item,
					      unsigned int flags, struct poolscope_page_slot *s,
					      uint64_t entry)
{
	poolscope_entry_free_(POOLSCOPE_LOAD_(&s->holders), POOLSCOPE_HOLDER_LOG2_, entry);
	poolscope_leave_(s);
	POOLSCOPE_PROBE_(released, "8@%0 8@%1 8@%2 8@%3", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(item), POOLSCOPE_A_(flags), POOLSCOPE_A_(1));
}

POOLSCOPE_BODY_ void poolscope_released_look_(struct poolscope_pool *pool, uint64_t item,
					      unsigned int flags)
{
	struct poolscope_page_slot *s = poolscope_enter_usual_(pool);
	uint64_t now, table, e = 0;

	if (POOLSCOPE_RARELY_(!s)) {
		poolscope_released_any_(pool, item, flags);
		return;
	}
	table = POOLSCOPE_LOAD_(&s->holders);
	now = poolscope_now_usual_(s);
	if (now)
		e = poolscope_holder_usual_(table, item);
	if (POOLSCOPE_RARELY_(!e)) {
		poolscope_leave_(s);
		poolscope_released_any_(pool, item, flags);
		return;
	}
	poolscope_release_listed_(s, e, now);
	if (POOLSCOPE_RARELY_(flags & POOLSCOPE_BROKEN))
		s->released_broken++;
	if (POOLSCOPE_ENTRY_USED_(poolscope_entry_after_(table, POOLSCOPE_HOLDER_LOG2_, e),
				  POOLSCOPE_HOLDER_LOG2_)) {
		poolscope_released_amid_(pool, item, flags, s, e);
		return;
	}
	POOLSCOPE_ENTRY_USED_(e, POOLSCOPE_HOLDER_LOG2_) = 0;
	poolscope_leave_(s);
	POOLSCOPE_PROBE_(released, "8@%0 8@%1 8@%2 8@%3", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(item), POOLSCOPE_A_(flags), POOLSCOPE_A_(1));
}

POOLSCOPE_BODY_ void poolscope_wait_begin_look_(struct poolscope_pool *pool, uint64_t waiter)
{
	struct poolscope_page_slot *s;
	int is_told = 1;
	uint64_t now;

	poolscope_self_look_();
	s = poolscope_look_(pool);
	if (s) {
		now = poolscope_now_(s);
		is_told = poolscope_wait_list_(s, waiter, poolscope_tid_(s->pid), now);
		poolscope_level_(pool, s, now);
		poolscope_leave_(s);
	} else {
		is_told = !poolscope_is_left_out_(pool);
	}
	if (is_told)
		POOLSCOPE_PROBE_(wait_begin, "8@%0 8@%1", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
				 POOLSCOPE_A_(waiter));
}

POOLSCOPE_BODY_ void poolscope_wait_end_look_(struct poolscope_pool *pool, uint64_t waiter,
					      enum poolscope_outcome outcome)
{
	struct poolscope_page_slot *s;

	poolscope_self_look_();
	s = poolscope_look_(pool);
	if (s) {
		poolscope_wait_unlist_(s, waiter, poolscope_tid_(s->pid));
		poolscope_level_(pool, s, poolscope_now_(s));
		poolscope_leave_(s);
	}
	POOLSCOPE_PROBE_(wait_end, "8@%0 8@%1 8@%2", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(waiter), POOLSCOPE_A_(outcome));
}

/* Whether that is a slot of our chunks, whatever stands in it. For calls that may come of a handle that was never a pool. */
POOLSCOPE_RARE_ int poolscope_slot_is_ours_(uint64_t at)
{
	uint64_t c = __atomic_load_n(&poolscope_page_semaphore.first_chunk, __ATOMIC_ACQUIRE);
	uint32_t n;

	for (n = 0; n < POOLSCOPE_PAGE_CHUNKS_MAX && poolscope_chunk_is_there_(c); n++) {
		if (at - c < POOLSCOPE_CHUNK_(c)->bytes)
			return (at - c) % POOLSCOPE_PAGE_SLOT_BYTES == 0 && at != c;
		c = __atomic_load_n(&POOLSCOPE_CHUNK_(c)->next, __ATOMIC_ACQUIRE);
	}
	return 0;
}

/* The pool's limit is another one; a slot that is open takes note. */
POOLSCOPE_RARE_ void poolscope_resize_look_(struct poolscope_pool *pool, uint64_t capacity)
{
	struct poolscope_page_slot *s;

	if (pool->magic_ != POOLSCOPE_MAGIC_ ||
	    !poolscope_slot_is_of_(POOLSCOPE_LOAD_(&pool->slot_), pool))
		return;
	s = poolscope_enter_(pool);
	if (!s)
		return;
	if (!capacity || capacity >= UINT32_MAX)
		s->capacity_most = 0;
	else if (s->capacity_most && capacity > s->capacity_most)
		s->capacity_most = (uint32_t)capacity;
	poolscope_level_(pool, s, poolscope_now_(s));
	poolscope_leave_(s);
}

/* The end of a handle's slot, if it has one: destroyed, or created again. */
POOLSCOPE_RARE_ void poolscope_slot_end_(struct poolscope_pool *pool)
{
	uint64_t at = __atomic_load_n(&pool->slot_, __ATOMIC_ACQUIRE);
	struct poolscope_page_slot *s = POOLSCOPE_SLOT_(at);
	int is_mine;

	if (!poolscope_slot_is_of_(at, pool))
		return;
	if (POOLSCOPE_LOAD_(&s->lock) & POOLSCOPE_PAGE_LOCK_SHARED && !poolscope_bit_take_(pool, s))
		return;
	is_mine = __atomic_compare_exchange_n(&pool->slot_, &at, 0, 0, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED);
	poolscope_bit_give_(s);
	if (is_mine)
		poolscope_slot_close_(s, poolscope_monotonic_());
}

/* A pool begins; what the handle was before is of interest only if it was one. */
POOLSCOPE_PART_ void poolscope_begin_(struct poolscope_pool *pool)
{
	if (pool->magic_ == POOLSCOPE_MAGIC_ &&
	    poolscope_slot_is_ours_(POOLSCOPE_LOAD_(&pool->slot_)))
		poolscope_slot_end_(pool);
	POOLSCOPE_STORE_(&pool->slot_, POOLSCOPE_IS_WATCHED_ ? POOLSCOPE_FRESH_ : 0);
	pool->flags_ = 0;
	pool->skip_ = 0;
}

#endif
#endif
