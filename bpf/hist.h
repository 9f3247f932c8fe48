/* SPDX-License-Identifier: MIT */
/*
 * hist.h - which bucket a duration falls into, and putting it there. Pure; the kernel side and the agent compile the same lines.
 *
 * Buckets are powers of 2^(1/8) seconds (abi.h). A duration in ns is first scaled to units of 2^-54 s, so that an octave of
 * seconds is an octave of the integer: 2^54 / 10^9 = 18014398.509. The factor is rounded down, by 3e-8 (a bucket is 9 % wide),
 * so that 0.25 s and 1 s stay in the buckets that they bound.
 */
#ifndef POOLSCOPE_BPF_HIST_H
#define POOLSCOPE_BPF_HIST_H

#include "books.h"

#define PS_HIST_UNIT_EXP 54
#define PS_HIST_UNITS_PER_NS 18014398ull
#define PS_HIST_LONGEST_NS (1ull << 39)	/* more would overflow; 550 s are in the second last octave */

/* floor(log2(v)), v > 0 */
PS_INLINE __u32 ps_log2(__u64 v)
{
	__u32 e = 0;

	if (v >> 32) {
		e += 32;
		v >>= 32;
	}
	if (v >> 16) {
		e += 16;
		v >>= 16;
	}
	if (v >> 8) {
		e += 8;
		v >>= 8;
	}
	if (v >> 4) {
		e += 4;
		v >>= 4;
	}
	if (v >> 2) {
		e += 2;
		v >>= 2;
	}
	return e + (__u32)(v >> 1);
}

/* The index into struct ps_hist.bucket of a duration. Global: its branches multiply with those of each caller, where it is inlined. */
PS_GLOBAL __u32 ps_hist_bucket(__u64 ns)
{
	__u64 units, mantissa;
	__u32 e, eighth;

	if (ns >= PS_HIST_LONGEST_NS) {
		/* 8 ns units keep the rest in range: the last octave, then the overflow bucket */
		if (ns >= (1000000000ull << PS_HIST_MAX_EXP))
			return PS_HIST_BUCKETS - 1;
		units = (ns >> 3) * PS_HIST_UNITS_PER_NS;
		e = 3;
	} else {
		units = ns * PS_HIST_UNITS_PER_NS;
		e = 0;
	}
	if (!e && units <= 1ull << (PS_HIST_UNIT_EXP + PS_HIST_MIN_EXP))
		return 0;
	units--; /* upper bounds belong to the bucket below */
	__u32 log = ps_log2(units);

	e += log;
	mantissa = log >= 32 ? units >> (log - 32) : units << (32 - log); /* 2^32 .. 2^33 */
	/* 2^32 * 2^(k/8) */
	eighth = (mantissa >= 4683695048ull) + (mantissa >= 5107605667ull) +
		 (mantissa >= 5569883475ull) + (mantissa >= 6074001000ull) +
		 (mantissa >= 6623745059ull) + (mantissa >= 7223245206ull) +
		 (mantissa >= 7877004752ull);
	return 1 + 8 * (e - (PS_HIST_UNIT_EXP + PS_HIST_MIN_EXP)) + eighth;
}

/* Two writers at once may keep the smaller maximum; the buckets still have both. */
PS_INLINE void ps_hist_put(struct ps_hist *h, __u64 ns)
{
	__u32 bucket = ps_hist_bucket(ns);

	if (bucket >= PS_HIST_BUCKETS)
		bucket = PS_HIST_BUCKETS - 1; /* it never is; of a global function the verifier knows no range */
	__sync_fetch_and_add(&h->bucket[bucket], 1);
	__sync_fetch_and_add(&h->sum_ns, ns);
	if (ns > h->max_ns)
		h->max_ns = ns;
}

#endif
