/* SPDX-License-Identifier: MIT */
/*
 * verbs.h - one handler per verb: pair begin with end, fold the ordinary case into the pool's books, tell the rest as stories.
 *
 * Compiled by clang for the kernel, and natively by the unit tests with maps that can be made to fail. Handlers never fail:
 * wrong order, duplicates and nonsense are counted in the pool's books (odd_*), what has no room in ps_losses.
 * The surprise: a lease's record stays when the item comes back (state idle), for an update in place is cheaper than insert
 * and delete, and only so can a second release be told from the release of an item that was out before we came.
 */
#ifndef POOLSCOPE_BPF_VERBS_H
#define POOLSCOPE_BPF_VERBS_H

#include "hist.h"
#include "maps.h"
#include "process.h"
#include "stalls.h"
#include "story.h"

/* A verb as it arrives: the arguments in the order of verbs.def. */
struct ps_event {
	struct ps_pool_key pool;
	__u64 now;
	__u64 arg[PS_MAX_ARGS];
	__u32 verb;
	__u32 spec_flags;
	__u32 kind, domain;	/* of a pool that this event is the first to show */
	__u32 is_from_birth;	/* the process began after the probes: nothing of it was missed */
	__u32 mark;	/* enum ps_pool_flag: it cannot be counted, its pool is marked with these and nothing else happens */
};

/* Other threads may set others at the same time. */
/* Whether a wait or a hold is told one by one: `which` is PS_POOL_NOTABLE_WAIT or PS_POOL_NOTABLE_HOLD. */
PS_INLINE int ps_is_notable(const struct ps_pool *p, __u32 which, __u64 ns)
{
	__u32 n = p->flags >> which & PS_POOL_NOTABLE_BITS;

	return ns >= ps_notable_ns || (n && ns >> n);
}

PS_INLINE void ps_pool_mark(struct ps_pool *p, __u32 flags)
{
	if ((p->flags & flags) != flags)
		__sync_fetch_and_or(&p->flags, flags);
}

PS_INLINE void ps_write_begin(struct ps_pool *p)
{
	__sync_fetch_and_add(&p->seq_begin, 1);
}

PS_INLINE void ps_write_end(struct ps_pool *p)
{
	__sync_fetch_and_add(&p->seq_end, 1);
}

PS_INLINE void ps_hist_add(const struct ps_pool_key *key, enum ps_hist_of which, __u64 ns)
{
	struct ps_hists *hists = bpf_map_lookup_elem(&ps_hist_of, key);

	if (hists)
		ps_hist_put(&hists->h[which], ns);
}

/* Of a process that never stood still there is nothing to add. */
PS_INLINE void ps_stood_sum(__u64 *sum, __u64 stood)
{
	if (stood)
		__sync_fetch_and_add(sum, stood);
}

/* After each change of in use, waiting or capacity: peaks, and the time during which the pool was full and somebody waited. */
PS_INLINE void ps_pool_level(struct ps_pool *p, __u64 now)
{
	__s64 in_use = ps_in_use(p), waiting = ps_waiting(p);
	__u64 since;

	if (p->epoch != ps_epoch) {
		p->epoch = ps_epoch;
		p->n_taken = 0;
		p->in_use_peak = 0;
		p->waiting_peak = 0;
	}
	if (in_use > (__s64)p->in_use_peak)
		p->in_use_peak = (__u32)in_use;
	if (waiting > (__s64)p->waiting_peak)
		p->waiting_peak = (__u32)waiting;

	if (p->flags & PS_POOL_BACKLOG && waiting <= 0)
		__sync_fetch_and_and(&p->flags, ~(__u32)PS_POOL_BACKLOG);
	if (p->flags & PS_POOL_UNSEEN_TASKS && p->capacity && in_use >= (__s64)p->capacity)
		__sync_fetch_and_and(&p->flags, ~(__u32)PS_POOL_UNSEEN_TASKS); /* nothing is left for a task that is not seen */
	if (p->capacity && in_use >= (__s64)p->capacity && waiting > 0) {
		if (!p->saturated_since_ns)
			__sync_val_compare_and_swap(&p->saturated_since_ns, 0, now);
	} else if (p->saturated_since_ns) {
		since = __sync_lock_test_and_set(&p->saturated_since_ns, 0);
		if (since && now > since)
			__sync_fetch_and_add(&p->saturated_ns, now - since);
	}
}

/* ---- pools: made, described, resized, destroyed ------------------------------------------------------------------------ */

/* Over this a limit is none: it is taken as unbounded and counted as a bad value. */
#define PS_CAPACITY_MAX (1ull << 31)

PS_INLINE void ps_pool_set_capacity(struct ps_pool *p, __u64 capacity, __u64 now)
{
	if (capacity > PS_CAPACITY_MAX) {
		ps_lost(PS_LOSS_bad_value);
		capacity = 0;
	}
	if (p->flags & PS_POOL_UNSEEN_TASKS && capacity && (!p->capacity || capacity < p->capacity))
		ps_pool_mark(p, PS_POOL_UNSEEN_STAYS);
	p->capacity_sum += p->capacity * (now - p->capacity_since_ns);
	p->capacity_since_ns = now;
	p->capacity = capacity;
}

PS_INLINE void ps_pool_set_kind(struct ps_pool *p, __u64 kind)
{
	if (kind >= PS_KIND_COUNT) {
		ps_lost(PS_LOSS_bad_value);
		kind = PS_KIND_unknown;
	}
	p->kind = (__u32)kind;
}

/*
 * A pool that was there before its probes: the SDK's handle in the target's memory says what pool_create would have said.
 * Hostile memory: the magic and the kind are checked, the name is cut by its room here.
 */
PS_INLINE void ps_pool_describe(struct ps_pool *p, const struct ps_event *e)
{
	const struct ps_handle *at = (const struct ps_handle *)(unsigned long)e->pool.pool;
	struct {
		__u64 magic;
		__u32 version, kind;
		__u64 capacity, min_idle;
	} head; /* the beginning of struct ps_handle: the whole does not fit the stack */

	if (bpf_probe_read_user(&head, sizeof(head), at)) {
		ps_lost(PS_LOSS_arg_unreadable);
		return;
	}
	if (head.magic != PS_HANDLE_MAGIC)
		return;
	ps_pool_set_kind(p, head.kind);
	ps_pool_set_capacity(p, head.capacity, e->now);
	p->min_idle = head.min_idle > PS_CAPACITY_MAX ? 0 : head.min_idle;
	if (bpf_probe_read_user_str(p->name, sizeof(p->name), at->name) < 0)
		ps_lost(PS_LOSS_name_unreadable);
	p->flags |= PS_POOL_DESCRIBED;
}

/* Makes room for a pool, or NULL: too many in all or of one process (counted). */
PS_INLINE struct ps_pool *ps_pool_make(const struct ps_event *e)
{
	struct ps_proc *proc = ps_proc_get(&e->pool.proc, e->now);
	struct ps_pool *p;
	__u32 zero = 0;
	void *blank = bpf_map_lookup_elem(&ps_zero, &zero); /* struct ps_hists of zeros, also large enough for a pool */

	if (!proc || !blank)
		return 0;
	if (proc->n_pools >= ps_pools_per_process) {
		__sync_fetch_and_add(&proc->pools_refused, 1);
		ps_lost(PS_LOSS_pools_per_process);
		return 0;
	}
	if (bpf_map_update_elem(&ps_pools, &e->pool, blank, BPF_NOEXIST)) {
		p = bpf_map_lookup_elem(&ps_pools, &e->pool);
		if (!p)
			ps_lost(PS_LOSS_pools_full);
		return p; /* another thread made it just now */
	}
	bpf_map_update_elem(&ps_hist_of, &e->pool, blank, BPF_NOEXIST);
	__sync_fetch_and_add(&proc->n_pools, 1);
	p = bpf_map_lookup_elem(&ps_pools, &e->pool);
	if (!p)
		return 0;
	p->capacity_since_ns = e->now;
	p->kind = e->kind;
	p->domain = e->domain;
	__sync_lock_test_and_set(&p->since_ns, e->now); /* last: from here on it is known whose it is */
	if (e->verb != PS_VERB_pool_create) {
		if (!e->is_from_birth)
			p->flags |= PS_POOL_IMPLICIT;
		if (e->spec_flags & PS_SPEC_SDK_HANDLE)
			ps_pool_describe(p, e);
	}
	return p;
}

/* A process may make and destroy pools without end; only those that live count against its limit. */
PS_INLINE void ps_pool_count(const struct ps_event *e, int change)
{
	struct ps_proc *proc = bpf_map_lookup_elem(&ps_procs, &e->pool.proc);

	if (proc)
		__sync_fetch_and_add(&proc->n_pools, change);
}

PS_INLINE void ps_on_pool_create(struct ps_pool *p, const struct ps_event *e)
{
	if (p->flags & PS_POOL_DESTROYED)
		ps_pool_count(e, 1);
	p->flags &= ~(__u32)(PS_POOL_IMPLICIT | PS_POOL_DESTROYED | PS_POOL_PAGED);
	ps_pool_set_kind(p, e->arg[1]);
	ps_pool_set_capacity(p, e->arg[3], e->now);
	p->min_idle = e->arg[4] > PS_CAPACITY_MAX ? 0 : e->arg[4];
	if (e->arg[2] && bpf_probe_read_user_str(p->name, sizeof(p->name),
						 (const void *)(unsigned long)e->arg[2]) < 0)
		ps_lost(PS_LOSS_name_unreadable);
}

/* All leases end now: the sums are closed here. */
PS_INLINE void ps_leases_void(struct ps_pool *p, __u64 now, __u64 stood)
{
	__u64 in_use = (__u64)ps_in_use(p);

	p->leases_voided += in_use;
	p->use_sum += in_use * now;
	p->stood_use_sum += in_use * stood;
	p->leases_ended += in_use;
}

/* All leases and waits end with the pool; the records are void from destroyed_ns on. */
PS_INLINE void ps_on_pool_destroy(struct ps_pool *p, const struct ps_event *e)
{
	__u64 waiting = (__u64)ps_waiting(p);
	__u64 stood = ps_stood_of(&e->pool.proc, e->now);

	if (!(p->flags & PS_POOL_DESTROYED))
		ps_pool_count(e, -1);
	ps_leases_void(p, e->now, stood);
	p->waits_voided += waiting;
	p->wait_end_sum += waiting * e->now;
	p->stood_wait_sum += waiting * stood;
	p->waits_ended += waiting;
	p->flags |= PS_POOL_DESTROYED;
	p->destroyed_ns = e->now;
	ps_pool_set_capacity(p, 0, e->now);
	ps_pool_level(p, e->now);
}

/* There was no other slot for it. What is out is in no books, and what comes until its points are watched, in the next tick, neither. */
PS_INLINE void ps_off_page(struct ps_pool *p)
{
	if (!(p->flags & PS_POOL_PAGED))
		return;
	ps_pool_mark(p, PS_POOL_LOST_EVENTS);
	__sync_fetch_and_and(&p->flags, ~(__u32)PS_POOL_PAGED);
}

/*
 * What is out by the books that were kept here until now is the page's to tell, which began without it. Waits stay here: they are rare, and to
 * whom they belong and what of them lay inside of stalls is known here alone.
 */
PS_INLINE void ps_on_page(struct ps_pool *p, const struct ps_event *e)
{
	if (!e->arg[1]) {
		ps_off_page(p);
		return;
	}
	if (p->flags & PS_POOL_PAGED)
		return;
	ps_pool_mark(p, PS_POOL_PAGED);
	ps_leases_void(p, e->now, ps_stood_of(&e->pool.proc, e->now));
	ps_pool_level(p, e->now);
}

/* ---- waits ------------------------------------------------------------------------------------------------------------- */

PS_INLINE void ps_ref_key_of(const struct ps_event *e, __u64 id, struct ps_ref_key *ret)
{
	ret->pool = e->pool;
	ret->id = id;
}

/* A task that is known by 0 waits as well, and not its thread. */
PS_INLINE __u64 ps_waiter_of(const struct ps_event *e, __u64 waiter)
{
	if (waiter || e->spec_flags & (PS_SPEC_HANDS | PS_SPEC_TAKES))
		return waiter;
	return (__u32)bpf_get_current_pid_tgid();
}

/* What the record of a wait that begins now has to have of a stall. The key lies on the caller's stack. */
PS_INLINE __u32 ps_wait_backlog(struct ps_pool *p, const struct ps_event *e)
{
	int is_first = ps_waiting(p) <= 0;
	struct ps_standstill *s;
	enum ps_backlog how;
	__u64 since;

	if (!ps_may_have_stood(e->pool.proc.tgid))
		return 0;
	s = bpf_map_lookup_elem(&ps_standstills, &e->pool.proc);
	if (!s)
		return 0;
	since = s->since_ns;
	if (!since) /* else a thread goes on, or was not stopped yet */
		how = ps_backlog_begins(s, e->now, is_first);
	else
		how = e->now - since > PS_STALL_BELIEVED_NS ? PS_BACKLOG_NO
		      : is_first                            ? PS_BACKLOG_FIRST
							    : PS_BACKLOG_NEXT;
	if (how == PS_BACKLOG_FIRST)
		ps_pool_mark(p, PS_POOL_BACKLOG);
	return how != PS_BACKLOG_NO && p->flags & PS_POOL_BACKLOG
		       ? ps_stood_short(ps_stood(s, e->now)) | 1
		       : 0;
}

/* A wait ends that came of a stall: the rest of it was inside. */
PS_INLINE void ps_backlog_add(struct ps_pool *p, __u32 begun, __u64 stood_ns, __u64 waited_ns)
{
	__s64 stood = (__s32)(ps_stood_short(stood_ns) - (begun & ~1u));
	__s64 rest = (__s64)(waited_ns >> 10) - (stood > 0 ? stood : 0);

	if (rest > 0)
		__sync_fetch_and_add(&p->backlog, (__u32)rest);
}

PS_INLINE void ps_on_wait_begin(struct ps_pool *p, const struct ps_event *e)
{
	struct ps_ref_key key;
	struct ps_waiter w = { .since_ns = e->now,
			       .tid = (__u32)bpf_get_current_pid_tgid(),
			       .backlog = ps_wait_backlog(p, e) };
	int error;

	ps_ref_key_of(e, ps_waiter_of(e, e->arg[1]), &key);
	error = ps_map_add(&ps_waiters, &key, &w);
	if (error == -PS_EEXIST) {
		if (e->spec_flags & PS_SPEC_HANDS)
			ps_pool_mark(p, PS_POOL_SAME_TASKS);
		else if (!(e->spec_flags & PS_SPEC_RELAXED))
			__sync_fetch_and_add(&p->odd_wait, 1);
		return;
	}
	if (error) {
		ps_lost(PS_LOSS_waiters_full);
		ps_pool_mark(p, PS_POOL_LOST_EVENTS);
		return;
	}
	__sync_fetch_and_add(&p->wait_begins, 1);
	__sync_fetch_and_add(&p->wait_begin_sum, e->now);
	ps_stood_sum(&p->stood_wait_sum, -ps_stood_of(&e->pool.proc, e->now));
	__sync_fetch_and_add(&p->waits_begun, 1);
	ps_pool_level(p, e->now);
}

/* Ends a wait if one is open, all but the last count of it: waits_ended. Returns how long it was, or -1. */
PS_INLINE __s64 ps_wait_close(struct ps_pool *p, const struct ps_event *e, __u64 waiter)
{
	struct ps_ref_key key;
	struct ps_waiter *w;
	__u64 since, stood;
	__u32 backlog;

	ps_ref_key_of(e, waiter, &key);
	w = bpf_map_lookup_elem(&ps_waiters, &key);
	if (!w)
		return -1;
	since = w->since_ns;
	backlog = w->backlog;
	if (since <= p->destroyed_ns) {
		bpf_map_delete_elem(&ps_waiters, &key);
		return -1;
	}
	if (bpf_map_delete_elem(&ps_waiters, &key))
		return -1;
	__sync_fetch_and_add(&p->wait_ends, 1);
	__sync_fetch_and_add(&p->wait_end_sum, e->now);
	stood = ps_stood_of(&e->pool.proc, e->now);
	ps_stood_sum(&p->stood_wait_sum, stood);
	if (backlog && e->now > since)
		ps_backlog_add(p, backlog, stood, e->now - since);
	return e->now > since ? (__s64)(e->now - since) : 0;
}

/* A wait has ended in an acquire, and is counted as ended. */
PS_INLINE void ps_wait_won(struct ps_pool *p, const struct ps_event *e, __u64 item, __u64 waiter,
			   __u64 waited)
{
	ps_hist_add(&e->pool, PS_HIST_WAIT, waited);
	if (ps_is_notable(p, PS_POOL_NOTABLE_WAIT, waited)) {
		struct ps_story_about about = {
			.pool = &e->pool,
			.item = item,
			.waiter = waiter,
			.duration_ns = waited,
			.kind = PS_STORY_WAIT,
			.verb = PS_VERB_acquired,
		};
		ps_story_tell(&about, e->now);
	}
}

/* A program whose acquires are counted in its page tells so of one that ended a wait. A recipe may say it of who left without an item. */
PS_INLINE int ps_wait_is_won(const struct ps_event *e)
{
	return e->arg[2] == PS_OUTCOME_ok && e->spec_flags & PS_SPEC_SDK_HANDLE;
}

PS_INLINE void ps_on_wait_end(struct ps_pool *p, const struct ps_event *e)
{
	__u64 waiter = ps_waiter_of(e, e->arg[1]);
	__u64 outcome = e->arg[2];
	__s64 waited = ps_wait_close(p, e, waiter);

	if (waited < 0) {
		if (!(e->spec_flags & PS_SPEC_RELAXED) && !ps_wait_is_won(e)) /* that one may have begun before we came */
			__sync_fetch_and_add(&p->odd_wait, 1);
		return;
	}
	if (ps_wait_is_won(e)) {
		__sync_fetch_and_add(&p->waits_ended, 1);
		ps_pool_level(p, e->now);
		ps_wait_won(p, e, 0, waiter, (__u64)waited);
		return;
	}
	if (outcome >= PS_OUTCOME_COUNT) {
		ps_lost(PS_LOSS_bad_value);
		outcome = PS_OUTCOME_failed;
	}
	__sync_fetch_and_add(&p->outcome[outcome & 7], 1);
	__sync_fetch_and_add(&p->waits_ended, 1);
	ps_hist_add(&e->pool, PS_HIST_WAIT_FAILED, (__u64)waited);
	ps_pool_level(p, e->now);
	struct ps_story_about about = {
		.pool = &e->pool,
		.waiter = waiter,
		.duration_ns = (__u64)waited,
		.kind = PS_STORY_WAIT,
		.verb = PS_VERB_wait_end,
		.detail = (__u32)outcome,
	};
	ps_story_tell(&about, e->now);
}

/* ---- leases ------------------------------------------------------------------------------------------------------------ */

PS_INLINE void ps_lease_begin(struct ps_pool *p, const struct ps_event *e, __u64 waiter)
{
	struct ps_ref_key key;
	struct ps_lease fresh = {
		.since_ns = e->now,
		.waiter = waiter,
		.tid = (__u32)bpf_get_current_pid_tgid(),
		.state = PS_LEASE_HELD,
	};
	struct ps_lease *lease;

	ps_ref_key_of(e, e->arg[1], &key);
	lease = bpf_map_lookup_elem(&ps_leases, &key);
	if (!lease) {
		if (bpf_map_update_elem(&ps_leases, &key, &fresh, BPF_ANY)) {
			ps_lost(PS_LOSS_leases_full);
			ps_pool_mark(p, PS_POOL_LOST_EVENTS);
			__sync_fetch_and_add(&p->leases_lost, 1);
			return;
		}
	} else {
		if (__sync_lock_test_and_set(&lease->state, PS_LEASE_HELD) == PS_LEASE_HELD &&
		    lease->since_ns > p->destroyed_ns) {
			/* its release was not seen: the old lease ends here, without a hold time */
			lease->since_ns = e->now;
			lease->waiter = waiter;
			lease->tid = fresh.tid;
			__sync_fetch_and_add(&p->odd_acquire, 1);
			return;
		}
		lease->since_ns = e->now;
		lease->waiter = waiter;
		lease->tid = fresh.tid;
	}
	__sync_fetch_and_add(&p->use_sum, -e->now);
	ps_stood_sum(&p->stood_use_sum, -ps_stood_of(&e->pool.proc, e->now));
	__sync_fetch_and_add(&p->leases_begun, 1);
}

PS_INLINE void ps_on_acquired(struct ps_pool *p, const struct ps_event *e)
{
	__u64 waiter = ps_waiter_of(e, e->arg[2]);
	__s64 waited = -1;

	if (p->flags & PS_POOL_PAGED)
		return;
	if (ps_waiting(p) > 0)
		waited = ps_wait_close(p, e, waiter);
	if (waited >= 0)
		__sync_fetch_and_add(&p->waits_ended, 1);
	if (waited < 0 && e->arg[3] & PS_ACQUIRED_UNHELD && e->spec_flags & PS_SPEC_RELAXED &&
	    p->flags & PS_POOL_IMPLICIT) {
		ps_pool_mark(p, PS_POOL_UNHELD);
		return; /* a wait that began before we came */
	}
	__sync_fetch_and_add(&p->acquires, 1);
	if (e->arg[3] & PS_ACQUIRED_NEW)
		__sync_fetch_and_add(&p->acquires_new, 1);
	if (e->arg[3] & PS_ACQUIRED_UNHELD) {
		__sync_fetch_and_add(&p->releases, 1);
		__sync_fetch_and_add(&p->unheld, 1);
		ps_pool_mark(p, PS_POOL_UNHELD);
	} else {
		ps_lease_begin(p, e, waiter);
	}
	ps_pool_level(p, e->now);
	if (waited >= 0)
		ps_wait_won(p, e, e->arg[1], waiter, (__u64)waited);
}

/*
 * Whether the stack of who took the item is to be kept (taken.h); after the books. A worker that takes a task is always in the same loop,
 * and who only waited has nothing.
 */
PS_INLINE int ps_taken_is_wanted(struct ps_pool *p, const struct ps_event *e)
{
	if (!ps_taken_usual || e->verb != PS_VERB_acquired || e->mark ||
	    e->arg[3] & PS_ACQUIRED_UNHELD || p->kind == PS_KIND_worker ||
	    p->flags & PS_POOL_PAGED ||
	    p->n_taken >= (p->flags & PS_POOL_SUSPECTED ? ps_taken_suspected : ps_taken_usual))
		return 0;
	p->n_taken++; /* two at once may be counted as one */
	return 1;
}

/* A release without a lease: of a lease from before, when the pool was there before us and the item was never seen. */
PS_INLINE void ps_release_unseen(struct ps_pool *p, const struct ps_event *e,
				 const struct ps_ref_key *key)
{
	struct ps_lease idle = { .since_ns = e->now, .state = PS_LEASE_IDLE };

	if (!(p->flags & (PS_POOL_IMPLICIT | PS_POOL_LOST_EVENTS))) {
		__sync_fetch_and_add(&p->odd_release, 1);
		return;
	}
	bpf_map_update_elem(&ps_leases, key, &idle, BPF_NOEXIST);
	__sync_fetch_and_add(&p->releases, 1);
	if (p->since_ns)
		__sync_fetch_and_add(&p->before_sum_ns, e->now - p->since_ns);
	__sync_fetch_and_add(&p->before_releases, 1);
}

PS_INLINE void ps_on_released(struct ps_pool *p, const struct ps_event *e)
{
	struct ps_ref_key key;
	struct ps_lease *lease;
	__u64 since, held;

	if (p->flags & PS_POOL_PAGED)
		return;
	ps_ref_key_of(e, e->arg[1], &key);
	lease = bpf_map_lookup_elem(&ps_leases, &key);
	if (!lease) {
		ps_release_unseen(p, e, &key);
		return;
	}
	since = lease->since_ns;
	if (__sync_lock_test_and_set(&lease->state, PS_LEASE_IDLE) != PS_LEASE_HELD ||
	    since <= p->destroyed_ns) {
		__sync_fetch_and_add(&p->odd_release, 1);
		return;
	}
	held = e->now > since ? e->now - since : 0;
	lease->since_ns = e->now;
	__sync_fetch_and_add(&p->releases, 1);
	__sync_fetch_and_add(&p->use_sum, e->now);
	ps_stood_sum(&p->stood_use_sum, ps_stood_of(&e->pool.proc, e->now));
	__sync_fetch_and_add(&p->leases_ended, 1);
	if (e->arg[2] & PS_RELEASED_BROKEN)
		__sync_fetch_and_add(&p->released_broken, 1);
	ps_pool_level(p, e->now);
	ps_hist_add(&e->pool, PS_HIST_HOLD, held);
	if (ps_is_notable(p, PS_POOL_NOTABLE_HOLD, held)) {
		struct ps_story_about about = {
			.pool = &e->pool,
			.item = e->arg[1],
			.waiter = lease->waiter,
			.duration_ns = held,
			.kind = PS_STORY_HOLD,
			.verb = PS_VERB_released,
			.detail = (__u32)e->arg[2],
		};
		ps_story_tell(&about, e->now);
	}
}

/* ---- items, backpressure, health --------------------------------------------------------------------------------------- */

PS_INLINE void ps_on_item_opened(struct ps_pool *p, const struct ps_event *e)
{
	if (e->arg[3] != PS_OUTCOME_ok) {
		__sync_fetch_and_add(&p->open_failures, 1);
		return;
	}
	__sync_fetch_and_add(&p->opened, 1);
	ps_hist_add(&e->pool, PS_HIST_CREATE, e->arg[2]);
}

PS_INLINE void ps_on_item_closed(struct ps_pool *p, const struct ps_event *e)
{
	__u64 reason = e->arg[2];
	struct ps_ref_key key;
	struct ps_lease *lease;

	if (reason >= PS_CLOSE_COUNT) {
		ps_lost(PS_LOSS_bad_value);
		reason = PS_CLOSE_unknown;
	}
	__sync_fetch_and_add(&p->closed[reason & 15], 1);
	ps_ref_key_of(e, e->arg[1], &key);
	lease = bpf_map_lookup_elem(&ps_leases, &key);
	if (lease && lease->state == PS_LEASE_IDLE) /* a held one stays, so that its release is still paired */
		bpf_map_delete_elem(&ps_leases, &key);
}

PS_INLINE void ps_on_rejected(struct ps_pool *p, const struct ps_event *e)
{
	__u64 reason = e->arg[1];

	if (reason >= PS_REJECT_COUNT) {
		ps_lost(PS_LOSS_bad_value);
		reason = PS_REJECT_unknown;
	}
	__sync_fetch_and_add(&p->rejected[reason & 7], 1);
}

PS_INLINE void ps_on_health(struct ps_pool *p, const struct ps_event *e)
{
	__sync_fetch_and_add(e->arg[2] == PS_OUTCOME_ok ? &p->health_ok : &p->health_failed, 1);
}

/* ---- the door ---------------------------------------------------------------------------------------------------------- */

/* Verbs that are told as they are, besides being counted. `is_news`: the pool is new, or has another limit than before. */
PS_INLINE int ps_verb_is_story(const struct ps_event *e, int is_news)
{
	switch (e->verb) {
	case PS_VERB_pool_create:
	case PS_VERB_pool_resize:
		return is_news;
	case PS_VERB_pool_destroy:
	case PS_VERB_rejected:
		return 1;
	case PS_VERB_item_opened:
		return e->arg[3] != PS_OUTCOME_ok;
	case PS_VERB_health:
		return e->arg[2] != PS_OUTCOME_ok;
	default:
		return 0;
	}
}

PS_INLINE void ps_verb_tell(const struct ps_event *e)
{
	struct ps_story_about about = {
		.pool = &e->pool,
		.item = e->arg[1],
		.kind = PS_STORY_VERB,
		.verb = e->verb,
		.detail = (__u32)e->arg[2],
	};

	ps_story_tell(&about, e->now);
}

/* The verbs that keep a pair of counts for their readers; those that come often have counts of their own that say the same. */
PS_INLINE void ps_verb_book_rare(struct ps_pool *p, const struct ps_event *e)
{
	ps_write_begin(p);
	switch (e->mark ? PS_VERB_none : e->verb) {
	case PS_VERB_none:
		ps_pool_mark(p, e->mark);
		if (!p->wait_begins && !p->acquires)
			p->since_ns = e->now; /* counting has not begun */
		break;
	case PS_VERB_pool_create:
		ps_on_pool_create(p, e);
		break;
	case PS_VERB_pool_resize:
		ps_pool_set_capacity(p, e->arg[1], e->now);
		break;
	case PS_VERB_pool_destroy:
		ps_on_pool_destroy(p, e);
		break;
	case PS_VERB_item_opened:
		ps_on_item_opened(p, e);
		break;
	case PS_VERB_item_closed:
		ps_on_item_closed(p, e);
		break;
	case PS_VERB_rejected:
		ps_on_rejected(p, e);
		break;
	case PS_VERB_health:
		ps_on_health(p, e);
		break;
	case PS_VERB_page:
		ps_on_page(p, e);
		break;
	default:
		break;
	}
	ps_pool_level(p, e->now);
	ps_write_end(p);
}

PS_INLINE void ps_verb_book(struct ps_pool *p, const struct ps_event *e)
{
	switch (e->mark ? PS_VERB_none : e->verb) {
	case PS_VERB_wait_begin:
		ps_on_wait_begin(p, e);
		break;
	case PS_VERB_wait_end:
		ps_on_wait_end(p, e);
		break;
	case PS_VERB_acquired:
		ps_on_acquired(p, e);
		break;
	case PS_VERB_released:
		ps_on_released(p, e);
		break;
	default:
		ps_verb_book_rare(p, e);
		break;
	}
}

/* Takes one event of a pool. Of its own, so that the verifier looks at it once. 1 = the caller's stack is to be kept. */
PS_GLOBAL int ps_verb_feed(const struct ps_event *at)
{
	const struct ps_event *e;
	struct ps_event here;
	struct ps_pool *p;
	__u64 capacity = 0;
	int is_news = 1;

	if (!at)
		return 0;
	here = *at; /* before 6.2 a map takes a key from the program's own stack only */
	e = &here;
	p = bpf_map_lookup_elem(&ps_pools, &e->pool);
	if (!p) {
		if (e->verb == PS_VERB_pool_destroy)
			return 0;
		if (e->spec_flags & PS_SPEC_TAKES ||
		    (e->verb == PS_VERB_released && e->spec_flags & PS_SPEC_CALL))
			return 0; /* its beginning was seen, so the pool was destroyed since */
		p = ps_pool_make(e);
		if (!p) {
			ps_lost(PS_LOSS_event_no_pool);
			return 0;
		}
	} else if (!(p->flags & (PS_POOL_IMPLICIT | PS_POOL_DESTROYED))) {
		is_news = 0;
		capacity = p->capacity;
	}
	/* who showed it first counts it, or it would be counted twice; without since_ns another CPU is just making it */
	if (p->domain != e->domain && p->since_ns) {
		ps_lost(PS_LOSS_other_source);
		return 0;
	}
	ps_verb_book(p, e);
	if (!e->mark && ps_verb_is_story(e, is_news || p->capacity != capacity))
		ps_verb_tell(e);
	return ps_taken_is_wanted(p, e);
}

/* What the agent has read of the handle of a pool that it found, where no event could. */
PS_INLINE void ps_page_describe(struct ps_pool *p, const struct ps_page_found *found, __u64 now)
{
	if (!found->is_described || !(p->flags & PS_POOL_IMPLICIT) || p->flags & PS_POOL_DESCRIBED)
		return;
	ps_write_begin(p);
	ps_pool_set_kind(p, found->kind);
	ps_pool_set_capacity(p, found->capacity, now);
	p->min_idle = found->min_idle > PS_CAPACITY_MAX ? 0 : found->min_idle;
	__builtin_memcpy(p->name, found->name, sizeof(p->name));
	p->name[sizeof(p->name) - 1] = 0;
	ps_pool_mark(p, PS_POOL_DESCRIBED);
	ps_write_end(p);
}

/* The same of an event of a whole process; apart, for the stack of both together would be too large before 6.2. */
PS_GLOBAL int ps_stall_feed(const struct ps_event *at)
{
	struct ps_proc_key proc;
	__u64 cause;

	if (!at)
		return 0;
	proc = at->pool.proc;
	cause = at->arg[0];
	if (cause >= PS_STALL_COUNT)
		ps_lost(PS_LOSS_bad_value);
	else if (at->verb == PS_VERB_stall_end)
		ps_stall_ends(&proc, (__u32)cause, at->now);
	else if (ps_proc_get(&proc, at->now))
		ps_stall_begins(&proc, (__u32)cause, at->now);
	ps_verb_tell(at);
	return 0;
}

/* Takes one event of any source. 1 = the caller's stack is to be kept. */
PS_INLINE int ps_event_feed(const struct ps_event *e)
{
	if (e->verb == PS_VERB_stall_begin || e->verb == PS_VERB_stall_end)
		return ps_stall_feed(e);
	return ps_verb_feed(e);
}

#endif
