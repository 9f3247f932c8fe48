/* SPDX-License-Identifier: MIT */
/*
 * exemplars.c - of the waits and holds that were told one by one, the few that stand for a histogram's upper buckets. The surprise: they come at
 * any time, between the ticks too, when a snapshot has borrowed those that there are; so they wait for the next tick. Who taps the model is told what they
 * have come to when their pool is fed.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/classic.h"
#include "base/text.h"
#include "model/state.h"

/* The one that another one takes over from: of its bucket, or nobody's (n), or the oldest. */
static size_t place_for(const struct slow_rows *s, double value_s)
{
	unsigned int bucket = classic_of_s(value_s);
	size_t place = 0;

	for (size_t i = 0; i < s->n; i++)
		if (classic_of_s(s->row[i].value_s) == bucket)
			return i;
	if (s->n < SNAPSHOT_EXEMPLARS_MAX)
		return s->n;
	for (size_t i = 1; i < s->n; i++)
		if (s->t_ns[i] < s->t_ns[place])
			place = i;
	return place;
}

static void swap(struct slow_rows *s, size_t i, size_t k)
{
	struct exemplar_row row = s->row[i];
	int64_t t_ns = s->t_ns[i];

	s->row[i] = s->row[k];
	s->t_ns[i] = s->t_ns[k];
	s->row[k] = row;
	s->t_ns[k] = t_ns;
}

/* The one at `at` is another one now; the others are in order. */
static void move_in_order(struct slow_rows *s, size_t at)
{
	for (; at > 0 && s->row[at].value_s < s->row[at - 1].value_s; at--)
		swap(s, at, at - 1);
	for (; at + 1 < s->n && s->row[at].value_s > s->row[at + 1].value_s; at++)
		swap(s, at, at + 1);
}

static void take(struct slow_rows *s, const struct record_exemplar *e)
{
	struct exemplar_row row = { .value_s = (double)e->duration_ns / 1e9, .tid = e->tid };
	size_t at;

	if (!e->duration_ns)
		return;
	at = place_for(s, row.value_s);
	if (at < s->n && s->t_ns[at] > (int64_t)e->t_ns)
		return; /* those of several CPUs need not come in order */
	text_clean(e->thread, sizeof(e->thread), row.thread, sizeof(row.thread));
	s->row[at] = row;
	s->t_ns[at] = (int64_t)e->t_ns;
	if (at == s->n)
		s->n++;
	move_in_order(s, at);
}

/* 0 or -ENOMEM. */
static int exemplars_get(struct pool *p)
{
	if (!p->slow)
		p->slow = calloc(1, sizeof(*p->slow));
	return p->slow ? 0 : -ENOMEM;
}

/* Room for one more; where there are too many the oldest goes: they are examples, and the histograms have all. NULL = out of memory. */
static struct told_story *told_get(struct model *m)
{
	if (m->n_told == TOLD_MAX)
		return &m->told[m->told_at++ % TOLD_MAX];
	if (m->n_told == m->n_told_max) {
		size_t n = m->n_told_max ? 2 * m->n_told_max : 64;
		struct told_story *more = realloc(m->told, n * sizeof(*more));

		if (!more)
			return NULL;
		m->told = more;
		m->n_told_max = n;
	}
	return &m->told[m->n_told++];
}

int model_feed_story(struct model *m, const struct ps_story *s)
{
	struct told_story told = {
		.pool = s->pool,
		.is_wait = s->kind == PS_STORY_WAIT && s->verb == PS_VERB_acquired,
		.e = { .duration_ns = s->duration_ns, .t_ns = s->t_ns, .tid = s->tid }
	};
	struct told_story *place;

	if (!told.is_wait && s->kind != PS_STORY_HOLD)
		return 0;
	if (!pool_find(m, &s->pool))
		return 0; /* nobody knows it yet */
	place = told_get(m);
	if (!place)
		return -ENOMEM;
	memcpy(told.e.thread, s->comm, sizeof(told.e.thread));
	*place = told;
	return 0;
}

void exemplars_tick_begin(struct model *m)
{
	for (size_t i = 0; i < m->n_told; i++) {
		const struct told_story *told = &m->told[i];
		struct pool *p = pool_find(m, &told->pool);

		if (!p || exemplars_get(p))
			continue; /* one fewer to look at */
		take(told->is_wait ? &p->slow->waits : &p->slow->holds, &told->e);
		p->has_slow_news = true;
	}
	free(m->told);
	m->told = NULL;
	m->n_told = m->n_told_max = m->told_at = 0;
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
		take(&p->slow->waits, &r->waits[i]);
		take(&p->slow->holds, &r->holds[i]);
	}
	return 0;
}

static void record(const struct slow_rows *s, struct record_exemplar *ret)
{
	for (size_t i = 0; i < s->n; i++) {
		ret[i] = (struct record_exemplar){ .duration_ns = (uint64_t)llround(
							   s->row[i].value_s * 1e9),
						   .t_ns = (uint64_t)s->t_ns[i],
						   .tid = s->row[i].tid };
		memcpy(ret[i].thread, s->row[i].thread, sizeof(ret[i].thread));
	}
}

void exemplars_tell(const struct model *m, struct pool *p)
{
	if (p->slow && m->tap.put && (p->has_slow_news || m->is_all_wanted)) {
		struct record_exemplars r = { 0 };

		record(&p->slow->waits, r.waits);
		record(&p->slow->holds, r.holds);
		tap_put(m, RECORD_exemplars, &p->key, &r);
	}
	p->has_slow_news = false;
}

/* The time of day is that of the first snapshot that has them. */
static void date(struct slow_rows *s, const struct snapshot *of)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->row[i].wall_ns)
			s->row[i].wall_ns = of->wall_ns - (of->t_ns - s->t_ns[i]);
}

void exemplars_rows(struct pool *p, const struct snapshot *s)
{
	struct pool_row *row = p->row;

	if (!p->slow)
		return;
	date(&p->slow->waits, s);
	date(&p->slow->holds, s);
	if (row->wait) {
		row->slow_waits = p->slow->waits.row;
		row->n_slow_waits = p->slow->waits.n;
	}
	if (row->hold) {
		row->slow_holds = p->slow->holds.row;
		row->n_slow_holds = p->slow->holds.n;
	}
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
