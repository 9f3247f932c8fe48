/* SPDX-License-Identifier: MIT */
/*
 * kernel.h - the few kernel types that the programs look into, declared by hand. Only the named members count: their places
 * are taken from the running kernel's BTF when the object is loaded.
 */
#ifndef POOLSCOPE_BPF_KERNEL_H
#define POOLSCOPE_BPF_KERNEL_H

#include <linux/types.h>

#ifdef __bpf__
#define PS_CORE __attribute__((preserve_access_index))
#else
#define PS_CORE
#endif

#ifdef __bpf__
/* Of a uprobe. The verifier wants a whole type of this name; its words are read by number (bpf/regs.def). */
struct pt_regs {
	__u64 word[33];
};
#endif

struct file;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} PS_CORE;

struct files_struct {
	struct fdtable *fdt;
} PS_CORE;

struct list_head {
	struct list_head *next;
} PS_CORE;

struct signal_struct {
	struct list_head thread_head; /* of all threads: their thread_node */
	int group_stop_count; /* threads that have still to stop */
	struct {
		int counter;
	} live; /* atomic_t: threads that have not begun to exit */
	int nr_threads;
} PS_CORE;

/* CONFIG_CFS_BANDWIDTH; kernel/sched/sched.h */
struct cfs_bandwidth {
	__u64 quota; /* ns a period; all ones = no limit */
	__s64 hierarchical_quota; /* the same with those above it, of a period of 2^20; -1 = none has a limit */
	int nr_throttled; /* periods in which somebody had to wait for the next one */
} PS_CORE;

struct task_group {
	struct task_group *parent;
	struct cfs_bandwidth cfs_bandwidth;
} PS_CORE;

/* Its CPU time, and that when it was given a CPU last; both up to date when it leaves it. */
struct sched_entity {
	__u64 sum_exec_runtime;
	__u64 prev_sum_exec_runtime;
	__u64 deadline; /* since 6.6 (147f3efaa241) */
} PS_CORE;

/* CONFIG_SCHED_INFO; by the scheduler's clock */
struct sched_info {
	unsigned long long last_arrival; /* on a CPU */
	unsigned long long last_queued; /* for one; 0 = it does not wait for one */
} PS_CORE;

struct thread_struct {
	unsigned long fsbase; /* x86-64: where a thread has what is its own */
} PS_CORE;

struct mm_struct {
	unsigned long start_stack; /* where that of the first thread began */
} PS_CORE;

struct task_struct {
	int pid;
	int tgid;
	struct thread_struct thread;
	struct mm_struct *mm;
	__u64 start_time; /* CLOCK_MONOTONIC */
	__u64 start_boottime;
	__u64 self_exec_id; /* u64 since 5.7 (d1e7fd6462ca) */
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct signal_struct *signal;
	struct files_struct *files;
	struct task_group *sched_task_group; /* CONFIG_CGROUP_SCHED */
	int prio; /* below 100 it is none of the fair scheduler's, which alone keeps prev_sum_exec_runtime */
	struct sched_entity se;
	struct list_head thread_node;
	unsigned long nvcsw, nivcsw; /* how often it left its CPU: to sleep, and for others */
	struct sched_info sched_info;
	int on_cpu; /* CONFIG_SMP */
	unsigned int flags;
	unsigned long jobctl;
	unsigned int __state; /* since 5.14 (2f064a59a11f); `long state` before */
	char comm[16];
} PS_CORE;

struct ns_common {
	unsigned int inum;
} PS_CORE;

struct net {
	struct ns_common ns;
} PS_CORE;

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	__u8 bytes[16];
};

struct sock_common {
	__u32 skc_daddr;
	__u32 skc_rcv_saddr;
	__u16 skc_dport; /* network order */
	__u16 skc_num; /* host order */
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
} PS_CORE;

struct wait_queue_head {
	struct list_head head;
} PS_CORE;

typedef struct wait_queue_head wait_queue_head_t;

struct wait_queue_entry {
	void *private;
	struct list_head entry;
} PS_CORE;

/* What a thread in poll() or select() hangs into the queues of what it waits for. */
struct poll_wqueues {
	struct task_struct *polling_task;
} PS_CORE;

struct socket_wq {
	wait_queue_head_t wait;
} PS_CORE;

struct socket;

struct sk_buff_head {
	__u32 qlen;
} PS_CORE;

struct sock {
	struct sock_common __sk_common;
	struct {
		int counter;
	} sk_drops; /* atomic_t */
	struct sk_buff_head sk_receive_queue;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	__u16 sk_protocol; /* u16 since 5.6 (bf9765145b85) */
	__u16 sk_type;
	int sk_err;
	__u8 sk_shutdown; /* no bit field since 5.6 (bf9765145b85) */
	struct socket *sk_socket;
	struct socket_wq *sk_wq;
} PS_CORE;

struct inet_connection_sock {
	struct {
		__u32 lrcvtime;
	} icsk_ack;
} PS_CORE;

/* Times of data, in jiffies (their lower half). */
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 lsndtime;
} PS_CORE;

struct sockaddr_un {
	unsigned short sun_family;
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
} PS_CORE;

struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
	struct sock *peer;
} PS_CORE;

struct socket {
	struct file *file;
	struct sock *sk;
} PS_CORE;

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
} PS_CORE;

struct hlist_head;

struct file {
	struct inode *f_inode;
	void *private_data;
	struct hlist_head *f_ep; /* NULL = no epoll has it; since 5.11 (319c15174757) */
} PS_CORE;

struct rb_node {
	struct rb_node *rb_right;
	struct rb_node *rb_left;
} PS_CORE;

struct rb_root {
	struct rb_node *rb_node;
} PS_CORE;

struct rb_root_cached {
	struct rb_root rb_root;
} PS_CORE;

struct epoll_filefd {
	struct file *file;
} PS_CORE;

struct epitem {
	struct rb_node rbn;
	struct epoll_filefd ffd;
} PS_CORE;

struct eventpoll {
	struct rb_root_cached rbr;
} PS_CORE;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} PS_CORE;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} PS_CORE;

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
} PS_CORE;

/* include/net/tcp_states.h: ABI, shown in /proc/net/tcp */
enum {
	PS_TCP_ESTABLISHED = 1,
	PS_TCP_SYN_SENT = 2,
	PS_TCP_SYN_RECV = 3,
	PS_TCP_CLOSE = 7,
	PS_TCP_CLOSE_WAIT = 8,
	PS_TCP_LISTEN = 10
};
enum {
	PS_AF_UNIX = 1,
	PS_AF_INET = 2,
	PS_AF_INET6 = 10,
	PS_IPPROTO_TCP = 6,
	PS_SOCK_STREAM = 1,
	PS_RCV_SHUTDOWN = 1, /* include/net/sock.h; with the other bit the peer has closed */
	PS_SEND_SHUTDOWN = 2,
	PS_MSG_PEEK = 2
};

enum { PS_TASK_INTERRUPTIBLE = 1 }; /* include/linux/sched.h */

enum { PS_E2BIG = 7, PS_EEXIST = 17 }; /* include/uapi/asm-generic/errno-base.h */

#endif
