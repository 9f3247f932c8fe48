/* SPDX-License-Identifier: MIT */
/*
 * families.h - the books of workers that are one pool: how many they are, who is busy since when, and what was answered. Who is one of
 * them, and when, is told by acceptors.h and workers.h. Times are CLOCK_MONOTONIC ns.
 */
#ifndef POOLSCOPE_BPF_FAMILIES_H
#define POOLSCOPE_BPF_FAMILIES_H

#include "hist.h"
#include "infer.h"
#include "maps.h"
#include "process.h"

#define PS_FAMILIES_PER_PROCESS 64 /* of like-named threads */

PS_INLINE struct ps_family *ps_family_find(const struct ps_family_key *key)
{
	return bpf_map_lookup_elem(&ps_families, key);
}

/* NULL = no room (counted). The name is of its first thread; NULL = none. */
PS_INLINE struct ps_family *ps_family_get(const struct ps_family_key *key, const char *name,
					  const struct ps_proc_key *by, __u64 now)
{
	struct ps_family *f = ps_family_find(key);
	struct ps_proc *proc = 0;
	__u32 zero = 0;
	void *blank;

	if (f)
		return f;
	blank = bpf_map_lookup_elem(&ps_zero, &zero);
	if (name)
		proc = ps_proc_get(&key->proc, now);
	if (!blank || (name && (!proc || proc->n_families >= PS_FAMILIES_PER_PROCESS)) ||
	    bpf_map_update_elem(&ps_families, key, blank, BPF_NOEXIST)) {
		f = ps_family_find(key);
		if (!f)
			ps_lost(PS_LOSS_families_full);
		return f;
	}
	if (proc)
		__sync_fetch_and_add(&proc->n_families, 1);
	else
		__sync_fetch_and_add(&ps_n_families, 1);
	f = ps_family_find(key);
	if (!f)
		return 0;
	f->since_ns = now;
	f->first = *by;
	if (name)
		__builtin_memcpy(f->name, name, PS_COMM_MAX);
	return f;
}

/* Two may find out at once. */
PS_INLINE void ps_family_mark(struct ps_family *f, __u32 flag)
{
	if (!(f->flags & flag))
		__sync_fetch_and_or(&f->flags, flag);
}

PS_INLINE void ps_family_begins(struct ps_family *f, __u64 now)
{
	__sync_fetch_and_add(&f->events_begun, 1);
	__sync_fetch_and_add(&f->busy, 1);
	__sync_fetch_and_add(&f->begun_sum, now);
	__sync_fetch_and_add(&f->periods, 1);
	__sync_fetch_and_add(&f->events_done, 1);
}

PS_INLINE void ps_family_ends(struct ps_family *f, __u64 now)
{
	__sync_fetch_and_add(&f->events_begun, 1);
	__sync_fetch_and_add(&f->busy, -1);
	__sync_fetch_and_add(&f->ended_sum, now);
	__sync_fetch_and_add(&f->events_done, 1);
}

/* It had not ended then. */
PS_INLINE void ps_family_resumes(struct ps_family *f, __u64 ended_ns)
{
	__sync_fetch_and_add(&f->events_begun, 1);
	__sync_fetch_and_add(&f->busy, 1);
	__sync_fetch_and_add(&f->ended_sum, -ended_ns);
	__sync_fetch_and_add(&f->events_done, 1);
}

/* Global, for the verifier: it looks at it once, and not at every call. */
PS_GLOBAL int ps_family_answered(struct ps_family *f, __u64 begin_ns, __u64 end_ns)
{
	if (!f)
		return 0;
	__sync_fetch_and_add(&f->answered, 1);
	ps_hist_put(&f->hold, end_ns > begin_ns ? end_ns - begin_ns : 0);
	return 0;
}

PS_INLINE struct ps_family *ps_server_family(const struct ps_worker *w,
					     const struct ps_proc_key *proc)
{
	struct ps_family_key key = { .proc = *proc, .id = w->name };

	return w->name ? ps_family_find(&key) : 0;
}

/* What seemed to be the end of a request was it. */
PS_INLINE void ps_server_tells(struct ps_family *f, struct ps_worker *w)
{
	if (!w->ended_ns)
		return;
	ps_family_answered(f, w->request_ns, w->ended_ns);
	__sync_fetch_and_add(&f->slept, 1);
	w->ended_ns = 0;
}

/* The thread ends, or does something else from now on. */
PS_INLINE void ps_server_leaves(struct ps_worker *w, const struct ps_proc_key *proc, __u64 now)
{
	struct ps_family *f = ps_server_family(w, proc);

	if (f) {
		__sync_fetch_and_add(&f->n, -1);
		if (w->state == PS_WORKER_BUSY)
			ps_family_ends(f, now);
		ps_server_tells(f, w);
	}
	w->name = 0;
	w->state = PS_WORKER_NEW;
	w->conn = 0;
}

#endif
