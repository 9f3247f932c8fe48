/* SPDX-License-Identifier: MIT */
/*
 * contended.h - threads that sleep in a futex and wake others, as the kernel has them: what brings a switch of tasks to locks.h. Of a thread
 * that sleeps at another value than those of a lock's, that value alone is read.
 */
#ifndef POOLSCOPE_BPF_CONTENDED_H
#define POOLSCOPE_BPF_CONTENDED_H

#include "calls.h"
#include "locks.h"
#include "process.h"

/* include/uapi/linux/futex.h */
struct ps_futex_waitv {
	__u64 value;
	__u64 word;
	__u32 flags;
	__u32 reserved;
};

/* The wait of this CPU; never NULL. */
PS_INLINE struct ps_lock_wait *ps_lock_wait_here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ps_lock_waits, &zero);
}

/* Of the call by which the current thread sleeps: the commands of a wait, and the value. futex_waitv() keeps its words in memory; one of several is no lock. */
PS_INLINE enum ps_lock_sign ps_lock_sign_here(struct task_struct *task, struct ps_futex_call *call,
					      __u32 *ret_value)
{
	struct ps_futex_waitv v;

	if (call->number == PS_SYS_FUTEX) {
		*ret_value = (__u32)ps_call_arg3(task);
		return ps_lock_sign_of(1u << (call->op & PS_FUTEX_COMMANDS & 31), *ret_value);
	}
	*ret_value = (__u32)call->op;
	if (call->number == PS_SYS_FUTEX_WAITV) {
		if (call->op != 1 || bpf_probe_read_user(&v, sizeof(v), (void *)call->word))
			return PS_LOCK_NONE;
		*ret_value = (__u32)v.value;
		call->word = v.word;
	}
	return ps_lock_sign_of(PS_LOCK_WAIT_CALLS, *ret_value);
}

static __attribute__((noinline, unused)) __u32 ps_lock_place_of(struct task_struct *task,
								__u64 word)
{
	struct ps_proc_key proc;

	ps_proc_key_read(task, &proc);
	return ps_lock_place(&proc, word);
}

/* The current thread sleeps in a futex. Of futex_waitv() the word is told in `call`. */
PS_INLINE void ps_contended_sleeps(struct task_struct *task, struct ps_thread *t,
				   struct ps_futex_call *call, __u64 now)
{
	__u32 value, place = t->last_lock;
	enum ps_lock_sign sign = ps_lock_sign_here(task, call, &value);
	struct ps_lock_wait *w;
	__u64 sp;

	t->lock = 0;
	if (sign == PS_LOCK_NONE)
		return;
	sp = ps_call_stack(task);
	if (call->word - sp < PS_LOCK_FRAMES)
		return;
	if (!ps_lock_is_last(t, (__u32)task->tgid, call->word))
		place = ps_lock_place_of(task, call->word);
	w = ps_lock_wait_here();
	if (place >= PS_LOCKS || !w)
		return;
	if (ps_lock_blocks(t, (__u32)task->pid, place, sign, value,
			   (__u32)BPF_CORE_READ(task, signal, nr_threads), w, now))
		bpf_probe_read_user(ps_lock_at(place)->stack, sizeof(ps_locks[0].stack),
				    (void *)sp);
}

/* A followed thread leaves its CPU: after ps_contended_sleeps(). */
PS_INLINE void ps_contended_leaves(struct task_struct *task)
{
	struct ps_lock_wait *w = ps_lock_wait_here();

	if (w && w->place)
		ps_lock_books(w, (__u32)task->pid);
}

/* It was woken, or a timer has ended its sleep: before ps_thread_runs(). */
PS_INLINE void ps_contended_runs(struct task_struct *task, struct ps_thread *t, __u64 now)
{
	struct ps_lock_wait *w = ps_lock_wait_here();

	if (w)
		ps_lock_runs(t, (__u32)task->pid, t->has_timeout && !t->is_woken,
			     (__u32)BPF_CORE_READ(task, signal, nr_threads), w, now);
}

static __attribute__((noinline, unused)) int ps_lock_judge_here(struct ps_thread *t, __u64 word,
								__u32 n)
{
	struct ps_lock *l;
	__u32 value;

	if (!t)
		return 0;
	l = ps_lock_at(t->lock - 1);
	if (l->word == word && !bpf_probe_read_user(&value, sizeof(value), (void *)word))
		ps_lock_judge(l, t->lock_value, n, value);
	return 0;
}

/* The current thread is in a call that wakes who sleeps on a word, and t is woken. */
PS_INLINE void ps_contended_wakes(struct task_struct *waker, struct ps_thread *t,
				  const struct ps_futex_call *call)
{
	struct ps_lock_wait *w = ps_lock_wait_here();

	if (w && w->word == call->word)
		w->has_woken = 1;
	if (!t->lock || ps_lock_at(t->lock - 1)->flags & (PS_LOCK_SURE | PS_LOCK_REFUSED) ||
	    (call->number == PS_SYS_FUTEX &&
	     !(1u << (call->op & PS_FUTEX_COMMANDS & 31) & (1u << 1 | 1u << 10)))) /* WAKE, WAKE_BITSET */
		return;
	ps_lock_judge_here(t, call->word, (__u32)ps_call_arg3(waker));
}

/* Of a pass over all threads: one that waits now. */
PS_INLINE void ps_contended_found(struct task_struct *task, const struct ps_thread *t)
{
	struct ps_futex_call call = {};
	struct ps_lock *l;

	if (!t->lock || !(task->__state & PS_TASK_INTERRUPTIBLE) || !ps_calls_futex(task, 0, &call))
		return;
	l = ps_lock_at(t->lock - 1);
	if (l->pass != ps_lock_pass) {
		l->pass = ps_lock_pass;
		l->n_waiting = 0;
		l->oldest_ns = t->lock_ns;
	}
	l->n_waiting++;
	if (t->lock_ns < l->oldest_ns)
		l->oldest_ns = t->lock_ns;
}

#endif
