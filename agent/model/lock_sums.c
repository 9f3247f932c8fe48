/* SPDX-License-Identifier: MIT */
/*
 * lock_sums.c - the waits of all locks with one name in processes of one name, for who sees no more than that. The surprise: they are added up
 * tick by tick and not when they are asked for, so that a sum does not fall when one of the processes ends; it goes with the last.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/state.h"

static void sum_free(struct model *m, struct lock_sum *sum)
{
	HASH_DEL(m->lock_sums, sum);
	hist_done(&sum->wait);
	free(sum);
}

void lock_sums_done(struct model *m)
{
	struct lock_sum *sum, *next;

	HASH_ITER (hh, m->lock_sums, sum, next)
		sum_free(m, sum);
}

/* When there are too many it is the newcomers that share one, tick after tick. NULL = out of memory. */
static struct lock_sum *sum_get(struct model *m, const char *process, const char *lock)
{
	struct lock_sum_key key = { .process = "" };
	struct lock_sum *sum;
	bool is_over;

	snprintf(key.process, sizeof(key.process), "%s", process);
	snprintf(key.lock, sizeof(key.lock), "%s", lock);
	HASH_FIND(hh, m->lock_sums, &key, sizeof(key), sum);
	is_over = !sum && HASH_COUNT(m->lock_sums) >= LOCK_SUMS_MAX;
	if (is_over) {
		key = (struct lock_sum_key){ .process = "other", .lock = "other" };
		HASH_FIND(hh, m->lock_sums, &key, sizeof(key), sum);
	}
	if (sum)
		return sum;
	sum = calloc(1, sizeof(*sum));
	if (!sum)
		return NULL;
	sum->key = key;
	HASH_ADD(hh, m->lock_sums, key, sizeof(sum->key), sum);
	return sum;
}

void hist_pass_on(const struct hist *h, struct hist *seen, struct hist *sum)
{
	struct hist more = { 0 };
	uint64_t now[PS_HIST_BUCKETS];

	if (h->count != seen->count) {
		hist_unpack(h, now);
		for (struct hist_walk w = hist_walk(seen); hist_next(&w);)
			now[w.bucket] -= w.n;
		if (!hist_pack(&more, now) && !hist_merge(seen, &more))
			hist_merge(sum, &more);
		hist_done(&more);
	}
	sum->sum_s += h->sum_s - seen->sum_s;
	seen->sum_s = h->sum_s;
	if (h->max_ns > sum->max_ns)
		sum->max_ns = h->max_ns;
}

void lock_sums_tick_end(struct model *m)
{
	struct lock_sum *sum, *next;

	for (sum = m->lock_sums; sum; sum = sum->hh.next)
		sum->is_fed = false;
	for (struct lock *l = m->locks; l; l = l->hh.next) {
		if (!l->is_named)
			continue; /* soon */
		sum = sum_get(m, process_label(process_find(m, &l->key.proc)),
			      l->name ? l->name : "unnamed");
		if (!sum)
			continue;
		sum->is_fed = true;
		hist_pass_on(&l->wait, &l->summed, &sum->wait);
	}
	HASH_ITER (hh, m->lock_sums, sum, next)
		if (!sum->is_fed)
			sum_free(m, sum);
}

int lock_sums_snapshot(struct model *m, struct snapshot *s)
{
	struct lock_sum_row *rows =
		arena_alloc(s->arena, HASH_COUNT(m->lock_sums) + 1, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	for (const struct lock_sum *sum = m->lock_sums; sum; sum = sum->hh.next) {
		rows[n] = (struct lock_sum_row){ .process = sum->key.process,
						 .lock = sum->key.lock,
						 .wait = &sum->wait };
		if (string_keep(&rows[n].process, s->arena) ||
		    string_keep(&rows[n].lock, s->arena))
			return -ENOMEM;
		n++;
	}
	s->lock_sums = rows;
	s->n_lock_sums = n;
	return 0;
}
