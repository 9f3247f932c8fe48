/* SPDX-License-Identifier: MIT */
/*
 * progress.c - see progress.h. The surprise: a thread may be given a CPU while its process is said to stand still, and then nobody would end that.
 * So those are looked at a second time, and one that runs, or has run, goes on from now.
 */
#include "ingest/progress.h"

#include <stdlib.h>
#include <string.h>

/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct suspect {
	struct ps_proc_key key;
	uint32_t ran; /* as kernel_ran(): what follows holds while that is so */
	int64_t first_ns; /* it was first found with something to do; 0 = it was not */
	int64_t since_ns; /* the earliest that was known of; 0 = it does not stand still */
	bool is_told, is_new; /* to the kernel's side; in this tick */
	struct standing standing;
	UT_hash_handle hh;
};

/* ---- pure ---------------------------------------------------------------------------------------------------------------- */

void standing_add(struct standing *s, const struct ps_still_thread *t)
{
	if (s->ran_ns && s->ran != t->ran)
		s->n_run++; /* it has, while its threads were looked at */
	s->flags |= t->flags;
	s->ran = t->ran;
	s->ran_ns = (int64_t)t->ran_ns;
	switch ((enum ps_still)t->kind) {
	case PS_STILL_RUNS:
		s->n_run++;
		break;
	case PS_STILL_RUNNABLE:
		s->n_runnable++;
		if (t->since_ns && (!s->queued_ns || (int64_t)t->since_ns < s->queued_ns))
			s->queued_ns = (int64_t)t->since_ns;
		break;
	case PS_STILL_BLOCKED:
		s->n_blocked++;
		break;
	case PS_STILL_FROZEN:
		s->n_frozen++;
		s->n_in_place += (t->flags & PS_STILL_IN_PLACE) != 0;
		break;
	case PS_STILL_NOT:
		break;
	}
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t standing_since(const struct standing *s, bool has_work, int64_t first_ns)
{
	int64_t ran_ns = s->ran_ns, since = INT64_MAX;

	if (s->n_run)
		return 0;
	/* to go to such a sleep, and to be frozen but in its sleep, a thread must run; so must one that is taken its CPU */
	if (s->n_blocked || (s->n_runnable && s->ran & 1))
		since = ran_ns;
	else if (s->n_runnable)
		since = later(ran_ns, s->queued_ns ? s->queued_ns : first_ns);
	if (s->n_frozen && (has_work || s->flags & (PS_STILL_AT_WORK | PS_STILL_UNREAD)) &&
	    since > ran_ns) {
		int64_t frozen_ns = s->n_in_place == s->n_frozen ? later(ran_ns, first_ns) : ran_ns;

		since = frozen_ns < since ? frozen_ns : since;
	}
	return since == INT64_MAX ? 0 : since;
}

/* ---- a look at all ------------------------------------------------------------------------------------------------------- */

static void suspect_free(struct progress *p, struct suspect *s)
{
	HASH_DEL(p->table, s);
	free(s);
}

void progress_done(struct progress *p)
{
	struct suspect *s, *next;

	HASH_ITER (hh, p->table, s, next)
		suspect_free(p, s);
}

static struct suspect *suspect_find(const struct progress *p, const struct ps_proc_key *key)
{
	struct suspect *s;

	HASH_FIND(hh, p->table, key, sizeof(*key), s);
	return s;
}

static void take(void *context, const struct ps_still_thread *t)
{
	struct progress *p = context;
	struct suspect *s = suspect_find(p, &t->proc);

	if (!s && model_is_fed(p->model, &t->proc)) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return; /* in the next tick, maybe */
		s->key = t->proc;
		HASH_ADD(hh, p->table, key, sizeof(s->key), s);
		if (!s->hh.tbl) {
			free(s);
			return; /* likewise */
		}
	}
	if (s)
		standing_add(&s->standing, t);
}

static int look(struct progress *p, struct kernel *k)
{
	for (struct suspect *s = p->table; s; s = s->hh.next)
		memset(&s->standing, 0, sizeof(s->standing));
	return kernel_find_still(k, take, p);
}

static void judge(struct suspect *s, const struct kernel *k, const struct model *m, int64_t now_ns)
{
	int64_t since;

	s->is_new = false;
	if (s->ran != s->standing.ran) {
		s->ran = s->standing.ran;
		s->first_ns = s->since_ns = 0;
		s->is_told = false;
	}
	since = standing_since(&s->standing, s->standing.n_frozen && model_has_work(m, &s->key),
			       s->first_ns ? s->first_ns : now_ns);
	if (!since)
		s->first_ns = s->since_ns = 0;
	else if (!s->first_ns)
		s->first_ns = now_ns;
	/* who is moved to another CPU seems to wait since then */
	if (since && (!s->since_ns || since < s->since_ns))
		s->since_ns = since;
	if (s->is_told || !s->since_ns || now_ns - s->since_ns < kernel_no_progress_ns(k) ||
	    kernel_ran(k, s->key.tgid) != s->ran)
		return;
	s->is_told = s->is_new = true;
}

static bool is_idle(const struct standing *s)
{
	return !s->n_run && !s->n_runnable && !s->n_blocked && !s->n_frozen;
}

void progress_tick(struct progress *p, struct kernel *k, const struct model *m, int64_t now_ns)
{
	struct suspect *s, *next;
	bool has_new = false;

	p->model = m;
	if (look(p, k))
		return;
	HASH_ITER (hh, p->table, s, next) {
		if (is_idle(&s->standing)) {
			suspect_free(p, s);
			continue;
		}
		judge(s, k, m, now_ns);
		if (s->is_new)
			has_new = !kernel_tell_still(k, &s->key, s->since_ns) || has_new;
	}
	if (!has_new || look(p, k))
		return;
	for (s = p->table; s; s = s->hh.next)
		if (s->is_new && (s->standing.n_run || kernel_ran(k, s->key.tgid) != s->ran))
			kernel_tell_still(k, &s->key, 0);
}
