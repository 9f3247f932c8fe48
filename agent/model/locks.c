/* SPDX-License-Identifier: MIT */
/*
 * locks.c - the locks at which threads of processes wait (bpf/locks.h). The surprise: a row lives as long as its place in the kernel's
 * table; there, words at which nobody waits any more make room when it is full, and who waits at one again begins anew.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "model/state.h"

static struct lock *lock_find(const struct model *m, const struct ps_proc_key *proc, uint64_t word)
{
	struct lock_key key = { .proc = *proc, .word = word };
	struct lock *l;

	HASH_FIND(hh, m->locks, &key, sizeof(key), l);
	return l;
}

static struct lock *lock_get(struct model *m, const struct ps_lock *books)
{
	struct lock *l = lock_find(m, &books->proc, books->word);

	if (l)
		return l;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->key = (struct lock_key){ .proc = books->proc, .word = books->word };
	HASH_ADD(hh, m->locks, key, sizeof(l->key), l);
	return l;
}

static void forget_stack(struct lock *l)
{
	for (size_t i = 0; i < l->n_stack; i++)
		replace_string(&l->stack[i], NULL);
	l->n_stack = 0;
}

void lock_free(struct model *m, struct lock *l)
{
	HASH_DEL(m->locks, l);
	forget_stack(l);
	hist_done(&l->wait);
	hist_done(&l->summed);
	free(l->name);
	free(l);
}

void locks_tick_begin(struct model *m)
{
	for (struct lock *l = m->locks; l; l = l->hh.next)
		l->is_fed = false;
}

void locks_tick_end(struct model *m)
{
	struct lock *l, *next;

	HASH_ITER (hh, m->locks, l, next)
		if (!l->is_fed)
			lock_free(m, l);
}

/* What is no lock, or not yet known to be one, has no row. */
static bool is_told(const struct ps_lock *books)
{
	return books->flags & PS_LOCK_SURE && books->flags & PS_LOCK_SHARED &&
	       !(books->flags & PS_LOCK_REFUSED);
}

static int feed_convoy(struct model *m, const struct ps_lock *books)
{
	struct ps_standstill s = { .since_ns = books->convoy_ns, .cause = PS_STALL_convoy };

	if (m->now_ns - (int64_t)s.since_ns < CONVOY_SHOWN_NS)
		s.since_ns = 0;
	return stalls_take_standstill(m, &books->proc, &s);
}

/* Most have nothing new; a wait that is half written comes with the next tick. */
static int feed_waits(struct lock *l, const struct ps_hist *wait)
{
	int error;

	if (wait->sum_ns == l->seen_ns)
		return 0;
	error = hist_catch_up(&l->wait, wait, 0);
	if (!error)
		l->seen_ns = wait->sum_ns;
	return error;
}

int model_feed_lock(struct model *m, const struct ps_lock *books, int64_t n_waiting,
		    int64_t oldest_since_ns)
{
	struct lock *l;
	int error;

	if (!is_told(books))
		return 0;
	l = lock_get(m, books);
	if (!l)
		return -ENOMEM;
	l->is_fed = true;
	l->former = l->window;
	l->n_waiting = n_waiting;
	l->oldest_since_ns = oldest_since_ns;
	l->timeouts = books->timeouts;
	tap_put_lock(m, l, books);
	error = feed_waits(l, &books->wait);
	l->window = (struct lock_window){ .t_ns = m->now_ns,
					  .waits = l->wait.count,
					  .wait_s = l->wait.sum_s };
	return error ? error : feed_convoy(m, books);
}

bool model_has_lock(const struct model *m, const struct ps_lock *books)
{
	return lock_find(m, &books->proc, books->word);
}

bool model_wants_lock_name(const struct model *m, const struct ps_lock *books)
{
	const struct lock *l = lock_find(m, &books->proc, books->word);

	return l && !l->is_named;
}

int model_name_lock(struct model *m, const struct ps_lock *books, const char *name)
{
	struct lock *l = lock_find(m, &books->proc, books->word);

	if (!l)
		return 0;
	l->is_named = true;
	tap_put_text(m, RECORD_lock_name, &l->key, NULL, &name, 1);
	return replace_string(&l->name, name);
}

bool model_wants_lock_stack(const struct model *m, const struct ps_lock *books)
{
	const struct lock *l = lock_find(m, &books->proc, books->word);

	return l && books->stack_ns &&
	       (!l->stack_ns || (int64_t)books->stack_ns - l->stack_ns >= LOCK_STACK_AGE_NS);
}

int model_feed_lock_stack(struct model *m, const struct ps_lock *books, const char *const *place,
			  size_t n)
{
	struct lock *l = lock_find(m, &books->proc, books->word);

	if (!l)
		return 0;
	forget_stack(l);
	l->stack_ns = (int64_t)books->stack_ns;
	tap_put_text(m, RECORD_lock_stack, &l->key,
		     &(struct record_lock_stack){ .stack_ns = books->stack_ns }, place, n);
	for (size_t i = 0; i < n && i < LOCK_STACK_MAX; i++) {
		if (replace_string(&l->stack[i], place[i]))
			return -ENOMEM;
		l->n_stack++;
	}
	return 0;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

static void row_rates(const struct lock *l, struct lock_row *row)
{
	double seconds = (double)(l->window.t_ns - l->former.t_ns) / 1e9;

	row->waits_per_s = row->mean_waiting = NAN;
	if (!l->former.t_ns || seconds <= 0)
		return;
	row->waits_per_s = (double)(l->window.waits - l->former.waits) / seconds;
	row->mean_waiting = (l->window.wait_s - l->former.wait_s) / seconds;
}

static int row_stack(const struct lock *l, struct lock_row *row, struct arena *arena)
{
	const char **stack = arena_alloc(arena, l->n_stack + 1, sizeof(*stack));

	if (!stack)
		return -ENOMEM;
	for (size_t i = 0; i < l->n_stack; i++) {
		stack[i] = l->stack[i];
		if (string_keep(&stack[i], arena))
			return -ENOMEM;
	}
	row->stack = stack;
	row->n_stack = l->n_stack;
	return 0;
}

static int row_fill(const struct model *m, const struct lock *l, struct lock_row *row,
		    struct arena *arena)
{
	struct pool_row of = pool_row_unknown;

	row_process(m, &l->key.proc, &of);
	*row = (struct lock_row){ .pid = of.pid,
				  .process = of.process,
				  .service = of.service,
				  .address = l->key.word,
				  .name = l->name,
				  .wait = &l->wait,
				  .timeouts = (int64_t)l->timeouts,
				  .waiting = l->n_waiting };
	if (l->n_waiting && m->now_ns > l->oldest_since_ns)
		row->oldest_wait_ns = m->now_ns - l->oldest_since_ns;
	row_rates(l, row);
	if (string_keep(&row->process, arena) || string_keep(&row->service, arena) ||
	    string_keep(&row->name, arena))
		return -ENOMEM;
	return row_stack(l, row, arena);
}

int locks_snapshot(struct model *m, struct snapshot *s)
{
	struct lock_row *rows = arena_alloc(s->arena, HASH_COUNT(m->locks) + 1, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	for (const struct lock *l = m->locks; l; l = l->hh.next)
		if (row_fill(m, l, &rows[n++], s->arena))
			return -ENOMEM;
	s->locks = rows;
	s->n_locks = n;
	return 0;
}
