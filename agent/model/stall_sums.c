/* SPDX-License-Identifier: MIT */
/*
 * stall_sums.c - the stalls of one cause in all processes of one name. The surprise: a sum is kept while any process of that name lives, be it
 * one that never stood still: where workers come and go, the next one has no stall yet when the last one that had ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/state.h"

static void sum_free(struct model *m, struct stall_sum *sum)
{
	HASH_DEL(m->stall_sums, sum);
	hist_done(&sum->length);
	free(sum);
}

void stall_sums_done(struct model *m)
{
	struct stall_sum *sum, *next;

	HASH_ITER (hh, m->stall_sums, sum, next)
		sum_free(m, sum);
}

static struct stall_sum *sum_find(const struct model *m, const char *process, uint32_t cause)
{
	struct stall_sum_key key = { .cause = cause };
	struct stall_sum *sum;

	snprintf(key.process, sizeof(key.process), "%s", process);
	HASH_FIND(hh, m->stall_sums, &key, sizeof(key), sum);
	return sum;
}

/* When there are too many it is the newcomers that share one for each cause. NULL = out of memory. */
static struct stall_sum *sum_get(struct model *m, const char *process, uint32_t cause)
{
	struct stall_sum *sum = sum_find(m, process, cause);

	if (!sum && HASH_COUNT(m->stall_sums) >= STALL_SUMS_MAX) {
		process = "other";
		sum = sum_find(m, process, cause);
	}
	if (sum)
		return sum;
	sum = calloc(1, sizeof(*sum));
	if (!sum)
		return NULL;
	snprintf(sum->key.process, sizeof(sum->key.process), "%s", process);
	sum->key.cause = cause;
	HASH_ADD(hh, m->stall_sums, key, sizeof(sum->key), sum);
	return sum;
}

static void sum_add(struct stall_sum *sum, struct stall *s)
{
	hist_pass_on(&s->length, &s->summed, &sum->length);
	sum->n_counted += s->n_counted - s->n_summed;
	sum->counted_s += s->counted_s - s->summed_s;
	s->n_summed = s->n_counted;
	s->summed_s = s->counted_s;
}

/* Those of which nobody has such stalls now, though one of their name lives. */
static void keep_named(struct model *m, uint32_t causes)
{
	for (const struct process *p = m->processes; p; p = p->hh.next) {
		for (uint32_t cause = 0; cause < PS_STALL_COUNT; cause++) {
			struct stall_sum *sum =
				causes & 1u << cause ? sum_find(m, process_label(p), cause) : NULL;

			if (sum)
				sum->is_fed = true;
		}
	}
}

void stall_sums_tick_end(struct model *m)
{
	struct stall_sum *sum, *next;
	uint32_t causes = 0;

	for (sum = m->stall_sums; sum; sum = sum->hh.next)
		sum->is_fed = false;
	for (struct stall *s = m->stalls; s; s = s->hh.next) {
		if (stall_is_counted_already(m, s))
			continue;
		sum = sum_get(m, process_label(process_find(m, &s->key.proc)), s->key.cause);
		if (!sum)
			continue;
		sum->is_fed = true;
		sum_add(sum, s);
	}
	for (sum = m->stall_sums; sum; sum = sum->hh.next)
		causes |= sum->is_fed ? 0 : 1u << sum->key.cause;
	if (causes)
		keep_named(m, causes);
	HASH_ITER (hh, m->stall_sums, sum, next)
		if (!sum->is_fed)
			sum_free(m, sum);
}

int stall_sums_snapshot(struct model *m, struct snapshot *s)
{
	struct stall_sum_row *rows =
		arena_alloc(s->arena, HASH_COUNT(m->stall_sums) + 1, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	for (const struct stall_sum *sum = m->stall_sums; sum; sum = sum->hh.next) {
		rows[n] = (struct stall_sum_row){ .process = sum->key.process,
						  .cause = (enum ps_stall_cause)sum->key.cause,
						  .length = &sum->length,
						  .n = sum->length.count + sum->n_counted,
						  .sum_s = sum->length.sum_s + sum->counted_s };
		if (string_keep(&rows[n].process, s->arena))
			return -ENOMEM;
		n++;
	}
	s->stall_sums = rows;
	s->n_stall_sums = n;
	return 0;
}
