/* SPDX-License-Identifier: MIT */
/*
 * poolscope.h - tell the world what happens in your pool. For C and C++, header only, nothing to link.
 *
 * A pool author's five minutes:
 *
 *	struct my_pool {
 *		struct poolscope_pool scope;	// the handle; lives as long as the pool
 *		uint32_t n_in_use, n_open;	// your own counters
 *		...
 *	};
 *
 *	// when the pool is made (the counters are optional: with them an agent that starts later knows what was out before)
 *	poolscope_pool_counters(&p->scope, &p->n_in_use, &p->n_open);
 *	poolscope_pool_create(&p->scope, POOLSCOPE_KIND_CONNECTION, "orders-db", 20, 0);
 *
 *	// acquire: only when the caller must block
 *	poolscope_wait_begin(&p->scope, 0);		// 0 = the calling thread
 *	...						// gave up:
 *	poolscope_wait_end(&p->scope, 0, POOLSCOPE_OUTCOME_TIMEOUT);
 *	...						// got one, with or without a wait; ends the wait
 *	poolscope_acquired(&p->scope, (uintptr_t)conn, 0, was_made_for_me ? POOLSCOPE_NEW : 0);
 *
 *	// release
 *	poolscope_released(&p->scope, (uintptr_t)conn, is_broken ? POOLSCOPE_BROKEN : 0);
 *
 *	// items: made (how long it took, in ns), closed
 *	poolscope_item_opened(&p->scope, (uintptr_t)conn, took_ns, POOLSCOPE_OUTCOME_OK);
 *	poolscope_item_closed(&p->scope, (uintptr_t)conn, POOLSCOPE_CLOSE_IDLE_TIMEOUT);
 *
 *	// the end
 *	poolscope_pool_destroy(&p->scope);
 *
 * Call them where your pool changes its own books, best under its lock: then the order that is seen is the order that was.
 * Items and waiters are any 64-bit values that are unique within the pool, a pointer or an index. If the waiter given to
 * wait_begin is not 0, give the same one to acquired.
 *
 * Cost: each verb is a USDT point (provider "poolscope", one probe per verb) behind a semaphore: one load and one branch when
 * nobody watches, one trap and its booking (about 1 us) when somebody does. bpftrace, perf and bcc can read the points as well.
 *
 * POOLSCOPE_DISABLE compiles everything to nothing. POOLSCOPE_USDT_ONLY is accepted, and today the only way there is.
 * The handle is opaque: an agent that comes late reads it out of the process's memory to learn name, kind and capacity.
 */
#ifndef POOLSCOPE_H
#define POOLSCOPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define POOLSCOPE_NAME_MAX 64

enum poolscope_kind {
	POOLSCOPE_KIND_UNKNOWN = 0,
	POOLSCOPE_KIND_CONNECTION = 1,
	POOLSCOPE_KIND_WORKER = 2,
	POOLSCOPE_KIND_OBJECT = 3,
	POOLSCOPE_KIND_SEMAPHORE = 4,
	POOLSCOPE_KIND_LOCK = 5,
	POOLSCOPE_KIND_LISTENER = 6
};

/* How a wait, an opening or a health check ended. */
enum poolscope_outcome {
	POOLSCOPE_OUTCOME_OK = 0,
	POOLSCOPE_OUTCOME_TIMEOUT = 1,
	POOLSCOPE_OUTCOME_CANCELLED = 2,
	POOLSCOPE_OUTCOME_CLOSED = 3,
	POOLSCOPE_OUTCOME_REJECTED = 4,
	POOLSCOPE_OUTCOME_FAILED = 5
};

/* Why an item was closed. */
enum poolscope_close {
	POOLSCOPE_CLOSE_UNKNOWN = 0,
	POOLSCOPE_CLOSE_IDLE_TIMEOUT = 1,
	POOLSCOPE_CLOSE_MAX_LIFETIME = 2,
	POOLSCOPE_CLOSE_BROKEN = 3,
	POOLSCOPE_CLOSE_SHRINK = 4,
	POOLSCOPE_CLOSE_SHUTDOWN = 5,
	POOLSCOPE_CLOSE_PEER_CLOSED = 6,
	POOLSCOPE_CLOSE_LOCAL_CLOSED = 7
};

/* Why a request was refused. */
enum poolscope_reject {
	POOLSCOPE_REJECT_UNKNOWN = 0,
	POOLSCOPE_REJECT_QUEUE_FULL = 1,
	POOLSCOPE_REJECT_DROPPED = 2,
	POOLSCOPE_REJECT_CIRCUIT_OPEN = 3,
	POOLSCOPE_REJECT_CALLER_BLOCKED = 4
};

/* Why the world stands still. */
enum poolscope_stall {
	POOLSCOPE_STALL_UNKNOWN = 0,
	POOLSCOPE_STALL_GC = 1,
	POOLSCOPE_STALL_SAFEPOINT = 2,
	POOLSCOPE_STALL_BARRIER = 3,
	POOLSCOPE_STALL_THROTTLED = 4,
	POOLSCOPE_STALL_STOPPED = 5,
	POOLSCOPE_STALL_CONVOY = 6
};

#define POOLSCOPE_NEW 1u	/* of acquired: the item was made for this caller */
#define POOLSCOPE_BROKEN 1u	/* of released: the item is not fit for use again */

/* The handle. Do not touch the members; zeroed memory is a handle without a pool. */
struct poolscope_pool {
	uint64_t magic_;
	uint32_t version_;
	uint32_t kind_;
	uint64_t capacity_;
	uint64_t min_idle_;
	uint64_t in_use_at_;
	uint64_t open_at_;
	uint64_t reserved_[2];
	char name_[POOLSCOPE_NAME_MAX];
};

#define POOLSCOPE_MAGIC_ 0x31304c4f4f505350ull

#if defined(POOLSCOPE_DISABLE)

#define POOLSCOPE_PROBE_(verb, args) ((void)0)
#define POOLSCOPE_ENABLED_(verb) 0

#else

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "poolscope.h: x86-64 and aarch64 are supported; define POOLSCOPE_DISABLE elsewhere"
#endif

/*
 * One semaphore per probe, shared by all translation units of a program or library and by nobody else. A tracer raises it in
 * memory, so the compiler must not remember its value.
 */
#define POOLSCOPE_SEMAPHORE_(verb)                                                                 \
	extern volatile unsigned short poolscope_##verb##_semaphore                                \
		__attribute__((weak, visibility("hidden"), section(".probes")));                   \
	volatile unsigned short poolscope_##verb##_semaphore = 0

POOLSCOPE_SEMAPHORE_(pool_create);
POOLSCOPE_SEMAPHORE_(pool_resize);
POOLSCOPE_SEMAPHORE_(pool_destroy);
POOLSCOPE_SEMAPHORE_(wait_begin);
POOLSCOPE_SEMAPHORE_(wait_end);
POOLSCOPE_SEMAPHORE_(acquired);
POOLSCOPE_SEMAPHORE_(released);
POOLSCOPE_SEMAPHORE_(item_opened);
POOLSCOPE_SEMAPHORE_(item_closed);
POOLSCOPE_SEMAPHORE_(rejected);
POOLSCOPE_SEMAPHORE_(health);
POOLSCOPE_SEMAPHORE_(stall_begin);
POOLSCOPE_SEMAPHORE_(stall_end);

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

#define POOLSCOPE_ENABLED_(verb) __builtin_expect(poolscope_##verb##_semaphore != 0, 0)
#define POOLSCOPE_PROBE_(verb, args, ...)                                                          \
	do {                                                                                       \
		if (POOLSCOPE_ENABLED_(verb))                                                      \
			__asm__ __volatile__(POOLSCOPE_NOTE_(verb, args)::__VA_ARGS__);            \
	} while (0)

#endif

#define POOLSCOPE_A_(value) "nr"((uint64_t)(value))
#define POOLSCOPE_FN_ static inline __attribute__((unused, always_inline)) void
#define POOLSCOPE_ID_(pool) ((uint64_t)(uintptr_t)(pool))

#if defined(POOLSCOPE_DISABLE)
#undef POOLSCOPE_PROBE_
#define POOLSCOPE_PROBE_(verb, args, ...) poolscope_unused_(0, __VA_ARGS__)
#undef POOLSCOPE_A_
#define POOLSCOPE_A_(value) (uint64_t)(value)
static inline __attribute__((unused)) void poolscope_unused_(int n, ...)
{
	(void)n;
}
#endif

/* Where the pool keeps its own counts of items in use and of open items; either may be NULL. Before poolscope_pool_create(). */
POOLSCOPE_FN_ poolscope_pool_counters(struct poolscope_pool *pool, const uint32_t *in_use,
				      const uint32_t *open)
{
	pool->in_use_at_ = (uint64_t)(uintptr_t)in_use;
	pool->open_at_ = (uint64_t)(uintptr_t)open;
}

/* A pool exists. The name is copied, cut at 63 bytes; capacity 0 = unbounded or unknown. */
POOLSCOPE_FN_ poolscope_pool_create(struct poolscope_pool *pool, enum poolscope_kind kind,
				    const char *name, uint64_t capacity, uint64_t min_idle)
{
	size_t n = strlen(name);

	if (n >= sizeof(pool->name_))
		n = sizeof(pool->name_) - 1;
	memcpy(pool->name_, name, n);
	memset(pool->name_ + n, 0, sizeof(pool->name_) - n);
	pool->version_ = 1;
	pool->kind_ = (uint32_t)kind;
	pool->capacity_ = capacity;
	pool->min_idle_ = min_idle;
	__atomic_store_n(&pool->magic_, POOLSCOPE_MAGIC_, __ATOMIC_RELEASE);
	POOLSCOPE_PROBE_(pool_create, "8@%0 8@%1 8@%2 8@%3 8@%4", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(kind), POOLSCOPE_A_((uintptr_t)name), POOLSCOPE_A_(capacity),
			 POOLSCOPE_A_(min_idle));
}

/* The limit changed. */
POOLSCOPE_FN_ poolscope_pool_resize(struct poolscope_pool *pool, uint64_t capacity)
{
	pool->capacity_ = capacity;
	POOLSCOPE_PROBE_(pool_resize, "8@%0 8@%1", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(capacity));
}

/* The pool is gone, with all its leases and waits. */
POOLSCOPE_FN_ poolscope_pool_destroy(struct poolscope_pool *pool)
{
	__atomic_store_n(&pool->magic_, 0, __ATOMIC_RELEASE);
	POOLSCOPE_PROBE_(pool_destroy, "8@%0", POOLSCOPE_A_(POOLSCOPE_ID_(pool)));
}

/* The caller is about to block for an item. */
POOLSCOPE_FN_ poolscope_wait_begin(struct poolscope_pool *pool, uint64_t waiter)
{
	POOLSCOPE_PROBE_(wait_begin, "8@%0 8@%1", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(waiter));
}

/* The caller gave up. */
POOLSCOPE_FN_ poolscope_wait_end(struct poolscope_pool *pool, uint64_t waiter,
				 enum poolscope_outcome outcome)
{
	POOLSCOPE_PROBE_(wait_end, "8@%0 8@%1 8@%2", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(waiter), POOLSCOPE_A_(outcome));
}

/* The caller has the item; ends its wait if one began. */
POOLSCOPE_FN_ poolscope_acquired(struct poolscope_pool *pool, uint64_t item, uint64_t waiter,
				 unsigned int flags)
{
	POOLSCOPE_PROBE_(acquired, "8@%0 8@%1 8@%2 8@%3", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(item), POOLSCOPE_A_(waiter), POOLSCOPE_A_(flags));
}

/* The item was given back. */
POOLSCOPE_FN_ poolscope_released(struct poolscope_pool *pool, uint64_t item, unsigned int flags)
{
	POOLSCOPE_PROBE_(released, "8@%0 8@%1 8@%2", POOLSCOPE_A_(POOLSCOPE_ID_(pool)),
			 POOLSCOPE_A_(item), POOLSCOPE_A_(flags));
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
