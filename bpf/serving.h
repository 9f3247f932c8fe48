/* SPDX-License-Identifier: MIT */
/*
 * serving.h - the threads of processes that listen, as the kernel has them: what brings them to acceptors.h and workers.h. Of all other
 * threads one bit is read.
 *
 * The surprise: nothing says which socket a thread waits at but the number of the file in its registers, so that is looked up in its own
 * table of files when it goes to sleep: four reads, once a request.
 */
#ifndef POOLSCOPE_BPF_SERVING_H
#define POOLSCOPE_BPF_SERVING_H

#include "calls.h"
#include "sockets.h"
#include "waiting.h"
#include "workers.h"

#define PS_LOOK_AGAIN_NS 1000000000 /* what an epoll watches may change */
#define PS_LOOK_VAIN 8 /* a thread that has polled so often, and nothing that listens, is looked at less often: */
#define PS_LOOK_VAIN_NS 100000000
#define PS_TLS_HANDSHAKE 0x16

/* The user's registers of a task, as its kernel has them (poolscope.bpf.c has others of them). */
struct pt_regs___call {
#if defined(__TARGET_ARCH_arm64)
	__u64 regs[31];
#else
	unsigned long si, di;
#endif
} PS_CORE;

PS_INLINE void ps_call_args(struct task_struct *task, __u64 ret[2])
{
	struct pt_regs___call *regs = (struct pt_regs___call *)bpf_task_pt_regs(task);

#if defined(__TARGET_ARCH_arm64)
	ret[0] = regs->regs[0];
	ret[1] = regs->regs[1];
#else
	ret[0] = regs->di;
	ret[1] = regs->si;
#endif
}

/* The record of a thread, made if need be; NULL when there are too many (counted). May sleep. */
PS_INLINE struct ps_worker *ps_worker_make(struct task_struct *task)
{
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);

	if (w)
		return w;
	if (ps_n_workers >= ps_threads_max) {
		ps_lost(PS_LOSS_threads_full);
		return 0;
	}
	w = bpf_task_storage_get(&ps_workers, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (w && !__sync_lock_test_and_set(&w->is_counted, 1)) /* two may make it at once */
		__sync_fetch_and_add(&ps_n_workers, 1);
	return w;
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

/* A thread of a name goes to sleep elsewhere: in a futex (`word`), or not (0). */
PS_INLINE void ps_server_blocks(struct task_struct *task, struct ps_worker *w, __u64 word)
{
	struct ps_proc_key proc;

	if (w->state != PS_WORKER_BUSY || !w->sent_ns)
		return;
	if (!word) {
		w->is_elsewhere = 1;
		return;
	}
	ps_proc_key_of(task, &proc);
	ps_server_sleeps(w, &proc, word, bpf_ktime_get_ns());
}

/* What it waits for is another look worth: it may be a listening socket. */
PS_INLINE int ps_is_look_due(const struct ps_worker *w, __u64 now)
{
	return w->listener || w->n_vain < PS_LOOK_VAIN || now - w->looked_ns >= PS_LOOK_VAIN_NS;
}

PS_INLINE void ps_watch(struct task_struct *task, __u64 call, const __u64 args[2],
			struct ps_watched *ret)
{
	if (ps_is_epoll(call))
		ps_watch_epoll((__u64)(unsigned long)ps_file_of(task, args[0]), ret);
	else if (ps_is_select(call))
		ps_watch_select(args[0], args[1], ret);
	else
		ps_watch_poll(args[0], args[1], ret);
}

PS_INLINE void ps_watched_at(struct task_struct *task, struct ps_worker *w,
			     const struct ps_watched *at, __u64 now)
{
	struct ps_proc_key proc;

	if (at->n_conns) {
		ps_poller_loops(w, now);
		return;
	}
	ps_proc_key_of(task, &proc);
	ps_poller_sleeps(w, at, &proc, now);
}

/* 1 = it is the same epoll as last time, and that was not long ago. */
PS_INLINE int ps_is_known_wait(const struct ps_worker *w, __u64 call, __u32 fd, __u64 now)
{
	return w->listener && w->is_polling && ps_is_epoll(call) && w->wait_fd == fd &&
	       !w->ended_ns && (w->state == PS_WORKER_IDLE || w->state == PS_WORKER_WOKEN) &&
	       now - w->looked_ns < PS_LOOK_AGAIN_NS;
}

/* The current thread goes to sleep in poll, select or epoll. */
PS_GLOBAL int ps_wait_sleeps(__u64 call)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);
	struct ps_watched at = {};
	__u64 now, args[2];

	if (!w || w->is_loop)
		return 0;
	now = bpf_ktime_get_ns();
	ps_call_args(task, args);
	if (ps_is_known_wait(w, call, (__u32)args[0], now)) {
		w->state = PS_WORKER_IDLE;
		return 0;
	}
	if (ps_is_look_due(w, now)) {
		ps_watch(task, call, args, &at);
		w->looked_ns = now;
		w->wait_fd = (__u32)args[0];
	}
	if (at.n_listeners) {
		w->n_vain = 0;
		ps_watched_at(task, w, &at, now);
		return 0;
	}
	w->n_vain++;
	if (w->listener)
		ps_acceptor_blocks(w, at.n_conns ? PS_SLEEPS_FOR_CLIENT : PS_SLEEPS, 0, now);
	else
		ps_server_blocks(task, w, 0);
	return 0;
}

/* Goes to sleep in anything else; `word` is that of a futex, or 0. */
PS_GLOBAL int ps_else_sleeps(__u64 call, __u64 word)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);
	enum ps_elsewhere where = word || ps_is_lock(call) ? PS_SLEEPS_FOR_LOCK : PS_SLEEPS;
	struct ps_watched at = {};
	__u64 args[2];

	if (!w || w->is_loop)
		return 0;
	if (!w->listener) {
		ps_server_blocks(task, w, word);
		return 0;
	}
	if (w->state != PS_WORKER_BUSY && w->state != PS_WORKER_WOKEN)
		return 0;
	if (ps_is_receive(call)) {
		ps_call_args(task, args);
		ps_watch_file((__u64)(unsigned long)ps_file_of(task, args[0]), &at);
		if (at.n_conns)
			where = PS_SLEEPS_FOR_CLIENT;
	}
	ps_acceptor_blocks(w, where, word, bpf_ktime_get_ns());
	return 0;
}

static __attribute__((noinline, unused)) int ps_wait_runs(struct task_struct *task)
{
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);

	if (w && w->is_polling)
		ps_poller_runs(w, bpf_ktime_get_ns());
	return 0;
}

/* ---- what it sends and receives ------------------------------------------------------------------------------------------ */

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

static __attribute__((noinline, unused)) int ps_inbound_found(struct sock *sk)
{
	ps_sock_inbound(sk, (__u64)(unsigned long)sk, bpf_ktime_get_ns(), 1);
	return 0;
}

/* One that was not yet accepted when the agent came is in nobody's files, and met here. */
PS_INLINE int ps_is_inbound(struct sock *sk)
{
	__u64 id = (__u64)(unsigned long)sk;
	struct ps_sock *s;

	if (sk->__sk_common.skc_family == PS_AF_UNIX)
		return 1;
	s = bpf_map_lookup_elem(&ps_socks, &id);
	if (!s) {
		ps_inbound_found(sk);
		s = bpf_map_lookup_elem(&ps_socks, &id);
	}
	return s && s->role == PS_SOCK_ACCEPT;
}

/*
 * 1 = the current thread has just received what is not encrypted, for all that is seen: the first byte is no TLS handshake's. With one,
 * requests are not told from what goes to and fro before them. Where the bytes are is known of two system calls.
 */
PS_INLINE int ps_is_plain(struct task_struct *task, __u64 call)
{
	__u64 args[2];
	__u8 first = PS_TLS_HANDSHAKE;

	if (call != PS_SYS_READ && call != PS_SYS_RECVFROM)
		return 0;
	ps_call_args(task, args);
	bpf_probe_read_user(&first, 1, (const void *)args[1]);
	return first != PS_TLS_HANDSHAKE;
}

/* An epoll watches the connection. */
PS_INLINE int ps_is_watched(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_socket, file, f_ep) != 0;
}

/* Whether the parent waits for connections itself: then its child was made for one. -1 = nobody knows, yet. */
static __attribute__((noinline, unused)) int ps_parent_waits(struct task_struct *task)
{
	struct task_struct *parent = task->real_parent;
	struct ps_worker *w;

	if (!parent || !(ps_bits((__u32)parent->tgid) & PS_SERVING))
		return 0;
	w = bpf_task_storage_get(&ps_workers, parent, 0, 0);
	if (!w)
		return -1;
	return w->listener || w->is_loop ? 1 : w->is_aside || w->n_vain ? 0 : -1;
}

/* All sockets at which the process listens. */
PS_INLINE void ps_holds(const struct ps_holding *h, struct ps_watched *ret)
{
	for (int i = 0; i < PS_LISTENERS; i++)
		if (h->inode[i])
			ps_watch_listener(ret, h->inode[i]);
}

/*
 * It receives on a connection, and was not seen to wait: when each of those who take turns at a full queue finds a connection at once, none of
 * them sleeps there. 1 = it has one of the sockets that listen, and is no child that was made for the connection.
 */
static __attribute__((noinline, unused)) int ps_is_among(struct task_struct *task,
							 struct ps_worker *w, __u64 conn, __u64 now)
{
	struct ps_holding h = {};
	struct ps_watched at = {};
	struct ps_proc_key proc;

	if (task->signal->nr_threads != 1 || now - w->looked_ns < PS_LOOK_VAIN_NS)
		return 0;
	w->looked_ns = now;
	if (ps_parent_waits(task))
		return 0;
	ps_holding_of(task, &h);
	if (h.n_conns != 1 || h.conn != conn)
		return 0;
	ps_holds(&h, &at);
	ps_proc_key_of(task, &proc);
	ps_acceptor_among(w, &at, &proc, now);
	return w->listener != 0;
}

/* The current thread receives what begins a request, or is more than that. Global: the verifier looks at it once. */
PS_GLOBAL int ps_request_comes(__u64 conn, __u64 call, int is_watched)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);
	struct ps_proc_key proc;
	char comm[PS_COMM_MAX];
	__u64 now = bpf_ktime_get_ns();

	if (!w)
		return 0;
	if (!w->listener && (w->state != PS_WORKER_BUSY || w->sent_ns))
		ps_is_among(task, w, conn, now);
	if (w->listener) {
		if (is_watched && w->is_polling)
			ps_poller_loops(w, now);
		else
			ps_acceptor_receives(w, conn, ps_is_plain(task, call), now);
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

PS_GLOBAL int ps_answer_goes(__u64 conn)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);
	struct ps_proc_key proc;

	if (!w || w->conn != conn)
		return 0;
	if (w->listener) {
		ps_acceptor_sends(w, bpf_ktime_get_ns());
		return 0;
	}
	ps_proc_key_of(task, &proc);
	ps_server_sends(w, &proc, conn, bpf_ktime_get_ns());
	return 0;
}

static __attribute__((noinline, unused)) int ps_serving_loops(struct task_struct *task)
{
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);
	struct ps_proc_key proc;

	if (!w)
		return 0;
	if (w->listener) {
		ps_poller_loops(w, bpf_ktime_get_ns());
		return 0;
	}
	ps_proc_key_read(task, &proc);
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
	w = ps_worker_make(task);
	if (!w || w->is_loop)
		return;
	if (is_loop && (!w->listener || w->is_polling)) {
		ps_serving_loops(task);
		return;
	}
	conn = ps_conn_of(sk);
	if (is_sent) {
		if (w->conn == conn)
			ps_answer_goes(conn);
		return;
	}
	if (w->conn == conn && w->state == PS_WORKER_BUSY &&
	    (!w->sent_ns || (w->listener && !w->is_plain)))
		return; /* more of what it receives already */
	if (w->conn == conn && sk->sk_shutdown & PS_SEND_SHUTDOWN)
		return; /* it will answer no more: what the client had sent besides */
	if (ps_is_inbound(sk))
		ps_request_comes(conn, ps_call_of(task), w->is_polling && ps_is_watched(sk));
}

/* ---- threads come and go ------------------------------------------------------------------------------------------------- */

/* A child of a process that listens has its sockets. */
PS_INLINE void ps_serving_forks(struct task_struct *parent, struct task_struct *child)
{
	struct ps_worker *w;

	if (!(ps_bits((__u32)parent->tgid) & PS_SERVING))
		return;
	ps_bits_set((__u32)child->tgid, PS_SERVING);
	ps_worker_make(parent); /* where it waits tells what its children are for */
	w = ps_worker_make(child);
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
		*w = (struct ps_worker){ .is_counted = w->is_counted };
}

static __attribute__((noinline, unused)) int ps_serving_exits(struct task_struct *task)
{
	struct ps_worker *w = bpf_task_storage_get(&ps_workers, task, 0, 0);
	struct ps_proc_key proc;

	if (!w)
		return 0;
	if (w->listener)
		ps_acceptor_leaves(w, bpf_ktime_get_ns());
	ps_proc_key_read(task, &proc);
	ps_server_leaves(w, &proc, bpf_ktime_get_ns());
	if (w->is_counted)
		__sync_fetch_and_add(&ps_n_workers, -1);
	w->is_counted = 0;
	return 0;
}

#endif
