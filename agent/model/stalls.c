/* SPDX-License-Identifier: MIT */
/*
 * stalls.c - the times in which processes stood still, by cause (bpf/stalls.h). One that goes on is in no histogram yet, so it stands
 * beside them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/state.h"

static struct stall *stall_get(struct model *m, const struct ps_stall_key *key)
{
	struct stall *s;

	HASH_FIND(hh, m->stalls, key, sizeof(*key), s);
	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->key = *key;
	HASH_ADD(hh, m->stalls, key, sizeof(s->key), s);
	return s;
}

void stall_free(struct model *m, struct stall *s)
{
	HASH_DEL(m->stalls, s);
	hist_done(&s->length);
	hist_done(&s->summed);
	free(s);
}

static double stall_s(const struct model *m, const struct stall *s)
{
	return s->length.sum_s + (s->since_ns ? (double)(m->now_ns - s->since_ns) / 1e9 : 0);
}

void stalls_tick_begin(struct model *m)
{
	for (struct stall *s = m->stalls; s; s = s->hh.next) {
		s->is_fed = false;
		s->since_ns = 0;
	}
}

void stalls_tick_end(struct model *m)
{
	struct stall *s, *next;

	HASH_ITER (hh, m->stalls, s, next) {
		if (s->is_fed)
			recent_roll(&s->recent, &(struct mark){ .t_ns = m->now_ns,
								.stalled_s = stall_s(m, s) });
		else
			stall_free(m, s);
	}
}

static bool pool_has_work(const struct pool *p)
{
	return p->books.is_busy || pool_before_out(p) > 0 ||
	       p->counted_in_use > 0 || p->counted_waiting > 0;
}

bool model_has_work(const struct model *m, const struct ps_proc_key *proc)
{
	for (const struct pool *p = m->pools; p; p = p->hh.next)
		if (!memcmp(&p->key.proc, proc, sizeof(*proc)) && pool_has_work(p))
			return true;
	for (const struct endpoint *e = m->endpoints; e; e = e->hh.next)
		if (!memcmp(&e->key.proc, proc, sizeof(*proc)) &&
		    (e->wire.busy > 0 || e->accept_queue > 0))
			return true;
	return false;
}

bool model_has_stood(const struct model *m, const struct ps_proc_key *proc)
{
	const struct process *p = process_find(m, proc);

	return p && p->has_stood;
}

enum ps_stall_cause stalls_main_cause(const struct model *m, const struct ps_proc_key *proc)
{
	struct ps_stall_key key = { .proc = *proc };
	uint32_t found = PS_STALL_unknown;
	double most = 0;

	for (; key.cause < PS_STALL_COUNT; key.cause++) {
		const struct stall *s;
		double lately;

		HASH_FIND(hh, m->stalls, &key, sizeof(key), s);
		lately = s ? stall_s(m, s) - s->recent.older.stalled_s : 0;
		if (lately > most) {
			most = lately;
			found = key.cause;
		}
	}
	return (enum ps_stall_cause)found;
}

int model_feed_stalls(struct model *m, const struct ps_stall_key *key, const struct ps_hist *length)
{
	struct stall *s = stall_get(m, key);

	if (!s)
		return -ENOMEM;
	s->is_fed = true;
	tap_put(m, RECORD_stalls, key, length);
	return hist_catch_up(&s->length, length, 0);
}

int model_feed_counted_stalls(struct model *m, const struct ps_stall_key *key, uint64_t n,
			      double seconds)
{
	struct stall *s = stall_get(m, key);

	if (!s)
		return -ENOMEM;
	s->is_fed = true;
	s->is_counted = true;
	s->n_counted += n;
	s->counted_s += seconds;
	tap_put(m, RECORD_counted_stalls, key,
		&(struct record_counted){ .n = s->n_counted, .s = s->counted_s });
	return 0;
}

int model_feed_standstill(struct model *m, const struct ps_proc_key *proc,
			  const struct ps_standstill *now)
{
	tap_put(m, RECORD_standstill, proc, now);
	return stalls_take_standstill(m, proc, now);
}

int stalls_take_standstill(struct model *m, const struct ps_proc_key *proc,
			   const struct ps_standstill *now)
{
	struct ps_stall_key key = { .proc = *proc, .cause = now->cause };
	struct process *process;
	struct stall *s;

	process = process_find(m, proc);
	if (process && (now->since_ns || now->stood_ns))
		process->has_stood = true;
	if (!now->since_ns)
		return 0;
	s = stall_get(m, &key);
	if (!s)
		return -ENOMEM;
	s->is_fed = true;
	s->since_ns = (int64_t)now->since_ns;
	return 0;
}

static void row_fill(const struct model *m, const struct stall *s, struct stall_row *row)
{
	struct pool_row of = pool_row_unknown;

	row_process(m, &s->key.proc, &of);
	*row = (struct stall_row){ .pid = of.pid,
				   .process = of.process,
				   .cause = (enum ps_stall_cause)s->key.cause,
				   .length = &s->length,
				   .is_counted = s->is_counted,
				   .n = s->length.count + s->n_counted,
				   .sum_s = s->length.sum_s + s->counted_s,
				   .since_ns = s->since_ns ? m->now_ns - s->since_ns : 0 };
}

bool stall_is_counted_already(const struct model *m, const struct stall *s)
{
	struct ps_stall_key key = { .proc = s->key.proc };
	const struct stall *by_runtime;

	if (s->key.cause != PS_STALL_barrier)
		return false;
	for (; key.cause < PS_STALL_COUNT; key.cause++) {
		HASH_FIND(hh, m->stalls, &key, sizeof(key), by_runtime);
		if (by_runtime && by_runtime->is_counted)
			return true;
	}
	return false;
}

int stalls_snapshot(struct model *m, struct snapshot *s)
{
	struct stall_row *rows = arena_alloc(s->arena, HASH_COUNT(m->stalls) + 1, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	for (const struct stall *e = m->stalls; e; e = e->hh.next) {
		if (stall_is_counted_already(m, e))
			continue;
		row_fill(m, e, &rows[n]);
		if (string_keep(&rows[n].process, s->arena))
			return -ENOMEM;
		n++;
	}
	s->stalls = rows;
	s->n_stalls = n;
	return 0;
}
