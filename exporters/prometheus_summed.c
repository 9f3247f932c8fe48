/* SPDX-License-Identifier: MIT */
/*
 * prometheus_summed.c - see prometheus_form.h. The surprise: classic buckets are exact, not interpolated, as each boundary is a power of two
 * seconds and so the upper bound of one of the histogram's own buckets.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "exporters/prometheus_form.h"

double classic_bound(unsigned int i)
{
	return i < N_LE ? exp2(LE_FIRST_EXP + (int)i * LE_STEP_EXP) : INFINITY;
}

struct exemplar_text exemplar_text(const struct exemplar *e)
{
	struct exemplar_text t;

	snprintf(t.pid, sizeof(t.pid), "%d", e->pid);
	snprintf(t.tid, sizeof(t.tid), "%u", e->row->tid);
	text_clean(e->row->thread, sizeof(e->row->thread), t.thread, sizeof(t.thread));
	return t;
}

void summed_clear(struct summed *h)
{
	if (h->end > h->first)
		memset(h->bucket + h->first, 0, (h->end - h->first) * sizeof(h->bucket[0]));
	memset(h->exemplar, 0, sizeof(h->exemplar));
	h->is_known = false;
	h->count = 0;
	h->sum_s = 0;
	h->first = h->end = 0;
}

void summed_add(struct summed *h, const struct hist *other)
{
	if (!other)
		return;
	h->is_known = true;
	h->count += other->count;
	h->sum_s += other->sum_s;
	for (struct hist_walk w = hist_walk(other); hist_next(&w);) {
		if (h->end == h->first)
			h->first = h->end = w.bucket;
		h->bucket[w.bucket] += w.n;
		if (w.bucket < h->first)
			h->first = w.bucket;
		if (w.bucket >= h->end)
			h->end = w.bucket + 1;
	}
}

void summed_add_exemplars(struct summed *h, const struct exemplar_row *rows, size_t n, int32_t pid)
{
	for (size_t i = 0; i < n; i++) {
		unsigned int at = 0;

		if (!(rows[i].value_s >= 0) || isinf(rows[i].value_s))
			continue;
		while (at < N_LE && rows[i].value_s > classic_bound(at))
			at++;
		if (!h->exemplar[at].row || h->exemplar[at].row->wall_ns < rows[i].wall_ns)
			h->exemplar[at] = (struct exemplar){ &rows[i], pid };
	}
}

void summed_cut(const struct summed *h, uint64_t ret[N_CLASSIC])
{
	/* the bucket whose upper bound is 2^e is number 8 * (e - PS_HIST_MIN_EXP) */
	unsigned int at = h->first, bound = 8 * (LE_FIRST_EXP - PS_HIST_MIN_EXP);
	uint64_t n = 0;

	for (unsigned int i = 0; i < N_LE; i++) {
		for (; at <= bound && at < h->end; at++)
			n += h->bucket[at];
		ret[i] = n;
		bound += 8 * LE_STEP_EXP;
	}
	ret[N_LE] = h->count;
}
