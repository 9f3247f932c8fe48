/* SPDX-License-Identifier: MIT */
/* kernel_parts.h - what the files of kernel.h share. */
#ifndef POOLSCOPE_PROBE_KERNEL_PARTS_H
#define POOLSCOPE_PROBE_KERNEL_PARTS_H

#include "probe/kernel.h"

#include "poolscope.skel.h"

/*
 * What the threads of processes with connections do. The state of a thread that goes to sleep is told since 5.18, lengths on a socket
 * since 6.3; before, the functions of TCP are traced, where the kernel can do that at all.
 */
enum tier { TIER_LENGTHS, TIER_FUNCTIONS, TIER_NONE };

struct kernel {
	struct poolscope_bpf *skel;
	bool has_multi, has_filter;
	bool has_address; /* tcp_recvmsg() has six arguments, the last is the length of an address */
	bool has_unix; /* the functions of Unix sockets can be traced; they may be a module's */
	enum tier tier;
	char hook_error[256];
	const struct ps_changed *changed; /* ps_changed_pools, mapped; NULL = it is not */
	int pass_fd; /* of the pass over all sockets that is going on; -1 = none */
	size_t pass_held; /* bytes of `pass` that are read and not taken */
	struct ps_inventory pass[64];
};

/* Ends the pass over all sockets that is going on, if one is. */
void kernel_end_pass(struct kernel *k);

#endif
