/* SPDX-License-Identifier: MIT */
/*
 * standing.h - which threads leave a CPU and are given one, as the kernel has them: what brings a switch of tasks to stalls.h. Of
 * processes that are neither stopped nor have a CPU quota, a word and a bit are compared.
 *
 * The surprise: no event tells that a cgroup is out of quota; its runnable threads just leave. So the count of its throttled periods is
 * read when they do and when they are back.
 */
#ifndef POOLSCOPE_BPF_STANDING_H
#define POOLSCOPE_BPF_STANDING_H

#include "infer.h"
#include "process.h"
#include "stalls.h"

enum { PS_TASK_STOPPED = 4, PS_TASK_TRACED = 8 };

/* Of processes that are known, for they have pools or connections. */
static __attribute__((noinline, unused)) int ps_stops(struct task_struct *task)
{
	struct ps_proc_key proc;

	if (task->signal->group_stop_count > 0)
		return 0;
	ps_proc_key_read(task, &proc);
	if (bpf_map_lookup_elem(&ps_procs, &proc))
		ps_stop_begins(&proc, bpf_ktime_get_ns());
	return 0;
}

static __attribute__((noinline, unused)) int ps_goes_on(struct task_struct *task)
{
	struct ps_proc_key proc;

	ps_proc_key_read(task, &proc);
	ps_stop_ends(&proc, bpf_ktime_get_ns());
	return 0;
}

#define PS_CGROUP_LEVELS 8

/* How often the cgroups of the task have been throttled, all together; 0 = none has a quota, or not yet. */
static __attribute__((noinline, unused)) __u64 ps_throttled_of(struct task_struct *task)
{
	struct task_group *g = BPF_CORE_READ(task, sched_task_group);
	__u64 n = 0;
	int i;

	for (i = 0; i < PS_CGROUP_LEVELS && g; i++) {
		if (~BPF_CORE_READ(g, cfs_bandwidth.quota))
			n += (__u32)BPF_CORE_READ(g, cfs_bandwidth.nr_throttled) + 1;
		g = BPF_CORE_READ(g, parent);
	}
	return n;
}

/*
 * Since 6.6 one number says it for a group and those above it. Before, that is -1 for all groups of cgroup v2 as soon as one of them has a
 * quota, so they are asked one by one. (The deadline of a scheduled task is of the same release: 147f3efaa241.)
 */
PS_INLINE int ps_has_quota(struct task_struct *task)
{
	struct task_group *g;
	int i;

	if (!bpf_core_field_exists(struct task_struct, sched_task_group) ||
	    !bpf_core_field_exists(struct cfs_bandwidth, hierarchical_quota))
		return 0;
	g = task->sched_task_group;
	if (bpf_core_field_exists(struct sched_entity, deadline))
		return g && g->cfs_bandwidth.hierarchical_quota != -1;
#pragma unroll
	for (i = 0; i < PS_CGROUP_LEVELS && g; i++, g = g->parent)
		if (~g->cfs_bandwidth.quota)
			return 1;
	return 0;
}

static __attribute__((noinline, unused)) int ps_leaves_cpu(struct task_struct *task,
							   int is_runnable)
{
	struct ps_thread *t = bpf_task_storage_get(&ps_threads, task, 0, 0);
	struct ps_proc_key proc;

	if (!t)
		return 0;
	ps_proc_key_read(task, &proc);
	ps_quota_leaves(&proc, t, is_runnable, ps_throttled_of(task), bpf_ktime_get_ns());
	return 0;
}

static __attribute__((noinline, unused)) int ps_gets_cpu(struct task_struct *task)
{
	struct ps_thread *t = bpf_task_storage_get(&ps_threads, task, 0, 0);
	struct ps_proc_key proc;

	if (!t)
		return 0;
	ps_proc_key_read(task, &proc);
	ps_quota_comes(&proc, t, ps_throttled_of(task), bpf_ktime_get_ns());
	return 0;
}

/* The task leaves its CPU; state 0 = it would go on. */
PS_INLINE void ps_standing_leaves(struct task_struct *task, unsigned int state)
{
	if (ps_is_followed((__u32)task->tgid) && ps_has_quota(task))
		ps_leaves_cpu(task, !state);
	if (state & (PS_TASK_STOPPED | PS_TASK_TRACED))
		ps_stops(task);
}

PS_INLINE void ps_standing_comes(struct task_struct *task)
{
	if (ps_is_followed((__u32)task->tgid) && ps_has_quota(task))
		ps_gets_cpu(task);
	if (*ps_stopped_of((__u32)task->tgid) &&
	    !(task->__state & (PS_TASK_STOPPED | PS_TASK_TRACED))) /* preempted on its way to stop, it stops now */
		ps_goes_on(task);
}

#endif
