/* SPDX-License-Identifier: MIT */
/*
 * process.h - who is calling: the process's key, its record, and its end.
 */
#ifndef POOLSCOPE_BPF_PROCESS_H
#define POOLSCOPE_BPF_PROCESS_H

#include "kernel.h"
#include "maps.h"

/* See struct ps_proc_key: differs for a reused pid and after an exec. */
PS_INLINE __u32 ps_incarnation(__u64 start_boottime, __u64 exec_id)
{
	__u64 mixed = (start_boottime ^ (exec_id << 48) ^ exec_id) * 0x9e3779b97f4a7c15ull;

	return (__u32)(mixed >> 32);
}

PS_INLINE void ps_proc_key_of(struct task_struct *task, struct ps_proc_key *ret)
{
	struct task_struct *leader = task->group_leader;

	ret->tgid = (__u32)task->tgid;
	ret->incarnation = ps_incarnation(leader->start_boottime, leader->self_exec_id);
}

#ifdef __bpf__
/*
 * The same where it is asked for seldom: by calls, some ns more. For each pointer that a program follows itself the verifier looks for five
 * names in the whole of the kernel's BTF, which takes ms, and again for each state in which it comes there.
 */
PS_INLINE void ps_proc_key_read(struct task_struct *task, struct ps_proc_key *ret)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	ret->tgid = (__u32)task->tgid;
	ret->incarnation = ps_incarnation(BPF_CORE_READ(leader, start_boottime),
					  BPF_CORE_READ(leader, self_exec_id));
}
#endif

#ifdef __bpf__
/* An int until 6.12 at least, and a byte in 7.3: so it is read by the size that it has. None where there is one CPU, which may be ours. */
PS_INLINE int ps_is_on_cpu(struct task_struct *task)
{
	return bpf_core_field_exists(task->on_cpu) && BPF_CORE_READ_BITFIELD(task, on_cpu);
}
#endif

/* ---- who is left out ------------------------------------------------------------------------------------------------------ */

PS_INLINE int ps_is_left_out(__u32 tgid)
{
	return ps_left_out[ps_slot(tgid / 64, PS_TGID_LIMIT / 64)] >> (tgid % 64) & 1;
}

PS_INLINE void ps_leave_out(__u32 tgid)
{
	__u64 bit = 1ull << (tgid % 64);
	__u64 *word = &ps_left_out[ps_slot(tgid / 64, PS_TGID_LIMIT / 64)];

	if (!(*word & bit) && !(__sync_fetch_and_or(word, bit) & bit))
		__sync_fetch_and_add(&ps_n_left_out, 1);
}

PS_INLINE void ps_take_in(__u32 tgid)
{
	__u64 bit = 1ull << (tgid % 64);
	__u64 *word = &ps_left_out[ps_slot(tgid / 64, PS_TGID_LIMIT / 64)];

	if (*word & bit && __sync_fetch_and_and(word, ~bit) & bit)
		__sync_fetch_and_add(&ps_n_left_out, -1);
}

/* ---- records -------------------------------------------------------------------------------------------------------------- */

/* The record of a process, made if need be; NULL when the table is full (counted). */
PS_INLINE struct ps_proc *ps_proc_get(const struct ps_proc_key *key, __u64 now)
{
	struct ps_proc *proc = bpf_map_lookup_elem(&ps_procs, key);

	if (proc)
		return proc;
	struct ps_proc fresh = { .since_ns = now };

	bpf_map_update_elem(&ps_procs, key, &fresh, BPF_NOEXIST);
	proc = bpf_map_lookup_elem(&ps_procs, key);
	if (!proc)
		ps_lost(PS_LOSS_procs_full);
	return proc;
}

PS_INLINE void ps_proc_gone(const struct ps_proc_key *key, __u64 now)
{
	struct ps_proc *proc = bpf_map_lookup_elem(&ps_procs, key);

	if (!proc)
		return;
	proc->gone_ns = now;
	__sync_fetch_and_add(&ps_n_gone, 1);
}

#endif
