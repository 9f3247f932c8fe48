/* SPDX-License-Identifier: MIT */
/*
 * stalls.h - times in which a whole process stood still, and why.
 *
 * The surprise: a runtime says that it stops, and only later why. So a second beginning inside of the first one, with another cause, names it
 * and begins nothing; one with the cause that it began with is the next stall, and the end of the one before was lost. A process has one
 * stall at a time: what goes on beside it is inside of it.
 *
 * What the stalls did to its pools is the difference of one number between two moments: how long it has stood still so far.
 */
#ifndef POOLSCOPE_BPF_STALLS_H
#define POOLSCOPE_BPF_STALLS_H

#include "hist.h"
#include "maps.h"

PS_INLINE struct ps_standstill *ps_standstill_get(const struct ps_proc_key *proc)
{
	struct ps_standstill *s = bpf_map_lookup_elem(&ps_standstills, proc);
	__u32 zero = 0;
	void *blank;

	if (s)
		return s;
	blank = bpf_map_lookup_elem(&ps_zero, &zero); /* larger than needed */
	if (blank)
		bpf_map_update_elem(&ps_standstills, proc, blank, BPF_NOEXIST);
	s = bpf_map_lookup_elem(&ps_standstills, proc);
	if (!s)
		ps_lost(PS_LOSS_stalls_full);
	return s;
}

/* ---- how long it has stood still, for its pools -------------------------------------------------------------------------- */

PS_INLINE __u64 *ps_has_stood_word(__u32 tgid)
{
	return &ps_has_stood[ps_slot(tgid / 64, PS_STOOD_BITS / 64)];
}

/* To be called before anything is told of its first stall. */
PS_INLINE void ps_stood_begins(__u32 tgid)
{
	__u64 *word = ps_has_stood_word(tgid), bit = 1ull << (tgid % 64);

	if (!(*word & bit))
		__sync_fetch_and_or(word, bit);
}

/* A stall that lasted from then to now. What is in the sum already, or inside of one that goes on, is not added again. */
PS_INLINE void ps_stood_add(struct ps_standstill *s, __u64 begin, __u64 now)
{
	if (s->since_ns && s->since_ns < begin)
		begin = s->since_ns;
	if (begin < s->stood_until_ns)
		begin = s->stood_until_ns;
	if (now <= begin)
		return;
	s->last_ns = now - begin;
	s->stood_until_ns = now;
	__sync_fetch_and_add(&s->stood_ns, now - begin);
}

/* 0 = never. */
PS_INLINE int ps_may_have_stood(__u32 tgid)
{
	return *ps_has_stood_word(tgid) >> (tgid % 64) & 1;
}

/* Until now; for a process that never had a stall a bit is read. The key lies on the caller's stack. */
PS_INLINE __u64 ps_stood_of(const struct ps_proc_key *proc, __u64 now)
{
	struct ps_standstill *s;

	if (!ps_may_have_stood(proc->tgid))
		return 0;
	s = bpf_map_lookup_elem(&ps_standstills, proc);
	return s ? ps_stood(s, now) : 0;
}

/*
 * What was not done in a stall is done after it: a pool that nobody waited for is full, until that is worked off. At four fifths of what
 * it can do this takes four times as long as the stall; what begins later than twice of that is not its doing.
 */
#define PS_BACKLOG_STALLS 8

/* What a wait has to do with the last stall, by its beginning. */
enum ps_backlog {
	PS_BACKLOG_NO, /* it began before, or long after */
	PS_BACKLOG_NEXT, /* as much as those that wait already */
	PS_BACKLOG_FIRST /* it is the first that came of it */
};

/* is_first: nobody else waits. */
PS_INLINE enum ps_backlog ps_backlog_begins(const struct ps_standstill *s, __u64 begin,
					    int is_first)
{
	__u64 until = s->stood_until_ns, after = begin > until ? begin - until : 0;

	if (begin + s->last_ns < until || after > PS_BACKLOG_STALLS * s->last_ns)
		return PS_BACKLOG_NO;
	return is_first && after <= s->last_ns ? PS_BACKLOG_FIRST : PS_BACKLOG_NEXT;
}

/* ps_stood() where there is little room: in units of 1024 ns, modulo 2^32. */
PS_INLINE __u32 ps_stood_short(__u64 stood_ns)
{
	return (__u32)(stood_ns >> 10);
}

/* ---- told by the runtime ------------------------------------------------------------------------------------------------- */

/* One that has ended. */
PS_INLINE void ps_stall_book_of(const struct ps_proc_key *proc, __u32 cause, __u64 length_ns,
				__u64 end)
{
	struct ps_standstill *s = ps_standstill_get(proc);
	struct ps_stall_key key = { .proc = *proc, .cause = cause };
	struct ps_hist *h = bpf_map_lookup_elem(&ps_stalls, &key);
	__u32 zero = 0;
	void *blank = bpf_map_lookup_elem(&ps_zero, &zero);

	if (s) {
		ps_stood_begins(proc->tgid);
		ps_stood_add(s, end - length_ns, end);
	}
	if (!h && blank) {
		bpf_map_update_elem(&ps_stalls, &key, blank, BPF_NOEXIST);
		h = bpf_map_lookup_elem(&ps_stalls, &key);
	}
	if (h)
		ps_hist_put(h, length_ns);
	else
		ps_lost(PS_LOSS_stalls_full);
}

/* One that has just ended. */
PS_INLINE void ps_stall_book(const struct ps_proc_key *proc, __u32 cause, __u64 length_ns)
{
	ps_stall_book_of(proc, cause, length_ns, bpf_ktime_get_ns());
}

PS_INLINE void ps_stall_begins(const struct ps_proc_key *proc, __u32 cause, __u64 now)
{
	struct ps_standstill *s = ps_standstill_get(proc);

	if (!s)
		return;
	if (s->since_ns && s->begun_as != cause) {
		s->cause = cause;
		return;
	}
	if (s->since_ns) {
		ps_lost(PS_LOSS_stall_unended);
		s->stood_ns = ps_stood(s, now); /* what the pools were told of it stays */
		s->stood_until_ns = now;
	}
	ps_stood_begins(proc->tgid);
	s->begun_as = s->cause = cause;
	s->since_ns = now;
}

/* The end of what goes on inside of a stall ends nothing. */
PS_INLINE void ps_stall_ends(const struct ps_proc_key *proc, __u32 cause, __u64 now)
{
	struct ps_standstill *s = bpf_map_lookup_elem(&ps_standstills, proc);

	if (!s || !s->since_ns || s->begun_as != cause)
		return;
	ps_stall_book(proc, s->cause, now > s->since_ns ? now - s->since_ns : 0);
	s->since_ns = 0;
}

/* ---- throttled ----------------------------------------------------------------------------------------------------------- */

#define PS_THROTTLED_NS 1000000 /* what is shorter another one had the CPU for */

/*
 * A thread leaves a CPU (is_runnable: it would go on), or is given one. Out of quota, all threads of a process leave theirs, and the next
 * period gives them back; the stall is from the last that left to the first that came, if that one had waited for a CPU all the time. The
 * cgroups' count of throttled periods tells it from a CPU that others need.
 */
PS_INLINE void ps_quota_leaves(const struct ps_proc_key *proc, struct ps_thread *t, int is_runnable,
			       __u64 n_throttled, __u64 now)
{
	struct ps_standstill *s = ps_standstill_get(proc);

	if (!s)
		return;
	t->is_runnable = (__u32)is_runnable;
	if (t->is_on_cpu && s->n_on_cpu > 0) /* of the program before an exec it is not */
		__sync_fetch_and_add(&s->n_on_cpu, -1);
	t->is_on_cpu = 0;
	s->ran_ns = now;
	s->n_throttled = n_throttled;
}

PS_INLINE void ps_quota_comes(const struct ps_proc_key *proc, struct ps_thread *t,
			      __u64 n_throttled, __u64 now)
{
	struct ps_standstill *s = bpf_map_lookup_elem(&ps_standstills, proc);
	int is_first;

	if (!s || t->is_on_cpu)
		return;
	t->is_on_cpu = 1;
	is_first = !__sync_fetch_and_add(&s->n_on_cpu, 1);
	if (is_first && t->is_runnable && s->n_throttled != n_throttled &&
	    now - s->ran_ns >= PS_THROTTLED_NS &&
	    !(s->since_ns && s->begun_as == (PS_STALL_SEEN | PS_STALL_no_progress)))
		ps_stall_book(proc, PS_STALL_throttled, now - s->ran_ns);
}

/* ---- stopped by a signal or a tracer ------------------------------------------------------------------------------------ */

/*
 * A signal stops the threads of a process one after the other: each runs once more, to stop. The stop is from the last of them on, and
 * what is shorter than this is none.
 */
#define PS_STOPPED_NS 1000000

PS_INLINE __u32 *ps_stopped_of(__u32 tgid)
{
	return &ps_stopped[ps_slot(tgid, PS_STOPPED_SLOTS)];
}

/* A thread of the process has stopped. Who was begun by ps_still_begins() ran for it, which has ended that. */
PS_INLINE void ps_stop_begins(const struct ps_proc_key *proc, __u64 now)
{
	struct ps_standstill *s = ps_standstill_get(proc);

	if (!s)
		return;
	s->cause = PS_STALL_stopped;
	if (s->since_ns)
		return;
	ps_stood_begins(proc->tgid);
	s->begun_as = PS_STALL_SEEN | PS_STALL_stopped;
	if (!__sync_val_compare_and_swap(&s->since_ns, 0, now)) /* nor has another one just now */
		__sync_fetch_and_add(ps_stopped_of(proc->tgid), 1);
}

/* No thread of the process has run since then, though there is work. What goes on already has a cause. */
PS_INLINE void ps_still_begins(const struct ps_proc_key *proc, __u64 since)
{
	struct ps_standstill *s = ps_standstill_get(proc);

	if (!s || s->since_ns)
		return;
	ps_stood_begins(proc->tgid);
	s->begun_as = PS_STALL_SEEN | PS_STALL_no_progress;
	s->cause = PS_STALL_no_progress;
	if (!__sync_val_compare_and_swap(&s->since_ns, 0, since))
		__sync_fetch_and_add(ps_stopped_of(proc->tgid), 1);
}

/* A thread of a process that was stopped, or made no progress, runs. */
PS_INLINE void ps_stop_ends(const struct ps_proc_key *proc, __u64 now)
{
	struct ps_standstill *s = bpf_map_lookup_elem(&ps_standstills, proc);
	__u64 since;

	if (!s || !s->since_ns || !(s->begun_as & PS_STALL_SEEN))
		return;
	since = __sync_lock_test_and_set(&s->since_ns, 0); /* two may go on at once */
	if (!since)
		return;
	if (now - since >= PS_STOPPED_NS)
		ps_stall_book(proc, s->cause, now - since);
	__sync_fetch_and_add(ps_stopped_of(proc->tgid), -1);
}

#endif
