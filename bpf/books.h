/* SPDX-License-Identifier: MIT */
/*
 * books.h - what follows from a pool's counts. Pure; the kernel side and the agent compile the same lines.
 */
#ifndef POOLSCOPE_BPF_BOOKS_H
#define POOLSCOPE_BPF_BOOKS_H

#include "abi.h"

#ifdef __bpf__
#define PS_INLINE static __attribute__((always_inline)) inline
#define PS_GLOBAL __attribute__((noinline))
#define PS_CONTEXT struct pt_regs
#else
#define PS_INLINE static inline
#define PS_GLOBAL static inline
#define PS_CONTEXT const void
#endif

/* Words of the context of a uprobe. */
#if defined(__TARGET_ARCH_arm64)
enum { PS_N_REGS = 33, PS_REG_IP = 32, PS_REG_SP = 31 };
#else
enum { PS_N_REGS = 21, PS_REG_IP = 16, PS_REG_SP = 19 };
#endif

/* Leases that began after since_ns and are out. */
PS_INLINE __s64 ps_in_use(const struct ps_pool *p)
{
	return (__s64)(p->leases_begun - p->leases_ended);
}

PS_INLINE __s64 ps_waiting(const struct ps_pool *p)
{
	return (__s64)(p->waits_begun - p->waits_ended);
}

/* Whether a copy saw no event half done: each acquire and release, and each wait, has come to its end. */
PS_INLINE int ps_books_are_whole(const struct ps_pool *p)
{
	return p->seq_begin == p->seq_end &&
	       p->acquires == p->leases_begun + p->odd_acquire + p->unheld + p->leases_lost &&
	       p->releases + p->leases_voided == p->leases_ended + p->before_releases + p->unheld &&
	       p->wait_begins == p->waits_begun && p->wait_ends + p->waits_voided == p->waits_ended;
}

/* Whether nothing happened between two whole copies. */
PS_INLINE int ps_books_are_same(const struct ps_pool *a, const struct ps_pool *b)
{
	return a->seq_end == b->seq_end && a->acquires == b->acquires &&
	       a->releases == b->releases && a->wait_begins == b->wait_begins &&
	       a->wait_ends == b->wait_ends;
}

/* A runtime's stall that lasts for longer may have lost its end: until that comes, no more is added. */
#define PS_STALL_BELIEVED_NS 10000000000ull

/* How long a process has stood still so far. What lies between two moments is the part of them inside of its stalls. */
PS_INLINE __u64 ps_stood(const struct ps_standstill *s, __u64 now)
{
	__u64 since = s->since_ns, from = s->stood_until_ns > since ? s->stood_until_ns : since;
	__u64 more = since && now > from ? now - from : 0;

	if (more > PS_STALL_BELIEVED_NS && !(s->begun_as & PS_STALL_SEEN))
		more = PS_STALL_BELIEVED_NS;
	return s->stood_ns + more;
}

#endif
