/* SPDX-License-Identifier: MIT */
/*
 * hist.h - the agent's form of the one histogram (exponential, scale 3, see bpf/abi.h), kept packed: only buckets that hold something take
 * room, two to four bytes each as a rule. Of 10 000 pools that is 1 MB where a run of 64-bit counts took 18 (2026-11).
 *
 * Buckets are addressed as in struct ps_hist: 0 = up to 2^-22 s, 1 + k = OTLP index PS_HIST_OTLP_FIRST + k, the last = over
 * 2^10 s. Not thread-safe; no I/O.
 */
#ifndef POOLSCOPE_BASE_HIST_H
#define POOLSCOPE_BASE_HIST_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"

struct hist {
	uint64_t count;		/* sum of all buckets */
	double sum_s;
	uint64_t max_ns;	/* 0 = no value yet */
	unsigned char *packed;	/* owned; NULL when nothing is in a bucket. Pairs of numbers, see hist.c */
	uint16_t n_packed;	/* bytes */
};

/* The buckets that hold something, in rising order: for (struct hist_walk w = hist_walk(h); hist_next(&w);) */
struct hist_walk {
	unsigned int bucket;
	uint64_t n;		/* values in it, not 0 */
	const unsigned char *at, *end;
};
struct hist_walk hist_walk(const struct hist *h);
bool hist_next(struct hist_walk *w);

/* Frees the buckets and leaves an empty histogram. */
void hist_done(struct hist *h);

/* Adds n values to one bucket; an index out of range is taken as the nearest. -ENOMEM leaves h unchanged. */
int hist_add(struct hist *h, unsigned int bucket, uint64_t n);

/* All buckets, the empty ones too. */
void hist_unpack(const struct hist *h, uint64_t ret[PS_HIST_BUCKETS]);

/* Sets all buckets, and the count. -ENOMEM leaves h unchanged. */
int hist_pack(struct hist *h, const uint64_t bucket[PS_HIST_BUCKETS]);

/*
 * Raises each bucket to the next count whose low half is that: of somebody who counts the same and wraps after 32 bits. -ENOMEM leaves h
 * unchanged. Takes as long as there are buckets that hold something.
 */
int hist_follow(struct hist *h, const uint32_t low[PS_HIST_BUCKETS]);

/* Records one value, as the kernel side would. */
int hist_record_ns(struct hist *h, uint64_t ns);

/* Adds all of `other` to h. -ENOMEM leaves h unchanged. */
int hist_merge(struct hist *h, const struct hist *other);

/* Deep copy into *ret; on -ENOMEM *ret is empty. */
int hist_copy(const struct hist *h, struct hist *ret);

/* The count of one bucket, 0 where none is held. */
uint64_t hist_get(const struct hist *h, unsigned int bucket);

/*
 * The quantile q (0..1) in seconds: the logarithmic middle of its bucket, never over the maximum; NaN when the histogram is empty.
 * Bucket 0 answers 0. At most 4.4 % off (half a bucket of scale 3).
 */
double hist_quantile_s(const struct hist *h, double q);

/* Upper bound of a bucket in seconds; infinity for the last. */
double hist_upper_s(unsigned int bucket);

/* The bucket of a value; the same function as the kernel side's (bpf/hist.h). */
unsigned int hist_bucket_ns(uint64_t ns);

#endif
