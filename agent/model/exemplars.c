/* SPDX-License-Identifier: MIT */
/*
 * exemplars.c - of the waits and holds that were told one by one, the few that stand for a histogram's upper buckets. The surprise: they come at
 * any time, between the ticks too, and who taps the model is told what they have come to when their pool is fed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/classic.h"
#include "base/text.h"
#include "model/state.h"

static unsigned int classic_bucket(uint64_t ns)
{
	return classic_of_s((double)ns / 1e9);
}

/* The place of the one it takes over from: of its bucket, or a free one, or the one that is oldest. */
static struct record_exemplar *place_for(struct record_exemplar *all, uint64_t duration_ns)
{
	unsigned int bucket = classic_bucket(duration_ns);
	struct record_exemplar *place = &all[0];

	for (size_t i = 0; i < SNAPSHOT_EXEMPLARS_MAX; i++)
		if (all[i].duration_ns && classic_bucket(all[i].duration_ns) == bucket)
			return &all[i];
	for (size_t i = 1; i < SNAPSHOT_EXEMPLARS_MAX && place->duration_ns; i++)
		if (!all[i].duration_ns || all[i].t_ns < place->t_ns)
			place = &all[i];
	return place;
}

static void take(struct record_exemplar *all, const struct record_exemplar *e)
{
	struct record_exemplar *place;

	if (!e->duration_ns)
		return;
	place = place_for(all, e->duration_ns);
	if (place->duration_ns && place->t_ns > e->t_ns)
		return; /* those of several CPUs need not come in order */
	*place = *e;
	memset(place->thread, 0, sizeof(place->thread));
	text_clean(e->thread, sizeof(e->thread), place->thread, sizeof(place->thread));
}

/* 0 or -ENOMEM. */
static int exemplars_get(struct pool *p)
{
	if (!p->slow)
		p->slow = calloc(1, sizeof(*p->slow));
	return p->slow ? 0 : -ENOMEM;
}

int model_feed_story(struct model *m, const struct ps_story *s)
{
	struct record_exemplar e = { .duration_ns = s->duration_ns,
				     .t_ns = s->t_ns,
				     .tid = s->tid };
	bool is_wait = s->kind == PS_STORY_WAIT && s->verb == PS_VERB_acquired;
	struct pool *p;

	if (!is_wait && s->kind != PS_STORY_HOLD)
		return 0;
	p = pool_find(m, &s->pool);
	if (!p)
		return 0;
	if (exemplars_get(p))
		return -ENOMEM;
	memcpy(e.thread, s->comm, sizeof(e.thread));
	take(is_wait ? p->slow->waits : p->slow->holds, &e);
	p->has_slow_news = true;
	return 0;
}

int exemplars_feed(struct model *m, const struct ps_pool_key *key, const struct record_exemplars *r)
{
	struct pool *p = pool_find(m, key);

	if (!p)
		return 0;
	if (exemplars_get(p))
		return -ENOMEM;
	memset(p->slow, 0, sizeof(*p->slow));
	for (size_t i = 0; i < SNAPSHOT_EXEMPLARS_MAX; i++) {
		take(p->slow->waits, &r->waits[i]);
		take(p->slow->holds, &r->holds[i]);
	}
	return 0;
}

void exemplars_tell(const struct model *m, struct pool *p)
{
	if (p->slow && (p->has_slow_news || m->is_all_wanted))
		tap_put(m, RECORD_exemplars, &p->key, p->slow);
	p->has_slow_news = false;
}

static int by_value(const void *a, const void *b)
{
	const struct exemplar_row *x = a, *y = b;

	return (x->value_s > y->value_s) - (x->value_s < y->value_s);
}

static int rows_of(const struct record_exemplar *all, const struct snapshot *s,
		   const struct exemplar_row **ret, size_t *ret_n)
{
	struct exemplar_row *rows = arena_alloc(s->arena, SNAPSHOT_EXEMPLARS_MAX, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < SNAPSHOT_EXEMPLARS_MAX; i++) {
		if (!all[i].duration_ns)
			continue;
		rows[n] = (struct exemplar_row){ .value_s = (double)all[i].duration_ns / 1e9,
						 .wall_ns = s->wall_ns -
							    (s->t_ns - (int64_t)all[i].t_ns),
						 .tid = all[i].tid };
		memcpy(rows[n].thread, all[i].thread, sizeof(rows[n].thread));
		n++;
	}
	qsort(rows, n, sizeof(*rows), by_value);
	*ret = rows;
	*ret_n = n;
	return 0;
}

/* ---- which ones are to be told ---------------------------------------------------------------------------------------- */

#define TOLD_PER_SECOND 4	/* at most, as it has been so far */
#define NOTABLE_LEAST 16	/* 65 us */
#define NOTABLE_MOST 26		/* 67 ms; what is longer is told anyway (ps_notable_ns) */

/* The bucket of 2^n ns; asked for all pools at each tick. */
static unsigned int bucket_of_exponent(uint32_t n)
{
	static uint16_t bucket[NOTABLE_MOST + 1];

	if (!bucket[n])
		bucket[n] = (uint16_t)hist_bucket_ns(1ull << n);
	return bucket[n];
}

/* The n of the shortest durations of 2^n ns that so few have reached; 0 = not even those of NOTABLE_MOST are so few. */
static uint32_t notable_exponent(const struct hist *h, double seconds)
{
	double few = TOLD_PER_SECOND * (seconds > 1 ? seconds : 1), as_long;
	unsigned int end = 0; /* too many are as long as those in the bucket before this one */
	uint32_t n = NOTABLE_LEAST;

	if (!h || !h->count)
		return 0;
	as_long = (double)h->count;
	for (struct hist_walk w = hist_walk(h); as_long > few && hist_next(&w);) {
		end = w.bucket + 1;
		as_long -= (double)w.n;
	}
	while (n <= NOTABLE_MOST && bucket_of_exponent(n) < end)
		n++;
	return n <= NOTABLE_MOST ? n : 0;
}

/* One less than what was told is as good, and is not worth telling. */
static uint32_t notable_of(const struct hist *h, double seconds, uint32_t told)
{
	uint32_t n = notable_exponent(h, seconds);

	return n && n + 1 == told ? told : n;
}

uint32_t exemplars_notable(const struct hist *wait, const struct hist *hold, double seconds,
			   uint32_t told)
{
	uint32_t told_wait = told >> PS_POOL_NOTABLE_WAIT & PS_POOL_NOTABLE_BITS;
	uint32_t told_hold = told >> PS_POOL_NOTABLE_HOLD & PS_POOL_NOTABLE_BITS;

	return notable_of(wait, seconds, told_wait) << PS_POOL_NOTABLE_WAIT |
	       notable_of(hold, seconds, told_hold) << PS_POOL_NOTABLE_HOLD;
}

int exemplars_rows(const struct pool *p, const struct snapshot *s, struct pool_row *row)
{
	if (!p->slow)
		return 0;
	if (row->wait && rows_of(p->slow->waits, s, &row->slow_waits, &row->n_slow_waits))
		return -ENOMEM;
	if (row->hold && rows_of(p->slow->holds, s, &row->slow_holds, &row->n_slow_holds))
		return -ENOMEM;
	return 0;
}
