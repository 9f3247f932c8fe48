/* SPDX-License-Identifier: MIT */
/*
 * hist.c - see hist.h. A bucket that holds something is two numbers, seven bits a byte, the lowest first: how many empty buckets lie before
 * it, and its count. The surprise: a quantile answers the logarithmic middle of its bucket and does not interpolate by rank, because only
 * the middle is never more than half a bucket off; a rank inside a bucket says nothing about where in it the values lie.
 */
#include "base/hist.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/hist.h"

#define LAST_BUCKET (PS_HIST_BUCKETS - 1u)
#define PAIR_MOST 12u	/* bytes: 2 of 7 bits for the gap, 10 for the count */
#define PACKED_MOST (PS_HIST_BUCKETS * PAIR_MOST)
#define ROOM_STEP 16u	/* bytes: malloc's own, so that what grows a little stays where it is */

_Static_assert(PS_HIST_BUCKETS < 1 << 14, "a gap does not fit");
_Static_assert(PACKED_MOST <= UINT16_MAX, "the bytes of a histogram do not fit");

void hist_done(struct hist *h)
{
	free(h->packed);
	*h = (struct hist){ 0 };
}

/* ---- packed -------------------------------------------------------------------------------------------------------------- */

static unsigned char *number_put(unsigned char *at, uint64_t n)
{
	for (; n > 127; n >>= 7)
		*at++ = (unsigned char)(n | 128);
	*at++ = (unsigned char)n;
	return at;
}

/* Only what number_put() wrote is read. */
static const unsigned char *number_get(const unsigned char *at, uint64_t *ret)
{
	unsigned int shift = 7;

	*ret = *at & 127;
	for (; *at++ > 127; shift += 7)
		*ret |= (uint64_t)(*at & 127) << shift;
	return at;
}

struct hist_walk hist_walk(const struct hist *h)
{
	return (struct hist_walk){ .bucket = UINT32_MAX, /* one before the first */
				   .at = h->packed,
				   .end = h->packed ? h->packed + h->n_packed : NULL };
}

bool hist_next(struct hist_walk *w)
{
	uint64_t gap;

	if (w->at == w->end)
		return false;
	w->at = number_get(number_get(w->at, &gap), &w->n);
	w->bucket += (unsigned int)gap + 1;
	return true;
}

void hist_unpack(const struct hist *h, uint64_t ret[PS_HIST_BUCKETS])
{
	memset(ret, 0, PS_HIST_BUCKETS * sizeof(*ret));
	for (struct hist_walk w = hist_walk(h); hist_next(&w);)
		ret[w.bucket] = w.n;
}

static size_t room(size_t n)
{
	return (n + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
}

/* What was packed. -ENOMEM leaves h unchanged. */
static int keep(struct hist *h, const unsigned char *packed, const unsigned char *end,
		uint64_t count)
{
	unsigned char *copy = h->packed;
	size_t n = (size_t)(end - packed);

	if (n && (!copy || room(n) != room(h->n_packed))) {
		copy = realloc(h->packed, room(n));
		if (!copy)
			return -ENOMEM;
	} else if (!n) {
		free(h->packed);
		copy = NULL;
	}
	if (n)
		memcpy(copy, packed, n);
	h->packed = copy;
	h->n_packed = (uint16_t)n;
	h->count = count;
	return 0;
}

int hist_pack(struct hist *h, const uint64_t bucket[PS_HIST_BUCKETS])
{
	unsigned char packed[PACKED_MOST], *at = packed;
	unsigned int next = 0;
	uint64_t count = 0;

	for (unsigned int i = 0; i < PS_HIST_BUCKETS; i++) {
		if (!bucket[i])
			continue;
		at = number_put(number_put(at, i - next), bucket[i]);
		next = i + 1;
		count += bucket[i];
	}
	return keep(h, packed, at, count);
}

/* The first bucket from i on that is not 0. Many at a time, since most are. */
static unsigned int next_held(const uint32_t *low, unsigned int i)
{
	for (; i + 16 <= PS_HIST_BUCKETS; i += 16) {
		uint64_t pairs[8], any = 0;

		memcpy(pairs, low + i, sizeof(pairs));
		for (unsigned int k = 0; k < 8; k++)
			any |= pairs[k];
		if (any)
			break;
	}
	while (i < PS_HIST_BUCKETS && !low[i])
		i++;
	return i;
}

int hist_follow(struct hist *h, const uint32_t low[PS_HIST_BUCKETS])
{
	unsigned char packed[PACKED_MOST], *at = packed;
	unsigned int next = 0, theirs = next_held(low, 0);
	struct hist_walk ours = hist_walk(h);
	bool is_ours = hist_next(&ours);
	uint64_t count = 0;
	uint32_t any = 0;

	while (is_ours || theirs < PS_HIST_BUCKETS) {
		unsigned int i = is_ours && ours.bucket < theirs ? ours.bucket : theirs;
		uint64_t n = is_ours && ours.bucket == i ? ours.n : 0;
		uint32_t more = low[i] - (uint32_t)n;

		n += more;
		any |= more;
		count += n;
		at = number_put(number_put(at, i - next), n);
		next = i + 1;
		if (is_ours && ours.bucket == i)
			is_ours = hist_next(&ours);
		if (theirs == i)
			theirs = next_held(low, i + 1);
	}
	return any ? keep(h, packed, at, count) : 0;
}

/* ---- values -------------------------------------------------------------------------------------------------------------- */

int hist_add(struct hist *h, unsigned int bucket, uint64_t n)
{
	uint64_t all[PS_HIST_BUCKETS], count = h->count + n;
	int r;

	if (!n)
		return 0;
	hist_unpack(h, all);
	all[bucket < LAST_BUCKET ? bucket : LAST_BUCKET] += n;
	r = hist_pack(h, all);
	if (!r)
		h->count = count; /* there may be values of which no bucket is known */
	return r;
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
	uint64_t all[PS_HIST_BUCKETS], count = h->count + other->count;

	if (other->n_packed) {
		hist_unpack(h, all);
		for (struct hist_walk w = hist_walk(other); hist_next(&w);)
			all[w.bucket] += w.n;
		if (hist_pack(h, all))
			return -ENOMEM;
	}
	h->count = count;
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
	struct hist_walk w = hist_walk(h);

	while (hist_next(&w))
		if (w.bucket >= bucket)
			return w.bucket == bucket ? w.n : 0;
	return 0;
}

/* The logarithmic middle of a bucket. */
static double middle_s(unsigned int bucket)
{
	return exp2((PS_HIST_OTLP_FIRST + (double)bucket - 0.5) / 8);
}

double hist_quantile_s(const struct hist *h, double q)
{
	double rank, max_s = (double)h->max_ns / 1e9;
	struct hist_walk w = hist_walk(h);
	uint64_t seen = 0;
	unsigned int bucket = 0;

	if (!h->count || !h->n_packed || isnan(q)) /* no buckets: count and sum are all that is known */
		return NAN;
	rank = ceil(fmin(fmax(q, 0), 1) * (double)h->count);
	while (hist_next(&w)) {
		bucket = w.bucket;
		seen += w.n;
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
