/* SPDX-License-Identifier: MIT */
/*
 * taken.h - where an item was taken: the registers and the upper part of the stack of who takes it, kept beside its lease until it is taken
 * again. Nobody is told, and nothing is unwound: the agent reads what is kept of a lease that somebody asks about.
 *
 * So the first lease of a leak has its stack, though nobody knew then. Of a pool so many a second are kept, the first ones, and of one
 * under suspicion many more; what that costs is told with the probe.
 * The surprise: a stack may end before the piece does, and a read that meets its end gives nothing; it is done again in small parts then.
 */
#ifndef POOLSCOPE_BPF_TAKEN_H
#define POOLSCOPE_BPF_TAKEN_H

#include "verbs.h"

/* Room for the stack of a lease, or NULL: there is none (counted). The key lies on the caller's stack. */
PS_INLINE struct ps_taken *ps_taken_make(const struct ps_ref_key *key)
{
	__u32 zero = 0;
	void *blank = bpf_map_lookup_elem(&ps_zero, &zero);

	_Static_assert(sizeof(struct ps_hists) >= sizeof(struct ps_taken), "too little of zeros");
	if (!blank)
		return 0;
	if (ps_n_taken >= ps_taken_max ||
	    bpf_map_update_elem(&ps_takens, key, blank, BPF_NOEXIST)) {
		ps_lost(PS_LOSS_taken_full);
		return 0;
	}
	__sync_fetch_and_add(&ps_n_taken, 1);
	return bpf_map_lookup_elem(&ps_takens, key);
}

/*
 * How much there is at most, in whole parts. glibc and musl put what is a thread's own at the end of its stack, on x86-64 at the base of FS; above the
 * stack of the first thread are its arguments. Behind that memory may end, or never have been used, and a read that fails costs ten times
 * what a good one does (measured 2026-11). A part more is there in both cases.
 */
PS_INLINE __u32 ps_taken_room(__u64 sp)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct mm_struct *mm = task ? task->mm : 0;
	__u64 room = mm ? mm->start_stack - sp : 0;

#if !defined(__TARGET_ARCH_arm64)
	if (task && task->thread.fsbase - sp < PS_TAKEN_BYTES)
		room = task->thread.fsbase - sp;
#endif
	return room && room < PS_TAKEN_BYTES
		       ? ((__u32)room + PS_TAKEN_PART - 1) & ~(__u32)(PS_TAKEN_PART - 1)
		       : PS_TAKEN_BYTES;
}

/* Reads `size` bytes more, if that many are among `room`; the whole number so far. `size` is a constant, for the verifier of 6.1 loses the bounds of a variable. */
PS_INLINE __u32 ps_taken_part(struct ps_taken *t, const char *from, __u32 *room, __u32 n,
			      __u32 size)
{
	if (!(*room & size) || n > PS_TAKEN_BYTES - size)
		return n;
	if (!bpf_probe_read_user(t->stack + n, size, from + n))
		return n + size;
	*room = 0;
	return n;
}

/* How many bytes could be read: in one piece, or in few. */
PS_INLINE __u32 ps_taken_copy(struct ps_taken *t, __u64 sp)
{
	const char *from = (const char *)(unsigned long)sp;
	__u32 room = ps_taken_room(sp), n;

	if (room < PS_TAKEN_BYTES) {
		n = ps_taken_part(t, from, &room, 0, 2048);
		n = ps_taken_part(t, from, &room, n, 1024);
		n = ps_taken_part(t, from, &room, n, 512);
		return ps_taken_part(t, from, &room, n, PS_TAKEN_PART);
	}
	if (!bpf_probe_read_user(t->stack, PS_TAKEN_BYTES, from))
		return PS_TAKEN_BYTES;
	for (n = 0; n < PS_TAKEN_BYTES; n += PS_TAKEN_PART) /* its end was not known */
		if (bpf_probe_read_user(t->stack + n, PS_TAKEN_PART, from + n))
			break;
	return n;
}

/* A copy is whole when since_ns and begun_ns are the same: it is read in rising addresses, and written the other way round. 1 = kept. */
PS_GLOBAL int ps_taken_keep(PS_CONTEXT *ctx, const struct ps_event *e)
{
	struct ps_ref_key key;
	struct ps_taken *t;

	if (!e)
		return 0;
	key.pool = e->pool;
	key.id = e->arg[1];
	t = bpf_map_lookup_elem(&ps_takens, &key);
	if (!t)
		t = ps_taken_make(&key);
	if (!t)
		return 0;
	*(volatile __u64 *)&t->begun_ns = e->now;
	bpf_get_current_comm(t->comm, sizeof(t->comm));
	bpf_probe_read_kernel(t->word, 8 * PS_N_REGS, ctx);
	t->n = ps_taken_copy(t, t->word[PS_REG_SP]);
	*(volatile __u64 *)&t->since_ns = e->now;
	return 1;
}

/*
 * Of each entry, once a tick. One of an item that has come back is kept, as it will be written over; but when the table is half full
 * those go as well, for there are pools whose items have a new name each time.
 */
PS_INLINE void ps_taken_look_at(const struct ps_ref_key *at)
{
	struct ps_ref_key key = *at;
	struct ps_lease *lease = bpf_map_lookup_elem(&ps_leases, &key);

	if (lease && (lease->state == PS_LEASE_HELD || ps_n_taken <= ps_taken_max / 2))
		return;
	if (!bpf_map_delete_elem(&ps_takens, &key))
		__sync_fetch_and_add(&ps_n_taken, -1);
}

#endif
