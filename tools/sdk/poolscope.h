/* SPDX-License-Identifier: MIT */
/*
 * poolscope.h - tell the world what happens in your pool. For C and C++, header only, nothing to link.
 *
 * A pool author's five minutes:
 *
 *	struct my_pool {
 *		struct poolscope_pool scope;	// the handle; lives as long as the pool, opaque
 *		uint32_t n_in_use, n_open;	// your own counters
 *		...
 *	};
 *
 *	// when the pool is made (the counters are optional: with them an agent that starts later knows what was out before)
 *	poolscope_pool_counters(&p->scope, &p->n_in_use, &p->n_open);
 *	poolscope_pool_create(&p->scope, POOLSCOPE_KIND_CONNECTION, "orders-db", 20, 0);
 *
 *	struct conn *my_acquire(struct my_pool *p)
 *	{
 *		lock(p);
 *		while (!(conn = take_idle(p))) {
 *			if (!is_waiting)		// only now, on the slow path, and once
 *				poolscope_wait_begin(&p->scope, 0);	// 0 = the calling thread
 *			is_waiting = true;
 *			if (sleep_until_free_or(p, deadline) == TIMED_OUT) {
 *				poolscope_wait_end(&p->scope, 0, POOLSCOPE_OUTCOME_TIMEOUT);
 *				unlock(p);
 *				return NULL;
 *			}
 *		}
 *		p->n_in_use++;
 *		poolscope_acquired(&p->scope, (uintptr_t)conn, 0, 0);	// ends the wait, if one began
 *		unlock(p);
 *		return conn;
 *	}
 *
 *	// given back
 *	poolscope_released(&p->scope, (uintptr_t)conn, is_broken ? POOLSCOPE_BROKEN : 0);
 *
 *	// items: made (how long it took, in ns) or not made, closed and why, checked
 *	poolscope_item_opened(&p->scope, (uintptr_t)conn, took_ns, POOLSCOPE_OUTCOME_OK);
 *	poolscope_item_opened(&p->scope, 0, took_ns, POOLSCOPE_OUTCOME_FAILED);
 *	poolscope_item_closed(&p->scope, (uintptr_t)conn, POOLSCOPE_CLOSE_IDLE_TIMEOUT);
 *	poolscope_health(&p->scope, (uintptr_t)conn, POOLSCOPE_OUTCOME_OK);
 *
 *	// the queue was full, the limit changed, the end
 *	poolscope_rejected(&p->scope, POOLSCOPE_REJECT_QUEUE_FULL);
 *	poolscope_pool_resize(&p->scope, 40);
 *	poolscope_pool_destroy(&p->scope);
 *
 * The order of calls
 *	wait_begin only when the caller really is about to block. A wait ends by exactly one of acquired (got an item) and wait_end
 *	(gave up). An acquire without wait_begin has waited 0. Mistakes are counted, never fatal.
 *
 * Under the pool's lock
 *	Call acquired, released, wait_begin, wait_end, resize and destroy where the pool changes its own books, under its lock: then the
 *	order that is seen is the order that was, and nothing more is needed. A pool that has no lock, or calls after it has let go of it,
 *	says so with poolscope_pool_unlocked(), right after pool_create. One that forgets it is not hurt: the first time that two of its
 *	calls meet is noticed, what was counted until then ends there, and it is taken for one that said so.
 *	No verb may be called in a signal handler that can interrupt another one, nor may such a handler fork() and return, or leave by
 *	longjmp(): what was counted until then ends there, after some 20 ms in which other calls wait.
 *
 * Items and waiters
 *	Any 64-bit values that are unique within the pool: a pointer, a descriptor, an index from 1. Waiter 0 is the calling thread.
 *	If who waits is not the thread that will run acquired (a task in a queue, a coroutine), give both verbs the same other value.
 *
 * What it costs
 *	While nobody watches, each verb is a look and a branch, and nothing is written or allocated.
 *	While somebody does, acquired and released write the page: counts, sums, holders and hold times in a slot of some memory of
 *	this process, which the agent reads (poolscope-page.h). No trap, no system call. A pool takes 2 KiB there,
 *	with more than 16 items out at once up to some more, at most 2 MiB; all pools together 97 MiB. A pool that finds no room
 *	is seen by its USDT points instead.
 *	Every other verb is a USDT point (provider "poolscope", one probe per verb) behind a semaphore: one trap and its booking (about
 *	1 us) while somebody watches. bpftrace, perf and bcc can read these points too, also those of acquired and released.
 *	Where an argument is dear to work out, ask first: if (POOLSCOPE_WATCHED(item_opened)) ...
 *
 * fork, threads, libraries, sandboxes
 *	A child of fork() has pages of its own from its first event on. Threads may come and go. Each program and library that includes
 *	this has pages of its own; a library that is unloaded should destroy its pools before. The system calls behind the page are mmap,
 *	munmap, madvise, getpid, gettid, where several meet futex, and clock_gettime where the kernel has no vDSO for it; one that is refused is
 *	lived with, but a sandbox that kills for one of them wants POOLSCOPE_USDT_ONLY.
 *
 * What an agent reads that comes late
 *	The handle, out of the process's memory: name (cut at 63 bytes), kind, capacity, min_idle, and the two counters if you gave
 *	them. So the handle must not move, and the counters must live as long as it does.
 *
 * Switches, to be defined before the #include
 *	POOLSCOPE_DISABLE	everything compiles to nothing
 *	POOLSCOPE_USDT_ONLY	no page: every verb is a USDT point, acquired and released too
 *	POOLSCOPE_NO_TSC	the page's times come from clock_gettime() alone, never from the CPU's counter
 *	They are for all that touches a pool: two files that are compiled with different ones must not share a handle.
 */
#ifndef POOLSCOPE_H
#define POOLSCOPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Flags that are stricter than ours are for what you write; our own build hears all (POOLSCOPE_LOUD_). */
#if !defined(POOLSCOPE_LOUD_)
#pragma GCC system_header
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define POOLSCOPE_NAME_MAX 64

/*
 * The numbers come from the list of verbs, which uses short macro names; those of the program that includes this header are put
 * aside meanwhile. Programs use the names in capitals.
 */
#pragma push_macro("VERB")
#pragma push_macro("KIND")
#pragma push_macro("OUTCOME")
#pragma push_macro("CLOSE_REASON")
#pragma push_macro("OPEN_FAILURE")
#pragma push_macro("REJECT_REASON")
#pragma push_macro("STALL_CAUSE")
#undef VERB
#undef KIND
#undef OUTCOME
#undef CLOSE_REASON
#undef OPEN_FAILURE
#undef REJECT_REASON
#undef STALL_CAUSE

enum poolscope_kind {
#define KIND(id, name, text) POOLSCOPE_KIND_##name##_ = (id),
#include "../../bpf/verbs.def"
	POOLSCOPE_KIND_UNKNOWN = POOLSCOPE_KIND_unknown_,
	POOLSCOPE_KIND_CONNECTION = POOLSCOPE_KIND_connection_,
	POOLSCOPE_KIND_WORKER = POOLSCOPE_KIND_worker_,
	POOLSCOPE_KIND_OBJECT = POOLSCOPE_KIND_object_,
	POOLSCOPE_KIND_SEMAPHORE = POOLSCOPE_KIND_semaphore_,
	POOLSCOPE_KIND_LOCK = POOLSCOPE_KIND_lock_,
	POOLSCOPE_KIND_LISTENER = POOLSCOPE_KIND_listener_
};

/* How a wait, an opening or a health check ended. */
enum poolscope_outcome {
#define OUTCOME(id, name, text) POOLSCOPE_OUTCOME_##name##_ = (id),
#include "../../bpf/verbs.def"
	POOLSCOPE_OUTCOME_OK = POOLSCOPE_OUTCOME_ok_,
	POOLSCOPE_OUTCOME_TIMEOUT = POOLSCOPE_OUTCOME_timeout_,
	POOLSCOPE_OUTCOME_CANCELLED = POOLSCOPE_OUTCOME_cancelled_,
	POOLSCOPE_OUTCOME_CLOSED = POOLSCOPE_OUTCOME_closed_,
	POOLSCOPE_OUTCOME_REJECTED = POOLSCOPE_OUTCOME_rejected_,
	POOLSCOPE_OUTCOME_FAILED = POOLSCOPE_OUTCOME_failed_
};

/* Why an item was closed. */
enum poolscope_close {
#define CLOSE_REASON(id, name, text) POOLSCOPE_CLOSE_##name##_ = (id),
#include "../../bpf/verbs.def"
	POOLSCOPE_CLOSE_UNKNOWN = POOLSCOPE_CLOSE_unknown_,
	POOLSCOPE_CLOSE_IDLE_TIMEOUT = POOLSCOPE_CLOSE_idle_timeout_,
	POOLSCOPE_CLOSE_MAX_LIFETIME = POOLSCOPE_CLOSE_max_lifetime_,
	POOLSCOPE_CLOSE_BROKEN = POOLSCOPE_CLOSE_broken_,
	POOLSCOPE_CLOSE_SHRINK = POOLSCOPE_CLOSE_shrink_,
	POOLSCOPE_CLOSE_SHUTDOWN = POOLSCOPE_CLOSE_shutdown_,
	POOLSCOPE_CLOSE_PEER_CLOSED = POOLSCOPE_CLOSE_peer_closed_,
	POOLSCOPE_CLOSE_LOCAL_CLOSED = POOLSCOPE_CLOSE_local_closed_,
	POOLSCOPE_CLOSE_RESET = POOLSCOPE_CLOSE_reset_,
	POOLSCOPE_CLOSE_TIMED_OUT = POOLSCOPE_CLOSE_timed_out_
};

/* Why a request was refused. */
enum poolscope_reject {
#define REJECT_REASON(id, name, text) POOLSCOPE_REJECT_##name##_ = (id),
#include "../../bpf/verbs.def"
	POOLSCOPE_REJECT_UNKNOWN = POOLSCOPE_REJECT_unknown_,
	POOLSCOPE_REJECT_QUEUE_FULL = POOLSCOPE_REJECT_queue_full_,
	POOLSCOPE_REJECT_DROPPED = POOLSCOPE_REJECT_dropped_,
	POOLSCOPE_REJECT_CIRCUIT_OPEN = POOLSCOPE_REJECT_circuit_open_,
	POOLSCOPE_REJECT_CALLER_BLOCKED = POOLSCOPE_REJECT_caller_blocked_
};

/* Why the world stands still. */
enum poolscope_stall {
#define STALL_CAUSE(id, name, text) POOLSCOPE_STALL_##name##_ = (id),
#include "../../bpf/verbs.def"
	POOLSCOPE_STALL_UNKNOWN = POOLSCOPE_STALL_unknown_,
	POOLSCOPE_STALL_GC = POOLSCOPE_STALL_gc_,
	POOLSCOPE_STALL_SAFEPOINT = POOLSCOPE_STALL_safepoint_,
	POOLSCOPE_STALL_BARRIER = POOLSCOPE_STALL_barrier_,
	POOLSCOPE_STALL_THROTTLED = POOLSCOPE_STALL_throttled_,
	POOLSCOPE_STALL_STOPPED = POOLSCOPE_STALL_stopped_,
	POOLSCOPE_STALL_CONVOY = POOLSCOPE_STALL_convoy_,
	POOLSCOPE_STALL_NO_PROGRESS = POOLSCOPE_STALL_no_progress_
};

#define POOLSCOPE_NEW 1u	/* of acquired: the item was made for this caller */
#define POOLSCOPE_UNHELD 2u	/* of acquired: it was a wait alone, nothing is held from now on */
#define POOLSCOPE_BROKEN 1u	/* of released: the item is not fit for use again */

/* The handle. Do not touch the members; zeroed memory is a handle without a pool. */
struct poolscope_pool {
	uint64_t magic_; /* set last, cleared first */
	uint32_t version_; /* 2 = it may have a slot, 1 = points alone */
	uint32_t kind_;
	uint64_t capacity_;
	uint64_t min_idle_;
	uint64_t in_use_at_;
	uint64_t open_at_;
	uint64_t slot_;
	uint32_t flags_;
	uint32_t skip_;
	char name_[POOLSCOPE_NAME_MAX];
};

#define POOLSCOPE_UNLOCKED_ 1u /* of flags_ */
#define POOLSCOPE_MAGIC_ 0x31304c4f4f505350ull
/* Sums wrap here on purpose: a program that asks clang to tell of that (-fsanitize=integer) asks about its own. */
#if defined(__clang__)
#define POOLSCOPE_WRAPS_ __attribute__((__no_sanitize__("integer")))
#else
#define POOLSCOPE_WRAPS_
#endif
#define POOLSCOPE_FN_ POOLSCOPE_WRAPS_ static __inline__ __attribute__((__always_inline__)) void
#define POOLSCOPE_ID_(pool) ((uint64_t)(uintptr_t)(pool))

#if defined(POOLSCOPE_DISABLE)

#define POOLSCOPE_ON_ 0
#define POOLSCOPE_WATCHED(verb) 0
#define POOLSCOPE_IS_PAGED_ 0
#define POOLSCOPE_A_(value) (void)(value)
#define POOLSCOPE_PROBE_(verb, args, ...) ((void)0, __VA_ARGS__)

#else

#define POOLSCOPE_ON_ 1
#if defined(POOLSCOPE_USDT_ONLY)
#define POOLSCOPE_IS_PAGED_ 0
#else
#define POOLSCOPE_IS_PAGED_ 1
#endif

#if (!defined(__x86_64__) && !defined(__aarch64__)) || defined(__ILP32__)
#error "poolscope.h: x86-64 and aarch64 are supported; define POOLSCOPE_DISABLE elsewhere"
#endif

/*
 * One semaphore per probe, shared by all translation units of a program or library and by nobody else ("used": the assembler
 * text names it, which link-time optimisation does not see). A tracer raises it in memory, so the compiler must not remember
 * its value.
 */
#define VERB(id, name, n_args, args, text)                                                         \
	extern volatile unsigned short poolscope_##name##_semaphore                                \
		__attribute__((__weak__, __visibility__("hidden"), __section__(".probes")));       \
	__attribute__((__used__)) volatile unsigned short poolscope_##name##_semaphore = 0;
#include "../../bpf/verbs.def"

enum poolscope_verb_ {
#define VERB(id, name, n_args, args, text) POOLSCOPE_VERB_##name##_ = (id),
#include "../../bpf/verbs.def"
	POOLSCOPE_VERBS_
};

/*
 * A probe point: one nop, and a note that says where it is, where its semaphore is, and in which registers or constants the
 * arguments are. The note's form is SystemTap's (section .note.stapsdt, type 3); .stapsdt.base lets a reader see how far a
 * prelinked file was moved. The "?" ties the note to the group of the function around it, so that the linker drops both.
 */
#define POOLSCOPE_NOTE_(verb, args)                                                                \
	"990:	nop\n"                                                                               \
	".pushsection .note.stapsdt,\"?\",\"note\"\n"                                              \
	".balign 4\n"                                                                              \
	".4byte 992f-991f, 994f-993f, 3\n"                                                         \
	"991:	.asciz \"stapsdt\"\n"                                                                \
	"992:	.balign 4\n"                                                                         \
	"993:	.8byte 990b\n"                                                                       \
	"	.8byte _.stapsdt.base\n"                                                                 \
	"	.8byte poolscope_" #verb "_semaphore\n"                                            \
	"	.asciz \"poolscope\"\n"                                                                  \
	"	.asciz \"" #verb "\"\n"                                                            \
	"	.asciz \"" args "\"\n"                                                             \
	"994:	.balign 4\n"                                                                         \
	".popsection\n"                                                                            \
	".ifndef _.stapsdt.base\n"                                                                 \
	".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"                    \
	".weak _.stapsdt.base\n"                                                                   \
	".hidden _.stapsdt.base\n"                                                                 \
	"_.stapsdt.base: .space 1\n"                                                               \
	".size _.stapsdt.base, 1\n"                                                                \
	".popsection\n"                                                                            \
	".endif\n"

/* Whether somebody wants to hear of each single one. */
#define POOLSCOPE_RAISED_(verb) __builtin_expect(poolscope_##verb##_semaphore != 0, 0)

/* Arguments are 64 bits wide, in registers or constants: never on the stack, whose offsets the point could not promise. */
#define POOLSCOPE_A_(value) "nr"((uint64_t)(value))
#define POOLSCOPE_PROBE_(verb, args, ...)                                                          \
	do {                                                                                       \
		if (POOLSCOPE_RAISED_(verb))                                                       \
			__asm__ __volatile__(POOLSCOPE_NOTE_(verb, args)::__VA_ARGS__);            \
	} while (0)

#if POOLSCOPE_IS_PAGED_
#include "poolscope-writer.h"
#define POOLSCOPE_IS_BOOKED_(verb)                                                                 \
	(((verb) == POOLSCOPE_VERB_acquired_ || (verb) == POOLSCOPE_VERB_released_) &&             \
	 POOLSCOPE_IS_WATCHED_)
#else
#define POOLSCOPE_IS_BOOKED_(verb) 0
#endif

/* True while somebody watches the verb: POOLSCOPE_WATCHED(acquired). For arguments that are dear to work out. */
#define POOLSCOPE_WATCHED(verb)                                                                    \
	__builtin_expect(poolscope_##verb##_semaphore != 0 ||                                      \
				 POOLSCOPE_IS_BOOKED_(POOLSCOPE_VERB_##verb##_),                   \
			 0)

#endif

#pragma pop_macro("VERB")
#pragma pop_macro("KIND")
#pragma pop_macro("OUTCOME")
#pragma pop_macro("CLOSE_REASON")
#pragma pop_macro("OPEN_FAILURE")
#pragma pop_macro("REJECT_REASON")
#pragma pop_macro("STALL_CAUSE")

/* Where the pool keeps its own counts of items in use and of open items; either may be NULL. Before poolscope_pool_create(). */
POOLSCOPE_FN_ poolscope_pool_counters(struct poolscope_pool *pool, const uint32_t *in_use,
				      const uint32_t *open)
{
	if (!POOLSCOPE_ON_)
		return;
	pool->in_use_at_ = (uint64_t)(uintptr_t)in_use;
	pool->open_at_ = (uint64_t)(uintptr_t)open;
}

/*
 * The pool calls acquired, released and the waits without a lock that excludes them from each other. After poolscope_pool_create(), before
 * others know the pool.
 */
POOLSCOPE_FN_ poolscope_pool_unlocked(struct poolscope_pool *pool)
{
	if (POOLSCOPE_ON_)
		pool->flags_ |= POOLSCOPE_UNLOCKED_;
}

/* Writes down for an agent that comes later what pool_create says to one that is there. */
POOLSCOPE_FN_ poolscope_describe_(struct poolscope_pool *pool, enum poolscope_kind kind,
				  const char *name, uint64_t capacity, uint64_t min_idle)
{
	size_t n = POOLSCOPE_ON_ && name ? strlen(name) : 0;

	if (!POOLSCOPE_ON_)
		return;
	if (n >= sizeof(pool->name_))
		n = sizeof(pool->name_) - 1;
	if (n)
		memcpy(pool->name_, name, n);
	memset(pool->name_ + n, 0, sizeof(pool->name_) - n);
	pool->version_ = POOLSCOPE_IS_PAGED_ ? 2 : 1;
	pool->kind_ = (uint32_t)kind;
	pool->capacity_ = capacity;
	pool->min_idle_ = min_idle;
#if POOLSCOPE_IS_PAGED_
	poolscope_begin_(pool);
#else
	pool->slot_ = 2; /* none, for who has pages and touches it nonetheless: POOLSCOPE_REFUSED_ */
	pool->flags_ = 0;
	pool->skip_ = 0;
#endif
	__atomic_store_n(&pool->magic_, POOLSCOPE_MAGIC_, __ATOMIC_RELEASE);
}

/* A pool exists. The name is copied, cut at 63 bytes; capacity 0 = unbounded or unknown. */
POOLSCOPE_FN_ poolscope_pool_create(struct poolscope_pool *pool, enum poolscope_kind kind,
				    const char *name, uint64_t capacity, uint64_t min_idle)
{
	poolscope_describe_(pool, kind, name, capacity, min_idle);
	POOLSCOPE_PROBE_(pool_create, "8@%0 8@%1 8@%2 8@%3 8@%4", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(kind), POOLSCOPE_A_((uintptr_t)pool->name_),
			 POOLSCOPE_A_(capacity), POOLSCOPE_A_(min_idle));
}

/* The limit changed. */
POOLSCOPE_FN_ poolscope_pool_resize(struct poolscope_pool *pool, uint64_t capacity)
{
	if (POOLSCOPE_ON_)
		__atomic_store_n(&pool->capacity_, capacity, __ATOMIC_RELAXED);
#if POOLSCOPE_IS_PAGED_
	poolscope_resize_look_(pool, capacity);
#endif
	POOLSCOPE_PROBE_(pool_resize, "8@%0 8@%1", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(capacity));
}

/* The pool is gone, with all its leases and waits. */
POOLSCOPE_FN_ poolscope_pool_destroy(struct poolscope_pool *pool)
{
#if POOLSCOPE_IS_PAGED_
	const int is_one = pool->magic_ == POOLSCOPE_MAGIC_;
#endif

	if (POOLSCOPE_ON_)
		__atomic_store_n(&pool->magic_, 0, __ATOMIC_RELEASE); /* so that a call that is late opens no slot again */
#if POOLSCOPE_IS_PAGED_
	if (is_one)
		poolscope_slot_end_(pool);
#endif
	POOLSCOPE_PROBE_(pool_destroy, "8@%0", POOLSCOPE_A_(POOLSCOPE_ID_(pool)));
}

/*
 * The four that come often. Each is one look: does somebody watch the page, or this verb, or has the pool a slot that would miss the event?
 * Everything else is in a function of its own.
 */
#if POOLSCOPE_IS_PAGED_
#define POOLSCOPE_OFTEN_(verb, args, look, ...)                                                    \
	do {                                                                                       \
		if (POOLSCOPE_LOOK_(pool, verb))                                                   \
			look;                                                                      \
	} while (0)
#else
#define POOLSCOPE_OFTEN_(verb, args, look, ...) POOLSCOPE_PROBE_(verb, args, __VA_ARGS__)
#endif

/* The caller is about to block for an item. */
POOLSCOPE_FN_ poolscope_wait_begin(struct poolscope_pool *pool, uint64_t waiter)
{
	POOLSCOPE_OFTEN_(wait_begin, "8@%0 8@%1", poolscope_wait_begin_look_(pool, waiter),
			 POOLSCOPE_A_(POOLSCOPE_ID_(pool)), POOLSCOPE_A_(waiter));
}

/* The caller gave up. */
POOLSCOPE_FN_ poolscope_wait_end(struct poolscope_pool *pool, uint64_t waiter,
				 enum poolscope_outcome outcome)
{
	POOLSCOPE_OFTEN_(
		wait_end, "8@%0 8@%1 8@%2", poolscope_wait_end_look_(pool, waiter, outcome),
		POOLSCOPE_A_(POOLSCOPE_ID_(pool)), POOLSCOPE_A_(waiter), POOLSCOPE_A_(outcome));
}

/* The caller has the item; ends its wait if one began. */
POOLSCOPE_FN_ poolscope_acquired(struct poolscope_pool *pool, uint64_t item, uint64_t waiter,
				 unsigned int flags)
{
	POOLSCOPE_OFTEN_(acquired, "8@%0 8@%1 8@%2 8@%3",
			 poolscope_acquired_look_(pool, item, waiter, flags),
			 POOLSCOPE_A_(POOLSCOPE_ID_(pool)), POOLSCOPE_A_(item),
			 POOLSCOPE_A_(waiter), POOLSCOPE_A_(flags));
}

/* The item was given back. */
POOLSCOPE_FN_ poolscope_released(struct poolscope_pool *pool, uint64_t item, unsigned int flags)
{
	POOLSCOPE_OFTEN_(released, "8@%0 8@%1 8@%2", poolscope_released_look_(pool, item, flags),
			 POOLSCOPE_A_(POOLSCOPE_ID_(pool)), POOLSCOPE_A_(item),
			 POOLSCOPE_A_(flags));
}

/* An item was made in took_ns, or could not be made (outcome not OK; item may be 0 then). */
POOLSCOPE_FN_ poolscope_item_opened(struct poolscope_pool *pool, uint64_t item, uint64_t took_ns,
				    enum poolscope_outcome outcome)
{
	POOLSCOPE_PROBE_(item_opened, "8@%0 8@%1 8@%2 8@%3", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(item), POOLSCOPE_A_(took_ns), POOLSCOPE_A_(outcome));
}

/* An item was closed. */
POOLSCOPE_FN_ poolscope_item_closed(struct poolscope_pool *pool, uint64_t item,
				    enum poolscope_close reason)
{
	POOLSCOPE_PROBE_(item_closed, "8@%0 8@%1 8@%2", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(item), POOLSCOPE_A_(reason));
}

/* Backpressure: a request was refused. */
POOLSCOPE_FN_ poolscope_rejected(struct poolscope_pool *pool, enum poolscope_reject reason)
{
	POOLSCOPE_PROBE_(rejected, "8@%0 8@%1", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(reason));
}

/* A health check ran. */
POOLSCOPE_FN_ poolscope_health(struct poolscope_pool *pool, uint64_t item,
			       enum poolscope_outcome outcome)
{
	POOLSCOPE_PROBE_(health, "8@%0 8@%1 8@%2", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(item), POOLSCOPE_A_(outcome));
}

/* The runtime stopped the world of this process. */
POOLSCOPE_FN_ poolscope_stall_begin(enum poolscope_stall cause)
{
	POOLSCOPE_PROBE_(stall_begin, "8@%0", POOLSCOPE_A_(cause));
}

/* The runtime goes on. */
POOLSCOPE_FN_ poolscope_stall_end(enum poolscope_stall cause)
{
	POOLSCOPE_PROBE_(stall_end, "8@%0", POOLSCOPE_A_(cause));
}

#ifdef __cplusplus
}
#endif

#endif
