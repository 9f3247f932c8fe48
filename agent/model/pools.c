/* SPDX-License-Identifier: MIT */
/*
 * pools.c - the books of one pool from tick to tick.
 *
 * The surprise: leases that began before the agent are not in the books' in_use; they are known only by their releases, and
 * (where the pool's author gave us his own counter) by the difference to it. The number of them is a constant of the pool,
 * before_total; two readings in a row must agree before it is believed.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/state.h"

#define DRIFT_TICKS 4

/*
 * Seconds are told in steps of 2^-24 (60 ns): then adding up those of many pools is exact, whatever the order, up to 17 years
 * of one item. Else a sum could fall by its last bit when one of its parts comes to stand behind the others.
 */
#define STEPS_PER_SECOND 16777216.0

double whole_steps(double s)
{
	return floor(s * STEPS_PER_SECOND) / STEPS_PER_SECOND;
}

/* ---- pools ------------------------------------------------------------------------------------------------------------- */

static bool is_it(const struct pool *p, const struct ps_pool_key *key)
{
	return p && !memcmp(&p->key, key, sizeof(*key));
}

struct pool *pool_find(const struct model *m, const struct ps_pool_key *key)
{
	struct pool *p;

	if (is_it(m->fed_pool, key))
		return m->fed_pool;
	if (is_it(m->next_pool, key))
		return m->next_pool;
	HASH_FIND(hh, m->pools, key, sizeof(*key), p);
	return p;
}

bool model_has_pool(const struct model *m, const struct ps_pool_key *key)
{
	return pool_find(m, key);
}

/* They are fed in the same order from tick to tick, and of very many each search is a miss of the cache. So each knows who came after it the last time. */
static void pool_is_fed(struct model *m, struct pool *p)
{
	if (m->fed_pool && m->fed_pool != p)
		m->fed_pool->next_fed = p;
	m->fed_pool = p;
	m->next_pool = p->next_fed;
}

static struct pool *pool_new(struct model *m)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	if (row_place(m, p)) {
		free(p);
		return NULL;
	}
	*p->row = pool_row_unknown;
	return p;
}

/* Of its counts nothing is known yet. */
static void pool_count_anew(struct pool *p)
{
	p->before_total = p->before_candidate = UNKNOWN;
	p->counted_open = p->counted_capacity = p->counted_waiting = p->counted_in_use = UNKNOWN;
	p->first_waits = p->first_wait_ns = UNKNOWN;
}

/*
 * Its books have begun anew, since it was not watched for a while: the same pool, and what it counted before stays behind for who sums pools by name, as that of one
 * that is gone. A pool of which nothing was counted has since_ns moved as well, and not its capacity's; and one that counts in a page is never begun anew, though its page may be older or younger than
 * what the kernel side knew of it.
 */
static bool is_anew(const struct pool *p, const struct ps_pool *books)
{
	return p->t_ns && (int64_t)books->since_ns > p->books.since_ns &&
	       books->capacity_since_ns >= books->since_ns && !(books->flags & PS_POOL_PAGED);
}

static void pool_begin_anew(struct model *m, struct pool *p)
{
	pool_retire_counts(m, p);
	for (int i = 0; i < PS_HIST_COUNT; i++)
		hist_done(&p->hist[i]);
	p->hists_seen = p->waitless = 0;
	p->counted_in_use_s = p->counted_pending_s = p->counted_capacity_s = 0;
	p->last_in_use_integral = p->last_pending_integral = p->last_capacity_integral = 0;
	p->sums = (struct sums){ 0 };
	p->last_backlog = 0;
	p->counted_backlog_s = p->sampled_in_use_s = p->sampled_waiting_s = 0;
	p->last_capacity = p->drift = p->drift_candidate = 0;
	p->drift_ticks = 0;
	free(p->own_waits);
	p->own_waits = NULL;
	p->recent = (struct recent){ 0 };
	p->window = p->former = (struct window){ 0 };
	p->t_ns = 0;
	p->is_resumed = true;
	pool_count_anew(p);
}

static struct pool *pool_get(struct model *m, const struct ps_pool_key *key)
{
	struct pool *p = pool_find(m, key);

	if (p) {
		pool_is_fed(m, p);
		return p;
	}
	p = pool_new(m);
	if (!p)
		return NULL;
	p->key = *key;
	p->id = m->next_id++;
	pool_count_anew(p);
	trend_init(&p->trend);
	HASH_ADD(hh, m->pools, key, sizeof(p->key), p);
	pool_is_fed(m, p);
	return p;
}

uint64_t sum_counts(const __u64 *counts, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += counts[i];
	return sum;
}

/* ---- its books: what is kept of them ------------------------------------------------------------------------------------ */

/*
 * How much has happened, so far: a sum of counts that never fall, so it is the same only while each of them is, and then nothing else in the books has
 * changed but what the agent said itself (flags) and what follows from the counts a moment later (peaks, saturation).
 */
static uint64_t events_of(const struct ps_pool *b)
{
	return b->seq_end + b->acquires + b->releases + b->wait_begins + b->wait_ends +
	       b->acquires_new + b->odd_release + b->odd_acquire + b->odd_wait;
}

/* Acquires that did not wait are no event of a histogram in the kernel, they are what is left. */
static uint64_t waitless_acquires(const struct ps_pool *b)
{
	uint64_t waited = b->wait_ends - sum_counts(b->outcome, PS_OUTCOME_COUNT);

	return b->acquires > waited ? b->acquires - waited : 0;
}

static int64_t open_by_books(const struct ps_pool *b)
{
	int64_t open = (int64_t)(b->opened - sum_counts(b->closed, PS_CLOSE_COUNT));

	return b->flags & PS_POOL_IMPLICIT || !b->opened || open < 0 ? UNKNOWN : open;
}

/* Of a library all is looked at each time: what it says itself is in no count of ours. */
static bool is_as_before(const struct pool *p, const struct ps_pool *b,
			 const struct pool_extra *extra)
{
	return p->name && !p->library && !p->is_light && !p->is_waitless && !extra->library &&
	       p->watch.level == LEVEL_FULL && extra->watch.level == LEVEL_FULL &&
	       !extra->is_light && !extra->is_waitless && !extra->name[0] &&
	       p->books.n_events == events_of(b) && p->books.since_ns == (int64_t)b->since_ns &&
	       p->books.flags == b->flags && p->books.kind == b->kind;
}

/* What the kernel side changes after it has counted. */
static void pool_keep_levels(struct pool *p, const struct ps_pool *b)
{
	p->books.in_use_peak = b->in_use_peak;
	p->books.waiting_peak = b->waiting_peak;
}

static void pool_keep_books(struct pool *p, const struct ps_pool *b)
{
	int64_t in_use = ps_in_use(b), waiting = ps_waiting(b);

	p->books.capacity = b->capacity;
	p->books.before_releases = b->before_releases;
	p->books.n_events = events_of(b);
	p->books.n_waitless = waitless_acquires(b);
	p->books.since_ns = (int64_t)b->since_ns;
	p->books.destroyed_ns = (int64_t)b->destroyed_ns;
	p->books.open = open_by_books(b);
	p->books.in_use = in_use > 0 ? in_use : 0;
	p->books.waiting = waiting > 0 ? waiting : 0;
	p->books.kind = b->kind;
	p->books.flags = b->flags;
	p->books.n_rare = (uint32_t)b->seq_end;
	p->books.is_busy = in_use > 0 || waiting > 0;
}

/* What it is called in its row; one that has lost its name keeps it. -ENOMEM. */
static int pool_take_name(struct pool *p, const char *raw)
{
	char name[NAME_BYTES];
	bool is_named = text_clean(raw, PS_NAME_MAX - 1, name, sizeof(name));

	if (!is_named && p->is_named)
		return 0;
	if (!is_named && p->library)
		snprintf(name, sizeof(name), "%s", p->library);
	else if (!is_named)
		snprintf(name, sizeof(name), "pool-%llx", (unsigned long long)p->key.pool);
	p->is_named = is_named;
	if (p->name && !strcmp(p->name, name))
		return 0;
	if (replace_string(&p->name, name))
		return -ENOMEM;
	p->row->name = p->name;
	p->is_grouped = false;
	return 0;
}

/* A name comes with an event of a rare verb, or with the handle, which has a flag. */
static bool may_have_other_name(const struct pool *p, const struct ps_pool *b,
				const struct pool_extra *extra)
{
	return !p->name || p->library || extra->name[0] ||
	       p->books.n_rare != (uint32_t)b->seq_end || p->books.flags != b->flags ||
	       p->books.since_ns != (int64_t)b->since_ns;
}

/* ---- what follows from them -------------------------------------------------------------------------------------------- */

/* Leases from before the agent: known to be none when the pool was made before our eyes. */
static void pool_learn_before(struct pool *p, const struct ps_pool *b,
			      const struct pool_extra *extra)
{
	int64_t now;

	if (!(b->flags & PS_POOL_IMPLICIT)) {
		p->before_total = 0;
		return;
	}
	if (extra->counted_in_use == UNKNOWN) {
		int64_t capacity = extra->counted_capacity > 0 ? extra->counted_capacity
							       : (int64_t)b->capacity;

		if (capacity && b->in_use_peak == capacity && capacity == p->last_capacity) /* all that can be out was taken before our eyes */
			p->before_total = (int64_t)b->before_releases;
		p->last_capacity = capacity;
		return;
	}
	now = (int64_t)((uint64_t)extra->counted_in_use - (uint64_t)ps_in_use(b) +
			b->before_releases); /* in a recording they may be anything */
	if (now >= (int64_t)b->before_releases && now == p->before_candidate)
		p->before_total = now;
	p->before_candidate = now;
}

int64_t pool_before_out(const struct pool *p)
{
	int64_t out = (int64_t)((uint64_t)p->before_total - p->books.before_releases);

	return p->before_total == UNKNOWN || out < 0 ? 0 : out;
}

/*
 * The library's own count against ours. It may differ for a moment, while an item is on its way; when the same difference stands
 * for DRIFT_TICKS looks in a row, ours is wrong.
 */
static void pool_check_count(struct pool *p, const struct ps_pool *b,
			     const struct pool_extra *extra)
{
	int64_t diff = 0;

	if (extra->counted_in_use != UNKNOWN && p->before_total != UNKNOWN)
		diff = (int64_t)((uint64_t)extra->counted_in_use - (uint64_t)ps_in_use(b) -
				 (uint64_t)pool_before_out(p));
	p->drift_ticks = diff && diff == p->drift_candidate ? p->drift_ticks + 1 : 0;
	p->drift_candidate = diff;
	if (!diff || p->drift_ticks >= DRIFT_TICKS)
		p->drift = diff;
}

/* 0 = unbounded or unknown */
int64_t pool_capacity(const struct pool *p)
{
	return p->counted_capacity != UNKNOWN ? p->counted_capacity : (int64_t)p->books.capacity;
}

static double pool_in_use_s(const struct pool *p, const struct ps_pool *b)
{
	if (p->is_light)
		return p->sampled_in_use_s;

	double before = (double)b->before_sum_ns +
			(double)pool_before_out(p) * (double)(p->t_ns - p->books.since_ns);

	return p->counted_in_use_s + before / 1e9;
}

static double pool_saturated_s(const struct pool *p, const struct ps_pool *b)
{
	double now = b->saturated_since_ns && p->t_ns > (int64_t)b->saturated_since_ns
			     ? (double)(p->t_ns - (int64_t)b->saturated_since_ns)
			     : 0;

	return ((double)b->saturated_ns + now) / 1e9;
}

/*
 * The clock is read a little after the books, so what ended in between was counted for too long by the tick before. A counter
 * must not take that back; it waits until the truth has caught up.
 */
static void sum_raise(double *sum, double to)
{
	if (to > *sum)
		*sum = whole_steps(to);
}

static void pool_raise_sums(struct pool *p, const struct ps_pool *b)
{
	sum_raise(&p->sums.in_use_s, pool_in_use_s(p, b));
	sum_raise(&p->sums.capacity_s, p->counted_capacity_s);
	sum_raise(&p->sums.pending_s, p->is_light ? p->sampled_waiting_s : p->counted_pending_s);
	sum_raise(&p->sums.saturated_s, pool_saturated_s(p, b));
}

/* The part of the integrals that lay inside of stalls: they are the same of another clock, which runs only while the process stands still. */
static void pool_raise_stalled(struct pool *p, const struct ps_pool *b, uint64_t stood_ns)
{
	uint64_t waiting = (uint64_t)ps_waiting(b) * stood_ns + b->stood_wait_sum;
	uint64_t in_use = (uint64_t)ps_in_use(b) * stood_ns + b->stood_use_sum;

	sum_raise(&p->sums.stalled_s, fmin((double)(int64_t)waiting / 1e9, p->sums.pending_s));
	p->counted_backlog_s += (double)(b->backlog - p->last_backlog) * 1024 / 1e9;
	p->last_backlog = b->backlog;
	sum_raise(&p->sums.backlog_s,
		  fmin(p->counted_backlog_s, p->sums.pending_s - p->sums.stalled_s));
	sum_raise(&p->sums.stalled_hold_s, fmin((double)(int64_t)in_use / 1e9, p->sums.in_use_s));
}

/* What was read at the last tick is taken to have held until now. */
static void pool_sample(struct pool *p, double seconds)
{
	if (p->counted_in_use > 0)
		p->sampled_in_use_s += (double)p->counted_in_use * seconds;
	if (p->counted_waiting > 0)
		p->sampled_waiting_s += (double)p->counted_waiting * seconds;
}

/* Waits since we came, by the library's own counters. */
static void pool_take_own_waits(struct pool *p, const struct pool_extra *extra)
{
	if (extra->counted_waits == UNKNOWN || extra->counted_wait_ns == UNKNOWN)
		return;
	if (!p->own_waits)
		p->own_waits = calloc(1, sizeof(*p->own_waits));
	if (!p->own_waits)
		return; /* the next tick tries again */
	if (p->first_waits == UNKNOWN) {
		bool is_ours = !(p->books.flags & PS_POOL_IMPLICIT); /* made before our eyes: all of them */

		p->first_waits = is_ours ? 0 : extra->counted_waits;
		p->first_wait_ns = is_ours ? 0 : extra->counted_wait_ns;
	}
	if (extra->counted_waits < p->first_waits || extra->counted_wait_ns < p->first_wait_ns)
		return;
	p->own_waits->count = (uint64_t)(extra->counted_waits - p->first_waits);
	p->own_waits->sum_s =
		whole_steps((double)(extra->counted_wait_ns - p->first_wait_ns) / 1e9);
}

/* Its workers are told of: none are inferred beside them (families.c). */
static void pool_marks_process(struct model *m, const struct pool *p, const struct ps_pool *books)
{
	struct process *proc = books->kind == PS_KIND_worker ? process_find(m, &p->key.proc) : NULL;

	if (proc && !(books->flags & PS_POOL_DESTROYED))
		proc->has_workers = true;
}

static uint64_t use_integral(const struct ps_pool *b, int64_t t_ns)
{
	return (uint64_t)ps_in_use(b) * (uint64_t)t_ns + b->use_sum;
}

static uint64_t wait_integral(const struct ps_pool *b, int64_t t_ns)
{
	return (uint64_t)ps_waiting(b) * (uint64_t)t_ns - b->wait_begin_sum + b->wait_end_sum;
}

int model_feed_pool(struct model *m, const struct ps_pool_key *key, const struct ps_pool *books,
		    const struct pool_extra *extra, int64_t t_ns)
{
	struct pool *p = pool_get(m, key);
	uint64_t in_use, pending, capacity;
	bool is_same;

	if (!p)
		return -ENOMEM;
	if (is_anew(p, books))
		pool_begin_anew(m, p);
	if (extra->library && !p->library) {
		if (replace_string(&p->library, extra->library))
			return -ENOMEM;
		p->is_grouped = false; /* its source is another one */
	}
	is_same = is_as_before(p, books, extra);
	if (!is_same && may_have_other_name(p, books, extra) &&
	    pool_take_name(p, books->name[0] ? books->name : extra->name))
		return -ENOMEM;
	p->is_fed = true;
	pool_marks_process(m, p, books);
	pool_keep_levels(p, books);
	if (!is_same) {
		p->is_grouped = p->is_grouped && p->books.kind == books->kind;
		pool_keep_books(p, books);
	}
	if (p->is_light && p->t_ns && t_ns > p->t_ns)
		pool_sample(p, (double)(t_ns - p->t_ns) / 1e9);
	if (!books->capacity && p->counted_capacity > 0 && t_ns > p->t_ns && p->t_ns)
		p->counted_capacity_s +=
			(double)p->counted_capacity * (double)(t_ns - p->t_ns) / 1e9;
	p->t_ns = t_ns;
	p->n_torn = 0;
	p->counted_open = extra->counted_open;
	p->counted_capacity = extra->counted_capacity;
	p->counted_waiting = extra->counted_waiting;
	p->is_partial = extra->is_partial;
	p->counted_in_use = extra->counted_in_use;
	if (extra->own_counts != OWN_COUNTS_NOT_ASKED)
		p->has_no_own_counts = extra->own_counts == OWN_COUNTS_NONE;
	p->is_light = extra->is_light;
	p->is_waitless = extra->is_waitless && !extra->is_light;
	p->watch = extra->watch;
	if (p->is_light)
		pool_take_own_waits(p, extra);
	/* modulo 2^64; only differences between ticks are used, and those are small */
	in_use = use_integral(books, t_ns);
	pending = wait_integral(books, t_ns);
	capacity =
		books->capacity_sum + books->capacity * ((uint64_t)t_ns - books->capacity_since_ns);
	if (p->watch.level == LEVEL_FULL) { /* else what was out and who waited is as it was, and says nothing */
		p->counted_in_use_s += (double)(int64_t)(in_use - p->last_in_use_integral) / 1e9;
		p->counted_pending_s += (double)(int64_t)(pending - p->last_pending_integral) / 1e9;
		p->counted_capacity_s +=
			(double)(int64_t)(capacity - p->last_capacity_integral) / 1e9;
		pool_learn_before(p, books, extra);
		pool_check_count(p, books, extra);
		pool_raise_sums(p, books);
		pool_raise_stalled(p, books, extra->stood_ns);
	}
	p->last_in_use_integral = in_use;
	p->last_pending_integral = pending;
	p->last_capacity_integral = capacity;
	recent_roll(&p->recent,
		    &(struct mark){ .t_ns = t_ns,
				    .wait_s = p->sums.pending_s,
				    .saturated_s = p->sums.saturated_s,
				    .stalled_s = p->sums.stalled_s + p->sums.backlog_s });
	p->former = p->window;
	p->window = (struct window){
		.t_ns = t_ns,
		.in_use_s = p->sums.in_use_s,
		.capacity_s = p->sums.capacity_s,
		.acquires = books->acquires,
		.timeouts = books->outcome[PS_OUTCOME_timeout],
	};
	if (is_same)
		pool_row_sums(p, books);
	else
		pool_row_count(p, books);
	tap_put_pool(m, p, books, extra);
	exemplars_tell(m, p);
	return 0;
}

/* The last two ticks' most is not the most of all ticks in between, where there were some without it: so twice as much. */
static bool has_grown_as_it_may(uint64_t now, uint64_t then, int64_t most, int64_t passed_ns)
{
	double grown = (double)(int64_t)(now - then), room = (double)(most + 1) * (double)passed_ns;

	return grown >= -room && grown <= 2 * room;
}

bool model_doubts(const struct model *m, const struct ps_pool_key *key, const struct ps_pool *books,
		  int64_t t_ns)
{
	const struct pool *p = pool_find(m, key);
	int64_t used, waited;

	if (!p || !p->t_ns || t_ns <= p->t_ns || (int64_t)books->since_ns != p->books.since_ns)
		return false;
	used = larger(larger(p->books.in_use, ps_in_use(books)),
		      larger((int64_t)p->books.in_use_peak, (int64_t)books->in_use_peak));
	waited = larger(larger(p->books.waiting, ps_waiting(books)),
			larger((int64_t)p->books.waiting_peak, (int64_t)books->waiting_peak));
	return !has_grown_as_it_may(use_integral(books, t_ns), p->last_in_use_integral, used,
				    t_ns - p->t_ns) ||
	       !has_grown_as_it_may(wait_integral(books, t_ns), p->last_pending_integral, waited,
				    t_ns - p->t_ns);
}

void model_note_suspicion(struct model *m, const struct ps_pool_key *key, bool is_suspected,
			  uint32_t notable)
{
	struct pool *p = pool_find(m, key);

	if (!p)
		return;
	p->books.flags &= ~(PS_POOL_SUSPECTED | PS_POOL_NOTABLE);
	p->books.flags |= (is_suspected ? PS_POOL_SUSPECTED : 0u) | (notable & PS_POOL_NOTABLE);
}

void model_each_unfed(struct model *m, void (*each)(void *context, const struct ps_pool_key *key),
		      void *context)
{
	for (struct pool *p = m->pools; p; p = p->hh.next) {
		if (p->is_fed)
			continue;
		m->next_pool = p; /* it is what will be asked for */
		each(context, &p->key);
	}
}

static bool is_quiet(const struct model *m, const struct pool *p)
{
	bool is_asked = p->books.flags & PS_POOL_IMPLICIT && !(p->books.flags & PS_POOL_PAGED) &&
			!p->has_no_own_counts;

	bool is_learning = p->before_total == UNKNOWN && p->before_candidate != UNKNOWN;
	bool has_peak = p->books.flags & PS_POOL_PAGED && p->books.in_use_peak; /* of the tick before */

	return p->name && p->t_ns && !p->library && !p->is_light && !p->is_waitless &&
	       !p->is_partial && p->watch.level == LEVEL_FULL && !p->books.is_busy &&
	       !p->books.destroyed_ns && !pool_before_out(p) && !p->n_torn && !p->drift_ticks &&
	       !is_asked && !is_learning && !has_peak && !model_has_stood(m, &p->key.proc);
}

bool model_feed_quiet(struct model *m, const struct ps_pool_key *key)
{
	struct pool *p = pool_find(m, key);
	int64_t t_ns = m->now_ns;
	struct process *proc;

	if (!p || !is_quiet(m, p) || !tap_repeat_pool(m, p))
		return false;
	proc = p->books.kind == PS_KIND_worker ? process_find(m, &p->key.proc) : NULL;
	if (proc)
		proc->has_workers = true;
	p->is_fed = true;
	if (p->books.capacity && t_ns > p->t_ns) {
		p->last_capacity_integral += p->books.capacity * (uint64_t)(t_ns - p->t_ns);
		p->counted_capacity_s += (double)p->books.capacity * (double)(t_ns - p->t_ns) / 1e9;
		sum_raise(&p->sums.capacity_s, p->counted_capacity_s);
		p->row->capacity_s = p->sums.capacity_s;
	}
	p->t_ns = t_ns;
	recent_roll(&p->recent,
		    &(struct mark){ .t_ns = t_ns,
				    .wait_s = p->sums.pending_s,
				    .saturated_s = p->sums.saturated_s,
				    .stalled_s = p->sums.stalled_s + p->sums.backlog_s });
	p->former = p->window;
	p->window.t_ns = t_ns;
	p->window.in_use_s = p->sums.in_use_s;
	p->window.capacity_s = p->sums.capacity_s;
	exemplars_tell(m, p);
	return true;
}

void model_keep_pool(struct model *m, const struct ps_pool_key *key)
{
	struct pool *p = pool_find(m, key);

	if (!p || !p->name)
		return;
	p->is_fed = true;
	p->n_torn++;
	tap_put(m, RECORD_pool, key, NULL);
	exemplars_tell(m, p);
}

/* Not all of them in the same tick. */
bool model_wants_own_counts(const struct model *m, const struct ps_pool_key *key)
{
	const struct pool *p = pool_find(m, key);
	uint64_t second = (uint64_t)m->now_ns / 1000000000;

	return !p || !p->has_no_own_counts || (second + p->id) % OWN_COUNTS_TICKS == 0;
}

bool model_wants_hists(const struct model *m, const struct ps_pool_key *key)
{
	const struct pool *p = pool_find(m, key);

	return p && (m->is_all_wanted || p->hists_seen != p->books.n_events);
}

/* n_nothing: values of 0 that it does not count. */
int hist_catch_up(struct hist *h, const struct ps_hist *kernel, uint64_t n_nothing)
{
	uint32_t with_nothing[PS_HIST_BUCKETS];
	const uint32_t *low = kernel->bucket;

	if (n_nothing) {
		memcpy(with_nothing, low, sizeof(with_nothing));
		with_nothing[0] += (uint32_t)n_nothing;
		low = with_nothing;
	}
	if (hist_follow(h, low))
		return -ENOMEM;
	h->sum_s = whole_steps((double)kernel->sum_ns / 1e9);
	h->max_ns = kernel->max_ns;
	return 0;
}

int model_feed_hists(struct model *m, const struct ps_pool_key *key, const struct ps_hists *hists)
{
	struct pool *p = pool_find(m, key);
	int error = 0;

	if (!p)
		return 0;
	tap_put(m, RECORD_hists, key, hists);
	p->has_new_hists = true;
	if (p->waitless < p->books.n_waitless)
		p->waitless = p->books.n_waitless;
	for (int i = 0; i < PS_HIST_COUNT && !error; i++)
		error = hist_catch_up(&p->hist[i], &hists->h[i],
				      i == PS_HIST_WAIT ? p->waitless : 0);
	if (!error)
		p->hists_seen = p->books.n_events;
	return error;
}

int64_t pool_open(const struct pool *p)
{
	return p->counted_open != UNKNOWN ? p->counted_open : p->books.open;
}
