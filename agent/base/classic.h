/* SPDX-License-Identifier: MIT */
/*
 * classic.h - the few wide buckets of classic and explicit histograms, in both exporters and in what the model keeps exemplars of: up to 2^-20 s
 * (1 us), then four times as far each (4 us, ... 64 s, 256 s), and the last without a bound.
 *
 * Each bound is the upper one of a bucket of hist.h, so a classic bucket is a sum of those and nothing is interpolated. Pure.
 */
#ifndef POOLSCOPE_BASE_CLASSIC_H
#define POOLSCOPE_BASE_CLASSIC_H

#define N_LE 15	/* bounds */
#define N_CLASSIC (N_LE + 1)	/* buckets */

/* Upper bound of a classic bucket in seconds, which belongs to it; infinity for the last. */
double classic_bound(unsigned int i);

/* The classic bucket of a duration in seconds, 0 or more. */
unsigned int classic_of_s(double s);

/* The classic bucket that a bucket of hist.h is a part of. */
unsigned int classic_of_bucket(unsigned int bucket);

#endif
