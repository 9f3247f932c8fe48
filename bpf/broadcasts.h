/* SPDX-License-Identifier: MIT */
/*
 * broadcasts.h - which threads run and which futex call wakes many, as the kernel has them: what switches and wakings bring to barrier.h.
 *
 * The surprise: no clock is read for the CPU time. The scheduler has added it up when a thread leaves its CPU.
 */
#ifndef POOLSCOPE_BPF_BROADCASTS_H
#define POOLSCOPE_BPF_BROADCASTS_H

#include "barrier.h"
#include "calls.h"
#include "process.h"

#define PS_PRIO_FAIR 100
#define PS_BARRIER_LOOK 512 /* threads of a process that are looked at */
#define PS_FUTEX_WAKES_MANY (1u << 1 | 1u << 10) /* WAKE, WAKE_BITSET */

/* FUTEX_WAIT, with no limit: who waits so has no use for one. */
PS_INLINE int ps_is_endless(const struct ps_futex_call *call)
{
	return call->number == PS_SYS_FUTEX && !(call->op & PS_FUTEX_COMMANDS) && !call->timeout;
}

/* What a task that is none of the fair scheduler's had used of the CPU when it was given this one. */
#define PS_BARRIER_CPUS 1024
static __u64 ps_came_used_ns[PS_BARRIER_CPUS];

PS_INLINE __u64 *ps_came_used(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return cpu < PS_BARRIER_CPUS ? &ps_came_used_ns[cpu] : 0;
}

PS_INLINE void ps_comes(struct task_struct *task)
{
	__u64 *used = task->prio < PS_PRIO_FAIR ? ps_came_used() : 0;

	if (used)
		*used = task->se.sum_exec_runtime;
}

/* How long a thread has had its CPU when it leaves it; of the current one up to the last tick. 0 = not known. */
PS_INLINE __u64 ps_slice_of(struct task_struct *task)
{
	__u64 *used;

	if (task->prio >= PS_PRIO_FAIR)
		return task->se.sum_exec_runtime - task->se.prev_sum_exec_runtime;
	used = ps_came_used();
	return used && *used && *used <= task->se.sum_exec_runtime
		       ? task->se.sum_exec_runtime - *used
		       : 0;
}

/* How often a task has left a CPU. */
PS_INLINE __u32 ps_times_left(struct task_struct *task)
{
	return (__u32)(task->nvcsw + task->nivcsw);
}

struct ps_thread_walk {
	struct list_head *head, *entry;
	__u64 n_running;
};

static long ps_thread_step(__u32 i, struct ps_thread_walk *walk)
{
	struct list_head *entry = walk->entry;
	struct task_struct *task;

	(void)i;
	if (!entry || entry == walk->head)
		return 1;
	task = (struct task_struct *)((char *)entry -
				      bpf_core_field_offset(struct task_struct, thread_node));
	walk->n_running += !BPF_CORE_READ(task, __state);
	walk->entry = BPF_CORE_READ(entry, next);
	return 0;
}

/* Threads of the process that have a CPU or want one. */
static __attribute__((noinline, unused)) __u64 ps_running_of(struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	struct ps_thread_walk walk = {};

	walk.head = (struct list_head *)((char *)signal +
					 bpf_core_field_offset(struct signal_struct, thread_head));
	walk.entry = BPF_CORE_READ(signal, thread_head.next);
	bpf_loop(PS_BARRIER_LOOK, ps_thread_step, &walk, 0);
	return walk.n_running;
}

static __attribute__((noinline, unused)) int ps_wakes_end(struct task_struct *waker)
{
	struct ps_work *w = ps_work_of((__u32)waker->tgid);
	struct ps_thread *by = bpf_task_storage_get(&ps_threads, waker, 0, 0);
	struct ps_proc_key proc;

	w->caller = 0;
	if (!by || !ps_broadcast_is_open(&by->broadcast))
		return 0;
	ps_proc_key_read(waker, &proc);
	ps_broadcast_ends(&by->broadcast, w, &proc);
	return 0;
}

static __attribute__((noinline, unused)) int ps_wakes_judge(struct task_struct *task)
{
	struct ps_work *w = ps_work_of((__u32)task->tgid);
	struct ps_proc_key proc;

	if (!ps_barrier_is_known(w, bpf_ktime_get_ns()))
		return 0;
	ps_proc_key_read(task, &proc);
	ps_barrier_judge(w, &proc);
	return 0;
}

/* A thread ends. When the last but one does, it is known what became of those who were woken: there is nobody who could sleep again. */
static __attribute__((noinline, unused)) int ps_wakes_exits(struct task_struct *task)
{
	struct ps_work *w = ps_work_of((__u32)task->tgid);
	struct ps_proc_key proc;

	if (!w->asked_ns || w->tgid != (__u32)task->tgid || task->signal->live.counter > 1)
		return 0;
	ps_proc_key_read(task, &proc);
	ps_barrier_judge(w, &proc);
	return 0;
}

/* It was taken from its CPU in the middle of a call on a futex, which kernels that preempt do: some may be yet to be woken. */
PS_INLINE int ps_still_wakes(struct task_struct *task)
{
	return !task->__state && ps_call_of(task) == PS_SYS_FUTEX && ps_is_in_call(task);
}

/* The task, of several threads with connections, leaves its CPU; ret: how long it had it. */
PS_INLINE __u64 ps_leaves(struct task_struct *task)
{
	struct ps_work *w = ps_work_of((__u32)task->tgid);
	__u64 slice = ps_slice_of(task);

	ps_work_ran(w, slice);
	if (w->caller == (__u32)task->pid) {
		if (!ps_still_wakes(task))
			ps_wakes_end(task);
	} else if (w->asked_ns && w->tgid == (__u32)task->tgid)
		ps_wakes_judge(task);
	return slice;
}

/* The third one is woken: it is looked at what the process does beside, and at the word. */
static __attribute__((noinline, unused)) int ps_wakes_third(struct task_struct *waker,
							    struct ps_thread *by)
{
	struct ps_broadcast *b;
	struct ps_work *w = ps_work_of((__u32)waker->tgid);
	struct ps_proc_key proc;

	if (!by)
		return 0;
	b = &by->broadcast;
	w->caller = (__u32)waker->pid;
	bpf_probe_read_user(&b->value_now, sizeof(b->value_now), (void *)b->word);
	ps_proc_key_read(waker, &proc);
	ps_broadcast_opens(b, w, &proc);
	if (!ps_broadcast_is_long(b))
		return 0;
	b->ran_ns += ps_work_now(by, ps_times_left(waker), ps_slice_of(waker), b->parked_ns,
				 b->began_ns);
	b->n_running = (__u32)ps_running_of(waker);
	/* the waker is among them, and so are those that it woke before */
	b->n_running -= b->n_running < b->n ? b->n_running : b->n;
	return 0;
}

/* A thread wakes another one by a call that may wake many. */
static __attribute__((noinline, unused)) int
ps_wakes_many(struct task_struct *waker, struct ps_thread *by, const struct ps_thread *t)
{
	struct ps_broadcast *b;

	if (!by || !t)
		return 0;
	b = &by->broadcast;
	if (!ps_broadcast_is_same(b, t)) {
		if (ps_broadcast_is_open(b))
			ps_wakes_end(waker);
		ps_broadcast_begins(b, t, ps_work_of((__u32)waker->tgid), bpf_ktime_get_ns());
	} else if (!b->n) {
		return 0; /* its waker lost the CPU in the middle, and that was judged as all */
	}
	ps_broadcast_wakes(b, t);
	if (b->n == PS_BARRIER_THREADS)
		ps_wakes_third(waker, by);
	return 0;
}

/* The current thread is in a call that wakes who sleeps on a word, and t is woken. */
PS_INLINE void ps_broadcast_looks(struct task_struct *waker, struct ps_thread *by,
				  const struct ps_thread *t, const struct ps_futex_call *call)
{
	if (call->number == PS_SYS_FUTEX && t->block_ns && t->park_is_endless &&
	    t->word == call->word &&
	    1u << (call->op & PS_FUTEX_COMMANDS & 31) & PS_FUTEX_WAKES_MANY &&
	    (__s32)ps_call_arg3(waker) >= PS_BARRIER_THREADS)
		ps_wakes_many(waker, by, t);
}

#endif
