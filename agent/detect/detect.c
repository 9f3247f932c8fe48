/* SPDX-License-Identifier: MIT */
/*
 * detect.c - findings from one tick to the next: when one opens, when it closes, and what is remembered. The surprise: what holds at one
 * moment is no finding yet, so what a detector says is kept for those that are open only, and is that of the last tick in which it held.
 */
#include "detect/detect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/arena.h"
#include "detect/detector.h"
#include "detect/suspects.h"

#define DETECTORS_MAX 16
#define NAME_BYTES 128

const struct detect_limits detect_limits_default = {
	.leak_ns = 60000000000,
	.wait_ns = 1000000000,
};

struct finding {
	uint64_t id;
	const struct detector *of;
	uint64_t pool_id; /* 0 = of a process */
	int32_t pid;
	char process[NAME_BYTES], pool[NAME_BYTES];
	int64_t since_ns, until_ns; /* CLOCK_REALTIME; UNKNOWN = open */
	const char *ended; /* NULL = nothing is to be said of it */
	bool is_news;
	struct told told;
	struct finding *prev, *next;
};

struct watched_key {
	uint64_t id; /* of the pool; of a process's stalls: the pid and the cause */
	uint64_t about;
};

struct holding {
	int64_t held_ns; /* since when what the detector says holds; 0 = it does not */
	int64_t last_ns; /* when it did last; 0 = never */
	struct finding *open;
};

/* One pool, or the stalls of one process and cause. */
struct watched {
	struct watched_key key;
	struct past past;
	struct holding *holding; /* of each detector; owned, NULL = none has ever had anything to say */
	int64_t longest_ns;
	int64_t full_since_ns; /* 0 = it is not */
	bool is_there;
	bool is_unwatched; /* not in full, as of the last tick */
	UT_hash_handle hh;
};

struct findings {
	struct finding *first, *last;
	size_t n;
};

struct detect {
	struct detect_limits limits;
	struct watched *watched;
	struct watched *next; /* the one that is likely asked for next; NULL = no guess */
	struct findings open, closed;
	struct suspects suspects;
	uint64_t next_id, opened[DETECTORS_MAX];
	/* within a tick: the pools in the order of their processes; NULL until somebody asks */
	const struct pool_row **by_pid;
	size_t n_by_pid;
};

/* ---- lists ---------------------------------------------------------------------------------------------------------------- */

static void list_add(struct findings *l, struct finding *f)
{
	f->prev = l->last;
	f->next = NULL;
	if (l->last)
		l->last->next = f;
	else
		l->first = f;
	l->last = f;
	l->n++;
}

static void list_remove(struct findings *l, struct finding *f)
{
	if (f->prev)
		f->prev->next = f->next;
	else
		l->first = f->next;
	if (f->next)
		f->next->prev = f->prev;
	else
		l->last = f->prev;
	l->n--;
}

static void list_done(struct findings *l)
{
	struct finding *f;

	while ((f = l->first)) {
		list_remove(l, f);
		free(f);
	}
}

void detect_set_limits(struct detect *d, const struct detect_limits *limits)
{
	d->limits = *limits;
}

int detect_new(const struct detect_limits *limits, struct detect **ret)
{
	*ret = n_detectors <= DETECTORS_MAX ? calloc(1, sizeof(**ret)) : NULL;
	if (!*ret)
		return -ENOMEM;
	(*ret)->limits = *limits;
	(*ret)->next_id = 1;
	return 0;
}

static void watched_free(struct detect *d, struct watched *w)
{
	if (d->next == w)
		d->next = NULL;
	HASH_DEL(d->watched, w);
	past_done(&w->past);
	free(w->holding);
	free(w);
}

void detect_free(struct detect *d)
{
	struct watched *w, *next;

	if (!d)
		return;
	HASH_ITER (hh, d->watched, w, next)
		watched_free(d, w);
	suspects_done(&d->suspects);
	list_done(&d->open);
	list_done(&d->closed);
	free(d);
}

uint64_t detect_n_refused(const struct detect *d)
{
	return d->suspects.n_refused;
}

/* ---- what is watched ------------------------------------------------------------------------------------------------------ */

static struct watched_key key_of_pool(const struct pool_row *pool)
{
	return (struct watched_key){ .id = pool->id, .about = ABOUT_POOL };
}

static struct watched_key key_of_stall(const struct stall_row *row)
{
	return (struct watched_key){ .id = (uint64_t)(uint32_t)row->pid << 32 | row->cause,
				     .about = ABOUT_PROCESS };
}

static struct watched *watched_find(const struct detect *d, struct watched_key key)
{
	struct watched *w;

	HASH_FIND(hh, d->watched, &key, sizeof(key), w);
	return w;
}

/* Rows come in the same order from tick to tick, and of very many each search is a miss of the cache. */
static struct watched *watched_next(struct detect *d, struct watched_key key)
{
	struct watched *w = d->next;

	if (!w || memcmp(&w->key, &key, sizeof(key)) != 0)
		w = watched_find(d, key);
	d->next = w ? w->hh.next : NULL;
	return w;
}

static struct watched *watched_get(struct detect *d, struct watched_key key)
{
	struct watched *w = watched_next(d, key);

	if (w)
		return w;
	w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->key = key;
	past_begin(&w->past);
	HASH_ADD(hh, d->watched, key, sizeof(w->key), w);
	return w;
}

const struct past *past_of(const struct look *l, const struct pool_row *pool)
{
	const struct watched *w = watched_find(l->all, key_of_pool(pool));

	return w ? &w->past : NULL;
}

const struct past *past_of_stall(const struct look *l, const struct stall_row *stall)
{
	const struct watched *w = watched_find(l->all, key_of_stall(stall));

	return w ? &w->past : NULL;
}

static int compare_pids(const void *a, const void *b)
{
	const struct pool_row *const *p = a, *const *q = b;

	if ((*p)->pid != (*q)->pid)
		return (*p)->pid < (*q)->pid ? -1 : 1;
	return ((*p)->id > (*q)->id) - ((*p)->id < (*q)->id);
}

/* Without memory there are none, and who asks next tries again. */
static void sort_by_pid(struct detect *d, const struct snapshot *s)
{
	d->n_by_pid = 0;
	d->by_pid = arena_alloc(s->arena, s->n_pools + 1, sizeof(struct pool_row *));
	for (; d->by_pid && d->n_by_pid < s->n_pools; d->n_by_pid++)
		d->by_pid[d->n_by_pid] = &s->pools[d->n_by_pid];
	if (d->by_pid)
		qsort(d->by_pid, d->n_by_pid, sizeof(*d->by_pid), compare_pids);
}

const struct pool_row *const *neighbours(const struct look *l, size_t *ret_n)
{
	struct detect *d = l->all;
	size_t low = 0, high;

	if (!d->by_pid)
		sort_by_pid(d, l->s);
	high = d->n_by_pid;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (d->by_pid[middle]->pid < l->pool->pid)
			low = middle + 1;
		else
			high = middle;
	}
	for (*ret_n = 0; *ret_n < NEIGHBOURS_MAX && low + *ret_n < d->n_by_pid &&
			 d->by_pid[low + *ret_n]->pid == l->pool->pid;)
		++*ret_n;
	return d->by_pid + low;
}

/* ---- opening and closing -------------------------------------------------------------------------------------------------- */

static void name_keep(char *ret, const char *name)
{
	strncpy(ret, name ? name : "", NAME_BYTES - 1);
}

static struct finding *finding_open(struct detect *d, const struct look *l, unsigned int i,
				    int64_t held_ns)
{
	struct finding *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->id = d->next_id++;
	f->of = &detectors[i];
	f->pool_id = l->pool ? l->pool->id : 0;
	f->pid = l->pool ? l->pool->pid : l->stall->pid;
	name_keep(f->process, l->pool ? l->pool->process : l->stall->process);
	name_keep(f->pool, l->pool ? l->pool->name : NULL);
	f->since_ns = l->s->wall_ns - (l->s->t_ns - held_ns);
	f->until_ns = UNKNOWN;
	f->is_news = true;
	d->opened[i]++;
	list_add(&d->open, f);
	return f;
}

static void finding_close(struct detect *d, struct finding **f, int64_t until_ns, const char *ended)
{
	struct finding *oldest = d->closed.first;

	list_remove(&d->open, *f);
	(*f)->until_ns = until_ns > (*f)->since_ns ? until_ns : (*f)->since_ns;
	(*f)->ended = ended;
	(*f)->is_news = true;
	list_add(&d->closed, *f);
	*f = NULL;
	if (d->closed.n <= FINDINGS_CLOSED)
		return;
	list_remove(&d->closed, oldest);
	free(oldest);
}

/* Of a pool that is not watched in full nothing can be said that was said before, also not that it is over. */
static bool is_frozen(const struct look *l, unsigned int i)
{
	return l->pool && l->pool->level != LEVEL_FULL && detectors[i].look != look_stepped_down;
}

/* What the detector says does not hold now. */
static void not_held(struct detect *d, unsigned int i, const struct look *l, struct watched *w)
{
	const struct detector *detector = &detectors[i];
	struct holding *h = &w->holding[i];
	int64_t now_ns = l->s->t_ns, ago_ns = now_ns - h->last_ns;
	bool is_replaced = detector->is_pressure && l->pressure != PRESSURE_NONE,
	     is_sure = !l->pool || (l->pool->trusted && !l->deadlock);

	h->held_ns = 0;
	if (h->open && (ago_ns >= detector->closes_ns || is_replaced))
		finding_close(d, &h->open, l->s->wall_ns - ago_ns,
			      is_sure ? detector->ended : NULL);
}

/* -ENOMEM. */
static int holding_get(struct watched *w)
{
	if (!w->holding)
		w->holding = calloc(n_detectors, sizeof(*w->holding));
	return w->holding ? 0 : -ENOMEM;
}

static struct finding *open_of(const struct watched *w, unsigned int i)
{
	return w->holding ? w->holding[i].open : NULL;
}

static int detector_run(struct detect *d, unsigned int i, struct look *l, struct watched *w)
{
	struct told told = { 0 };
	int64_t now_ns = l->s->t_ns;
	struct holding *h;

	l->is_open = open_of(w, i);
	if (!detectors[i].look(l, &told)) {
		if (w->holding && !is_frozen(l, i))
			not_held(d, i, l, w);
		return 0;
	}
	if (holding_get(w))
		return -ENOMEM;
	h = &w->holding[i];
	h->last_ns = now_ns;
	if (!h->held_ns)
		h->held_ns = now_ns;
	if (!h->open && now_ns - h->held_ns >= detectors[i].opens_ns) {
		h->open = finding_open(d, l, i, h->held_ns);
		if (!h->open)
			return -ENOMEM;
	}
	if (!h->open)
		return 0;
	if (told.severity < h->open->told.severity)
		told.severity = h->open->told.severity; /* how bad it was, and not how bad it just is */
	h->open->told = told;
	return 0;
}

static int64_t full_for(struct watched *w, const struct look *l)
{
	if (!is_full(l->pool, &l->window))
		w->full_since_ns = 0;
	else if (!w->full_since_ns)
		w->full_since_ns = l->s->t_ns - l->window.t_ns;
	return w->full_since_ns ? l->s->t_ns - w->full_since_ns : 0;
}

static void look_begin(struct look *l, struct watched *w)
{
	w->is_there = true;
	l->past = &w->past;
}

static void window_begin(struct look *l, const struct watched *w)
{
	l->window = past_growth(&w->past, WINDOW_TICKS);
	l->window_s = (double)l->window.t_ns / 1e9;
}

static int run_all(struct detect *d, enum about about, struct look *l, struct watched *w)
{
	l->tick = past_growth(&w->past, 1);
	if (about == ABOUT_POOL) {
		l->full_ns = full_for(w, l);
		l->deadlock = deadlocked_with(l);
		l->pressure = pressure_of(l);
	}
	for (unsigned int i = 0; i < n_detectors; i++) {
		if (detectors[i].about == about && detector_run(d, i, l, w))
			return -ENOMEM;
		if (detectors[i].look == look_endpoint_down)
			l->down_ns = w->holding ? w->holding[i].last_ns : 0;
	}
	return 0;
}

static bool is_told(const struct watched *w, look_fn *what)
{
	for (unsigned int i = 0; i < n_detectors; i++)
		if (detectors[i].look == what && open_of(w, i))
			return true;
	return false;
}

/* What items are out for so long that something may be wrong, and what do those do that have them? */
static void doubt(struct detect *d, struct look *l, struct pool_row *pool, thread_facts_fn *look,
		  void *context)
{
	int64_t least_ns = l->window.saturated_s > 0 ? 0 : d->limits.leak_ns / 2;

	l->unusual_ns = unusual_ns(pool);
	if (least_ns < l->unusual_ns)
		least_ns = l->unusual_ns;
	if (look)
		suspects_look(&d->suspects, pool, least_ns, l->s->t_ns, look, context);
	pool->is_doubted = pool->n_holders && pool->holders[0].age_ns >= least_ns;
}

/* l->is_open: a leak is told of it. */
static void set_leaked(const struct look *l, struct pool_row *pool)
{
	int64_t oldest_ns;

	if (pool->silent != UNKNOWN)
		pool->leaked = l->is_open ? pool->silent : 0;
	else if (pool->n_holders || pool->in_use == 0 || pool->hold) /* who holds for a moment may be in the books alone */
		pool->leaked = l->is_open ? (int64_t)n_holders_that(l, is_leaked, &oldest_ns) : 0;
}

static int pool_run(struct detect *d, const struct snapshot *s, struct pool_row *pool,
		    thread_facts_fn *look, void *context)
{
	struct watched *w = watched_get(d, key_of_pool(pool));
	struct look l = { .s = s, .limits = &d->limits, .all = d, .pool = pool };
	int error;

	if (!w)
		return -ENOMEM;
	look_begin(&l, w);
	if (!is_told(w, look_leak)) /* what comes back late is no need of the pool */
		w->longest_ns = pool->hold ? (int64_t)pool->hold->max_ns : 0;
	l.longest_ns = w->longest_ns;
	if (!w->holding && is_calm(&l)) {
		w->full_since_ns = 0;
		pool->is_doubted = false;
		set_leaked(&l, pool);
		return 0;
	}
	window_begin(&l, w);
	doubt(d, &l, pool, look, context);
	error = run_all(d, ABOUT_POOL, &l, w);
	l.is_open = is_told(w, look_leak);
	set_leaked(&l, pool);
	return error;
}

static int stall_run(struct detect *d, const struct snapshot *s, const struct stall_row *row)
{
	struct watched *w = watched_get(d, key_of_stall(row));
	struct look l = { .s = s, .limits = &d->limits, .all = d, .stall = row };

	if (!w)
		return -ENOMEM;
	look_begin(&l, w);
	window_begin(&l, w);
	return run_all(d, ABOUT_PROCESS, &l, w);
}

/* What is gone has nothing wrong any more. */
static void forget_gone(struct detect *d, int64_t wall_ns)
{
	struct watched *w, *next;

	HASH_ITER (hh, d->watched, w, next) {
		if (w->is_there) {
			w->is_there = false;
			continue;
		}
		for (unsigned int i = 0; i < n_detectors; i++)
			if (open_of(w, i))
				finding_close(d, &w->holding[i].open, wall_ns,
					      w->key.about == ABOUT_POOL ? "the pool is gone"
									 : "the process is gone");
		watched_free(d, w);
	}
}

/* ---- the snapshot ---------------------------------------------------------------------------------------------------------- */

static const char *text_of(struct arena *arena, const char *text)
{
	return text[0] ? arena_strdup(arena, text) : NULL;
}

static const uint64_t *items_of(struct arena *arena, const struct told *told)
{
	uint64_t *items = arena_alloc(arena, told->n_items + 1, sizeof(*items));

	if (items)
		memcpy(items, told->item, told->n_items * sizeof(*items));
	return items;
}

static void finding_row(struct finding *f, struct arena *arena, struct finding_row *row)
{
	*row = (struct finding_row){
		.id = f->id,
		.type = f->of->type,
		.severity = f->told.severity,
		.is_open = f->until_ns == UNKNOWN,
		.is_news = f->is_news,
		.pid = f->pid,
		.process = arena_strdup(arena, f->process),
		.pool = text_of(arena, f->pool),
		.pool_id = f->pool_id,
		.since_ns = f->since_ns,
		.until_ns = f->until_ns,
		.text = f->ended ? arena_printf(arena, "%s (%s)", f->told.text, f->ended)
				 : text_of(arena, f->told.text),
		.advice = text_of(arena, f->told.advice),
		.evidence = text_of(arena, f->told.evidence),
		.items = items_of(arena, &f->told),
		.n_items = f->told.n_items,
	};
	if (!row->items)
		row->n_items = 0;
	f->is_news = false;
}

/* The most severe; of equals the first in the order of detectors.c. */
static const struct finding *verdict_of(const struct watched *w)
{
	const struct finding *worst = NULL;

	for (unsigned int i = 0; i < n_detectors; i++) {
		const struct finding *f = open_of(w, i);

		if (f && (!worst || f->told.severity > worst->told.severity))
			worst = f;
	}
	return worst;
}

static void set_verdicts(struct detect *d, struct pool_row *rows, const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_pools && d->open.n; i++) {
		const struct watched *w = watched_next(d, key_of_pool(&rows[i]));
		const struct finding *worst = w ? verdict_of(w) : NULL;
		const char *verdict = worst ? arena_strdup(s->arena, worst->told.text) : NULL;

		if (!verdict)
			continue;
		rows[i].verdict = verdict;
		rows[i].is_doubted |= worst->of->look != look_stepped_down; /* to keep more of it would cost more */
	}
}

static int set_findings(struct detect *d, struct snapshot *s)
{
	struct finding_row *rows =
		arena_alloc(s->arena, d->open.n + d->closed.n + 1, sizeof(*rows));
	struct finding_count *counts = arena_alloc(s->arena, n_detectors, sizeof(*counts));
	size_t n = 0;

	if (!rows || !counts)
		return -ENOMEM;
	for (struct finding *f = d->open.last; f; f = f->prev)
		finding_row(f, s->arena, &rows[n++]);
	for (struct finding *f = d->closed.last; f; f = f->prev)
		finding_row(f, s->arena, &rows[n++]);
	for (unsigned int i = 0; i < n_detectors; i++)
		counts[i] = (struct finding_count){ detectors[i].type, d->opened[i] };
	s->findings = rows;
	s->n_findings = n;
	s->finding_counts = counts;
	s->n_finding_counts = n_detectors;
	return 0;
}

/* A gap is no growth of nothing, and its end no growth of all that was ever counted. */
static int add_past(struct watched *w, const struct pool_row *pool, int64_t t_ns)
{
	bool is_unwatched = pool->level != LEVEL_FULL;
	int error = is_unwatched || w->is_unwatched ? past_skip(&w->past, pool, t_ns)
						    : past_add(&w->past, pool, t_ns);

	if (!error)
		w->is_unwatched = is_unwatched;
	return error;
}

/* First what is known of all, as one is held against the other. */
static int add_all(struct detect *d, const struct snapshot *s)
{
	struct watched *w;

	for (size_t i = 0; i < s->n_pools; i++) {
		w = watched_get(d, key_of_pool(&s->pools[i]));
		if (!w || add_past(w, &s->pools[i], s->t_ns))
			return -ENOMEM;
	}
	for (size_t i = 0; i < s->n_stalls; i++) {
		w = watched_get(d, key_of_stall(&s->stalls[i]));
		if (!w)
			return -ENOMEM;
		past_add_stall(&w->past, &s->stalls[i], s->t_ns);
	}
	return 0;
}

int detect_tick(struct detect *d, struct snapshot *s, thread_facts_fn *look, void *context)
{
	struct pool_row *rows = (struct pool_row *)s->pools; /* it is still being made */
	int error = add_all(d, s);

	d->by_pid = NULL; /* it lay in the last snapshot */
	d->n_by_pid = 0;
	for (size_t i = 0; i < s->n_pools && !error; i++)
		error = pool_run(d, s, &rows[i], look, context);
	for (size_t i = 0; i < s->n_stalls && !error; i++)
		error = stall_run(d, s, &s->stalls[i]);
	if (error)
		return error;
	suspects_tick_end(&d->suspects);
	forget_gone(d, s->wall_ns);
	set_verdicts(d, rows, s);
	return set_findings(d, s);
}
