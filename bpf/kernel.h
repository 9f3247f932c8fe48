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

struct signal_struct {
	struct {
		int counter;
	} live; /* atomic_t: threads that have not begun to exit */
	int nr_threads;
} PS_CORE;

struct task_struct {
	int pid;
	int tgid;
	__u64 start_time; /* CLOCK_MONOTONIC */
	__u64 start_boottime;
	__u64 self_exec_id; /* u64 since 5.7 (d1e7fd6462ca) */
	struct task_struct *group_leader;
	struct signal_struct *signal;
	struct files_struct *files;
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
	__u8 sk_shutdown;
	int sk_err;
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
	struct sock *sk;
} PS_CORE;

struct inode {
	unsigned long i_ino;
} PS_CORE;

struct file {
	struct inode *f_inode;
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
	PS_RCV_SHUTDOWN = 1, /* include/net/sock.h; with the other bit, 2, the peer has closed */
	PS_MSG_PEEK = 2
};

enum { PS_E2BIG = 7, PS_EEXIST = 17 }; /* include/uapi/asm-generic/errno-base.h */

#endif
