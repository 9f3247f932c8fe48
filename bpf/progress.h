/* SPDX-License-Identifier: MIT */
/*
 * progress.h - processes of which no thread has run for long though there is work: one waits for a CPU, or for a disk, or all are frozen.
 *
 * The surprise: what stands still makes no event. So a switch of tasks notes when a process last left a CPU, the agent looks once a tick at the
 * threads of those that left it long ago, and tells the kernel's side since when they stand; the next thread that is given a CPU ends that, as it
 * ends a stop (stalls.h). A process that sleeps for what others do (a reply, a request, a timer) is in none of these states.
 *
 * The note is in the kernel's jiffies: they are there without a call, and a process that switches often writes one of them once. So it
 * is right to a jiffy. Two processes whose numbers have the same last bits share a note: of these, the one that stands
 * is told of later, or not.
 */
#ifndef POOLSCOPE_BPF_PROGRESS_H
#define POOLSCOPE_BPF_PROGRESS_H

#include "kernel.h"
#include "maps.h"
#ifdef __bpf__
#include "calls.h"
#include "serving.h"
#include "standing.h"
#endif

/* ---- when a process ran last --------------------------------------------------------------------------------------------- */

PS_INLINE __u32 *ps_ran_of(__u32 tgid)
{
	return &ps_ran[ps_slot(tgid, PS_RAN_SLOTS)];
}

PS_INLINE __u32 ps_ran_note(__u64 jiffies, int is_runnable)
{
	return (__u32)jiffies << 1 | (is_runnable != 0);
}

/* In jiffies. What was noted after they were read is of now. */
PS_INLINE __u32 ps_ran_ago(__u32 ran, __u64 jiffies)
{
	__u32 ago = ((__u32)jiffies - (ran >> 1)) & 0x7fffffff;

	return ago < 0x7ffffff0 ? ago : 0;
}

/* A thread of the process leaves its CPU; state 0 = it would go on. Of processes that the agent does not know a word is read. */
PS_INLINE void ps_ran_leaves(__u32 tgid, unsigned int state)
{
	__u32 *at = ps_ran_of(tgid), ran = *at, now;

	if (!ran)
		return;
	now = ps_ran_note(bpf_jiffies64(), !state);
	if (now != ran)
		*at = now;
}

/* Whether it left one longer ago than the limit, and how long. The first look at a process begins the note. */
PS_INLINE int ps_ran_long_ago(__u32 tgid, __u32 *ret_ran, __u64 *ret_ago_ns)
{
	__u32 *at = ps_ran_of(tgid), ran = *at;

	if (ran == PS_RAN_UNWANTED)
		return 0;
	if (ran == PS_RAN_UNKNOWN) {
		__sync_val_compare_and_swap(at, ran, ps_ran_note(bpf_jiffies64(), 0));
		return 0;
	}
	*ret_ran = ran;
	*ret_ago_ns = ps_ran_ago(ran, bpf_jiffies64()) * ps_jiffy_ns;
	return ps_jiffy_ns && *ret_ago_ns >= ps_no_progress_ns;
}

/* The last thread of the process has ended. */
PS_INLINE void ps_ran_ends(__u32 tgid)
{
	if (*ps_ran_of(tgid))
		*ps_ran_of(tgid) = 0;
}

/* ---- what a thread does that does not run -------------------------------------------------------------------------------- */

/* include/linux/sched.h; before 6.1 the frozen ones are uninterruptible and have the flag (f5d39b020809) */
enum {
	PS_TASK_UNINTERRUPTIBLE = 2,
	PS_TASK_STOPS = 4 | 8,
	PS_TASK_ENDED = 0x10 | 0x20 | 0x40 | 0x80, /* EXIT_DEAD, EXIT_ZOMBIE, PARKED, DEAD */
	PS_TASK_NOLOAD = 0x400,
	PS_TASK_NEW = 0x800,
	PS_TASK_FROZEN = 0x8000,
	PS_PF_FROZEN = 0x10000,
	PS_JOBCTL_TRAP_FREEZE = 1 << 23
};

struct pt_regs___result {
#if defined(__TARGET_ARCH_arm64)
	__u64 regs[31];
#else
	unsigned long ax;
#endif
} PS_CORE;

/*
 * A frozen thread: was it at work when that came, or did it sleep? A sleep that was cut short has the result of one, EINTR or ERESTART*; one
 * that is frozen as it lies (cgroup v1 since 6.1) has none yet, so that the thread did not run for it.
 */
PS_INLINE __u32 ps_frozen_how(__u64 call, __s64 result, int is_by_state)
{
	if ((__s64)call < 0)
		return PS_STILL_AT_WORK; /* not in a call */
	if (result == -4 || (result >= -516 && result <= -512))
		return 0;
	return is_by_state ? PS_STILL_IN_PLACE : PS_STILL_AT_WORK;
}

PS_INLINE enum ps_still ps_still_of(__u32 state, int is_on_cpu, int is_frozen_by_flag,
				    int is_frozen_by_job)
{
	if (is_on_cpu)
		return PS_STILL_RUNS;
	if (state & (PS_TASK_STOPS | PS_TASK_ENDED | PS_TASK_NEW))
		return PS_STILL_NOT;
	if (state & PS_TASK_FROZEN || is_frozen_by_flag ||
	    (is_frozen_by_job && state & PS_TASK_INTERRUPTIBLE))
		return PS_STILL_FROZEN;
	if (state & PS_TASK_INTERRUPTIBLE || state & PS_TASK_NOLOAD)
		return PS_STILL_NOT;
	return state & PS_TASK_UNINTERRUPTIBLE ? PS_STILL_BLOCKED : PS_STILL_RUNNABLE;
}

#ifdef __bpf__

struct ps_unread {
	__u64 files;
	__u64 is_any; /* of its first sockets with something that was not read; no count, each of which the verifier would look at */
};

static long ps_unread_step(__u32 i, struct ps_unread *u)
{
	struct file *file = 0;
	struct sock *sk;

	if (bpf_probe_read_kernel(&file, sizeof(file), (const void *)(u->files + i * 8ull)) ||
	    !file)
		return 0;
	sk = ps_sock_of(file);
	if (!sk)
		return 0;
	u->is_any = BPF_CORE_READ(sk, sk_receive_queue.qlen) > 0 ||
		    (BPF_CORE_READ(sk, __sk_common.skc_state) == PS_TCP_LISTEN &&
		     BPF_CORE_READ(sk, sk_ack_backlog) > 0);
	return u->is_any;
}

PS_GLOBAL int ps_is_unread(__u64 files, __u32 n)
{
	struct ps_unread u = { .files = files };

	bpf_loop(n < PS_HELD_FILES ? n : PS_HELD_FILES, ps_unread_step, &u, 0);
	return u.is_any;
}

PS_INLINE int ps_has_unread(struct task_struct *task)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);

	return table && ps_is_unread((__u64)(unsigned long)BPF_CORE_READ(table, fd),
				     BPF_CORE_READ(table, max_fds));
}

/*
 * What the scheduler's clock, which is another one than ours, says now by the times of a task of its fair class that has a CPU, or leaves it: it
 * adds up what one has run once in a tick of the kernel, and as it leaves. 0 = not known.
 */
PS_INLINE __u64 ps_scheduler_clock(struct task_struct *self)
{
	__u64 runs;

	if (!bpf_core_field_exists(struct sched_info, last_arrival))
		return 0;
	runs = BPF_CORE_READ(self, se.sum_exec_runtime) -
	       BPF_CORE_READ(self, se.prev_sum_exec_runtime);
	return runs > 1000000000 ? 0 : BPF_CORE_READ(self, sched_info.last_arrival) + runs;
}

/* By that clock; 0 = it does not wait for a CPU, or that is not known. */
PS_INLINE __u64 ps_queued_at(struct task_struct *task)
{
	if (!bpf_core_field_exists(struct sched_info, last_queued))
		return 0;
	return BPF_CORE_READ(task, sched_info.last_queued);
}

/* Since when it waits for a CPU; 0 = not known. */
static __attribute__((noinline, unused)) __u64 ps_queued_since(struct task_struct *task)
{
	__u64 at = ps_scheduler_clock((struct task_struct *)bpf_get_current_task_btf());
	__u64 queued = ps_queued_at(task);

	if (!at || !queued)
		return 0;
	return bpf_ktime_get_ns() - (at > queued ? at - queued : 0);
}

/* Out of quota: that has a cause of its own, and is told by the same sign. */
static __attribute__((noinline, unused)) int ps_is_throttled(struct task_struct *task,
							     const struct ps_proc_key *proc)
{
	const struct ps_standstill *s;

	if (!ps_is_followed(proc->tgid) || !ps_has_quota(task))
		return 0;
	s = bpf_map_lookup_elem(&ps_standstills, proc);
	return s && s->ran_ns && s->n_throttled != ps_throttled_of(task);
}

static __attribute__((noinline, unused)) __u32 ps_frozen_flags(struct task_struct *task,
							       int is_by_state)
{
	struct pt_regs___result *regs = (struct pt_regs___result *)bpf_task_pt_regs(task);
#if defined(__TARGET_ARCH_arm64)
	__s64 result = (__s64)regs->regs[0];
#else
	__s64 result = (__s64)regs->ax;
#endif
	__u32 flags = ps_frozen_how(ps_call_of(task), result, is_by_state);

	if (task->pid == task->tgid && ps_has_unread(task))
		flags |= PS_STILL_UNREAD;
	return flags;
}

/* Of a pass over all threads: of one whose process ran last long ago, what it does. 1 = the agent is to hear of it. */
PS_INLINE int ps_still_found(struct task_struct *task, struct ps_still_thread *ret)
{
	__u32 state = task->__state;
	int is_frozen_by_flag = state & PS_TASK_UNINTERRUPTIBLE && task->flags & PS_PF_FROZEN;

	ret->kind = ps_still_of(state, ps_is_on_cpu(task), is_frozen_by_flag,
				(task->jobctl & PS_JOBCTL_TRAP_FREEZE) != 0);
	if (ret->kind == PS_STILL_NOT)
		return 0;
	ps_proc_key_of(task, &ret->proc);
	if (ret->kind == PS_STILL_FROZEN)
		ret->flags = ps_frozen_flags(task, (state & PS_TASK_FROZEN) != 0);
	if (ret->kind != PS_STILL_RUNNABLE)
		return 1;
	ret->since_ns = ps_queued_since(task);
	return !ps_is_throttled(task, &ret->proc);
}

#endif

#endif
