/* SPDX-License-Identifier: MIT */
/*
 * calls.h - the system call that a task is in, by the user's registers that its kernel has kept. It costs nothing to those who make the
 * call, as a tracepoint there would.
 */
#ifndef POOLSCOPE_BPF_CALLS_H
#define POOLSCOPE_BPF_CALLS_H

#include "books.h"
#include "kernel.h"

/* The futex commands, include/uapi/linux/futex.h, and the system calls by which threads sleep on or wake a word. */
#if defined(__TARGET_ARCH_arm64)
#define PS_SYS_FUTEX 98
#else
#define PS_SYS_FUTEX 202
#endif
enum {
	PS_FUTEX_COMMANDS = 0x7f,
	PS_SYS_FUTEX_WAITV = 449,
	PS_SYS_FUTEX_WAKE = 454,
	PS_SYS_FUTEX_WAIT = 455
};
#define PS_ENOSYS 38
#define PS_FUTEX_WAITS (1u << 0 | 1u << 6 | 1u << 9 | 1u << 11 | 1u << 13)
#define PS_FUTEX_WAKES_ONE (1u << 1 | 1u << 7 | 1u << 10)
#define PS_FUTEX_WAKES (1u << 1 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 7 | 1u << 10 | 1u << 12)

/* The user's registers of a task, as its kernel has them: not the words of a uprobe (kernel.h). */
struct pt_regs___task {
#if defined(__TARGET_ARCH_arm64)
	__u64 regs[31];
	__u64 sp;
	int syscallno;
#else
	unsigned long r10, r8, ax, dx, si, di, orig_ax, sp;
#endif
} PS_CORE;

/* The system call that a task is in, or was in last. */
PS_INLINE __u64 ps_call_of(struct task_struct *task)
{
	struct pt_regs___task *regs = (struct pt_regs___task *)bpf_task_pt_regs(task);

#if defined(__TARGET_ARCH_arm64)
	return (__u64)(__s64)regs->syscallno;
#else
	return regs->orig_ax;
#endif
}

/* Whether it is in that call still: its result has not been written yet (x86-64: -ENOSYS until then, arch/x86/entry). */
PS_INLINE int ps_is_in_call(struct task_struct *task)
{
#if defined(__TARGET_ARCH_arm64)
	(void)task;
	return 0;
#else
	struct pt_regs___task *regs = (struct pt_regs___task *)bpf_task_pt_regs(task);

	return (long)regs->ax == -PS_ENOSYS;
#endif
}

/* Its first argument; arm64 keeps the result there when it is over. */
PS_INLINE __u64 ps_call_arg(struct task_struct *task)
{
	struct pt_regs___task *regs = (struct pt_regs___task *)bpf_task_pt_regs(task);

#if defined(__TARGET_ARCH_arm64)
	return regs->regs[0];
#else
	return regs->di;
#endif
}

/* Its third one. */
PS_INLINE __u64 ps_call_arg3(struct task_struct *task)
{
	struct pt_regs___task *regs = (struct pt_regs___task *)bpf_task_pt_regs(task);

#if defined(__TARGET_ARCH_arm64)
	return regs->regs[2];
#else
	return regs->dx;
#endif
}

PS_INLINE __u64 ps_call_stack(struct task_struct *task)
{
	struct pt_regs___task *regs = (struct pt_regs___task *)bpf_task_pt_regs(task);

	return regs->sp;
}

struct ps_futex_call {
	__u64 number, word, op, timeout;
};

/* 1 = the thread is in a system call that waits on a futex, or wakes one, as asked. Most are not: the number is read first. */
PS_INLINE int ps_calls_futex(struct task_struct *task, int is_wake, struct ps_futex_call *ret)
{
	struct pt_regs___task *regs = (struct pt_regs___task *)bpf_task_pt_regs(task);

#if defined(__TARGET_ARCH_arm64)
	ret->number = (__u64)regs->syscallno;
#else
	ret->number = regs->orig_ax;
#endif
	if (ret->number != PS_SYS_FUTEX && ret->number != PS_SYS_FUTEX_WAITV &&
	    ret->number != PS_SYS_FUTEX_WAKE && ret->number != PS_SYS_FUTEX_WAIT)
		return 0;
#if defined(__TARGET_ARCH_arm64)
	ret->word = regs->regs[0];
	ret->op = regs->regs[1];
	ret->timeout = regs->regs[ret->number == PS_SYS_FUTEX_WAIT ? 4 : 3];
#else
	ret->word = regs->di;
	ret->op = regs->si;
	ret->timeout = ret->number == PS_SYS_FUTEX_WAIT ? regs->r8 : regs->r10;
#endif
	if (ret->number != PS_SYS_FUTEX)
		return is_wake == (ret->number == PS_SYS_FUTEX_WAKE);
	return (is_wake ? PS_FUTEX_WAKES : PS_FUTEX_WAITS) >> (ret->op & PS_FUTEX_COMMANDS) & 1;
}

#endif
