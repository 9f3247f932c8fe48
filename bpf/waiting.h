/* SPDX-License-Identifier: MIT */
/*
 * waiting.h - what a thread waits for in poll, select or epoll: which of the files are sockets that listen, and whether there are connections
 * among them that may have come through one.
 *
 * The surprise: what select() and poll() were asked for lies in the memory of the process, where only its own thread can read it. Of a thread
 * that sleeps already the sockets know: it hangs in the queue of each that it waits for.
 */
#ifndef POOLSCOPE_BPF_WAITING_H
#define POOLSCOPE_BPF_WAITING_H

#include "kernel.h"
#include "workers.h"

#if defined(__TARGET_ARCH_arm64)
enum {
	PS_SYS_ACCEPT = 202,
	PS_SYS_ACCEPT4 = 242,
	PS_SYS_EPOLL_PWAIT = 22,
	PS_SYS_PSELECT6 = 72,
	PS_SYS_PPOLL = 73,
	PS_SYS_FCNTL = 25,
	PS_SYS_FLOCK = 32,
	PS_SYS_SEMTIMEDOP = 192,
	PS_SYS_SEMOP = 193,
	PS_SYS_READ = 63,
	PS_SYS_READV = 65,
	PS_SYS_RECVFROM = 207,
	PS_SYS_RECVMSG = 212,
	/* what it has not */
	PS_SYS_EPOLL_WAIT = -1,
	PS_SYS_SELECT = -1,
	PS_SYS_POLL = -1
};
#else
enum {
	PS_SYS_ACCEPT = 43,
	PS_SYS_ACCEPT4 = 288,
	PS_SYS_EPOLL_WAIT = 232,
	PS_SYS_EPOLL_PWAIT = 281,
	PS_SYS_SELECT = 23,
	PS_SYS_PSELECT6 = 270,
	PS_SYS_POLL = 7,
	PS_SYS_PPOLL = 271,
	PS_SYS_FCNTL = 72,
	PS_SYS_FLOCK = 73,
	PS_SYS_SEMOP = 65,
	PS_SYS_SEMTIMEDOP = 220,
	PS_SYS_READ = 0,
	PS_SYS_READV = 19,
	PS_SYS_RECVFROM = 45,
	PS_SYS_RECVMSG = 47
};
#endif
enum { PS_SYS_EPOLL_PWAIT2 = 441 };

enum { PS_S_IFMT = 0170000, PS_S_IFSOCK = 0140000 };

#define PS_WATCHED_FILES 16 /* that are looked at: a worker polls a few */
#define PS_POLLED_FILES 8
#define PS_SELECTED_FILES 256
#define PS_HELD_FILES 256

PS_INLINE int ps_is_accept(__u64 call)
{
	return call == PS_SYS_ACCEPT || call == PS_SYS_ACCEPT4;
}

PS_INLINE int ps_is_epoll(__u64 call)
{
	return call == (__u64)PS_SYS_EPOLL_WAIT || call == PS_SYS_EPOLL_PWAIT ||
	       call == PS_SYS_EPOLL_PWAIT2;
}

PS_INLINE int ps_is_select(__u64 call)
{
	return call == (__u64)PS_SYS_SELECT || call == PS_SYS_PSELECT6;
}

PS_INLINE int ps_is_poll(__u64 call)
{
	return call == (__u64)PS_SYS_POLL || call == PS_SYS_PPOLL;
}

/* Of many files at once. */
PS_INLINE int ps_is_wait(__u64 call)
{
	return ps_is_epoll(call) || ps_is_select(call) || ps_is_poll(call);
}

PS_INLINE int ps_is_receive(__u64 call)
{
	return call == PS_SYS_READ || call == PS_SYS_RECVFROM || call == PS_SYS_RECVMSG ||
	       call == PS_SYS_READV;
}

/* By which processes keep each other out, beside a futex. */
PS_INLINE int ps_is_lock(__u64 call)
{
	return call == PS_SYS_FCNTL || call == PS_SYS_FLOCK || call == PS_SYS_SEMOP ||
	       call == PS_SYS_SEMTIMEDOP;
}

/* ---- files and sockets; pointers that were read, so nothing is dereferenced ------------------------------------------------ */

/* An open file of the task; NULL. */
PS_INLINE struct file *ps_file_of(struct task_struct *task, __u64 fd)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = 0;

	if (!table || fd >= BPF_CORE_READ(table, max_fds) ||
	    bpf_probe_read_kernel(&file, sizeof(file), files + fd))
		return 0;
	return file;
}

/* The inode of an open file of the task; 0 = there is none. */
PS_INLINE __u64 ps_inode_of(struct task_struct *task, __u64 fd)
{
	struct file *file = ps_file_of(task, fd);

	return file ? BPF_CORE_READ(file, f_inode, i_ino) : 0;
}

/* The stream socket that the file is; NULL. */
PS_INLINE struct sock *ps_sock_of(struct file *file)
{
	struct socket *socket;
	struct sock *sk;

	if ((BPF_CORE_READ(file, f_inode, i_mode) & PS_S_IFMT) != PS_S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	return sk && BPF_CORE_READ(sk, sk_type) == PS_SOCK_STREAM ? sk : 0;
}

/* The same for a listening socket and for what came through it: its port, or the address of its address. 0 = neither. */
PS_INLINE __u64 ps_gate_of(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (family == PS_AF_UNIX)
		return (__u64)(unsigned long)BPF_CORE_READ((struct unix_sock *)sk, addr);
	if (family != PS_AF_INET && family != PS_AF_INET6)
		return 0;
	return BPF_CORE_READ(sk, __sk_common.skc_num);
}

/* The bit of the socket's local port. */
PS_INLINE int ps_is_port(__u16 port)
{
	return ps_ports[ps_slot(port / 64, 65536 / 64)] >> (port % 64) & 1;
}

PS_INLINE void ps_watch_listener(struct ps_watched *w, __u64 inode)
{
	__u64 first = w->listener[0];
	__u32 n = w->n_listeners++;

	if (!n || inode < first)
		w->listener[0] = inode;
	if (!n)
		return;
	if (inode < first)
		inode = first;
	if (n == 1)
		w->listener[1] = inode;
	else if (n == 2)
		w->listener[2] = inode;
	else if (n == 3)
		w->listener[3] = inode;
}

/* Global, as are others here: the verifier looks at each once, and not at every call. */
PS_GLOBAL int ps_watch_file(__u64 address, struct ps_watched *w)
{
	struct file *file = (struct file *)address;
	struct sock *sk = file ? ps_sock_of(file) : 0;
	__u64 gate;

	if (!sk || !w)
		return 0;
	gate = ps_gate_of(sk);
	if (!gate)
		return 0;
	if (BPF_CORE_READ(sk, __sk_common.skc_state) == PS_TCP_LISTEN)
		ps_watch_listener(w, BPF_CORE_READ(file, f_inode, i_ino));
	else if (gate >= 65536 || ps_is_port((__u16)gate))
		w->n_conns++;
	return 0;
}

/* ---- epoll: a tree of files -------------------------------------------------------------------------------------------------- */

#define PS_TREE_DEPTH 8

struct ps_epoll_walk {
	struct ps_watched watched;
	struct rb_node *node;
	struct rb_node *later[PS_TREE_DEPTH];
	__u64 n;
};

static long ps_epoll_step(__u32 i, struct ps_epoll_walk *walk)
{
	struct rb_node *node = walk->node, *left, *right;
	__u64 n = walk->n;

	(void)i;
	if (!node)
		return 1;
	ps_watch_file((__u64)(unsigned long)BPF_CORE_READ((struct epitem *)node, ffd.file),
		      &walk->watched);
	left = BPF_CORE_READ(node, rb_left);
	right = BPF_CORE_READ(node, rb_right);
	if (left && right && n < PS_TREE_DEPTH) {
		walk->later[n & (PS_TREE_DEPTH - 1)] = right;
		n++;
	}
	node = left ? left : right;
	if (!node && n) {
		n--;
		node = walk->later[n & (PS_TREE_DEPTH - 1)];
	}
	walk->node = node;
	walk->n = n;
	return 0;
}

PS_GLOBAL int ps_watch_epoll(__u64 address, struct ps_watched *w)
{
	struct file *file = (struct file *)address;
	struct eventpoll *ep = file ? BPF_CORE_READ(file, private_data) : 0;
	struct ps_epoll_walk walk = {};

	if (!ep || !w)
		return 0;
	walk.node = BPF_CORE_READ(ep, rbr.rb_root.rb_node);
	bpf_loop(PS_WATCHED_FILES, ps_epoll_step, &walk, 0);
	*w = walk.watched;
	return 0;
}

/* ---- poll and select: in the memory of the current process -------------------------------------------------------------------- */

struct ps_pollfd {
	int fd;
	__u32 events;
};

PS_GLOBAL int ps_watch_poll(__u64 fds, __u64 n, struct ps_watched *w)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
	struct ps_pollfd polled;

	for (__u32 i = 0; i < PS_POLLED_FILES; i++) {
		if (i >= n || bpf_probe_read_user(&polled, sizeof(polled),
						  (const void *)(fds + i * sizeof(polled))))
			break;
		if (polled.fd >= 0)
			ps_watch_file((__u64)(unsigned long)ps_file_of(task, (__u64)polled.fd), w);
	}
	return 0;
}

struct ps_select_walk {
	struct ps_watched watched;
	__u64 bits[PS_SELECTED_FILES / 64];
};

static long ps_select_step(__u32 i, struct ps_select_walk *walk)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();

	if (walk->bits[i / 64 & (PS_SELECTED_FILES / 64 - 1)] >> (i % 64) & 1)
		ps_watch_file((__u64)(unsigned long)ps_file_of(task, i), &walk->watched);
	return 0;
}

PS_GLOBAL int ps_watch_select(__u64 n, __u64 fds, struct ps_watched *w)
{
	struct ps_select_walk walk = {};

	if (!fds || !w)
		return 0;
	for (__u32 i = 0; i < PS_SELECTED_FILES / 64; i++)
		if (i * 64 < n)
			bpf_probe_read_user(&walk.bits[i], 8, (const void *)(fds + i * 8));
	bpf_loop(n < PS_SELECTED_FILES ? (__u32)n : PS_SELECTED_FILES, ps_select_step, &walk, 0);
	*w = walk.watched;
	return 0;
}

/* ---- all files of a process, by a pass ------------------------------------------------------------------------------------------ */

struct ps_holding {
	__u64 listener[PS_LISTENERS]; /* struct sock, and: */
	__u64 gate[PS_LISTENERS];
	__u64 inode[PS_LISTENERS];
	__u64 conn; /* the last one that came through one of them */
	__u32 n_conns;
	__u32 n_listeners;
};

struct ps_queue_walk {
	__u64 pid;
	struct list_head *head, *entry;
	__u64 is_found;
};

static long ps_queue_step(__u32 i, struct ps_queue_walk *walk)
{
	struct list_head *entry = walk->entry;
	struct wait_queue_entry *e;
	struct poll_wqueues *p;

	(void)i;
	if (!entry || entry == walk->head)
		return 1;
	e = (struct wait_queue_entry *)((char *)entry -
					bpf_core_field_offset(struct wait_queue_entry, entry));
	p = BPF_CORE_READ(e, private);
	walk->is_found = (__u64)BPF_CORE_READ(p, polling_task, pid) == walk->pid;
	walk->entry = BPF_CORE_READ(entry, next);
	return walk->is_found;
}

/* The thread hangs in the socket's queue, by poll() or select(). */
PS_GLOBAL int ps_polls_at(__u64 pid, __u64 address)
{
	struct sock *sk = (struct sock *)address;
	struct socket_wq *queue = BPF_CORE_READ(sk, sk_wq);
	struct ps_queue_walk walk = { .pid = pid };
	struct list_head *head;

	if (!queue)
		return 0;
	head = (struct list_head *)((char *)queue +
				    bpf_core_field_offset(struct socket_wq, wait.head));
	walk.head = head;
	walk.entry = BPF_CORE_READ(head, next);
	bpf_loop(PS_HELD_FILES, ps_queue_step, &walk, 0);
	return (int)walk.is_found;
}

/* One connection from the next: by its client, as the next one may have the address of the last. */
PS_INLINE __u64 ps_conn_read(struct sock *sk)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == PS_AF_UNIX)
		return (__u64)(unsigned long)BPF_CORE_READ((struct unix_sock *)sk, peer);
	return (__u64)BPF_CORE_READ(sk, __sk_common.skc_daddr) << 16 |
	       BPF_CORE_READ(sk, __sk_common.skc_dport);
}

struct ps_held_walk {
	__u64 files; /* where the table of them is */
	struct ps_holding *holding;
};

static long ps_held_step(__u32 i, struct ps_held_walk *walk)
{
	struct ps_holding *h = walk->holding;
	struct file *file = 0;
	struct sock *sk;
	__u64 gate, inode;
	__u32 n = h->n_listeners;

	if (bpf_probe_read_kernel(&file, sizeof(file), (const void *)(walk->files + i * 8ull)) ||
	    !file)
		return 0;
	sk = ps_sock_of(file);
	gate = sk ? ps_gate_of(sk) : 0;
	if (!gate)
		return 0;
	inode = BPF_CORE_READ(file, f_inode, i_ino);
	if (BPF_CORE_READ(sk, __sk_common.skc_state) == PS_TCP_LISTEN) {
		if (n >= PS_LISTENERS)
			return 0;
		h->gate[n & (PS_LISTENERS - 1)] = gate;
		h->inode[n & (PS_LISTENERS - 1)] = inode;
		h->listener[n & (PS_LISTENERS - 1)] = (__u64)(unsigned long)sk;
		h->n_listeners++;
		return 0;
	}
	for (n = 0; n < PS_LISTENERS; n++) {
		if (h->gate[n] != gate)
			continue;
		h->n_conns++;
		h->conn = ps_conn_read(sk);
	}
	return 0;
}

PS_GLOBAL int ps_hold_files(__u64 files, __u32 n, struct ps_holding *h)
{
	struct ps_held_walk walk = { .files = files, .holding = h };

	if (!h)
		return 0;
	bpf_loop(n < PS_HELD_FILES ? n : PS_HELD_FILES, ps_held_step, &walk, 0);
	return 0;
}

/* Which sockets the process has that matter here; the lower numbers come first, and what listens was opened first. */
PS_INLINE void ps_holding_of(struct task_struct *task, struct ps_holding *h)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);

	if (table)
		ps_hold_files((__u64)(unsigned long)BPF_CORE_READ(table, fd),
			      BPF_CORE_READ(table, max_fds), h);
}

#endif
