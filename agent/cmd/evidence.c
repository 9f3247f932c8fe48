/* SPDX-License-Identifier: MIT */
/* evidence.c - see evidence.h. */
#include "cmd/evidence.h"

#include <errno.h>

#include "base/arena.h"
#include "model/snapshot.h"
#include "symbolize/place.h"
#include "symbolize/stacks.h"

#define FRESH_NS 1000000000ll
#define FRESH_UNASKED_NS 10000000000ll
#define TAKEN_AGE_NS 500000000ll /* an item that is out for less is back before the answer is there */
#define FINDINGS_MAX 4	/* pools whose stacks are looked at unasked */
#define SUSPECTS_MAX 64	/* items of which it is asked for unasked where they were taken */

static struct stack_of present_of(const struct pool_row *p, const struct ref_row *ref)
{
	struct stack_of of = { .pid = (uint32_t)p->pid, .tid = ref->tid };

	if (ref->taker > UINT32_MAX) /* an address, and no thread */
		of.goroutine = ref->taker;
	return of;
}

/* As he took the item. */
static void want_taken(struct stacks *stacks, const struct pool_row *p, const struct ref_row *h,
		       int64_t now_ns)
{
	struct stack_of of = { .pid = (uint32_t)p->pid,
			       .tid = h->tid,
			       .lease = { .pool = p->key, .id = h->id },
			       .taken_ns = (uint64_t)h->since_ns };

	if (p->key.proc.tgid)
		stacks_want(stacks, &of, 0, now_ns);
}

static void want_present(struct stacks *stacks, const struct pool_row *p, const struct ref_row *ref,
			 int64_t fresh_ns, int64_t now_ns)
{
	const struct stack_of of = present_of(p, ref);

	if (of.tid && of.pid)
		stacks_want(stacks, &of, fresh_ns, now_ns);
}

static void want_pool(struct stacks *stacks, const struct pool_row *p, int64_t fresh_ns,
		      int64_t now_ns)
{
	for (size_t i = 0; i < p->n_holders && i < EVIDENCE_STACKS; i++) {
		if (p->holders[i].age_ns >= TAKEN_AGE_NS)
			want_taken(stacks, p, &p->holders[i], now_ns);
		want_present(stacks, p, &p->holders[i], fresh_ns, now_ns);
	}
	for (size_t i = 0; i < p->n_waiters && i < EVIDENCE_STACKS; i++)
		want_present(stacks, p, &p->waiters[i], fresh_ns, now_ns);
}

static const struct pool_row *find_pool(const struct snapshot *s, uint64_t pool)
{
	for (size_t i = 0; i < s->n_pools; i++)
		if (s->pools[i].id == pool)
			return &s->pools[i];
	return NULL;
}

void evidence_want(struct stacks *stacks, const struct snapshot *s, uint64_t pool, int64_t now_ns)
{
	const struct pool_row *p = find_pool(s, pool);

	if (p)
		want_pool(stacks, p, FRESH_NS, now_ns);
}

/* Of items that are out for very long, so that a finding which opens has it already. */
static void want_suspects(struct stacks *stacks, const struct snapshot *s, int64_t now_ns)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_pools; i++) {
		const struct pool_row *p = &s->pools[i];

		for (size_t j = 0; p->is_doubted && j < p->n_holders && j < EVIDENCE_STACKS; j++) {
			if (p->holders[j].does == REF_UNKNOWN && !p->holders[j].is_thread_gone)
				continue;
			if (n++ == SUSPECTS_MAX)
				return;
			want_taken(stacks, p, &p->holders[j], now_ns);
		}
	}
}

void evidence_want_findings(struct stacks *stacks, const struct snapshot *s, int64_t now_ns)
{
	size_t n = 0;

	want_suspects(stacks, s, now_ns);
	for (size_t i = 0; i < s->n_findings && n < FINDINGS_MAX; i++) {
		const struct finding_row *f = &s->findings[i];
		const struct pool_row *p;

		if (!f->is_open || !f->pool_id || f->severity < SEVERITY_WARNING)
			continue;
		p = find_pool(s, f->pool_id);
		if (p)
			want_pool(stacks, p, FRESH_UNASKED_NS, now_ns);
		n++;
	}
}

static const char *text_or_null(struct arena *a, const char *text)
{
	return text[0] ? arena_strdup(a, text) : NULL;
}

static int fill_row(struct arena *a, const struct kept_stack *kept, struct stack_row *ret,
		    int64_t now_ns)
{
	static const char *const states[STACK_STATE_COUNT] = { NULL,       "on cpu",  "runnable",
							       "sleeping", "blocked", "stopped",
							       "parked",   "gone" };
	const struct stack *k = &kept->stack;
	const char **frames = arena_alloc(a, k->n_frames + 1, sizeof(*frames));

	if (!frames)
		return -ENOMEM;
	for (size_t i = 0; i < k->n_frames; i++) {
		frames[i] = arena_strdup(a, k->frame[i]);
		if (!frames[i])
			return -ENOMEM;
	}
	*ret = (struct stack_row){
		.pid = k->of.pid,
		.tid = k->of.tid,
		.goroutine = k->of.goroutine,
		.pool = k->of.lease.pool.pool,
		.item = k->of.lease.id,
		.taken_ns = (int64_t)k->of.taken_ns,
		.thread = text_or_null(a, k->thread),
		.age_ns = now_ns - kept->taken_ns,
		.state = states[k->state],
		.waits_for = text_or_null(a, k->waits_for),
		.problem = text_or_null(a, k->problem),
		.on_tid = k->on_tid,
		.goroutine_id = k->goroutine_id,
		.frames = frames,
		.n_frames = k->n_frames,
		.is_cut = k->is_cut != 0,
	};
	return 0;
}

/* Of a stack with which an item was taken: by whom, for which the library of its pool must be known. */
static int name_places(const struct stacks *stacks, struct snapshot *s, struct stack_row *rows,
		       size_t n)
{
	char place[PLACE_BYTES];

	for (size_t i = 0; i < n; i++) {
		const struct kept_stack *kept = stacks_at(stacks, i);

		for (size_t j = 0; rows[i].taken_ns && j < s->n_pools; j++) {
			if (s->pools[j].key.pool != rows[i].pool ||
			    s->pools[j].key.proc.tgid != rows[i].pid)
				continue;
			place_of_taker(&kept->stack, s->pools[j].library, place);
			rows[i].place = text_or_null(s->arena, place);
			if (place[0] && !rows[i].place)
				return -ENOMEM;
			break;
		}
	}
	return 0;
}

int evidence_fill(const struct stacks *stacks, struct snapshot *s, int64_t now_ns)
{
	struct stack_row *rows;
	size_t n = 0;

	while (stacks_at(stacks, n))
		n++;
	if (!n)
		return 0;
	rows = arena_alloc(s->arena, n, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (fill_row(s->arena, stacks_at(stacks, i), &rows[i], now_ns))
			return -ENOMEM;
	if (name_places(stacks, s, rows, n))
		return -ENOMEM;
	s->stacks = rows;
	s->n_stacks = n;
	return 0;
}
