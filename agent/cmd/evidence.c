/* SPDX-License-Identifier: MIT */
/* evidence.c - see evidence.h. */
#include "cmd/evidence.h"

#include <errno.h>

#include "base/arena.h"
#include "model/snapshot.h"
#include "symbolize/stacks.h"

#define FRESH_NS 1000000000ll
#define FRESH_UNASKED_NS 10000000000ll
#define FINDINGS_MAX 4	/* pools whose stacks are looked at unasked */

static void want_refs(struct stacks *stacks, const struct pool_row *p, const struct ref_row *refs,
		      size_t n, int64_t fresh_ns, int64_t now_ns)
{
	for (size_t i = 0; i < n && i < EVIDENCE_STACKS; i++) {
		struct stack_of of = { .pid = (uint32_t)p->pid, .tid = refs[i].tid };

		if (refs[i].taker > UINT32_MAX) /* an address, and no thread */
			of.goroutine = refs[i].taker;
		if (of.tid && p->pid > 0)
			stacks_want(stacks, &of, fresh_ns, now_ns);
	}
}

static void want_pool(struct stacks *stacks, const struct snapshot *s, uint64_t pool,
		      int64_t fresh_ns, int64_t now_ns)
{
	for (size_t i = 0; i < s->n_pools; i++) {
		const struct pool_row *p = &s->pools[i];

		if (p->id != pool)
			continue;
		want_refs(stacks, p, p->holders, p->n_holders, fresh_ns, now_ns);
		want_refs(stacks, p, p->waiters, p->n_waiters, fresh_ns, now_ns);
		return;
	}
}

void evidence_want(struct stacks *stacks, const struct snapshot *s, uint64_t pool, int64_t now_ns)
{
	want_pool(stacks, s, pool, FRESH_NS, now_ns);
}

void evidence_want_findings(struct stacks *stacks, const struct snapshot *s, int64_t now_ns)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_findings && n < FINDINGS_MAX; i++) {
		const struct finding_row *f = &s->findings[i];

		if (!f->is_open || !f->pool_id || f->severity < SEVERITY_WARNING)
			continue;
		want_pool(stacks, s, f->pool_id, FRESH_UNASKED_NS, now_ns);
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
	s->stacks = rows;
	s->n_stacks = n;
	return 0;
}
