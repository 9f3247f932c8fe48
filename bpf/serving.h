/* SPDX-License-Identifier: MIT */
/*
 * serving.h - the threads of processes that listen, as the kernel has them: what brings them to workers.h. Of all other threads one bit
 * is read.
 *
 * The surprise: nothing says which socket a thread waits at but the number of the file in its registers, so that is looked up in its own
 * table of files when it goes to sleep: four reads, once a request.
 */
#ifndef POOLSCOPE_BPF_SERVING_H
#define POOLSCOPE_BPF_SERVING_H

#include "sockets.h"
#include "workers.h"

#if defined(__TARGET_ARCH_arm64)
enum { PS_SYS_ACCEPT = 202, PS_SYS_ACCEPT4 = 242 };
#else
enum { PS_SYS_ACCEPT = 43, PS_SYS_ACCEPT4 = 288 };
#endif

enum { PS_TASK_INTERRUPTIBLE = 1 };

PS_INLINE int ps_is_accept(__u64 call)
{
	return call == PS_SYS_ACCEPT || call == PS_SYS_ACCEPT4;
}

/* The inode of an open file of the task; 0 = there is none. */
PS_INLINE __u64 ps_inode_of(struct task_struct *task, __u64 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = 0;

	if (!table || fd >= BPF_CORE_READ(table, max_fds) ||
	    bpf_probe_read_kernel(&file, sizeof(file), files + fd) || !file)
		return 0;
	return BPF_CORE_READ(file, f_inode, i_ino);
}

/* A thread in a system call goes to sleep. */
static __attribute__((noinline, unused)) int ps_accept_sleeps(struct task_struct *task, __u64 fd)
{
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);
	__u64 listener = w ? ps_inode_of(task, fd) : 0;
	struct ps_proc_key proc;

	if (!w || !listener)
		return 0;
	ps_proc_key_of(task, &proc);
	ps_acceptor_sleeps(w, listener, &proc, bpf_ktime_get_ns());
	return 0;
}

static __attribute__((noinline, unused)) int ps_accept_runs(struct task_struct *task)
{
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);

	if (w)
		ps_acceptor_runs(w, bpf_ktime_get_ns());
	return 0;
}

static __attribute__((noinline, unused)) int ps_server_blocks(struct task_struct *task,
							      int is_futex)
{
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);
	struct ps_proc_key proc;

	if (!w || w->state != PS_WORKER_BUSY || !w->sent_ns || w->listener)
		return 0;
	if (!is_futex) {
		w->is_elsewhere = 1;
		return 0;
	}
	ps_proc_key_of(task, &proc);
	ps_server_sleeps(w, &proc, bpf_ktime_get_ns());
	return 0;
}

/* ---- what it sends and receives ------------------------------------------------------------------------------------------ */

/* The bit of the socket's local port. The mask is hidden as in ps_followed_word(). */
PS_INLINE int ps_is_port(__u16 port)
{
	__u32 word = port / 64;

#ifdef __bpf__
	asm volatile("" : "+r"(word));
#endif
	return ps_ports[word & (65536 / 64 - 1)] >> (port % 64) & 1;
}

/* Whether it may have been accepted; a Unix socket that was has its listener's address. */
PS_INLINE int ps_may_be_inbound(struct sock *sk)
{
	if (sk->__sk_common.skc_family != PS_AF_UNIX)
		return ps_is_port(sk->__sk_common.skc_num);
	return sk->sk_type == PS_SOCK_STREAM && BPF_CORE_READ((struct unix_sock *)sk, addr) != 0;
}

/* One connection from the next: by its client, as the next one may have the address of the last. */
PS_INLINE __u64 ps_conn_of(struct sock *sk)
{
	struct sock_common *c = &sk->__sk_common;

	if (c->skc_family == PS_AF_UNIX)
		return (__u64)(unsigned long)BPF_CORE_READ((struct unix_sock *)sk, peer);
	return (__u64)c->skc_daddr << 16 | c->skc_dport;
}

PS_INLINE int ps_is_inbound(struct sock *sk)
{
	__u64 id = (__u64)(unsigned long)sk;
	struct ps_sock *s;

	if (sk->__sk_common.skc_family == PS_AF_UNIX)
		return 1;
	s = bpf_map_lookup_elem(&ps_socks, &id);
	return s && s->role == PS_SOCK_ACCEPT;
}

/* The current thread receives what begins a request, or is more than that. Global: the verifier looks at it once. */
__attribute__((noinline)) int ps_request_comes(__u64 conn)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);
	struct ps_proc_key proc;
	char comm[PS_COMM_MAX];
	__u64 now = bpf_ktime_get_ns();

	if (!w)
		return 0;
	if (w->listener) {
		ps_acceptor_receives(w, conn, now);
		return 0;
	}
	ps_proc_key_of(task, &proc);
	if (w->state == PS_WORKER_BUSY) {
		ps_server_receives(w, &proc, conn, now);
		return 0;
	}
	bpf_probe_read_kernel(comm, sizeof(comm), task->comm);
	ps_server_takes(w, &proc, comm, conn, now);
	return 0;
}

__attribute__((noinline)) int ps_answer_goes(__u64 conn)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);
	struct ps_proc_key proc;

	if (!w || w->conn != conn || w->listener)
		return 0;
	ps_proc_key_of(task, &proc);
	ps_server_sends(w, &proc, conn, bpf_ktime_get_ns());
	return 0;
}

static __attribute__((noinline, unused)) int ps_serving_loops(struct task_struct *task)
{
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);
	struct ps_proc_key proc;

	if (!w || w->listener)
		return 0;
	ps_proc_key_of(task, &proc);
	ps_server_loops(w, &proc, bpf_ktime_get_ns());
	return 0;
}

/* Something went over a socket of a process that listens. Event loops cost no more than to see that they are. */
PS_INLINE void ps_serves(struct sock *sk, int length, int is_sent, int is_loop)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct ps_worker *w;
	__u64 conn;

	if (length <= 0 || !(ps_bits((__u32)task->tgid) & PS_SERVING) || !ps_may_be_inbound(sk))
		return;
	w = bpf_task_storage_get(&ps_workers, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!w || w->is_loop)
		return;
	if (is_loop && !w->listener) {
		ps_serving_loops(task);
		return;
	}
	conn = ps_conn_of(sk);
	if (is_sent) {
		if (w->conn == conn && !w->listener)
			ps_answer_goes(conn);
		return;
	}
	if (w->conn == conn && (w->listener || (w->state == PS_WORKER_BUSY && !w->sent_ns)))
		return; /* more of what it receives already */
	if (ps_is_inbound(sk))
		ps_request_comes(conn);
}

/* ---- threads come and go ------------------------------------------------------------------------------------------------- */

/* A child of a process that listens has its sockets. */
PS_INLINE void ps_serving_forks(struct task_struct *parent, struct task_struct *child)
{
	struct ps_worker *w;

	if (!(ps_bits((__u32)parent->tgid) & PS_SERVING))
		return;
	ps_bits_set((__u32)child->tgid, PS_SERVING);
	w = bpf_task_storage_get(&ps_workers, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (w)
		w->is_known = 1;
}

/* Another program has other threads, and sockets only if the next inventory finds them. */
PS_INLINE void ps_serving_executes(struct task_struct *task)
{
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);

	ps_bits_clear((__u32)task->tgid, PS_SERVING);
	if (w && w->listener)
		ps_acceptor_leaves(w, bpf_ktime_get_ns());
	if (w)
		*w = (struct ps_worker){};
}

static __attribute__((noinline, unused)) int ps_serving_exits(struct task_struct *task)
{
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);
	struct ps_proc_key proc;

	if (!w)
		return 0;
	if (w->listener)
		ps_acceptor_leaves(w, bpf_ktime_get_ns());
	ps_proc_key_of(task, &proc);
	ps_server_leaves(w, &proc, bpf_ktime_get_ns());
	return 0;
}

/* One that was there before: it waits now, or nothing is known of it until it does. `call` is the system call that it is in. */
PS_INLINE void ps_serving_found(struct task_struct *task, __u64 call, __u64 fd)
{
	struct ps_worker *w =
		bpf_task_storage_get(&ps_workers, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct ps_proc_key proc;
	char comm[PS_COMM_MAX];
	__u64 now = bpf_ktime_get_ns(), listener;

	if (!w)
		return;
	ps_proc_key_of(task, &proc);
	if (!w->listener && task->__state == PS_TASK_INTERRUPTIBLE && ps_is_accept(call)) {
		listener = ps_inode_of(task, fd);
		if (listener)
			ps_acceptor_sleeps(w, listener, &proc, now);
	}
	bpf_probe_read_kernel(comm, sizeof(comm), task->comm);
	ps_worker_count(w, &proc, comm, now);
}

#endif
