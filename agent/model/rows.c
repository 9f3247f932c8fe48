/* SPDX-License-Identifier: MIT */
/*
 * rows.c - the model as rows of a snapshot. The surprise: what has no row any more but counted once (a pool that was destroyed) still
 * has one among the retired, so that the sums of its name do not fall.
 *
 * The rows of pools are kept from tick to tick, and lent to the snapshot: of ten thousand pools most are as they were, and making 8 MB of rows anew took
 * longer than all else that a quiet pool costs. They lie in the order of the pools; where one has come or gone they are put in order again.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/state.h"

#define ROWS_FEW 16

int string_keep(const char **s, struct arena *arena)
{
	const char *copy = arena_strdup(arena, *s);

	if (*s && !copy)
		return -ENOMEM;
	*s = copy;
	return 0;
}

/* Copies the strings that are borrowed into the arena; histograms stay the model's (snapshot.h). Of a pool the strings do, too. */
static int row_keep(struct pool_row *row, struct arena *arena)
{
	if (string_keep(&row->name, arena) || string_keep(&row->endpoint, arena) ||
	    string_keep(&row->library, arena) || string_keep(&row->process, arena) ||
	    string_keep(&row->service, arena) || string_keep(&row->container_id, arena))
		return -ENOMEM;
	return 0;
}

/* ---- rows -------------------------------------------------------------------------------------------------------------- */

static int by_beginning(const void *a, const void *b)
{
	const struct ref_row *x = a, *y = b;

	return (x->age_ns > y->age_ns) - (x->age_ns < y->age_ns);
}

static int refs_rows(const struct refs *r, int64_t now_ns, uint32_t tgid, struct arena *arena,
		     thread_name_fn *name, void *context, const struct ref_row **ret, size_t *ret_n)
{
	struct ref_row *rows;

	*ret = NULL;
	*ret_n = 0;
	if (!r->n)
		return 0;
	rows = arena_alloc(arena, r->n, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	memcpy(rows, r->row, r->n * sizeof(*rows));
	qsort(rows, r->n, sizeof(*rows), by_beginning);
	for (size_t i = 0; i < r->n; i++) {
		rows[i].since_ns = rows[i].age_ns;
		rows[i].age_ns = now_ns > rows[i].age_ns ? now_ns - rows[i].age_ns : 0;
		if (name && rows[i].tid) /* of one that is not known nothing is known, also not that it is gone */
			name(context, tgid, rows[i].tid, rows[i].thread, &rows[i].is_thread_gone);
	}
	*ret = rows;
	*ret_n = r->n;
	return 0;
}

/* NULL = trusted: nothing of this pool was lost, and acquires - releases = in use (a copy of the books is whole only then). */
static const char *pool_doubt(const struct pool *p)
{
	uint32_t flags = p->books.flags;

	if (flags & PS_POOL_LOST_EVENTS)
		return "leases or waiters of it found no room in the tables";
	if (flags & PS_POOL_SAME_TASKS)
		return "tasks with the same name waited at the same time, so their waits are mixed up";
	if (flags & (PS_POOL_UNSEEN_TASKS | PS_POOL_UNSEEN_STAYS))
		return "tasks came before the probes of their function were on, and may still run";
	if (p->n_torn >= TORN_DOUBT)
		return "acquires less releases is not in use";
	if (flags & PS_POOL_PAGE_LIES)
		return "what its process has written in the page of its counts makes no sense";
	if (p->is_light && flags & PS_POOL_PAGED)
		return "the page in which its process counts cannot be read";
	if (p->is_light)
		return p->counted_in_use == UNKNOWN
			       ? "the members of the pool's struct cannot be read"
			       : NULL;
	if (p->is_partial)
		return "some probes of its recipe could not be attached: `poolscope probes` has the reasons";
	if (p->drift)
		return "the library's own count of items in use is another one";
	if (p->before_total == UNKNOWN && p->is_resumed)
		return "it was not watched for a while, and how many items were out when it was again is not known";
	if (p->before_total == UNKNOWN && flags & PS_POOL_UNHELD)
		return "it was there before the agent, and who waited then is not known";
	if (p->before_total == UNKNOWN)
		return "it was there before the agent, and how many items were out then is not known";
	return NULL;
}

static int64_t pool_idle(const struct pool *p, const struct pool_row *row)
{
	int64_t capacity = (int64_t)p->books.capacity;

	if (row->open != UNKNOWN)
		return row->open > row->in_use ? row->open - row->in_use : 0;
	if (p->books.kind == PS_KIND_semaphore && capacity)
		return capacity > row->in_use ? capacity - row->in_use : 0;
	return UNKNOWN;
}

static void row_levels(const struct pool *p, struct pool_row *row)
{
	int64_t before = pool_before_out(p);

	row->since_ns = p->books.since_ns;
	row->capacity = pool_capacity(p) > 0 ? pool_capacity(p) : UNKNOWN;
	row->capacity_basis = row->capacity != UNKNOWN ? "configured" : "unknown";
	row->in_use =
		p->is_light ? p->counted_in_use : larger(0, p->books.in_use + before + p->drift);
	row->pending = p->is_light ? p->counted_waiting : p->books.waiting;
	row->in_use_peak = larger((int64_t)p->books.in_use_peak + before, row->in_use);
	row->pending_peak = larger(p->books.waiting_peak, row->pending);
	row->open = pool_open(p);
	row->idle = pool_idle(p, row);
	row->before_start =
		p->before_total == UNKNOWN ? (int64_t)p->books.before_releases : p->before_total;
}

/* Over the last window. */
static void row_rates(const struct pool *p, struct pool_row *row)
{
	double seconds = (double)(p->window.t_ns - p->former.t_ns) / 1e9;
	double capacity = p->window.capacity_s - p->former.capacity_s;
	double used = fmax(0, p->window.in_use_s - p->former.in_use_s);

	row->mean_in_use = row->utilization = row->acquires_per_s = row->timeouts_per_s = NAN;
	if (!p->former.t_ns || !(seconds > 0))
		return;
	row->mean_in_use = used / seconds;
	if (capacity > 0)
		row->utilization = used / capacity;
	row->acquires_per_s = (double)(p->window.acquires - p->former.acquires) / seconds;
	row->timeouts_per_s = (double)(p->window.timeouts - p->former.timeouts) / seconds;
}

/* Opened items for each acquire, as far as both are counted. */
static double reuse_ratio(const struct pool_row *row)
{
	int64_t opened = row->opened > 0 ? row->opened : row->acquires_new;

	return row->acquires > 0 && opened > 0 ? fmax(0, 1 - (double)opened / (double)row->acquires)
					       : NAN;
}

static int64_t age_of_oldest(const struct refs *r, int64_t now_ns)
{
	return r->total && now_ns > r->oldest_since_ns ? now_ns - r->oldest_since_ns : 0;
}

static void row_lighten(struct pool_row *row)
{
	row->confidence = "medium";
	row->oldest_wait_ns = row->oldest_hold_ns = UNKNOWN;
	row->acquires_per_s = row->timeouts_per_s = row->reuse_ratio = NAN;
	row->before_start = row->in_use_peak = row->pending_peak = UNKNOWN;
}

static void row_forget_waits(const struct pool *p, struct pool_row *row)
{
	row->pending = p->counted_waiting;
	row->pending_peak = row->oldest_wait_ns = UNKNOWN;
	row->timeouts_per_s = NAN;
}

/* What its connections' sockets tell beyond what the library does. 0 or -ENOMEM. */
static int row_join(const struct model *m, const struct pool *p, struct pool_row *row,
		    struct arena *arena)
{
	const struct endpoint *e;
	char name[NAME_BYTES];

	row->endpoint = NULL;
	row->close_wait = row->oldest_close_wait_ns = UNKNOWN;
	if (p->joined_ticks < JOIN_TICKS)
		return 0;
	endpoint_name(&p->joined->addr, name);
	row->endpoint = name;
	HASH_FIND(hh, m->endpoints, p->joined, sizeof(*p->joined), e);
	if (e)
		endpoint_row_close_wait(e, m->now_ns, row);
	return string_keep(&row->endpoint, arena);
}

static void row_ages(const struct model *m, const struct pool *p, struct pool_row *row)
{
	row->oldest_wait_ns = age_of_oldest(&p->waiters, m->now_ns);
	row->oldest_hold_ns = age_of_oldest(&p->holders, m->now_ns);
	if (pool_before_out(p) && m->now_ns - row->since_ns > row->oldest_hold_ns)
		row->oldest_hold_ns = m->now_ns - row->since_ns; /* at least */
}

/* What is found out anew each time, by others (detect/). */
static void row_judge_nothing(struct pool_row *row)
{
	row->verdict = pool_row_unknown.verdict;
	row->saturated_by = NULL;
	row->is_doubted = false;
	row->leaked = row->silent = UNKNOWN;
}

/* All but what pool_row_count() and pool_row_sums() have set. */
static int pool_row_fill(const struct model *m, struct pool *p, const struct snapshot *s,
			 thread_name_fn *name_thread, void *context)
{
	struct pool_row *row = p->row;
	uint32_t tgid = p->key.proc.tgid;
	struct arena *arena = s->arena;

	row_process(m, &p->key.proc, row);
	row->id = p->id;
	row->key = p->key;
	row->is_suspected = p->books.flags & PS_POOL_SUSPECTED;
	row->notable_told = p->books.flags & PS_POOL_NOTABLE;
	row->library = p->library;
	row_levels(p, row);
	row_rates(p, row);
	row->reuse_ratio = reuse_ratio(row);
	row_ages(m, p, row);
	row->confidence = "high";
	if (p->is_light)
		row_lighten(row);
	if (p->is_waitless)
		row_forget_waits(p, row);
	row->evidence = p->books.flags & PS_POOL_PAGED
				? "the pool's own counts, in a page of its process"
			: p->is_light ? "members of the library's own struct, read once a second"
			: p->library  ? "probes on the library's functions"
				      : "the pool's own probe points";
	row->untrusted_why = pool_doubt(p);
	row->trusted = !row->untrusted_why;
	row->trend = trend_levels(&p->trend);
	row_judge_nothing(row);
	if (p->has_new_hists && !p->is_light && p->watch.level == LEVEL_FULL)
		row->notable = exemplars_notable(row->wait, row->hold,
						 (double)(m->now_ns - row->since_ns) / 1e9,
						 row->notable_told);
	exemplars_rows(p, s);
	if (row_join(m, p, row, arena) ||
	    row_saturated_by(m, &p->key.proc, &p->recent, row->pending_s, row, arena) ||
	    refs_rows(&p->holders, m->now_ns, tgid, arena, name_thread, context, &row->holders,
		      &row->n_holders) ||
	    refs_rows(&p->waiters, m->now_ns, tgid, arena, name_thread, context, &row->waiters,
		      &row->n_waiters))
		return -ENOMEM;
	return row_unwatch(p, arena);
}

static const char *endpoint_doubt(const struct ps_endpoint *b)
{
	if (b->refused_ns)
		return "connections of it found no room in the table: raise limits.sockets";
	return b->open < 0 ? "more connections were closed than seen open" : NULL;
}

static int endpoint_row_fill(const struct model *m, const struct endpoint *e, struct pool_row *row,
			     struct arena *arena)
{
	const struct ps_endpoint *b = &e->books;
	bool is_listener = e->key.role == PS_SOCK_LISTEN;
	char name[NAME_BYTES];

	endpoint_row_begin(m, e, name, row);
	row->id = e->id;
	row->since_ns = (int64_t)b->since_ns;
	row->capacity = is_listener ? e->accept_backlog : UNKNOWN;
	row->capacity_basis = row->capacity != UNKNOWN ? "configured" : "unknown";
	row->open = b->open > 0 ? b->open : 0;
	row->before_start = (int64_t)b->found;
	row->pending = is_listener ? e->accept_queue : UNKNOWN;
	row->accept_queue = e->accept_queue;
	row->accept_backlog = e->accept_backlog;
	endpoint_row_close_wait(e, m->now_ns, row);
	endpoint_row_infer(e, m->now_ns, row);
	if (e->is_sampled && endpoint_inferred(e) == INFERRED_NOTHING) {
		row->confidence = "medium";
		row->evidence =
			e->books.wire
				? "socket inventory at each tick; nothing has gone over its connections since they are followed"
				: "socket inventory at each tick: shorter connections are not counted";
	}
	row->untrusted_why = endpoint_doubt(b);
	row->trusted = !row->untrusted_why;
	if (row_keep(row, arena))
		return -ENOMEM;
	return row_saturated_by(m, &e->key.proc, &e->recent, row->wait ? row->wait->sum_s : NAN,
				row, arena);
}

/* A destroyed pool stays in the kernel's table for a moment; it may be made again, and its books go on. */
static bool pool_is_shown(const struct pool *p)
{
	return !(p->books.flags & PS_POOL_DESTROYED);
}

/* Not a place to which nothing leads any more, and nothing ever did before our eyes; and not one that another row is about. */
static bool endpoint_is_shown(const struct endpoint *e)
{
	const struct ps_endpoint *b = &e->books;

	if (e->is_folded)
		return false;
	return b->open || b->connecting || e->key.role != PS_SOCK_CONNECT || b->opened ||
	       sum_counts(b->failed, PS_OPEN_FAILURE_COUNT);
}

static int family_row_fill(const struct model *m, const struct family *f, struct pool_row *row,
			   struct arena *arena)
{
	char name[NAME_BYTES];

	family_row_begin(m, f, name, row);
	family_row_levels(f, row);
	row->trend = trend_levels(&f->trend);
	row->trusted = f->books.busy >= 0 && f->books.n >= 0;
	row->untrusted_why = row->trusted ? NULL : "more workers ended than were seen to begin";
	return row_keep(row, arena);
}

/* Whether sums of others need its counters, though it is not shown. */
static bool is_missed(bool is_shown, const struct group *g)
{
	return !is_shown && g && retired_is_shared(g);
}

static size_t n_missed(const struct model *m)
{
	size_t n = 0;

	for (const struct pool *p = m->pools; p; p = p->hh.next)
		n += is_missed(pool_is_shown(p), p->group);
	for (const struct endpoint *e = m->endpoints; e; e = e->hh.next)
		n += is_missed(endpoint_is_shown(e), e->group);
	for (const struct family *f = m->families; f; f = f->hh.next)
		n += is_missed(family_is_shown(m, f), f->group);
	return n;
}

/* What is gone for good, and what is there but not shown. */
static int snapshot_retired(const struct model *m, struct snapshot *s)
{
	size_t n = retired_n(&m->retired);
	struct pool_row *rows = arena_alloc(s->arena, n + n_missed(m), sizeof(*rows));
	char name[NAME_BYTES];

	if (!rows)
		return -ENOMEM;
	retired_rows(&m->retired, rows);
	for (size_t i = 0; i < n; i++)
		if (row_keep(&rows[i], s->arena))
			return -ENOMEM;
	for (const struct pool *p = m->pools; p; p = p->hh.next) {
		if (!is_missed(pool_is_shown(p), p->group))
			continue;
		rows[n] = *pool_row_labelled(m, p);
		rows[n].min_idle = UNKNOWN; /* it is no counter */
		rows[n++].notable = 0;
	}
	for (const struct endpoint *e = m->endpoints; e; e = e->hh.next) {
		if (!is_missed(endpoint_is_shown(e), e->group))
			continue;
		endpoint_row_begin(m, e, name, &rows[n]);
		if (row_keep(&rows[n++], s->arena))
			return -ENOMEM;
	}
	for (const struct family *f = m->families; f; f = f->hh.next) {
		if (!is_missed(family_is_shown(m, f), f->group))
			continue;
		family_row_begin(m, f, name, &rows[n]);
		if (row_keep(&rows[n++], s->arena))
			return -ENOMEM;
	}
	s->retired = rows;
	s->n_retired = n;
	return 0;
}

/* ---- where the rows of pools lie ---------------------------------------------------------------------------------------- */

/* Rows of which there is room for more: those that nobody has written to take no memory, for a block as large is the system's. -ENOMEM leaves all as it was. */
static int rows_resize(struct model *m, size_t n)
{
	struct pool_row *rows = realloc(m->rows, n * sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	m->rows = rows;
	m->n_rows = n;
	for (struct pool *p = m->pools; p; p = p->hh.next)
		if (!p->has_own_row)
			p->row = &rows[p->place];
	return 0;
}

static void row_move(struct model *m, struct pool *p, size_t place)
{
	struct pool_row *from = p->row;

	p->row = &m->rows[place];
	p->place = (uint32_t)place;
	if (p->row != from)
		*p->row = *from;
	if (p->has_own_row)
		free(from);
	p->has_own_row = false;
}

/* Over the places of those that are gone; places rise in the order of the pools. Returns how many are left. */
static size_t rows_close_up(struct model *m)
{
	size_t n = 0;

	for (struct pool *p = m->pools; p; p = p->hh.next)
		if (!p->has_own_row)
			row_move(m, p, n++);
	return n;
}

int row_place(struct model *m, struct pool *p)
{
	if (m->n_placed == m->n_rows) {
		m->n_placed = rows_close_up(m);
		if (m->n_placed >= m->n_rows / 4 * 3 &&
		    rows_resize(m, m->n_rows + m->n_rows / 2 + ROWS_FEW))
			return -ENOMEM;
	}
	p->place = (uint32_t)m->n_placed++;
	p->row = &m->rows[p->place];
	return 0;
}

/* Each pool that is shown has the next place (so many have), no other has one, and there is room for all that is no pool. */
static bool are_in_order(const struct model *m, size_t *ret_n)
{
	size_t n = 0;

	if (!m->rows || m->n_rows < model_n_pools(m) || m->n_rows / 4 > model_n_pools(m) + ROWS_FEW)
		return false;
	for (const struct pool *p = m->pools; p; p = p->hh.next)
		if (pool_is_shown(p) ? p->has_own_row || p->place != n++ : !p->has_own_row)
			return false;
	*ret_n = n;
	return true;
}

/* Who is not shown any more takes its row along. 0 or -ENOMEM; then some have, and that is as good. */
static int rows_take_out(struct model *m)
{
	for (struct pool *p = m->pools; p; p = p->hh.next) {
		struct pool_row *own;

		if (p->has_own_row || pool_is_shown(p))
			continue;
		own = malloc(sizeof(*own));
		if (!own)
			return -ENOMEM;
		*own = *p->row;
		p->row = own;
		p->has_own_row = true;
	}
	return 0;
}

/* First those that have places are brought together, then each goes to its own, the last one first: so nobody's is written over. */
static size_t rows_bring_in(struct model *m)
{
	struct pool *last = NULL;
	size_t n = 0, n_shown;

	rows_close_up(m);
	for (struct pool *p = m->pools; p; p = p->hh.next) {
		n += pool_is_shown(p);
		last = p;
	}
	n_shown = n;
	for (struct pool *p = last; p; p = p->hh.prev)
		if (pool_is_shown(p))
			row_move(m, p, --n);
	return n_shown;
}

/* 0 or -ENOMEM; then they lie as they lay. */
static int rows_arrange(struct model *m)
{
	size_t n = model_n_pools(m), room = n + n / 8 + ROWS_FEW;

	if (are_in_order(m, &m->n_placed))
		return 0;
	if (rows_take_out(m) || ((!m->rows || m->n_rows < n) && rows_resize(m, room)))
		return -ENOMEM;
	m->n_placed = rows_bring_in(m);
	if (m->n_rows / 4 > n + ROWS_FEW)
		rows_resize(m, room); /* else it is more than is needed */
	return 0;
}

int model_snapshot(struct model *m, struct snapshot *s, thread_name_fn *name_thread, void *context)
{
	struct pool *p;
	struct endpoint *e;
	size_t n = 0;

	if (rows_arrange(m))
		return -ENOMEM;
	for (struct process *proc = m->processes; proc; proc = proc->hh.next)
		proc->is_told = false;
	for (p = m->pools; p; p = p->hh.next)
		if (pool_is_shown(p) && ++n && pool_row_fill(m, p, s, name_thread, context))
			return -ENOMEM;
	for (e = m->endpoints; e; e = e->hh.next)
		if (endpoint_is_shown(e) && endpoint_row_fill(m, e, &m->rows[n++], s->arena))
			return -ENOMEM;
	for (const struct family *f = m->families; f; f = f->hh.next)
		if (family_is_shown(m, f) && family_row_fill(m, f, &m->rows[n++], s->arena))
			return -ENOMEM;
	s->pools = m->rows;
	s->n_pools = n;
	if (stalls_snapshot(m, s) || stall_sums_snapshot(m, s) || locks_snapshot(m, s) ||
	    lock_sums_snapshot(m, s) || processes_snapshot(m, s))
		return -ENOMEM;
	return snapshot_retired(m, s);
}
