/* SPDX-License-Identifier: MIT */
/*
 * prometheus_summed.c - see prometheus_form.h. The surprise: what is known by number and sum alone is in no bucket, so the last of the
 * classic ones is the count and not what the others add up to.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "exporters/prometheus_form.h"

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
		unsigned int at;

		if (!(rows[i].value_s >= 0) || isinf(rows[i].value_s))
			continue;
		at = classic_of_s(rows[i].value_s);
		if (!h->exemplar[at].row || h->exemplar[at].row->wall_ns < rows[i].wall_ns)
			h->exemplar[at] = (struct exemplar){ &rows[i], pid };
	}
}

void summed_cut(const struct summed *h, uint64_t ret[N_CLASSIC])
{
	unsigned int at = h->first;
	uint64_t n = 0;

	for (unsigned int i = 0; i < N_LE; i++) {
		for (; at < h->end && classic_of_bucket(at) <= i; at++)
			n += h->bucket[at];
		ret[i] = n;
	}
	ret[N_LE] = h->count;
}
