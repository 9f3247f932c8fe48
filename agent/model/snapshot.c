/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c - who still needs a snapshot. The surprise: the count changes through a const pointer; it is the only part of a
 * snapshot that ever does, and one thread owns them all.
 */
#include "model/snapshot.h"

#include <assert.h>
#include <math.h>

#include "base/arena.h"

const struct pool_row pool_row_unknown = {
	.kind = PS_KIND_unknown,
	.capacity = UNKNOWN,
	.capacity_basis = "unknown",
	.min_idle = UNKNOWN,
	.open = UNKNOWN,
	.in_use = UNKNOWN,
	.idle = UNKNOWN,
	.pending = UNKNOWN,
	.in_use_peak = UNKNOWN,
	.pending_peak = UNKNOWN,
	.utilization = NAN,
	.mean_in_use = NAN,
	.in_use_s = NAN,
	.capacity_s = NAN,
	.pending_s = NAN,
	.saturated_s = NAN,
	.stalled_s = NAN,
	.backlog_s = NAN,
	.stalled_hold_s = NAN,
	.acquires = UNKNOWN,
	.acquires_new = UNKNOWN,
	.releases = UNKNOWN,
	.before_start = UNKNOWN,
	.timeouts = UNKNOWN,
	.outcome = { [0 ... PS_OUTCOME_COUNT - 1] = UNKNOWN },
	.opened = UNKNOWN,
	.open_failures = UNKNOWN,
	.open_failures_by = { [0 ... PS_OPEN_FAILURE_COUNT - 1] = UNKNOWN },
	.closed = UNKNOWN,
	.closed_by = { [0 ... PS_CLOSE_COUNT - 1] = UNKNOWN },
	.closed_idle = UNKNOWN,
	.idle_before_close_s = NAN,
	.rejections = UNKNOWN,
	.rejected_by = { [0 ... PS_REJECT_COUNT - 1] = UNKNOWN },
	.health_ok = UNKNOWN,
	.health_failed = UNKNOWN,
	.reuse_ratio = NAN,
	.acquires_per_s = NAN,
	.timeouts_per_s = NAN,
	.oldest_wait_ns = UNKNOWN,
	.oldest_hold_ns = UNKNOWN,
	.level_cause = NAN,
	.trusted = true,
	.verdict = "healthy",
	.silent = UNKNOWN,
	.leaked = UNKNOWN,
	.close_wait = UNKNOWN,
	.oldest_close_wait_ns = UNKNOWN,
	.accept_queue = UNKNOWN,
	.accept_backlog = UNKNOWN,
};

const char *severity_name(enum severity severity)
{
	static const char *const names[] = {
		[SEVERITY_INFO] = "info",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_CRITICAL] = "critical",
	};

	return (unsigned int)severity < SEVERITY_COUNT ? names[severity] : "unknown";
}

const struct stack_row *snapshot_present(const struct snapshot *s, const struct pool_row *p,
					 const struct ref_row *ref)
{
	uint64_t goroutine = ref->taker > UINT32_MAX ? ref->taker : 0;

	for (size_t i = 0; i < s->n_stacks; i++)
		if (!s->stacks[i].taken_ns && s->stacks[i].pid == (uint32_t)p->pid &&
		    s->stacks[i].tid == ref->tid && s->stacks[i].goroutine == goroutine)
			return &s->stacks[i];
	return NULL;
}

const struct stack_row *snapshot_taken(const struct snapshot *s, const struct pool_row *p,
				       const struct ref_row *ref)
{
	for (size_t i = 0; i < s->n_stacks && ref->since_ns; i++)
		if (s->stacks[i].taken_ns == ref->since_ns &&
		    s->stacks[i].pid == (uint32_t)p->pid && s->stacks[i].pool == p->key.pool &&
		    s->stacks[i].item == ref->id)
			return &s->stacks[i];
	return NULL;
}

const struct snapshot *snapshot_ref(const struct snapshot *s)
{
	struct snapshot *mine = (struct snapshot *)s;

	assert(mine->n_refs > 0);
	mine->n_refs++;
	return s;
}

void snapshot_unref(const struct snapshot *s)
{
	struct snapshot *mine = (struct snapshot *)s;

	if (!mine)
		return;
	assert(mine->n_refs > 0);
	if (--mine->n_refs == 0)
		arena_free(mine->arena);	/* the snapshot itself lies in it */
}
