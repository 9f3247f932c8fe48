/* SPDX-License-Identifier: MIT */
/*
 * queues.h - the accept queues of listening sockets, once a tick. The inventory finds the sockets, in passes that may be seconds apart on a
 * host with many files; a queue can fill and be empty again meanwhile.
 *
 * The surprise: nothing is held, so the socket may be gone and its memory another's. It is read as any memory, and believed if it
 * still has a file of that inode and listens.
 */
#ifndef POOLSCOPE_BPF_QUEUES_H
#define POOLSCOPE_BPF_QUEUES_H

#include "kernel.h"
#include "maps.h"

PS_INLINE void ps_queue_read(__u64 inode, struct ps_queue *q)
{
	struct sock *sk = (struct sock *)q->sock;

	q->is_read = BPF_CORE_READ(sk, __sk_common.skc_state) == PS_TCP_LISTEN &&
		     BPF_CORE_READ(sk, sk_socket, file, f_inode, i_ino) == inode;
	if (!q->is_read)
		return;
	q->n = BPF_CORE_READ(sk, __sk_common.skc_family) == PS_AF_UNIX
		       ? BPF_CORE_READ(sk, sk_receive_queue.qlen)
		       : BPF_CORE_READ(sk, sk_ack_backlog);
}

#endif
