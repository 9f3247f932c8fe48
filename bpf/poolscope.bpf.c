/* SPDX-License-Identifier: (MIT OR GPL-2.0) */
/*
 * poolscope.bpf.c - the programs, one object for all kernels. Each is a few lines: take the kernel's arguments, call the part
 * that knows what they mean. Which of them are loaded is the agent's decision at start (agent/probe/kernel.c).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "kernel.h"

#include "abi.h"
#include "hist.h"
#include "sockets.h"
#include "spec.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Every USDT point and every recipe; attached as uprobe_multi or as perf uprobe, chosen at load. */
SEC("kprobe")
int ps_probe(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct ps_hit hit = { .cookie = bpf_get_attach_cookie(ctx) };

	ps_proc_key_of(task, &hit.proc);
	hit.began_ns = task->group_leader->start_time;
	ps_probe_hit(&hit, ctx);
	return 0;
}

/* Fires after the new program is in place: what the process was before has ended. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(ps_exec, struct task_struct *task)
{
	struct ps_proc_key before = {
		.tgid = (__u32)task->tgid,
		.incarnation = ps_incarnation(task->group_leader->start_boottime,
					      task->group_leader->self_exec_id - 1),
	};

	ps_proc_gone(&before, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(ps_exit, struct task_struct *task)
{
	struct ps_proc_key key;

	if (task->signal->live.counter > 0)
		return 0;
	ps_proc_key_of(task, &key);
	ps_proc_gone(&key, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(ps_inet_state, struct sock *sk, int from, int to)
{
	ps_sock_set_state(sk, from, to);
	return 0;
}

/* One pass over every open file of every process; a record per socket goes to whoever reads the iterator. */
SEC("iter/task_file")
int ps_inventory_pass(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct ps_inventory r = {};
	struct socket *socket;
	struct sock *sk;
	__u64 now;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || task->tgid == (int)ps_agent_tgid)
		return 0;
	ps_proc_key_of(task, &r.proc);
	r.sock = (__u64)(unsigned long)sk;
	r.inode = file->f_inode->i_ino;
	r.netns = ps_sock_netns(sk);
	if (sk->__sk_common.skc_family == PS_AF_UNIX) {
		if (ps_unix_describe(sk, &r))
			return 0;
	} else if ((sk->__sk_common.skc_family == PS_AF_INET ||
		    sk->__sk_common.skc_family == PS_AF_INET6) &&
		   sk->sk_protocol == PS_IPPROTO_TCP) {
		if (ps_tcp_describe(sk, &r))
			return 0;
		now = bpf_ktime_get_ns();
		if (r.role == PS_SOCK_ACCEPT)
			ps_sock_inbound(sk, r.sock, now, 1);
		else
			ps_sock_found(sk, &r, now);
	} else {
		return 0;
	}
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
