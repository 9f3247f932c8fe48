/* SPDX-License-Identifier: MIT */
/*
 * hist.c - see hist.h. The buckets held are one run, grown in steps of eight (one power of two). The surprise: a quantile
 * answers the logarithmic middle of its bucket and does not interpolate by rank, because only the middle is never more than
 * half a bucket off; a rank inside a bucket says nothing about where in it the values lie.
 */
#include "base/hist.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/abi.h"
#include "bpf/hist.h"

#define GROW_STEP 8u
#define LAST_BUCKET (PS_HIST_BUCKETS - 1u)

void hist_done(struct hist *h)
{
	free(h->bucket);
	*h = (struct hist){ 0 };
}

/* Makes h hold [first, end), and perhaps more. */
static int hold(struct hist *h, unsigned int first, unsigned int end)
{
	uint64_t *bucket;

	if (h->n) {
		if (first >= h->first && end <= (unsigned int)h->first + h->n)
			return 0;
		if (first > h->first)
			first = h->first;
		if (end < (unsigned int)h->first + h->n)
			end = (unsigned int)h->first + h->n;
	}
	first = first / GROW_STEP * GROW_STEP;
	end = (end + GROW_STEP - 1) / GROW_STEP * GROW_STEP;
	if (end > PS_HIST_BUCKETS)
		end = PS_HIST_BUCKETS;
	bucket = calloc(end - first, sizeof(*bucket));
	if (!bucket)
		return -ENOMEM;
	if (h->n)
		memcpy(bucket + (h->first - first), h->bucket, h->n * sizeof(*bucket));
	free(h->bucket);
	h->bucket = bucket;
	h->first = (uint16_t)first;
	h->n = (uint16_t)(end - first);
	return 0;
}

int hist_add(struct hist *h, unsigned int bucket, uint64_t n)
{
	int r;

	if (!n)
		return 0;
	if (bucket > LAST_BUCKET)
		bucket = LAST_BUCKET;
	r = hold(h, bucket, bucket + 1);
	if (r)
		return r;
	h->bucket[bucket - h->first] += n;
	h->count += n;
	return 0;
}

int hist_record_ns(struct hist *h, uint64_t ns)
{
	int r = hist_add(h, hist_bucket_ns(ns), 1);

	if (r)
		return r;
	h->sum_s += (double)ns / 1e9;
	if (ns > h->max_ns)
		h->max_ns = ns;
	return 0;
}

int hist_merge(struct hist *h, const struct hist *other)
{
	int r;

	if (other->n) {
		r = hold(h, other->first, (unsigned int)other->first + other->n);
		if (r)
			return r;
		for (unsigned int i = 0; i < other->n; i++)
			h->bucket[other->first + i - h->first] += other->bucket[i];
	}
	h->count += other->count;
	h->sum_s += other->sum_s;
	if (other->max_ns > h->max_ns)
		h->max_ns = other->max_ns;
	return 0;
}

int hist_copy(const struct hist *h, struct hist *ret)
{
	*ret = (struct hist){ 0 };
	return hist_merge(ret, h);
}

uint64_t hist_get(const struct hist *h, unsigned int bucket)
{
	if (bucket < h->first || bucket >= (unsigned int)h->first + h->n)
		return 0;
	return h->bucket[bucket - h->first];
}

/* The logarithmic middle of a bucket. */
static double middle_s(unsigned int bucket)
{
	return exp2((PS_HIST_OTLP_FIRST + (double)bucket - 0.5) / 8);
}

double hist_quantile_s(const struct hist *h, double q)
{
	double rank, max_s = (double)h->max_ns / 1e9;
	uint64_t seen = 0;
	unsigned int bucket = 0;

	if (!h->count || !h->n || isnan(q)) /* no buckets: count and sum are all that is known */
		return NAN;
	rank = ceil(fmin(fmax(q, 0), 1) * (double)h->count);
	for (unsigned int i = 0; i < h->n; i++) {
		if (!h->bucket[i])
			continue;
		bucket = h->first + i;
		seen += h->bucket[i];
		if ((double)seen >= rank)
			break;
	}
	if (bucket == 0)
		return 0;
	if (bucket == LAST_BUCKET)
		return h->max_ns ? fmax(max_s, exp2(PS_HIST_MAX_EXP)) : exp2(PS_HIST_MAX_EXP);
	return h->max_ns ? fmin(middle_s(bucket), max_s) : middle_s(bucket);
}

double hist_upper_s(unsigned int bucket)
{
	if (bucket >= LAST_BUCKET)
		return INFINITY;
	return exp2((PS_HIST_OTLP_FIRST + (double)bucket) / 8);
}

unsigned int hist_bucket_ns(uint64_t ns)
{
	return ps_hist_bucket(ns);
}
