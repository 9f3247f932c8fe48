/* SPDX-License-Identifier: MIT */
/*
 * retired.c - see retired.h. The surprise: the labels are cleaned as the exporters clean them, so that two raw names that leave
 * as one are one group here too; else the totals would end with the one while the other still lives.
 */
#include "model/retired.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/text.h"

/* The members of a row that only ever rise. A counter that is forgotten here falls; prometheus_test tells. */
static const struct {
	size_t at, n;
} counts[] = {
	{ offsetof(struct pool_row, acquires), 1 },
	{ offsetof(struct pool_row, acquires_new), 1 },
	{ offsetof(struct pool_row, releases), 1 },
	{ offsetof(struct pool_row, timeouts), 1 },
	{ offsetof(struct pool_row, outcome), PS_OUTCOME_COUNT },
	{ offsetof(struct pool_row, opened), 1 },
	{ offsetof(struct pool_row, open_failures), 1 },
	{ offsetof(struct pool_row, open_failures_by), PS_OPEN_FAILURE_COUNT },
	{ offsetof(struct pool_row, closed), 1 },
	{ offsetof(struct pool_row, closed_by), PS_CLOSE_COUNT },
	{ offsetof(struct pool_row, closed_idle), 1 },
	{ offsetof(struct pool_row, rejections), 1 },
	{ offsetof(struct pool_row, rejected_by), PS_REJECT_COUNT },
	{ offsetof(struct pool_row, health_ok), 1 },
	{ offsetof(struct pool_row, health_failed), 1 },
	{ offsetof(struct pool_row, odd_events), 1 },
};

static const size_t seconds[] = {
	offsetof(struct pool_row, in_use_s),       offsetof(struct pool_row, capacity_s),
	offsetof(struct pool_row, pending_s),      offsetof(struct pool_row, saturated_s),
	offsetof(struct pool_row, stalled_s),      offsetof(struct pool_row, backlog_s),
	offsetof(struct pool_row, stalled_hold_s), offsetof(struct pool_row, idle_before_close_s),
};

static const size_t hists[] = {
	offsetof(struct pool_row, wait),
	offsetof(struct pool_row, wait_failed),
	offsetof(struct pool_row, hold),
	offsetof(struct pool_row, create),
};

#define N_COUNTS (sizeof(counts) / sizeof(*counts))
#define N_SECONDS (sizeof(seconds) / sizeof(*seconds))
#define N_HISTS (sizeof(hists) / sizeof(*hists))

/* The key of a group: the kind, then process, name and source, each with its NUL. */
#define LABELS_MOST (sizeof(enum ps_kind) + 3 * TEXT_NAME_BYTES)

struct labels {
	size_t n;
	char bytes[LABELS_MOST];
};

struct totals {
	struct pool_row row;	/* its histograms are those below, NULL until one is known */
	struct hist hist[N_HISTS];
};

struct group {
	size_t n_pools;
	struct totals *totals;	/* NULL = nobody has left it */
	UT_hash_handle hh;
	char labels[];	/* the bytes of struct labels */
};

static void group_free(struct retired *r, struct group *g)
{
	HASH_DEL(r->groups, g);
	for (size_t i = 0; g->totals && i < N_HISTS; i++)
		hist_done(&g->totals->hist[i]);
	free(g->totals);
	free(g);
}

void retired_done(struct retired *r)
{
	struct group *g, *next;

	HASH_ITER (hh, r->groups, g, next)
		group_free(r, g);
}

/* ---- joining ----------------------------------------------------------------------------------------------------------- */

static void label_add(struct labels *ret, const char *text)
{
	text_clean(text, SIZE_MAX, ret->bytes + ret->n, TEXT_NAME_BYTES);
	ret->n += strlen(ret->bytes + ret->n) + 1;
}

static void labels_set(struct labels *ret, const struct pool_row *row)
{
	memcpy(ret->bytes, &row->kind, sizeof(row->kind));
	ret->n = sizeof(row->kind);
	label_add(ret, row->service ? row->service : row->process);
	label_add(ret, row->name);
	label_add(ret, row->source);
}

/* NULL when out of memory. */
static struct group *group_new(struct retired *r, const struct labels *labels)
{
	struct group *g = calloc(1, sizeof(*g) + labels->n);

	if (!g)
		return NULL;
	memcpy(g->labels, labels->bytes, labels->n);
	HASH_ADD_KEYPTR(hh, r->groups, g->labels, labels->n, g);
	if (!g->hh.tbl) {
		free(g);
		return NULL;
	}
	return g;
}

struct group *retired_join(struct retired *r, struct group *from, const struct pool_row *row)
{
	struct labels labels;
	struct group *g;

	labels_set(&labels, row);
	HASH_FIND(hh, r->groups, labels.bytes, labels.n, g);
	if (!g)
		g = group_new(r, &labels);
	if (!g || g == from)
		return g;
	g->n_pools++;
	retired_leave(r, from, row);
	return g;
}

bool retired_is_shared(const struct group *g)
{
	return g->n_pools > 1;
}

/* ---- leaving ----------------------------------------------------------------------------------------------------------- */

static int64_t *count_at(struct pool_row *row, size_t which)
{
	return (int64_t *)((char *)row + counts[which].at);
}

static double *seconds_at(struct pool_row *row, size_t which)
{
	return (double *)((char *)row + seconds[which]);
}

static const struct hist **hist_at(struct pool_row *row, size_t which)
{
	return (const struct hist **)((char *)row + hists[which]);
}

static struct totals *totals_new(void)
{
	struct totals *t = calloc(1, sizeof(*t));

	if (t)
		t->row = pool_row_unknown;
	return t;
}

/* Unknown and known is known; only what no pool knew stays unknown. */
static void totals_add(struct totals *t, struct pool_row more)
{
	for (size_t i = 0; i < N_COUNTS; i++) {
		int64_t *sum = count_at(&t->row, i), *n = count_at(&more, i);

		for (size_t k = 0; k < counts[i].n; k++) {
			if (n[k] != UNKNOWN)
				sum[k] = sum[k] == UNKNOWN ? n[k] : sum[k] + n[k];
		}
	}
	for (size_t i = 0; i < N_SECONDS; i++) {
		double *sum = seconds_at(&t->row, i), s = *seconds_at(&more, i);

		if (!isnan(s))
			*sum = isnan(*sum) ? s : *sum + s;
	}
	for (size_t i = 0; i < N_HISTS; i++) {
		const struct hist *h = *hist_at(&more, i);

		if (h && !hist_merge(&t->hist[i], h))
			*hist_at(&t->row, i) = &t->hist[i];
	}
}

void retired_add(struct group *g, const struct pool_row *row)
{
	if (!g)
		return;
	if (!g->totals)
		g->totals = totals_new();
	if (g->totals)
		totals_add(g->totals, *row);
}

void retired_leave(struct retired *r, struct group *g, const struct pool_row *row)
{
	if (!g)
		return;
	if (--g->n_pools == 0) {
		group_free(r, g);
		return;
	}
	retired_add(g, row);
}

/* ---- rows -------------------------------------------------------------------------------------------------------------- */

size_t retired_n(const struct retired *r)
{
	size_t n = 0;

	for (const struct group *g = r->groups; g; g = g->hh.next)
		n += g->totals != NULL;
	return n;
}

void retired_rows(const struct retired *r, struct pool_row *ret)
{
	for (const struct group *g = r->groups; g; g = g->hh.next) {
		if (!g->totals)
			continue;
		*ret = g->totals->row;
		memcpy(&ret->kind, g->labels, sizeof(ret->kind));
		ret->process = g->labels + sizeof(ret->kind);
		ret->name = ret->process + strlen(ret->process) + 1;
		ret->source = ret->name + strlen(ret->name) + 1;
		ret++;
	}
}
